package mock

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Entry is one request that arrived, as the mock saw it.
type Entry struct {
	Seq      uint64      `json:"seq"` // from 1, in order of arrival
	At       time.Time   `json:"at"`  // when the header had been read
	Method   string      `json:"method"`
	Path     string      `json:"path"` // escaped, as sent
	Query    string      `json:"query,omitempty"`
	Proto    string      `json:"proto"`
	Host     string      `json:"host"`
	Remote   string      `json:"remote"`
	Header   http.Header `json:"header"` // complete: keys included
	Trailer  http.Header `json:"trailer,omitempty"`
	Body     []byte      `json:"body,omitempty"` // as sent, up to Config.JournalBody
	BodySize int64       `json:"body_size"`      // of the whole body, as far as it was read
	Endpoint string      `json:"endpoint"`       // path without base and ids, "" when unknown
	// The outcome; set when the handler has returned.
	Done   bool          `json:"done"`
	Status int           `json:"status,omitempty"` // 0: no header was written
	Fault  string        `json:"fault,omitempty"`  // the fault that applied
	Gone   bool          `json:"gone,omitempty"`   // the caller disconnected first
	Sent   int64         `json:"sent"`             // body bytes written
	Took   time.Duration `json:"took,omitempty"`
}

// Stats are totals since the start (or the last ResetJournal).
type Stats struct {
	Calls  uint64            `json:"calls"`  // requests that arrived
	Active int               `json:"active"` // of them, still in flight
	Gone   uint64            `json:"gone"`   // callers that disconnected before the end of the response
	ByPath map[string]uint64 `json:"by_path"`
}

// maxPaths bounds the counters by path, which callers could otherwise grow.
const maxPaths = 1024

// otherPaths counts requests after maxPaths different paths.
const otherPaths = "(others)"

// journal remembers the newest requests and counts all of them.
type journal struct {
	mu      sync.Mutex
	kept    []*Entry // oldest first
	seq     uint64
	active  int
	gone    uint64
	byPath  map[string]uint64
	changed chan struct{} // closed at the next change; nil if nobody waits
}

// begin records a new request. size is how many entries to keep.
func (j *journal) begin(e *Entry, size int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.seq++
	e.Seq = j.seq
	j.active++
	if j.byPath == nil {
		j.byPath = make(map[string]uint64)
	}
	if n, known := j.byPath[e.Path]; known || len(j.byPath) < maxPaths {
		j.byPath[e.Path] = n + 1
	} else {
		j.byPath[otherPaths]++
	}
	if size > 0 {
		j.kept = append(j.kept, e)
	}
	for len(j.kept) > max(size, 0) {
		j.kept[0] = nil // release the entry now; append reallocates only later
		j.kept = j.kept[1:]
	}
	j.signal()
}

// update changes an entry under the lock, since others may be copying it.
func (j *journal) update(e *Entry, change func(*Entry)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	change(e)
}

// end records the outcome of a request.
func (j *journal) end(e *Entry, change func(*Entry)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	change(e)
	e.Done = true
	j.active--
	if e.Gone {
		j.gone++
	}
	j.signal()
}

func (j *journal) signal() {
	if j.changed != nil {
		close(j.changed)
		j.changed = nil
	}
}

func (j *journal) entries() []Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := make([]Entry, len(j.kept))
	for i, e := range j.kept {
		out[i] = *e
		out[i].Header = e.Header.Clone()
		out[i].Trailer = e.Trailer.Clone()
		out[i].Body = slices.Clone(e.Body)
	}
	return out
}

func (j *journal) reset() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.kept, j.seq, j.gone, j.byPath = nil, 0, 0, nil
	j.signal()
}

func (j *journal) stats() Stats {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.statsLocked()
}

func (j *journal) statsLocked() Stats {
	by := maps.Clone(j.byPath)
	if by == nil {
		by = map[string]uint64{}
	}
	return Stats{Calls: j.seq, Active: j.active, Gone: j.gone, ByPath: by}
}

// wait returns nil as soon as cond holds, or the context's error if it ends first.
func (j *journal) wait(ctx context.Context, cond func(Stats) bool) error {
	for {
		j.mu.Lock()
		now := j.statsLocked()
		if j.changed == nil {
			j.changed = make(chan struct{})
		}
		changed := j.changed
		j.mu.Unlock()
		if cond(now) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
