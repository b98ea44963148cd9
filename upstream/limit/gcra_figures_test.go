package limit

import (
	"testing"
	"time"
)

// A limit of n in any minute: a burst of b units, at least one, and then one
// unit every minute / (n - b + 1), rounded up, so that b + (n - b) units are all
// that any minute sees.
func TestIntervalAndBurstOfALimit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		n        int
		burst    float64
		interval int64 // nanoseconds
		units    int64
	}{
		{60, .1, 1_090_909_091, 6},   // 60e9 / 55
		{60, .5, 1_935_483_871, 30},  // 60e9 / 31
		{60, 1, 60_000_000_000, 60},  // all at once, then nothing for a minute
		{60, .001, 1_000_000_000, 1}, // 60e9 / 60
		{7, .1, 8_571_428_572, 1},    // 60e9 / 7
		{1, 1, 60_000_000_000, 1},
	} {
		if interval, units := gcraParameters(c.n, time.Minute, c.burst); interval != c.interval || units != c.units {
			t.Errorf("%d a minute, burst %v: a unit each %d ns and %d at once, want %d and %d", c.n, c.burst, interval, units, c.interval, c.units)
		}
	}
}

// The bucket of 60 a minute holds 6 units; each takes 1.09 seconds to come back.
func TestBucketByItsFigures(t *testing.T) {
	t.Parallel()
	const unit = 1_090_909_091
	hour := int64(time.Hour)
	full := func() *gcra { return newGCRA(60, time.Minute, .1) }
	for name, c := range map[string]struct {
		before func(g *gcra)
		units  int64
		want   int64 // wait
	}{
		"the whole bucket":                      {func(*gcra) {}, 6, 0},
		"more than the whole, when it is full":  {func(*gcra) {}, 60, 0},
		"more than the whole, a unit missing":   {func(g *gcra) { g.acquire(hour, 1) }, 60, unit},
		"one more than there is":                {func(g *gcra) { g.acquire(hour, 5) }, 2, unit},
		"what is left":                          {func(g *gcra) { g.acquire(hour, 5) }, 1, 0},
		"after a drain":                         {func(g *gcra) { g.drain(hour) }, 1, unit},
		"after a debt that began full":          {func(g *gcra) { g.charge(hour, 8) }, 1, 3 * unit},
		"after a debt on top of what was taken": {func(g *gcra) { g.acquire(hour, 6); g.charge(hour, 2) }, 1, 3 * unit},
		"after a refund":                        {func(g *gcra) { g.acquire(hour, 6); g.credit(2) }, 3, unit},
	} {
		g := full()
		c.before(g)
		if foretold := g.waitTime(hour, c.units); int64(foretold) != c.want {
			t.Errorf("%s: %d units are foretold to wait %v, want %v", name, c.units, foretold, time.Duration(c.want))
		}
		if got := g.acquire(hour, c.units); int64(got) != c.want {
			t.Errorf("%s: %d units wait %v, want %v", name, c.units, got, time.Duration(c.want))
		}
	}
}
