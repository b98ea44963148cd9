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

func (k circuitKind) String() string { return [...]string{"closed", "open", "half_open"}[k] }

// circuit is the breaker's state machine for one model. Times are since the breaker
// was made.
type circuit struct {
	o       *BreakerOptions
	state   atomic.Pointer[circuitState]
	window  window
	refused atomic.Uint64
}

// circuitState is immutable: a change swaps in a changed copy, and starts over if
// another was faster.
type circuitState struct {
	kind           circuitKind
	since          time.Duration
	until          time.Duration // when an open circuit is probed, or lost probes are given up
	trips          uint32        // times opened; tells late reports from current ones
	tripsInRow     int
	probesInFlight int
	probesPassed   int
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
		return s.probesInFlight >= c.o.Probes && at < s.until
	}
	return false
}

// allow admits the call, and makes it a probe if the circuit is due for one.
func (c *circuit) allow(at time.Duration) (circuitAdmission, bool) {
	for {
		s := c.state.Load()
		if s.kind == closed {
			return circuitAdmission{c: c, trips: s.trips}, true
		}
		if c.refuses(at) {
			c.refused.Add(1)
			return circuitAdmission{}, false
		}
		next := *s
		if s.kind == open || at >= s.until {
			// Start probing, or start again without the probes that were lost.
			next.kind, next.probesInFlight = halfOpen, 0
			next.until = at + c.o.MaxOpen
			if s.kind == open {
				next.since, next.probesPassed = at, 0
			}
		}
		next.probesInFlight++
		if c.state.CompareAndSwap(s, &next) {
			return circuitAdmission{c: c, trips: s.trips, probe: true}, true
		}
	}
}

// report takes in how a call ended.
func (a circuitAdmission) report(health Health, slow bool, at time.Duration) {
	switch {
	case a.c == nil:
	case a.probe:
		a.c.reportProbe(a.trips, health, slow, at)
	case health != HealthUnknown:
		a.c.countCall(a.trips, health == HealthBad, slow, at)
	}
}

// countCall counts a call that was made while the circuit was closed.
func (c *circuit) countCall(trips uint32, bad, slow bool, at time.Duration) {
	s := c.state.Load()
	if s.kind != closed || s.trips != trips {
		return // the circuit has opened since the call began
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
		next := c.opened(s, at)
		if at-s.since > 2*c.o.MaxOpen { // it had been healthy for long
			next = c.opened(&circuitState{trips: s.trips}, at)
		}
		c.state.CompareAndSwap(s, next)
	}
}

// opened is the open state that follows s.
func (c *circuit) opened(s *circuitState, at time.Duration) *circuitState {
	d := c.o.OpenFor
	for range s.tripsInRow {
		if d *= 2; d >= c.o.MaxOpen {
			d = c.o.MaxOpen
			break
		}
	}
	d += time.Duration(float64(d) * c.o.Jitter * c.o.Random())
	return &circuitState{kind: open, since: at, until: at + d, trips: s.trips + 1, tripsInRow: s.tripsInRow + 1}
}

// reportProbe takes in how a probe ended: one failure opens the circuit again, and
// as many successes as there are probes close it.
func (c *circuit) reportProbe(trips uint32, health Health, slow bool, at time.Duration) {
	for {
		s := c.state.Load()
		if s.kind != halfOpen || s.trips != trips {
			return
		}
		next := *s
		next.probesInFlight = max(0, s.probesInFlight-1)
		switch {
		case health == HealthUnknown:
		case health == HealthBad || slow:
			next = *c.opened(s, at)
		default:
			if next.probesPassed++; next.probesPassed >= c.o.Probes {
				// From the next slice on: earlier calls must not count again.
				next = circuitState{since: (at/c.window.slice + 1) * c.window.slice, trips: s.trips, tripsInRow: s.tripsInRow}
			}
		}
		if c.state.CompareAndSwap(s, &next) {
			return
		}
	}
}
