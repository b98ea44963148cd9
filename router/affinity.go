package router

import (
	"context"
	"sync/atomic"
	"time"

	"cutover/exchange"
)

// AffinityStore keeps who owns an id, durably and for a whole fleet. Owners are
// names of upstreams; ids are short printable ASCII.
type AffinityStore interface {
	// Owners returns the owner of each id, "" for the unknown, in order.
	Owners(ctx context.Context, ids []string) ([]string, error)
	// SetOwner remembers an owner of ids for so long.
	SetOwner(ctx context.Context, owner string, ids []string, keep time.Duration) error
}

// AffinityConfig sets an Affinity up; zero fields take the defaults.
type AffinityConfig struct {
	// Store is asked for what memory does not know; nil: memory is all.
	Store AffinityStore
	// Names are what the store calls the two upstreams, by arm. They should
	// outlive a configuration in which the roles have changed, as a base URL
	// does; default "primary" and "relay". An owner that is neither is unknown.
	Names [2]string
	// Keep is how long what was made is remembered; 30 days. KeepAnswers is for
	// answers that callers may refer to later (stored responses and their
	// parts), which are many; 3 days.
	Keep, KeepAnswers time.Duration
	Memory            int           // ids held in memory; 100,000
	Patience          time.Duration // how long a request waits for the store; 50 ms
	Lookups           int           // requests that ask the store at the same time; 64
	Queue             int           // answers whose ids wait to be stored; 4,096
	// Trouble is told when the store begins to fail, and with nil when it works
	// again; may be nil. It must not block.
	Trouble func(error)
}

func (c *AffinityConfig) setDefaults() {
	for i, name := range [...]string{exchange.Primary.String(), exchange.Relay.String()} {
		if c.Names[i] == "" {
			c.Names[i] = name
		}
	}
	for _, d := range []struct {
		p *time.Duration
		v time.Duration
	}{{&c.Keep, 30 * 24 * time.Hour}, {&c.KeepAnswers, 3 * 24 * time.Hour}, {&c.Patience, 50 * time.Millisecond}} {
		if *d.p <= 0 {
			*d.p = d.v
		}
	}
	for _, d := range []struct {
		p *int
		v int
	}{{&c.Memory, 100_000}, {&c.Lookups, 64}, {&c.Queue, 4096}} {
		if *d.p <= 0 {
			*d.p = d.v
		}
	}
}

// Affinity knows which provider made an id, so that requests that name it go
// back there whatever the percentages say. It is safe for concurrent use.
type Affinity struct {
	c      AffinityConfig
	memory memory
	asking chan struct{} // a place for each lookup under way
	queue  chan learned
	ended  chan struct{}

	down    atomic.Int64 // the store is not asked until then, Unix nanoseconds
	failing atomic.Bool
	counts  affinityCounts
}

type affinityCounts struct{ lookups, failed, crowded, learned, stored, dropped atomic.Uint64 }

// NewAffinity makes an Affinity. Nothing is stored before Run is called.
func NewAffinity(c AffinityConfig) *Affinity {
	c.setDefaults()
	return &Affinity{
		c: c, memory: newMemory(c.Memory),
		asking: make(chan struct{}, c.Lookups), queue: make(chan learned, c.Queue), ended: make(chan struct{}),
	}
}

// Bond says what binds a request to a provider.
type Bond uint8

// The bonds.
const (
	Unbound    Bond = iota // nothing that is known here: the usual rules hold
	BoundKnown             // it names an id whose provider is known
	BoundNew               // it makes something: either provider can, by its share
	BoundOther             // it names an id that nobody knows, or is about one provider's things at large: the primary
	BoundList              // it lists what there is: the reference
)

// Place is where a request belongs.
type Place struct {
	Bond  Bond
	Owner exchange.Arm // of BoundKnown
	ID    string       // of BoundKnown: the id that decided
}

// Arm says who must serve the request: ok is false where the request's share
// decides. reference is the side that fallback goes to.
func (p Place) Arm(reference exchange.Arm) (arm exchange.Arm, ok bool) {
	switch p.Bond {
	case BoundKnown:
		return p.Owner, true
	case BoundList:
		return reference, true
	case BoundOther:
		return exchange.Primary, true
	}
	return exchange.Primary, false
}

// Find says where a request belongs. Requests of inference endpoints that name
// nothing cost a look at one field; for an id that memory does not know the
// store is asked, for as long as Patience at most.
func (a *Affinity) Find(ctx context.Context, q *exchange.Request) Place {
	switch q.Endpoint.Kind {
	case exchange.Inference:
		if q.Facts.Stateful == "" && !fineTuned(q.Facts.Model) {
			return Place{}
		}
	case exchange.Stateful:
	default:
		return Place{}
	}
	names := namedIDs(q)
	if len(names.ids) > 0 {
		if arm, id, ok := a.owner(ctx, names.ids); ok {
			return Place{BoundKnown, arm, id}
		}
	}
	switch {
	case q.Endpoint.Kind == exchange.Inference:
		// What is bound by something else than an id is the router's to judge.
		if len(names.ids) > 0 {
			return Place{Bond: BoundOther}
		}
		return Place{}
	case len(names.ids) > 0:
		return Place{Bond: BoundOther}
	case q.Method == "GET" || q.Method == "HEAD":
		return Place{Bond: BoundList}
	case q.Method == "POST" && makes(q.Endpoint.Name):
		return Place{Bond: BoundNew}
	}
	return Place{Bond: BoundOther}
}

// owner returns who owns the first id that anybody owns.
func (a *Affinity) owner(ctx context.Context, ids []string) (exchange.Arm, string, bool) {
	now := time.Now()
	var unknown []string
	for _, id := range ids {
		switch arm, found := a.memory.get(id, now); found {
		case owned:
			return arm, id, true
		case unheardOf:
			unknown = append(unknown, id)
		}
	}
	if len(unknown) == 0 || !a.ask(ctx, unknown, now) {
		return exchange.Primary, "", false
	}
	for _, id := range unknown {
		if arm, found := a.memory.get(id, now); found == owned {
			return arm, id, true
		}
	}
	return exchange.Primary, "", false
}

const (
	storeRest  = time.Second // a store that failed is left alone
	nobodyKeep = 2 * time.Second
)

// ask looks ids up in the store and puts the answer into memory. It reports
// whether there is one.
func (a *Affinity) ask(ctx context.Context, ids []string, now time.Time) bool {
	if a.c.Store == nil || now.UnixNano() < a.down.Load() {
		return false
	}
	select {
	case a.asking <- struct{}{}:
		defer func() { <-a.asking }()
	default:
		a.counts.crowded.Add(1)
		return false
	}
	a.counts.lookups.Add(1)
	ctx, cancel := context.WithTimeout(ctx, a.c.Patience)
	defer cancel()
	owners, err := a.c.Store.Owners(ctx, ids)
	if err != nil {
		if ctx.Err() == nil || context.Cause(ctx) == context.DeadlineExceeded { // and not: the caller went away
			a.counts.failed.Add(1)
			a.trouble(err)
		}
		return false
	}
	a.trouble(nil)
	for i, id := range ids {
		if i >= len(owners) {
			break
		}
		switch owners[i] {
		case a.c.Names[exchange.Primary]:
			a.memory.put(id, exchange.Primary, owned, now.Add(a.c.Keep))
		case a.c.Names[exchange.Relay]:
			a.memory.put(id, exchange.Relay, owned, now.Add(a.c.Keep))
		default: // for long enough to stop a caller that polls from asking each time
			a.memory.put(id, exchange.Primary, nobodys, now.Add(nobodyKeep))
		}
	}
	return true
}

// trouble notes whether the store works, and tells when that changes.
func (a *Affinity) trouble(err error) {
	if err != nil {
		a.down.Store(time.Now().Add(storeRest).UnixNano())
	}
	if a.failing.Swap(err != nil) != (err != nil) && a.c.Trouble != nil {
		a.c.Trouble(err)
	}
}

// AffinityState is an Affinity's state for metrics and for /api/v1/status.
// The counts are since the start.
type AffinityState struct {
	Memory  int    `json:"memory"`  // ids held in memory
	Waiting int    `json:"waiting"` // answers whose ids are not stored yet
	Lookups uint64 `json:"lookups"` // requests that asked the store
	Failed  uint64 `json:"failed"`  // lookups without an answer in time
	Crowded uint64 `json:"crowded"` // lookups left out, as too many were under way
	Learned uint64 `json:"learned"` // ids
	Stored  uint64 `json:"stored"`  // ids
	Dropped uint64 `json:"dropped"` // ids that could not be stored
	Failing bool   `json:"failing"` // the store does not answer
}

// State is the state of the moment.
func (a *Affinity) State() AffinityState {
	c := &a.counts
	return AffinityState{
		Memory: a.memory.size(), Waiting: len(a.queue), Failing: a.failing.Load(),
		Lookups: c.lookups.Load(), Failed: c.failed.Load(), Crowded: c.crowded.Load(),
		Learned: c.learned.Load(), Stored: c.stored.Load(), Dropped: c.dropped.Load(),
	}
}
