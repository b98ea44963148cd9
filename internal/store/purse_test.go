package store_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"cutover/internal/redistest"
	"cutover/internal/store"
)

// anyPurse is what a budget asks of a purse.
type anyPurse interface {
	Draw(ctx context.Context, day string, want, budget int64) (int64, error)
	Return(ctx context.Context, day string, amount int64) error
}

func TestPurses(t *testing.T) {
	t.Parallel()
	s, err := store.Open(t.TempDir(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	for name, p := range map[string]anyPurse{"embedded": s.Purse(), "Redis": store.NewRedisPurse(redistest.Client(t), "test")} {
		t.Run(name, func(t *testing.T) { testPurse(t, p) })
	}
}

// testPurse is what every purse must do.
func testPurse(t *testing.T, p anyPurse) {
	ctx := context.Background()
	draw := func(day string, want, budget, expect int64) {
		t.Helper()
		if got, err := p.Draw(ctx, day, want, budget); got != expect || err != nil {
			t.Errorf("Draw(%s, %d of %d) = %d, %v; want %d", day, want, budget, got, err, expect)
		}
	}
	draw("2026-01-01", 60, 100, 60)
	draw("2026-01-01", 60, 100, 40)
	draw("2026-01-01", 60, 100, 0)
	draw("2026-01-02", 60, 100, 60) // another day, another budget
	if err := p.Return(ctx, "2026-01-02", 50); err != nil {
		t.Fatal(err)
	}
	draw("2026-01-02", 100, 100, 90)
	draw("2026-01-02", 5, 50, 0) // the budget was lowered meanwhile
	if _, err := p.Draw(ctx, "2026-01-03", -1, 100); err == nil {
		t.Error("a negative amount was drawn")
	}
	if err := p.Return(ctx, "2026-01-03", -1); err == nil {
		t.Error("a negative amount was returned")
	}
	// Many at once never get more than there is.
	const budget = int64(9_007_199_254_740) // beyond what prints as a plain number in Lua
	var got atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				n, err := p.Draw(ctx, "2026-01-04", budget/100, budget)
				if err != nil {
					t.Error(err)
				}
				got.Add(n)
			}
		})
	}
	wg.Wait()
	if got.Load() != budget {
		t.Errorf("%d were drawn in all, want exactly %d", got.Load(), budget)
	}
}
