package shadow

import (
	"context"
	"sync/atomic"
	"time"

	"cutover/compare"
	"cutover/exchange"
)

// BudgetStore keeps what is left of a day's budget, for one process or for a
// fleet. Amounts are millionths of a dollar; day is a date in UTC, "2006-01-02".
type BudgetStore interface {
	// Reserve takes up to want out of what is left of the day's budget and
	// returns how much it got: 0 when nothing is left.
	Reserve(ctx context.Context, day string, want, budget int64) (int64, error)
	// Refund gives back what was reserved and not spent.
	Refund(ctx context.Context, day string, amount int64) error
}

// Budget bounds what shadow requests cost in a day. It reserves money from the
// BudgetStore in advance and in portions, so that a shadow request never waits
// for the store, and an unreachable store means no more shadow requests, not
// higher cost. A nil Budget is no limit.
type Budget struct {
	store   BudgetStore
	perDay  int64
	portion int64
	prices  [2]compare.Prices // by arm
	clock   func() time.Time
	failed  func(error)
	balance atomic.Int64 // not yet spent; below zero after a call that cost more than expected
	wanted  atomic.Int64 // the largest amount that was refused since the last refill
	refills chan struct{}
	day     string // of the balance; Run's own
	failing bool   // the store can't be reached, which failed has been told; Run's own
}

// BudgetConfig sets a Budget up.
type BudgetConfig struct {
	Store   BudgetStore
	PerDay  float64 // dollars
	Primary compare.Prices
	Relay   compare.Prices
	// Failed is called once each time that the store becomes unreachable; may be
	// nil.
	Failed func(error)

	clock func() time.Time // nil: time.Now
}

// NewBudget makes a Budget. Its balance is empty until Run runs.
func NewBudget(c BudgetConfig) *Budget {
	if c.clock == nil {
		c.clock = time.Now
	}
	if c.Failed == nil {
		c.Failed = func(error) {}
	}
	per := int64(c.PerDay * 1e6)
	return &Budget{
		store: c.Store, perDay: per, portion: max(per/100, 1), clock: c.clock, failed: c.Failed,
		prices:  [2]compare.Prices{exchange.Primary: c.Primary, exchange.Relay: c.Relay},
		refills: make(chan struct{}, 1),
	}
}

// expectedOutput is how many output tokens are expected when the request sets no
// limit.
const expectedOutput = 1000

// reserveCost takes the expected cost of a call out of the balance. why says why it
// did not: no money is left, or the model has no price.
func (b *Budget) reserveCost(q *exchange.Request, arm exchange.Arm, model string) (amount int64, why string) {
	if b == nil {
		return 0, ""
	}
	price, ok := b.prices[arm].For(model)
	if !ok {
		return 0, dropNoPrice
	}
	output := q.Facts.MaxTokens
	if output <= 0 {
		output = expectedOutput
	}
	if q.Endpoint.Dialect.Spec().NoOutputTokens {
		output = 0
	}
	amount = micros(price.Cost(len(q.Body)/4+1, 0, output))
	for {
		have := b.balance.Load()
		if have < amount {
			b.requestRefill(amount)
			return 0, dropBudget
		}
		if b.balance.CompareAndSwap(have, have-amount) {
			if have-amount < b.portion/2 {
				b.requestRefill(0)
			}
			return amount, ""
		}
	}
}

// settleCost returns the difference between a reservation and the actual cost to
// the balance. Without usage in the response, the reservation was the cost.
func (b *Budget) settleCost(reserved int64, arm exchange.Arm, x *exchange.Exchange) {
	if b == nil {
		return
	}
	if x.Status == 0 {
		b.balance.Add(reserved) // never reached a provider that charges
		return
	}
	price, ok := b.prices[arm].For(x.Model)
	if !ok || !x.Usage.Known {
		return
	}
	b.balance.Add(reserved - micros(price.Cost(x.Usage.InputTokens, x.Usage.CachedTokens, x.Usage.OutputTokens)))
}

func micros(dollars float64) int64 { return int64(dollars*1e6 + .999) }

// requestRefill asks Run for a refill by at least an amount.
func (b *Budget) requestRefill(amount int64) {
	for {
		most := b.wanted.Load()
		if amount <= most || b.wanted.CompareAndSwap(most, amount) {
			break
		}
	}
	select {
	case b.refills <- struct{}{}:
	default:
	}
}

// Run refills the balance when it runs low, and starts over at midnight UTC. When
// ctx is done it refunds what is left and returns nil.
func (b *Budget) Run(ctx context.Context) error {
	if b == nil {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		refills := b.refills
		if !b.refill(ctx) {
			refills = nil // an empty or unreachable store is asked once a second
		}
		select {
		case <-refills:
		case <-tick.C: // the day may be new, or the store reachable again
		case <-ctx.Done():
			b.refund()
			return nil
		}
	}
}

// refill tops the balance up. It reports whether asking again soon makes sense.
func (b *Budget) refill(ctx context.Context) bool {
	if today := b.clock().UTC().Format(time.DateOnly); today != b.day {
		b.day = today
		b.balance.Store(0) // yesterday's money is not today's
	}
	need := max(b.portion, b.wanted.Swap(0))
	have := b.balance.Load()
	if have >= need {
		return true
	}
	limit, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	got, err := b.store.Reserve(limit, b.day, need-have, b.perDay)
	if err != nil {
		if ctx.Err() == nil && !b.failing {
			b.failing = true
			b.failed(err)
		}
		return false
	}
	b.failing = false
	b.balance.Add(got)
	return got > 0
}

// refund gives back what is left.
func (b *Budget) refund() {
	left := b.balance.Swap(0)
	if left <= 0 || b.day == "" {
		return
	}
	limit, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := b.store.Refund(limit, b.day, left); err != nil {
		b.failed(err)
	}
}
