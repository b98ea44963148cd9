package shadow

import (
	"context"
	"errors"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"cutover/compare"
	"cutover/exchange"
	"cutover/upstream"
)

// Config sets a Mirror up. Primary, Relay and Sink are required.
type Config struct {
	Primary, Relay *upstream.Upstream
	// Sink gets the Result of every pair that was compared or aborted, from
	// several goroutines at once. It must not block for long.
	Sink func(compare.Result)
	// Sample may keep a compared pair for people to look at, and note that in
	// its result; nil: none are kept. It must not block.
	Sample func(compare.Pair, *compare.Result, time.Time)

	// Panicked is told of a panic in a call or a comparison, which ends that alone:
	// where it was, its value and its stack. nil: it is only counted.
	Panicked func(where string, value any, stack []byte)

	MaxConcurrency int   // shadow requests in flight; default 256
	MaxBytes       int64 // request and response bytes held for pairs; default 256 MiB
	// MaxRPS is how many shadow requests may start in a second, with bursts of
	// one second's worth; 0: no limit.
	MaxRPS     float64
	Exclude    Exclude // requests that are never mirrored
	Budget     *Budget // of dollars; nil: no limit
	Compare    compare.Options
	Registerer prometheus.Registerer // nil: no metrics

	maxResponse     int           // bytes of one response, beyond which the call is given up
	capture         int           // bytes of each response kept for the comparison
	workers         int           // concurrent comparisons
	queue           int           // pairs waiting for a comparison
	drainTimeout    time.Duration // for shadow requests in flight when the mirror stops
	countsPerSecond float64       // pairs whose tokens Compare.Counter counts
	diffsPerSecond  float64       // pairs that are also scored by diff, which costs milliseconds
	beforeCall      func()        // of tests: what goes wrong in a call
	compareTimeout  time.Duration // for one comparison; what is left then is left out
}

// setDefaults fills in what is zero or negative.
func (c *Config) setDefaults() {
	setDefault(&c.MaxConcurrency, 256)
	setDefault(&c.MaxBytes, 256<<20)
	setDefault(&c.maxResponse, 32<<20)
	setDefault(&c.capture, 256<<10)
	setDefault(&c.workers, max(1, runtime.GOMAXPROCS(0)/2))
	setDefault(&c.queue, 1024)
	setDefault(&c.drainTimeout, 5*time.Second)
	setDefault(&c.countsPerSecond, 4)
	setDefault(&c.diffsPerSecond, 1)
	setDefault(&c.compareTimeout, 50*time.Millisecond)
}

func setDefault[T int | int64 | float64 | time.Duration](field *T, value T) {
	if *field <= 0 {
		*field = value
	}
}

// Mirror sends shadow requests and compares the pairs. It is safe for concurrent
// use.
type Mirror struct {
	cfg         Config
	targets     [2]*upstream.Upstream // by arm
	counts      *Counts
	limiter     *rate.Limiter // of shadow requests
	diffs       *rate.Limiter
	tokenCounts *rate.Limiter

	base     context.Context // of every call
	cancel   context.CancelFunc
	inFlight atomic.Int64 // calls
	held     atomic.Int64 // bytes
	stopping atomic.Bool
	idle     chan struct{} // signalled when the last call ends after a stop
	queue    chan *pendingPair
	ended    atomic.Bool // nobody takes from queue any more
	reruns   reruns
	bursts   burstMarker
	panics   atomic.Uint64
}

// reruns counts the second calls to the primary.
type reruns struct{ begun, refused atomic.Uint64 }

// Reruns is how many second calls to the primary were started, and how many were
// refused by a limit.
func (m *Mirror) Reruns() (begun, refused uint64) {
	return m.reruns.begun.Load(), m.reruns.refused.Load()
}

// New makes a Mirror. Pairs are compared while Run runs.
func New(c Config) (*Mirror, error) {
	if c.Primary == nil || c.Relay == nil || c.Sink == nil {
		return nil, errors.New("shadow: Primary, Relay and Sink are required")
	}
	c.setDefaults()
	m := &Mirror{
		cfg: c, counts: newCounts(c.Registerer),
		limiter:     rate.NewLimiter(rate.Inf, 0),
		tokenCounts: perSecond(c.countsPerSecond),
		diffs:       perSecond(c.diffsPerSecond),
		idle:        make(chan struct{}, 1),
		queue:       make(chan *pendingPair, c.queue),
	}
	if c.MaxRPS > 0 {
		m.limiter = perSecond(c.MaxRPS)
	}
	m.targets[exchange.Primary], m.targets[exchange.Relay] = c.Primary, c.Relay
	m.base, m.cancel = context.WithCancel(context.Background())
	m.counts.registerGauges(c.Registerer, m)
	return m, nil
}

// perSecond limits to n events a second, with bursts of one second's worth.
func perSecond(n float64) *rate.Limiter {
	return rate.NewLimiter(rate.Limit(n), max(1, int(n)))
}

// Counts are the outcomes so far.
func (m *Mirror) Counts() *Counts { return m.counts }

// InFlight is the number of calls in flight, second calls to the primary
// included.
func (m *Mirror) InFlight() int64 { return m.inFlight.Load() }

// Held is the number of request and answer bytes held for pairs.
func (m *Mirror) Held() int64 { return m.held.Load() }

// Run compares pairs until ctx is done. Then it lets the shadow requests in flight
// finish for at most five seconds, compares their pairs and returns nil.
func (m *Mirror) Run(ctx context.Context) error {
	var workers sync.WaitGroup
	done := make(chan struct{})
	for range m.cfg.workers {
		workers.Go(func() { m.compareQueued(done) })
	}
	<-ctx.Done()
	m.stopping.Store(true)
	m.drain()
	m.cancel()
	for m.inFlight.Load() > 0 { // cancelled calls end at once
		<-m.idle
	}
	close(done)
	workers.Wait()
	m.ended.Store(true)
	m.dropQueued()
	return nil
}

// dropQueued drops and counts pairs that came too late to be compared.
func (m *Mirror) dropQueued() {
	for {
		select {
		case p := <-m.queue:
			m.held.Add(-p.bytes.Load())
			m.counts.add(compare.Dropped, dropStopping)
		default:
			return
		}
	}
}

// Abort cancels the shadow requests in flight. A Run whose context is done then
// returns at once.
func (m *Mirror) Abort() { m.cancel() }

// drain waits for the shadow requests in flight, at most as long as drainTimeout.
func (m *Mirror) drain() {
	limit := time.NewTimer(m.cfg.drainTimeout)
	defer limit.Stop()
	for m.inFlight.Load() > 0 {
		select {
		case <-m.idle:
		case <-limit.C:
			return
		case <-m.base.Done():
			return
		}
	}
}

// compareQueued compares pairs until done is closed and the queue is empty.
func (m *Mirror) compareQueued(done <-chan struct{}) {
	for {
		select {
		case p := <-m.queue:
			m.compare(p)
		case <-done:
			select {
			case p := <-m.queue:
				m.compare(p)
			default:
				return
			}
		}
	}
}

func (m *Mirror) compare(pending *pendingPair) {
	defer m.held.Add(-pending.bytes.Load())
	defer m.recoverPanic("comparison")
	p := pending.pair()
	m.counts.add(p.Outcome, p.Why)
	o := m.cfg.Compare
	o.Diff = p.Outcome == compare.Both && m.diffs.Allow()
	if o.Counter != nil && (p.Outcome != compare.Both || !m.tokenCounts.Allow()) {
		o.Counter = nil
	}
	end := time.Now().Add(m.cfg.compareTimeout)
	o.Expired = func() bool { return time.Now().After(end) }
	r := compare.Compare(p, o)
	m.bursts.mark(&r)
	if m.cfg.Sample != nil {
		m.cfg.Sample(p, &r, time.Now())
	}
	m.cfg.Sink(r)
}

// recoverPanic ends a panic, which must not end the process: what is mirrored
// comes from outside. It is deferred.
func (m *Mirror) recoverPanic(where string) {
	v := recover()
	if v == nil {
		return
	}
	m.panics.Add(1)
	if m.cfg.Panicked != nil {
		m.cfg.Panicked(where, v, debug.Stack())
	}
}

// Panics is how many calls and comparisons ended in a panic.
func (m *Mirror) Panics() uint64 { return m.panics.Load() }

// acquire takes what a call needs besides money: a slot, and the bytes that it
// holds. It says which limit refused. release gives the slot back.
func (m *Mirror) acquire(bytes int64) (why string) {
	if m.inFlight.Add(1) > int64(m.cfg.MaxConcurrency) {
		m.release()
		return dropConcurrency
	}
	if m.stopping.Load() { // after the Add, so that either Run sees the call or the call sees the stop
		m.release()
		return dropStopping
	}
	if m.held.Add(bytes) > m.cfg.MaxBytes {
		m.held.Add(-bytes)
		m.release()
		return dropBytes
	}
	return ""
}

func (m *Mirror) release() {
	if m.inFlight.Add(-1) == 0 && m.stopping.Load() {
		select {
		case m.idle <- struct{}{}:
		default:
		}
	}
}
