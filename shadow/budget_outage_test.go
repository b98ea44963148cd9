package shadow_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cutover/compare"
	"cutover/exchange"
	"cutover/shadow"
	"cutover/upstream"
)

// flakyStore is a budget store that can be made unreachable.
type flakyStore struct {
	away  atomic.Bool
	asked atomic.Int64
}

func (p *flakyStore) Sync(_ context.Context, _ string, b shadow.BudgetSync) (int64, error) {
	p.asked.Add(1)
	if p.away.Load() {
		return 0, errors.New("unreachable")
	}
	return b.Want, nil
}

// An unreachable budget store is reported once per outage, however many shadow
// requests are refused meanwhile and however often it is asked.
func TestAnOutageOfTheBudgetStoreIsReportedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p flakyStore
		var told, day atomic.Int64
		c := shadow.BudgetConfig{
			Store: &p, PerDay: 1, Relay: compare.Prices{"gpt-4o": {Input: 1, Output: 1}},
			Failed: func(error) { told.Add(1) },
		}
		// A new day voids what was reserved.
		c.SetClock(func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).AddDate(0, 0, int(day.Load())) })
		b := shadow.NewBudget(c)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- b.Run(ctx) }()
		up := func(arm exchange.Arm) *upstream.Upstream {
			u, err := upstream.New(upstream.Config{Name: arm.String(), Arm: arm, BaseURL: "http://" + arm.String() + ".invalid/v1"})
			if err != nil {
				t.Fatal(err)
			}
			return u
		}
		m, err := shadow.New(shadow.Config{Primary: up(exchange.Primary), Relay: up(exchange.Relay), Sink: func(compare.Result) {}, Budget: b})
		if err != nil {
			t.Fatal(err)
		}
		for outage := range int64(3) {
			p.away.Store(true)
			day.Add(1)
			if outage == 0 { // only now somebody asks for money
				if done := m.Offer(request("a")); done != nil {
					done(served(request("a"), exchange.ClassNone))
				}
			}
			time.Sleep(2 * time.Second)
			asked := p.asked.Load()
			for range 300 {
				if m.Offer(request("a")) != nil {
					t.Fatal("a shadow request was sent without money")
				}
				time.Sleep(50 * time.Millisecond)
			}
			synctest.Wait()
			if n := told.Load(); n != outage+1 {
				t.Errorf("after %d outages %d were reported", outage+1, n)
			}
			if n := p.asked.Load() - asked; n < 10 || n > 20 {
				t.Errorf("the store was asked %d times in 15 s, want about once a second", n)
			}
			p.away.Store(false)
			time.Sleep(2 * time.Second)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
