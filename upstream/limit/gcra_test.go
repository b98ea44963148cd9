package limit

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// In no minute, wherever it begins, does more than the limit pass, whatever the
// arrivals.
func TestBucketNeverExceedsItsLimit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 2000).Draw(t, "limit")
		burst := rapid.Float64Range(0.001, 1).Draw(t, "burst")
		g := newGCRA(limit, time.Minute, burst)
		units := g.capacity / g.interval
		type event struct{ at, n int64 }
		var passed []event
		now := int64(0)
		for range rapid.IntRange(1, 400).Draw(t, "asks") {
			now += rapid.Int64Range(0, 2*g.interval).Draw(t, "pause")
			n := rapid.Int64Range(1, units).Draw(t, "n")
			predicted := g.waitTime(now, n)
			after := g.acquire(now, n)
			if after != predicted {
				t.Fatalf("acquire says %v, waitTime said %v", after, predicted)
			}
			if after == 0 {
				passed = append(passed, event{now, n})
				continue
			}
			if later := now + int64(after); g.waitTime(later, n) != 0 || g.waitTime(later-1, n) == 0 {
				t.Fatalf("%d of %d units do not fit exactly %v later", n, units, after)
			}
		}
		sum, from := int64(0), 0
		for _, e := range passed {
			sum += e.n
			for passed[from].at <= e.at-int64(time.Minute) {
				sum -= passed[from].n
				from++
			}
			if sum > int64(limit) {
				t.Fatalf("%d units within a minute that ends at %v, limit %d", sum, time.Duration(e.at), limit)
			}
		}
	})
}

// A caller that always asks gets nearly all of the limit.
func TestBucketGivesNearlyAllOfItsLimit(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{1, 2, 9, 60, 600, 100_000} {
		g := newGCRA(limit, time.Minute, .1)
		got := int64(0)
		for now := int64(0); now < int64(10*time.Minute); now += int64(time.Minute) / int64(8*limit) {
			if g.acquire(now, 1) == 0 {
				got++
			}
		}
		if want := int64(limit) * 10 * 89 / 100; got < want || got > int64(limit)*10 {
			t.Errorf("limit %d a minute: %d passed in 10 minutes, want %d to %d", limit, got, want, limit*10)
		}
	}
}
