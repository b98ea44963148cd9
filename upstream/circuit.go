package upstream

import (
	"sync/atomic"
	"time"
)

type circuitKind uint8

const (
	closed circuitKind = iota
	open
	halfOpen
)

func (k circuitKind) String() string { return [...]string{"closed", "open", "half-open"}[k] }

// circuit is the breaker's state machine for one model. Times count from when
// the breaker was made.
type circuit struct {
	o       *BreakerOptions
	state   atomic.Pointer[circuitState]
	window  window
	refused atomic.Uint64
}

// circuitState is immutable: who changes it swaps in a changed copy, and who
// finds that another was faster looks again.
type circuitState struct {
	kind  circuitKind
	since time.Duration
	until time.Duration // open: till then; half-open: when lost probes are given up
	trip  uint32        // times opened; tells late reports from those of now
	row   int           // times opened in a row
	out   int           // probes under way
	good  int           // probes that succeeded
}

func newCircuit(o *BreakerOptions) *circuit {
	c := &circuit{o: o}
	c.window.slice = max(o.Window/windowSlices, time.Millisecond)
	c.state.Store(&circuitState{})
	return c
}

// refuses reports whether a call would be refused, and changes nothing.
func (c *circuit) refuses(at time.Duration) bool {
	switch s := c.state.Load(); s.kind {
	case open:
		return at < s.until
	case halfOpen:
		return s.out >= c.o.Probes && at < s.until
	}
	return false
}

func (c *circuit) allow(at time.Duration) (ticket, bool) {
	for {
		s := c.state.Load()
		if s.kind == closed {
			return ticket{c: c, trip: s.trip}, true
		}
		if c.refuses(at) {
			c.refused.Add(1)
			return ticket{}, false
		}
		next := *s
		if s.kind == open || at >= s.until {
			// Begin to probe, or begin again: what was lost is given up.
			next.kind, next.out = halfOpen, 0
			next.until = at + c.o.MaxOpen
			if s.kind == open {
				next.since, next.good = at, 0
			}
		}
		next.out++
		if c.state.CompareAndSwap(s, &next) {
			return ticket{c: c, trip: s.trip, probe: true}, true
		}
	}
}

// report takes in how a call ended.
func (t ticket) report(health Health, slow bool, at time.Duration) {
	switch {
	case t.c == nil:
	case t.probe:
		t.c.probed(t.trip, health, slow, at)
	case health != HealthUnknown:
		t.c.count(t.trip, health == HealthBad, slow, at)
	}
}

// count counts a call that was made while the circuit was closed.
func (c *circuit) count(trip uint32, bad, slow bool, at time.Duration) {
	s := c.state.Load()
	if s.kind != closed || s.trip != trip {
		return // it opened meanwhile: the call is of before
	}
	c.window.add(at, bad, slow)
	if !bad && !slow {
		return
	}
	t := c.window.sum(at, s.since)
	if t.calls < c.o.MinCalls {
		return
	}
	calls := float64(t.calls)
	if float64(t.bad) >= c.o.ErrorRate*calls || slow && float64(t.slow) >= c.o.SlowRate*calls {
		next := c.tripped(s, at)
		if at-s.since > 2*c.o.MaxOpen { // it had been well for long
			next = c.tripped(&circuitState{trip: s.trip}, at)
		}
		c.state.CompareAndSwap(s, next)
	}
}

// tripped is the open state that follows s.
func (c *circuit) tripped(s *circuitState, at time.Duration) *circuitState {
	d := c.o.OpenFor
	for range s.row {
		if d *= 2; d >= c.o.MaxOpen {
			d = c.o.MaxOpen
			break
		}
	}
	d += time.Duration(float64(d) * c.o.Jitter * c.o.Random())
	return &circuitState{kind: open, since: at, until: at + d, trip: s.trip + 1, row: s.row + 1}
}

// probed takes in how a probe ended: one failure opens the circuit again, as
// many successes as probes close it.
func (c *circuit) probed(trip uint32, health Health, slow bool, at time.Duration) {
	for {
		s := c.state.Load()
		if s.kind != halfOpen || s.trip != trip {
			return
		}
		next := *s
		next.out = max(0, s.out-1)
		switch {
		case health == HealthUnknown:
		case health == HealthBad || slow:
			next = *c.tripped(s, at)
		default:
			if next.good++; next.good >= c.o.Probes {
				// Since the next slice: what came before must not count again.
				next = circuitState{since: (at/c.window.slice + 1) * c.window.slice, trip: s.trip, row: s.row}
			}
		}
		if c.state.CompareAndSwap(s, &next) {
			return
		}
	}
}
