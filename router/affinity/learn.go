package affinity

import (
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"cutover/exchange"
)

// lesson is what one response taught, on its way to the store.
type lesson struct {
	owner string
	ids   []string
	keep  time.Duration
	done  chan struct{} // closed when it is stored, or given up
}

func (l *lesson) finish() {
	if l.done != nil {
		close(l.done)
		l.done = nil
	}
}

// WantsBody reports whether Learn needs the body (Exchange.Body) of the
// response to a request that arm serves; some tens of kilobytes are enough.
func (t *Table) WantsBody(q *exchange.Request, arm exchange.Arm) bool {
	dialect := q.Endpoint.Dialect.Spec()
	switch {
	case q.Endpoint.Kind == exchange.Stateful:
		return !servesContent(q.Endpoint.Name)
	case q.Endpoint.Generates && dialect.Storage == exchange.StoredByDefault:
		return arm == exchange.Relay && stored(q)
	case dialect.CreatesObjects:
		return q.Facts.Stateful != ""
	}
	return false
}

// servesContent reports whether an endpoint returns the contents of a file.
func servesContent(name string) bool {
	return strings.HasSuffix(name, "/content") || strings.HasSuffix(name, "/results")
}

// Learn takes the ids that a response reveals and remembers who sent it. They
// are in the cache when Learn returns. The channel is closed when they are in
// the store too, or when that was given up; it is nil when there was nothing to
// learn. Learn never blocks.
//
// A caller may use an id as soon as it has the response. So where the response
// is short, call Learn before passing its last byte on; and where it creates
// something, a short wait for the channel lets the rest of the fleet know.
func (t *Table) Learn(q *exchange.Request, x *exchange.Exchange) <-chan struct{} {
	if x.Status < 200 || x.Status >= 300 {
		return nil
	}
	var created, responses idList
	if x.Arm == exchange.Relay {
		for _, id := range x.Completion.Bound {
			responses.add(id, maxResponseIDs)
		}
	}
	dialect := q.Endpoint.Dialect.Spec()
	switch {
	case q.Endpoint.Kind == exchange.Stateful && !servesContent(q.Endpoint.Name):
		responseIDs(x, &created, &created)
	case q.Endpoint.Generates && dialect.Storage != exchange.NotStored:
		// Unknown ids go to the primary, so only the relay's need be known.
		if x.Arm == exchange.Relay && stored(q) {
			responses.add(x.Completion.ID, maxResponseIDs)
			responseIDs(x, &responses, &created)
		}
	case dialect.CreatesObjects && q.Facts.Stateful != "":
		responseIDs(x, nil, &created)
	}
	if len(created.ids)+len(responses.ids) == 0 {
		return nil
	}
	done := make(chan struct{})
	t.remember(x.Arm, responses.ids, responseTTL, done, len(created.ids) == 0)
	t.remember(x.Arm, created.ids, ownerTTL, done, true)
	return done
}

// stored reports whether the provider keeps the response.
func stored(q *exchange.Request) bool {
	store := gjson.GetBytes(q.Body, "store")
	switch q.Endpoint.Dialect.Spec().Storage {
	case exchange.StoredByDefault:
		return store.Type != gjson.False
	case exchange.StoredOnRequest:
		return store.Type == gjson.True
	}
	return false
}

// remember puts ids into the cache and queues them for the store; last says
// that these are the ones to close done.
func (t *Table) remember(arm exchange.Arm, ids []string, keep time.Duration, done chan struct{}, last bool) {
	if len(ids) == 0 {
		return
	}
	until := time.Now().Add(keep)
	for _, id := range ids {
		t.cache.put(id, arm, owned, until)
	}
	t.counts.learned.Add(uint64(len(ids)))
	l := lesson{t.c.Names[arm], ids, keep, nil}
	if last {
		l.done = done
	}
	if t.c.Store == nil {
		l.finish()
		return
	}
	if !t.storing.AllowN(time.Now(), len(ids)) {
		t.drop(l)
		return
	}
	select {
	case <-t.stopped:
		t.drop(l)
		return
	default:
	}
	select {
	case t.queue <- l:
	default:
		t.drop(l)
	}
}

func (t *Table) drop(l lesson) {
	t.counts.dropped.Add(uint64(len(l.ids)))
	l.finish()
}
