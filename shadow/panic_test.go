package shadow_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cutover/compare"
	"cutover/exchange"
	"cutover/shadow"
)

// TestPanicsAreCaught: a panic in a shadow request or in a comparison loses that
// pair and nothing else: its slot and its bytes are given back, the next pair is
// compared, and the outcomes add up.
func TestPanicsAreCaught(t *testing.T) {
	for _, c := range []struct {
		name, where string
		inject      func(*shadow.Config, *atomic.Bool)
		drops       uint64 // pairs that end as dropped
	}{
		{"shadow request", "shadow request", func(c *shadow.Config, bad *atomic.Bool) {
			c.SetBeforeCall(func() {
				if bad.Load() {
					panic("in a call")
				}
			})
		}, 3},
		{"comparison", "comparison", func(c *shadow.Config, bad *atomic.Bool) {
			c.Sample = func(compare.Pair, *compare.Result, time.Time) {
				if bad.Load() {
					panic("in a comparison")
				}
			}
		}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var bad atomic.Bool
			var told atomic.Int64
			bad.Store(true)
			r := newRig(t, text("one two three"), func(cfg *shadow.Config) {
				cfg.MaxConcurrency = 2
				cfg.Panicked = func(where string, _ any, stack []byte) {
					if where == c.where && strings.Contains(string(stack), "panic_test.go") {
						told.Add(1)
					}
				}
				c.inject(cfg, &bad)
			})
			offer := func(id string) {
				q := request(id)
				done := r.mirror.Offer(q)
				if done == nil {
					t.Fatalf("request %s was not mirrored: %v", id, r.mirror.Counts().All())
				}
				done(served(q, exchange.ClassNone))
			}
			for i, id := range []string{"a", "b", "c"} { // more than there are slots
				offer(id)
				r.until("the panic is caught", func() bool {
					return told.Load() == int64(i+1) && r.mirror.InFlight() == 0 && r.mirror.Held() == 0 && r.mirror.Counts().Total() == uint64(i+1)
				})
			}
			if n := r.mirror.Panics(); n != 3 {
				t.Errorf("%d panics were counted, want 3", n)
			}
			if n := r.mirror.Counts().Get(compare.Dropped); n != c.drops {
				t.Errorf("%d pairs dropped, want %d: %v", n, c.drops, r.mirror.Counts().All())
			}
			bad.Store(false)
			offer("d")
			r.until("the next pair is compared", func() bool { return r.mirror.Counts().Get(compare.Both) >= 1 && r.mirror.Held() == 0 })
		})
	}
}
