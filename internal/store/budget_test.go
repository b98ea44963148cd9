package store_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"cutover/internal/redistest"
	"cutover/internal/store"
)

// budgetStore is shadow.BudgetStore.
type budgetStore interface {
	Reserve(ctx context.Context, day string, want, budget int64) (int64, error)
	Refund(ctx context.Context, day string, amount int64) error
}

func TestBudgets(t *testing.T) {
	t.Parallel()
	s, err := store.Open(t.TempDir(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	for name, p := range map[string]budgetStore{"embedded": s.Budget(), "Redis": store.NewRedisBudget(redistest.Client(t), "test")} {
		t.Run(name, func(t *testing.T) { testBudget(t, p) })
	}
}

// testBudget is what every budget store must do.
func testBudget(t *testing.T, p budgetStore) {
	ctx := context.Background()
	reserve := func(day string, want, budget, expect int64) {
		t.Helper()
		if got, err := p.Reserve(ctx, day, want, budget); got != expect || err != nil {
			t.Errorf("Reserve(%s, %d of %d) = %d, %v; want %d", day, want, budget, got, err, expect)
		}
	}
	reserve("2026-01-01", 60, 100, 60)
	reserve("2026-01-01", 60, 100, 40)
	reserve("2026-01-01", 60, 100, 0)
	reserve("2026-01-02", 60, 100, 60) // another day, another budget
	if err := p.Refund(ctx, "2026-01-02", 50); err != nil {
		t.Fatal(err)
	}
	reserve("2026-01-02", 100, 100, 90)
	reserve("2026-01-02", 5, 50, 0) // the budget was lowered meanwhile
	if _, err := p.Reserve(ctx, "2026-01-03", -1, 100); err == nil {
		t.Error("a negative amount was reserved")
	}
	if err := p.Refund(ctx, "2026-01-03", -1); err == nil {
		t.Error("a negative amount was refunded")
	}
	// Many at once never get more than there is.
	const budget = int64(9_007_199_254_740) // beyond what prints as a plain number in Lua
	var got atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				n, err := p.Reserve(ctx, "2026-01-04", budget/100, budget)
				if err != nil {
					t.Error(err)
				}
				got.Add(n)
			}
		})
	}
	wg.Wait()
	if got.Load() != budget {
		t.Errorf("%d were reserved in all, want exactly %d", got.Load(), budget)
	}
}
