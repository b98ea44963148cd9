package shadow

import (
	"context"
	"errors"
	"runtime"
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

	MaxConcurrency  int           // copies under way; default 256
	MaxBytes        int64         // request and answer bytes held for pairs; default 256 MiB
	MaxAnswer       int           // bytes of one copy's answer, beyond which it is cut off; default 32 MiB
	Capture         int           // bytes of each answer kept for the comparison; default 256 KiB
	Workers         int           // comparisons at a time; default half the processors
	Queue           int           // pairs waiting for a comparison; default 1024
	Drain           time.Duration // how long copies under way may go on after a stop; default 5 s
	CountsPerSecond float64       // pairs whose tokens Compare.Counter counts; default 4
	DiffsPerSecond  float64       // pairs that get a score by diff as well, which costs milliseconds; default 1
	Compare         compare.Options
	MaxRPS          float64               // copies that begin in a second; 0: any number
	Exclude         Exclude               // what is never mirrored
	Budget          *Budget               // of dollars; nil: no bound
	Registerer      prometheus.Registerer // nil: no metrics
}

func (c *Config) setDefaults() {
	if c.MaxConcurrency <= 0 {
		c.MaxConcurrency = 256
	}
	if c.MaxBytes <= 0 {
		c.MaxBytes = 256 << 20
	}
	if c.MaxAnswer <= 0 {
		c.MaxAnswer = 32 << 20
	}
	if c.Capture <= 0 {
		c.Capture = 256 << 10
	}
	if c.Workers <= 0 {
		c.Workers = max(1, runtime.GOMAXPROCS(0)/2)
	}
	if c.Queue <= 0 {
		c.Queue = 1024
	}
	if c.Drain <= 0 {
		c.Drain = 5 * time.Second
	}
	if c.CountsPerSecond <= 0 {
		c.CountsPerSecond = 4
	}
	if c.DiffsPerSecond <= 0 {
		c.DiffsPerSecond = 1
	}
}

// Mirror holds the copies under way. It is safe for concurrent use.
type Mirror struct {
	cfg     Config
	targets [2]*upstream.Upstream // by arm
	counts  *Counts
	diffs   *rate.Limiter
	tallies *rate.Limiter // of pairs whose tokens are counted
	pace    *pace

	base   context.Context // of every copy
	cancel context.CancelFunc
	calls  atomic.Int64 // copies under way
	held   atomic.Int64 // bytes
	stop   atomic.Bool
	idle   chan struct{} // signalled when the last copy ends after a stop
	queue  chan *ticket
	ended  atomic.Bool // nobody takes from queue any more
	reruns reruns
	bursts burstMarker
}

// reruns counts the second calls to the primary.
type reruns struct{ begun, refused atomic.Uint64 }

// Reruns is how many second calls to the primary were begun, and how many had
// no room.
func (m *Mirror) Reruns() (begun, refused uint64) {
	return m.reruns.begun.Load(), m.reruns.refused.Load()
}

// New makes a Mirror. It starts nothing: pairs are compared while Run runs.
func New(c Config) (*Mirror, error) {
	if c.Primary == nil || c.Relay == nil || c.Sink == nil {
		return nil, errors.New("shadow: Primary, Relay and Sink are required")
	}
	c.setDefaults()
	m := &Mirror{
		cfg: c, counts: newCounts(c.Registerer),
		tallies: rate.NewLimiter(rate.Limit(c.CountsPerSecond), max(1, int(c.CountsPerSecond))),
		diffs:   rate.NewLimiter(rate.Limit(c.DiffsPerSecond), max(1, int(c.DiffsPerSecond))),
		pace:    newPace(c.MaxRPS),
		idle:    make(chan struct{}, 1),
		queue:   make(chan *ticket, c.Queue),
	}
	m.targets[exchange.Primary], m.targets[exchange.Relay] = c.Primary, c.Relay
	m.base, m.cancel = context.WithCancel(context.Background())
	m.counts.gauges(c.Registerer, m)
	return m, nil
}

// Counts are the outcomes so far.
func (m *Mirror) Counts() *Counts { return m.counts }

// InFlight is the number of copies under way, Held the bytes that pairs hold.
func (m *Mirror) InFlight() int64 { return m.calls.Load() }

// Held is the number of request and answer bytes held for pairs.
func (m *Mirror) Held() int64 { return m.held.Load() }

// Run compares pairs until ctx is done, then lets the copies under way finish
// for at most Config.Drain, compares what came of them and returns nil.
func (m *Mirror) Run(ctx context.Context) error {
	var workers sync.WaitGroup
	done := make(chan struct{})
	for range m.cfg.Workers {
		workers.Go(func() { m.work(done) })
	}
	<-ctx.Done()
	m.stop.Store(true)
	m.settle()
	m.cancel()
	for m.calls.Load() > 0 { // cancelled copies end at once
		<-m.idle
	}
	close(done)
	workers.Wait()
	m.ended.Store(true)
	m.leftover()
	return nil
}

// leftover counts pairs that came too late to be compared.
func (m *Mirror) leftover() {
	for {
		select {
		case t := <-m.queue:
			m.held.Add(-t.bytes.Load())
			m.counts.add(compare.Dropped, "stopping")
		default:
			return
		}
	}
}

// Abort cancels the copies under way; Run, if it has been told to end, ends.
func (m *Mirror) Abort() { m.cancel() }

// settle waits for the copies under way, at most as long as Drain.
func (m *Mirror) settle() {
	limit := time.NewTimer(m.cfg.Drain)
	defer limit.Stop()
	for m.calls.Load() > 0 {
		select {
		case <-m.idle:
		case <-limit.C:
			return
		case <-m.base.Done():
			return
		}
	}
}

// work compares pairs until done is closed and the queue is empty.
func (m *Mirror) work(done <-chan struct{}) {
	for {
		select {
		case t := <-m.queue:
			m.compare(t)
		case <-done:
			select {
			case t := <-m.queue:
				m.compare(t)
			default:
				return
			}
		}
	}
}

func (m *Mirror) compare(t *ticket) {
	defer m.held.Add(-t.bytes.Load())
	p := t.pair()
	m.counts.add(p.Outcome, p.Why)
	o := m.cfg.Compare
	o.Diff = p.Outcome == compare.Both && m.diffs.Allow()
	if o.Counter != nil && (p.Outcome != compare.Both || !m.tallies.Allow()) {
		o.Counter = nil
	}
	r := compare.Compare(p, o)
	m.bursts.mark(&r)
	if m.cfg.Sample != nil {
		m.cfg.Sample(p, &r, time.Now())
	}
	m.cfg.Sink(r)
}

// room takes what a copy needs besides money: a place among the calls, and the
// bytes that it holds. It says why there is none.
func (m *Mirror) room(bytes int64) (why string) {
	if m.calls.Add(1) > int64(m.cfg.MaxConcurrency) {
		m.end()
		return "concurrency"
	}
	if m.stop.Load() { // after the Add, so that Run either sees the call or stops it
		m.end()
		return "stopping"
	}
	if m.held.Add(bytes) > m.cfg.MaxBytes {
		m.held.Add(-bytes)
		m.end()
		return "bytes"
	}
	return ""
}

func (m *Mirror) end() {
	if m.calls.Add(-1) == 0 && m.stop.Load() {
		select {
		case m.idle <- struct{}{}:
		default:
		}
	}
}
