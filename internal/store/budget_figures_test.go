package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"cutover/internal/redistest"
	"cutover/internal/store"
)

// What a sidecar of a fleet leases: what it needs, or a quarter of what neither
// is spent nor leased to others, divided by how many hold a lease, if it wants
// as much. Never more than the rest.
func TestSharesOfAFleet(t *testing.T) {
	t.Parallel()
	c := redistest.Client(t)
	const day, perDay = "2026-01-01", 100_000
	sidecars := map[string]*store.RedisBudget{}
	for _, step := range []struct {
		who                 string
		number              uint64
		spent, needs, wants int64
		want                int64
	}{
		{"a", 1, 0, 0, 100_000, 25_000},      // 100,000 / 4
		{"b", 1, 0, 0, 100_000, 9_375},       // (100,000 - 25,000) / (4 * 2)
		{"c", 1, 0, 0, 1_000, 1_000},         // as much as it wants
		{"c", 1, 0, 0, 100_000, 5_468},       // (100,000 - 34,375) / (4 * 3), in place of the one before
		{"a", 2, 20_000, 0, 100_000, 5_429},  // (100,000 - 20,000 - 14,843) / (4 * 3)
		{"a", 2, 20_000, 0, 100_000, 5_429},  // its reply was lost: booked once
		{"b", 2, 0, 0, 0, 0},                 // given back
		{"d", 1, 0, 0, 100_000, 5_758},       // (100,000 - 20,000 - 10,897) / (4 * 3)
		{"d", 2, 0, 60_000, 100_000, 60_000}, // what is needed
		{"d", 3, 0, 80_000, 100_000, 69_103}, // but for what the others hold
		{"a", 3, 80_000, 0, 100_000, 0},      // the day's budget is spent
		{"d", 4, 50_000, 10, 100_000, 0},     // and more than that
		{"e", 1, 0, 0, 100_000, 0},
	} {
		if sidecars[step.who] == nil {
			sidecars[step.who] = store.NewRedisBudget(c, "test")
		}
		s := store.BudgetSync{PerDay: perDay, Spent: step.spent, Number: step.number, Least: step.needs, Want: step.wants}
		if got, err := sidecars[step.who].Sync(t.Context(), day, s); got != step.want || err != nil {
			t.Errorf("%s, %+v: lease %d, %v, want %d", step.who, s, got, err, step.want)
		}
	}
}

// A lease that is not renewed ends after a minute; a day's keys are kept for
// three days, so that they outlive the day in every time zone.
func TestHowLongRedisKeepsADay(t *testing.T) {
	t.Parallel()
	c := redistest.Client(t)
	s := store.BudgetSync{PerDay: 100, Spent: 10, Number: 1, Want: 10}
	if _, err := store.NewRedisBudget(c, "test").Sync(t.Context(), "2026-01-01", s); err != nil {
		t.Fatal(err)
	}
	keys := c.Keys(t.Context(), "*").Val()
	if len(keys) != 2 {
		t.Errorf("keys %q, want the sum and the leases", keys)
	}
	for _, key := range keys {
		if left := c.TTL(t.Context(), key).Val(); left > 72*time.Hour || left < 71*time.Hour {
			t.Errorf("%s is kept for %v, want 72 hours", key, left)
		}
		if !strings.Contains(key, "lease") {
			continue
		}
		for _, lease := range c.HGetAll(t.Context(), key).Val() { // "amount end booking"
			var amount, end, booking int64
			if _, err := fmt.Sscan(lease, &amount, &end, &booking); err != nil {
				t.Fatal(err)
			}
			if left := end - c.Time(t.Context()).Val().UnixMilli(); left > 60_000 || left < 50_000 {
				t.Errorf("a lease ends in %d ms, want a minute", left)
			}
		}
	}
}

// The embedded store keeps one day's sum, and books what comes twice once.
func TestSumsOfTheEmbeddedBudget(t *testing.T) {
	t.Parallel()
	s, err := store.Open(t.TempDir(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	b := s.Budget()
	for _, step := range []struct {
		day                 string
		number              uint64
		spent, budget, want int64
	}{
		{"2026-01-01", 1, 30, 100, 70},
		{"2026-01-01", 1, 30, 100, 70},
		{"2026-01-01", 2, 30, 100, 40},
		{"2026-01-01", 3, 0, 50, 0}, // the budget was lowered meanwhile
		{"2026-01-02", 4, 10, 100, 90},
		{"2026-01-01", 5, 0, 100, 100}, // that day is over
	} {
		sync := store.BudgetSync{PerDay: step.budget, Spent: step.spent, Number: step.number, Want: 1000}
		if got, err := b.Sync(t.Context(), step.day, sync); got != step.want || err != nil {
			t.Errorf("%s, %+v: lease %d, %v, want %d", step.day, sync, got, err, step.want)
		}
	}
}
