package store_test

import (
	"testing"
	"time"

	"cutover/internal/redistest"
	"cutover/internal/store"
)

// More than was drawn never comes back: the day's budget is the most that a day
// can cost, whatever sidecars say that they have left.
func TestReturningMoreThanWasDrawn(t *testing.T) {
	t.Parallel()
	s, err := store.Open(t.TempDir(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	for name, p := range map[string]anyPurse{"embedded": s.Purse(), "Redis": store.NewRedisPurse(redistest.Client(t), "test")} {
		for _, step := range []struct{ draw, get, giveBack int64 }{{30, 30, 50}, {200, 100, 40}, {200, 40, 0}, {1, 0, 0}} {
			if got, err := p.Draw(t.Context(), "2026-01-01", step.draw, 100); got != step.get || err != nil {
				t.Errorf("%s: drew %d, %v, want %d of %d", name, got, err, step.get, step.draw)
			}
			if err := p.Return(t.Context(), "2026-01-01", step.giveBack); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// In Redis a day's sum is kept for three days, so that it outlives the day in
// every time zone; both drawing and returning say so anew.
func TestSumsInRedisOutliveTheDay(t *testing.T) {
	t.Parallel()
	c := redistest.Client(t)
	p := store.NewRedisPurse(c, "test")
	for _, what := range []string{"a draw", "a return"} {
		if what == "a draw" {
			_, _ = p.Draw(t.Context(), "2026-01-01", 10, 100)
		} else {
			_ = p.Return(t.Context(), "2026-01-01", 5)
		}
		keys := c.Keys(t.Context(), "*").Val()
		if len(keys) != 1 {
			t.Fatalf("after %s: keys %q, want one", what, keys)
		}
		if left := c.TTL(t.Context(), keys[0]).Val(); left > 72*time.Hour || left < 71*time.Hour {
			t.Errorf("after %s the sum is kept for %v, want 72 hours", what, left)
		}
		c.Persist(t.Context(), keys[0])
	}
}

// The embedded store keeps one day's sum: the days before are over.
func TestTheEmbeddedPurseForgetsDaysThatAreOver(t *testing.T) {
	t.Parallel()
	s, err := store.Open(t.TempDir(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	p := s.Purse()
	for _, step := range []struct {
		day string
		get int64
	}{{"2026-01-01", 70}, {"2026-01-01", 30}, {"2026-01-02", 70}, {"2026-01-02", 30}, {"2026-01-01", 70}} {
		if got, err := p.Draw(t.Context(), step.day, 70, 100); got != step.get || err != nil {
			t.Errorf("%s: drew %d, %v, want %d", step.day, got, err, step.get)
		}
	}
}
