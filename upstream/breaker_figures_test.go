package upstream_test

import (
	"testing"
	"time"

	"cutover/exchange"
	"cutover/upstream"
)

// circuit is a breaker with its default settings, but for its clock, its dice
// (always .5) and what is slow (over a second), and a model that is called.
type circuit struct {
	b   *upstream.Breaker
	now time.Time
}

func newCircuit() *circuit {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return &circuit{upstream.NewBreaker(upstream.BreakerOptions{SlowAfter: time.Second, Random: func() float64 { return .5 }}, now), now}
}

// call makes n calls that end so; it reports how many were let pass.
func (c *circuit) call(n int, class exchange.Class, took time.Duration) (passed int) {
	for range n {
		if a, ok := c.b.Allow("m", c.now); ok {
			passed++
			a.Report(class, took, c.now)
		}
	}
	return passed
}

func (c *circuit) good(n int) int { return c.call(n, exchange.ClassNone, 0) }
func (c *circuit) bad(n int) int  { return c.call(n, exchange.ClassServer, 0) }
func (c *circuit) slow(n int) int { return c.call(n, exchange.ClassNone, time.Second+1) }

// openFor is how long it is open; 0: it is not.
func (c *circuit) openFor() time.Duration {
	for _, s := range c.b.State(c.now) {
		if s.Model == "m" && s.State == "open" {
			return s.Until.Sub(s.Since)
		}
	}
	return 0
}

// Twenty calls within thirty seconds, half of them failed or nine tenths of
// them slow.
func TestWhatOpensABreaker(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		calls func(*circuit)
		want  bool
	}{
		{"19 failures", func(c *circuit) { c.bad(19) }, false},
		{"20 failures", func(c *circuit) { c.bad(20) }, true},
		{"9 of 20", func(c *circuit) { c.good(11); c.bad(9) }, false},
		{"10 of 20", func(c *circuit) { c.good(10); c.bad(10) }, true},
		{"17 slow of 20", func(c *circuit) { c.good(3); c.slow(17) }, false},
		{"18 slow of 20", func(c *circuit) { c.good(2); c.slow(18) }, true},
		{"20 of exactly a second", func(c *circuit) { c.call(40, exchange.ClassNone, time.Second) }, false},
		{"19 failures, and 19 more 31 seconds later", func(c *circuit) { c.bad(19); c.now = c.now.Add(31 * time.Second); c.bad(19) }, false},
		{"10 failures, and 10 more 25 seconds later", func(c *circuit) { c.bad(10); c.now = c.now.Add(25 * time.Second); c.bad(10) }, true},
	} {
		c := newCircuit()
		if row.calls(c); (c.openFor() > 0) != row.want {
			t.Errorf("%s: open for %v, want open %v", row.name, c.openFor(), row.want)
		}
	}
}

// Open for ten seconds, twice as long each time in a row up to two minutes, and
// by up to a fifth longer: a tenth with these dice. Then three probes at a time,
// of which three must be good.
func TestHowLongABreakerIsOpen(t *testing.T) {
	t.Parallel()
	c := newCircuit()
	c.bad(20)
	for _, want := range []time.Duration{11, 22, 44, 88, 132, 132} {
		got := c.openFor()
		if got != want*time.Second {
			t.Fatalf("open for %v, want %v", got, want*time.Second)
		}
		c.now = c.now.Add(got - 1)
		if c.good(1) != 0 {
			t.Errorf("a call passes before %v are over", got)
		}
		c.now = c.now.Add(1)
		c.bad(1) // one bad probe is enough
	}
	c.now = c.now.Add(c.openFor())
	var probes []upstream.Admission
	for i := range 4 {
		a, ok := c.b.Allow("m", c.now)
		if ok != (i < 3) || ok && !a.Probe {
			t.Fatalf("call %d while probing: passes %v as a probe %v", i+1, ok, a.Probe)
		}
		probes = append(probes, a)
	}
	for i, a := range probes[:3] {
		if next, ok := c.b.Allow("m", c.now); ok {
			if i == 0 {
				t.Error("a fourth probe passes")
			}
			next.Report(exchange.ClassAborted, 0, c.now) // says nothing
		}
		a.Report(exchange.ClassNone, 0, c.now)
	}
	if c.good(10) != 10 {
		t.Error("three good probes do not close it")
	}
}
