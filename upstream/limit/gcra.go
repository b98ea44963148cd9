package limit

import (
	"sync/atomic"
	"time"
)

// gcra is one rate limit by the generic cell rate algorithm: a bucket that
// fills steadily, stored as the time at which it will be full again. All times
// are nanoseconds since the limiter was made, by the monotonic clock.
//
// With a burst of b and one unit per interval i, any half-open window of length
// w admits fewer than b + w/i units. gcraParameters chooses i so that this bound
// is the limit itself, rather than the limit plus a burst.
type gcra struct {
	fullAt   atomic.Int64
	interval int64 // time for one unit to come back
	capacity int64 // time for the whole bucket to fill
}

// newGCRA makes a limit of n units in any window, of which the share burst may
// pass at once. The bucket starts full.
func newGCRA(n int, window time.Duration, burst float64) *gcra {
	interval, units := gcraParameters(n, window, burst)
	return &gcra{interval: interval, capacity: units * interval}
}

// gcraParameters returns the nanoseconds between two units and the size of the
// burst in units.
func gcraParameters(n int, window time.Duration, burst float64) (interval, units int64) {
	limit := int64(n)
	units = min(max(1, int64(float64(n)*burst)), limit)
	steady := limit - units + 1
	return max(1, (int64(window)+steady-1)/steady), units
}

// drain empties the bucket.
func (g *gcra) drain(now int64) { g.fullAt.Store(now + g.capacity) }

// acquire takes n units and returns 0, or takes nothing and returns the time
// until they fit. A request larger than the whole bucket fits when the bucket
// is full; the requests after it pay for the excess.
func (g *gcra) acquire(now, n int64) time.Duration {
	for {
		old := g.fullAt.Load()
		next := max(old, now) + n*g.interval
		if over := next - now - g.capacity; over > 0 && old > now {
			return time.Duration(min(over, old-now))
		}
		if g.fullAt.CompareAndSwap(old, next) {
			return 0
		}
	}
}

// waitTime is the time until n units fit; 0: they fit now.
func (g *gcra) waitTime(now, n int64) time.Duration {
	old := g.fullAt.Load()
	if old <= now {
		return 0
	}
	return time.Duration(max(0, min(old+n*g.interval-now-g.capacity, old-now)))
}

// charge takes n more units, going into debt if it has to.
func (g *gcra) charge(now, n int64) {
	for {
		old := g.fullAt.Load()
		if g.fullAt.CompareAndSwap(old, max(old, now)+n*g.interval) {
			return
		}
	}
}

// credit returns units. A bucket never holds more than its capacity.
func (g *gcra) credit(n int64) { g.fullAt.Add(-n * g.interval) }
