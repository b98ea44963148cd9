package store

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// budgetStore is shadow.BudgetStore.
type budgetStore interface {
	Sync(ctx context.Context, day string, b BudgetSync) (int64, error)
}

// syncs makes Syncs and checks what they lease.
func syncs(t *testing.T, p budgetStore, day string, b BudgetSync, want int64) {
	t.Helper()
	if got, err := p.Sync(t.Context(), day, b); got != want || err != nil {
		t.Errorf("Sync(%s, %+v) = %d, %v; want %d", day, b, got, err, want)
	}
}

func TestBudgets(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), Options{})
	for name, p := range map[string]budgetStore{"embedded": s.Budget(), "Redis": NewRedisBudget(startRedis(t), "test")} {
		t.Run(name, func(t *testing.T) {
			const day = "2026-01-01"
			syncs(t, p, day, BudgetSync{PerDay: 100, Number: 1, Least: 60, Want: 60}, 60)
			syncs(t, p, day, BudgetSync{PerDay: 100, Number: 2, Spent: 50, Least: 60, Want: 60}, 50)
			syncs(t, p, day, BudgetSync{PerDay: 100, Number: 2, Spent: 50, Least: 60, Want: 60}, 50) // its reply was lost
			syncs(t, p, day, BudgetSync{PerDay: 100, Number: 3, Spent: 50, Least: 1, Want: 60}, 0)
			syncs(t, p, "2026-01-02", BudgetSync{PerDay: 100, Number: 4, Least: 20, Want: 20}, 20) // another day
			const large = int64(9_007_199_254_740)                                                 // beyond what prints as a plain number in Lua
			syncs(t, p, "2026-01-03", BudgetSync{PerDay: large, Number: 5, Spent: large / 2, Least: large, Want: large}, large-large/2)
			for _, b := range []BudgetSync{{PerDay: -1}, {Spent: -1}, {Least: -1}, {Want: -1}} {
				if _, err := p.Sync(t.Context(), day, b); err == nil {
					t.Errorf("%+v was taken", b)
				}
			}
		})
	}
}

// A restart does not start the day over.
func TestTheEmbeddedBudgetSurvives(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	syncs(t, s.Budget(), "2026-01-01", BudgetSync{PerDay: 100, Number: 1, Spent: 90, Want: 50}, 10)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	syncs(t, open(t, dir, Options{}).Budget(), "2026-01-01", BudgetSync{PerDay: 100, Number: 1, Want: 50}, 10)
}

// Idle sidecars hold small leases, which shrink as the fleet grows, and those of killed ones
// end.
func TestLeasesOfAFleet(t *testing.T) {
	client := startRedis(t)
	const day, perDay = "2026-01-01", int64(1_000_000)
	held := int64(0)
	for i := range 100 {
		b := NewRedisBudget(client, "test")
		b.leaseFor = time.Second
		lease, err := b.Sync(t.Context(), day, BudgetSync{PerDay: perDay, Number: 1, Want: perDay / 100})
		if err != nil || lease <= 0 {
			t.Fatalf("sidecar %d: lease %d, %v", i, lease, err)
		}
		held += lease
	}
	if held > perDay/2 {
		t.Errorf("100 idle sidecars hold %d of %d", held, perDay)
	}
	late := NewRedisBudget(client, "test")
	syncs(t, late, day, BudgetSync{PerDay: perDay, Number: 1, Least: perDay / 4, Want: perDay / 4}, perDay/4)
	whole := NewRedisBudget(client, "test")
	for i := 0; ; i++ {
		lease, err := whole.Sync(t.Context(), day, BudgetSync{PerDay: perDay, Number: 1, Least: perDay, Want: perDay})
		if err != nil {
			t.Fatal(err)
		}
		if lease == perDay*3/4 {
			break
		}
		if i == 1000 {
			t.Fatalf("the leases of killed sidecars did not end: %s", fmt.Sprint(lease))
		}
		time.Sleep(10 * time.Millisecond)
	}
}
