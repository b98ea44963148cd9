package upstream

import (
	"sync/atomic"
	"time"
)

// gcra is one rate limit by the generic cell rate algorithm: a bucket that
// fills steadily, kept as the moment when it will be full again. All moments
// are nanoseconds since the limiter was made, by the monotonic clock.
//
// With a burst of b and one unit each interval i, any half-open window of
// length w admits less than b + w/i units; newGCRA chooses i so that this is
// the limit itself, not the limit and a burst on top of it.
type gcra struct {
	full     atomic.Int64 // when the bucket will be full
	interval int64        // a unit takes so long to come back
	room     int64        // what the whole bucket takes
}

// newGCRA makes a limit of n units in any window, of which the share burst may
// pass at once. The bucket begins full.
func newGCRA(n int, window time.Duration, burst float64) *gcra {
	interval, units := emission(n, window, burst)
	return &gcra{interval: interval, room: units * interval}
}

// emission returns the interval between two units and the size of the burst.
func emission(n int, window time.Duration, burst float64) (interval, units int64) {
	limit := int64(n)
	units = min(max(1, int64(float64(n)*burst)), limit)
	steady := limit - units + 1
	return max(1, (int64(window)+steady-1)/steady), units
}

// drain empties the bucket.
func (g *gcra) drain(now int64) { g.full.Store(now + g.room) }

// take takes n units and returns 0, or takes nothing and returns how long it
// would be until they fit. What is larger than the whole bucket fits when the
// bucket is full, and is paid for in full by those who come next.
func (g *gcra) take(now, n int64) time.Duration {
	for {
		old := g.full.Load()
		next := max(old, now) + n*g.interval
		if over := next - now - g.room; over > 0 && old > now {
			return time.Duration(min(over, old-now))
		}
		if g.full.CompareAndSwap(old, next) {
			return 0
		}
	}
}

// after is how long it would be until n units fit; 0: they fit now.
func (g *gcra) after(now, n int64) time.Duration {
	old := g.full.Load()
	if old <= now {
		return 0
	}
	return time.Duration(max(0, min(old+n*g.interval-now-g.room, old-now)))
}

// charge takes n more units from the bucket, into debt if need be.
func (g *gcra) charge(now, n int64) {
	for {
		old := g.full.Load()
		if g.full.CompareAndSwap(old, max(old, now)+n*g.interval) {
			return
		}
	}
}

// credit gives units back. A bucket never holds more than its size.
func (g *gcra) credit(n int64) { g.full.Add(-n * g.interval) }
