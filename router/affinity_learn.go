package router

import (
	"bytes"
	"context"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"cutover/exchange"
)

// learned is what one answer taught, on its way to the store.
type learned struct {
	owner string
	ids   []string
	keep  time.Duration
	done  chan struct{} // closed when it is stored, or given up
}

// WantsBody reports whether Learn needs the answer's body (Exchange.Body) of a
// request that an arm serves; some tens of kilobytes are enough.
func (a *Affinity) WantsBody(q *exchange.Request, arm exchange.Arm) bool {
	switch {
	case q.Endpoint.Kind == exchange.Stateful:
		return !isContent(q.Endpoint.Name)
	case q.Endpoint.Name == "responses":
		return arm == exchange.Relay && stored(q)
	case q.Endpoint.Dialect == exchange.AnthropicMessages:
		return q.Facts.Stateful != ""
	}
	return false
}

// isContent reports whether an endpoint hands out what is in a file.
func isContent(name string) bool {
	return strings.HasSuffix(name, "/content") || strings.HasSuffix(name, "/results")
}

// Learn takes the ids that an answer made known and remembers who gave it.
// Memory knows them when Learn returns. The channel is closed when the store
// does too, or when that was given up; it is nil when there was nothing to
// learn. Learn never blocks.
//
// A caller may use an id as soon as it has the answer. So where the answer is
// short, Learn belongs before its last byte is passed on, and where it makes
// something, a short wait for the channel lets the rest of the fleet know.
func (a *Affinity) Learn(q *exchange.Request, x *exchange.Exchange) <-chan struct{} {
	if x.Status < 200 || x.Status >= 300 {
		return nil
	}
	var made, answers named
	if x.Arm == exchange.Relay {
		for _, id := range x.Completion.Bound {
			answers.add(id, maxAnswered)
		}
	}
	switch {
	case q.Endpoint.Kind == exchange.Stateful && !isContent(q.Endpoint.Name):
		readBody(x, &made, &made)
	case q.Endpoint.Name == "responses", q.Endpoint.Name == "chat/completions":
		// The primary is where unknown ids go: only the relay's need be known.
		if x.Arm == exchange.Relay && stored(q) {
			answers.add(x.Completion.ID, maxAnswered)
			readBody(x, &answers, &made)
		}
	case q.Endpoint.Dialect == exchange.AnthropicMessages && q.Facts.Stateful != "":
		readBody(x, nil, &made)
	}
	if len(made.ids)+len(answers.ids) == 0 {
		return nil
	}
	done := make(chan struct{})
	a.keep(x.Arm, answers.ids, a.c.KeepAnswers, done, len(made.ids) == 0)
	a.keep(x.Arm, made.ids, a.c.Keep, done, true)
	return done
}

// stored reports whether the provider keeps the answer.
func stored(q *exchange.Request) bool {
	store := gjson.GetBytes(q.Body, "store")
	if q.Endpoint.Name == "responses" {
		return store.Type != gjson.False
	}
	return store.Type == gjson.True
}

// keep puts ids into memory and hands them to the store; last says that done
// is this one's to close.
func (a *Affinity) keep(arm exchange.Arm, ids []string, keep time.Duration, done chan struct{}, last bool) {
	if len(ids) == 0 {
		return
	}
	until := time.Now().Add(keep)
	for _, id := range ids {
		a.memory.put(id, arm, owned, until)
	}
	a.counts.learned.Add(uint64(len(ids)))
	l := learned{a.c.Names[arm], ids, keep, nil}
	if last {
		l.done = done
	}
	if a.c.Store == nil {
		l.finish()
		return
	}
	select {
	case <-a.ended:
		a.drop(l)
		return
	default:
	}
	select {
	case a.queue <- l:
	default:
		a.drop(l)
	}
}

func (a *Affinity) drop(l learned) {
	a.counts.dropped.Add(uint64(len(l.ids)))
	l.finish()
}

func (l *learned) finish() {
	if l.done != nil {
		close(l.done)
		l.done = nil
	}
}

// readBody takes the ids of what an answer says there is: objects are the
// answer's own, things what it names besides.
func readBody(x *exchange.Exchange, objects, things *named) {
	if !x.Streamed {
		readObject(gjson.ParseBytes(x.Body), objects, things)
		return
	}
	for line := range bytes.Lines(x.Body) {
		data, ok := bytes.CutPrefix(line, []byte("data:"))
		if !ok || !bytes.Contains(data, []byte(`"id"`)) && !bytes.Contains(data, []byte(`"file_id"`)) {
			continue
		}
		v := gjson.ParseBytes(data)
		for _, inner := range [...]string{"response", "item", "message", "delta"} {
			if o := v.Get(inner); o.IsObject() {
				v = o
				break
			}
		}
		readObject(v, objects, things)
		resultFiles(v.Get("content_block"), things)
	}
}

// readObject takes the ids of one object, of a list's entries, and of what
// they name: only at places where the provider itself writes them. Metadata and
// tools' arguments hold what callers and models write.
func readObject(v gjson.Result, objects, things *named) {
	if !v.IsObject() {
		return
	}
	v.ForEach(func(k, v gjson.Result) bool {
		switch k.Str {
		case "id":
			objects.take(v)
		case "data", "output", "output_items":
			if v.IsArray() {
				v.ForEach(func(_, entry gjson.Result) bool {
					if !objects.take(entry.Get("id")) && objects != nil {
						return false
					}
					for _, key := range [...]string{"output_file_id", "error_file_id", "container_id", "fine_tuned_model"} {
						things.take(entry.Get(key))
					}
					return true
				})
			}
		case "file", "conversation", "container":
			things.take(v)
			things.take(v.Get("id"))
		case "output_file_id", "error_file_id", "fine_tuned_model", "container_id", "thread_id", "vector_store_id":
			things.take(v)
		case "result_files":
			v.ForEach(func(_, entry gjson.Result) bool { return things.take(entry) })
		case "content":
			v.ForEach(func(_, block gjson.Result) bool { resultFiles(block, things); return true })
		}
		return true
	})
}

// resultFiles takes the files that a tool of the provider's own made.
func resultFiles(block gjson.Result, things *named) {
	if !strings.HasSuffix(block.Get("type").Str, "_tool_result") {
		return
	}
	block.Get("content.content").ForEach(func(_, out gjson.Result) bool { return things.take(out.Get("file_id")) })
}

// take adds a value if it is a string; it reports whether there is room for more.
func (n *named) take(v gjson.Result) bool {
	if n == nil {
		return false
	}
	if v.Type == gjson.String {
		n.add(v.Str, maxAnswered)
	}
	return len(n.ids) < maxAnswered
}

// The rhythm of storing.
const (
	storePatience = 2 * time.Second // for one write
	storeBatch    = 256             // answers taken together
)

// Run stores what is learned until ctx is done, then what is left, and returns
// nil. Call it once, and end it after the last Learn.
func (a *Affinity) Run(ctx context.Context) error {
	retry := time.NewTimer(time.Hour)
	defer retry.Stop()
	var batch []learned
	for {
		var more <-chan learned
		if len(batch) < storeBatch {
			more = a.queue
		}
		select {
		case l := <-more:
			if batch = append(batch, l); len(batch) > 1 {
				continue // the store failed: wait for the next try
			}
			batch = a.write(ctx, a.gather(batch))
		case <-retry.C:
			batch = a.write(ctx, batch)
		case <-ctx.Done():
			close(a.ended)
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), storePatience)
			defer cancel()
			for batch = a.gather(batch); len(batch) > 0 || len(a.queue) > 0; batch = a.gather(nil) {
				for _, l := range a.write(last, batch) {
					a.drop(l)
				}
			}
			return nil
		}
		if len(batch) > 0 {
			retry.Reset(storeRest)
		}
	}
}

// gather adds what waits in the queue, up to a batch.
func (a *Affinity) gather(batch []learned) []learned {
	for len(batch) < storeBatch {
		select {
		case l := <-a.queue:
			batch = append(batch, l)
		default:
			return batch
		}
	}
	return batch
}

// write stores a batch, in one write for each owner and time to keep, and
// returns what has to be tried again.
func (a *Affinity) write(ctx context.Context, batch []learned) (left []learned) {
	limited, cancel := context.WithTimeout(ctx, storePatience)
	defer cancel()
	for len(batch) > 0 {
		first := batch[0]
		var ids []string
		var rest []learned
		same := batch[:0:0]
		for _, l := range batch {
			if l.owner == first.owner && l.keep == first.keep {
				same = append(same, l)
				ids = append(ids, l.ids...)
			} else {
				rest = append(rest, l)
			}
		}
		batch = rest
		err := a.c.Store.SetOwner(limited, first.owner, ids, first.keep)
		if ctx.Err() == nil || err == nil {
			a.trouble(err)
		}
		if err != nil {
			left = append(left, same...)
			continue
		}
		a.counts.stored.Add(uint64(len(ids)))
		for i := range same {
			same[i].finish()
		}
	}
	return left
}
