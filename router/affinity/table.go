package affinity

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"cutover/exchange"
)

// Store keeps who owns an id, durably and for a whole fleet. Owners are names
// of upstreams; ids are short printable ASCII.
type Store interface {
	// Owners returns the owner of each id in order, "" where it is unknown.
	Owners(ctx context.Context, ids []string) ([]string, error)
	// SetOwner records the owner of ids for the duration keep.
	SetOwner(ctx context.Context, owner string, ids []string, keep time.Duration) error
}

// Config configures a Table; zero fields take their defaults.
type Config struct {
	// Store is asked about ids that are not in the cache; nil: the cache is all.
	Store Store
	// Names are what the store calls the two upstreams, by arm. They should
	// survive a configuration that swaps the roles, as a base URL does; default
	// "primary" and "relay". An owner that is neither counts as unknown.
	Names [2]string
	// StoreHealth is called with the error when the store begins to fail, and
	// with nil when it works again; may be nil. It must not block.
	StoreHealth func(error)

	cacheSize  int // ids held in memory; 100,000
	maxLookups int // requests that may query the store at the same time; 64
	queueSize  int // responses whose ids wait to be stored; 4,096
	perHour    int // ids that are stored in an hour; storedPerHour
}

const (
	// ownerTTL is how long the provider of a created object is remembered.
	// responseTTL is for responses that callers may refer to later (stored
	// responses and their parts), of which there are many more.
	ownerTTL    = 30 * 24 * time.Hour
	responseTTL = 3 * 24 * time.Hour

	// storedPerHour is how many ids one process stores in an hour, so that its store can't
	// grow without bound; what is over is in memory only.
	storedPerHour = 36_000

	lookupTimeout = 50 * time.Millisecond // how long a request waits for the store
	storeBackoff  = time.Second           // how long a store that failed is left alone
	unknownTTL    = 2 * time.Second       // long enough to keep a polling caller from querying each time
)

func (c *Config) setDefaults() {
	for i, name := range [...]string{exchange.Primary.String(), exchange.Relay.String()} {
		if c.Names[i] == "" {
			c.Names[i] = name
		}
	}
	for _, d := range []struct {
		p *int
		v int
	}{{&c.cacheSize, 100_000}, {&c.maxLookups, 64}, {&c.queueSize, 4096}, {&c.perHour, storedPerHour}} {
		if *d.p <= 0 {
			*d.p = d.v
		}
	}
}

// Table knows which provider created an id. It is safe for concurrent use.
type Table struct {
	c       Config
	cache   cache
	lookups chan struct{} // a slot for each lookup in progress
	queue   chan lesson
	stopped chan struct{}
	storing *rate.Limiter // of ids

	backoffUntil atomic.Int64 // the store is not queried before, Unix nanoseconds
	failing      atomic.Bool
	counts       counts
}

// New makes a Table. Nothing is stored before Run is called.
func New(c Config) *Table {
	c.setDefaults()
	return &Table{
		c: c, cache: newCache(c.cacheSize),
		lookups: make(chan struct{}, c.maxLookups), queue: make(chan lesson, c.queueSize), stopped: make(chan struct{}),
		storing: rate.NewLimiter(rate.Limit(c.perHour)/3600, c.perHour),
	}
}

// owner returns the owner of the first id that has one.
func (t *Table) owner(ctx context.Context, ids []string) (exchange.Arm, string, bool) {
	now := time.Now()
	var unknown []string
	for _, id := range ids {
		switch arm, known := t.cache.get(id, now); known {
		case owned:
			return arm, id, true
		case notCached:
			unknown = append(unknown, id)
		}
	}
	if len(unknown) == 0 || !t.lookUp(ctx, unknown, now) {
		return exchange.Primary, "", false
	}
	for _, id := range unknown {
		if arm, known := t.cache.get(id, now); known == owned {
			return arm, id, true
		}
	}
	return exchange.Primary, "", false
}

// lookUp queries the store and puts what it says into the cache. It reports
// whether the store gave an answer.
func (t *Table) lookUp(ctx context.Context, ids []string, now time.Time) bool {
	if t.c.Store == nil || now.UnixNano() < t.backoffUntil.Load() {
		return false
	}
	select {
	case t.lookups <- struct{}{}:
		defer func() { <-t.lookups }()
	default:
		t.counts.crowded.Add(1)
		return false
	}
	t.counts.lookups.Add(1)
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	owners, err := t.c.Store.Owners(ctx, ids)
	if err != nil {
		// A caller that disconnected says nothing about the store.
		if ctx.Err() == nil || context.Cause(ctx) == context.DeadlineExceeded {
			t.counts.failed.Add(1)
			t.reportHealth(err)
		}
		return false
	}
	t.reportHealth(nil)
	for i, id := range ids {
		if i >= len(owners) {
			break
		}
		switch owners[i] {
		case t.c.Names[exchange.Primary]:
			t.cache.put(id, exchange.Primary, owned, now.Add(ownerTTL))
		case t.c.Names[exchange.Relay]:
			t.cache.put(id, exchange.Relay, owned, now.Add(ownerTTL))
		default:
			t.cache.put(id, exchange.Primary, ownerless, now.Add(unknownTTL))
		}
	}
	return true
}

// reportHealth records whether the store works, and calls StoreHealth when
// that changes.
func (t *Table) reportHealth(err error) {
	if err != nil {
		t.backoffUntil.Store(time.Now().Add(storeBackoff).UnixNano())
	}
	if t.failing.Swap(err != nil) != (err != nil) && t.c.StoreHealth != nil {
		t.c.StoreHealth(err)
	}
}
