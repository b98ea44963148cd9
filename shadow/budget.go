package shadow

import (
	"context"
	"sync"
	"time"

	"cutover/compare"
	"cutover/exchange"
)

// BudgetStore keeps what a day's budget was spent on and who holds a lease on a part of the
// rest, for one process or for a fleet. Amounts are millionths of a dollar; day is a date in
// UTC, "2006-01-02".
type BudgetStore interface {
	// Sync books what was spent since the last Sync and replaces this process's lease,
	// which ends by itself unless it is renewed within a minute. It returns the new lease:
	// what was asked for, less where the rest of the day or this process's share is less.
	Sync(ctx context.Context, day string, b BudgetSync) (lease int64, err error)
}

// BudgetSync is what one process tells a BudgetStore, and asks of it. It has no name of its
// own, so that stores need not know this package.
type BudgetSync = struct {
	PerDay int64
	Spent  int64  // to book
	Number uint64 // of the booking: one that comes twice is booked once
	Least  int64  // lease that is needed, for calls in flight and for one that waits
	Want   int64  // lease that would be useful
}

// Budget bounds what shadow requests cost in a day. It leases money from the BudgetStore
// in advance and in portions, from the first shadow request on. One for which the lease is
// too small waits for the next. An unreachable store means no more shadow requests, not
// higher cost. A nil Budget is no limit.
type Budget struct {
	store   BudgetStore
	perDay  int64
	portion int64
	prices  [2]compare.Prices // by arm
	clock   func() time.Time
	failed  func(error)
	refills chan struct{}

	mu       sync.Mutex
	lease    int64 // from the store
	reserved int64 // of it, by calls in flight
	spent    int64 // of it, since the last booking
	booking  int64 // spent too, and perhaps booked: the store did not confirm it
	number   uint64
	used     time.Time     // when a call last needed money
	waiting  map[int64]int // amounts that wait for a lease, and how many of each
	empty    bool          // the store gave less than was needed
	failing  bool          // the store can't be reached, which failed has been told
	synced   chan struct{} // closed at the next sync
	day      string        // of the lease; Run's own
	renewed  time.Time     // Run's own
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

// NewBudget makes a Budget. It has no money until Run runs.
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
		refills: make(chan struct{}, 1), waiting: map[int64]int{}, synced: make(chan struct{}),
	}
}

const (
	// expectedOutput is how many output tokens are expected when the request sets no
	// limit.
	expectedOutput = 1000
	// What a response can cost at most: no usage that is higher can be true. A request's
	// URLs, images and hosted tools may add tokens that its body does not have, and n
	// multiplies what max_tokens allows.
	mostAddedInput = 200_000
	mostOutput     = 200_000
	mostChoices    = 16
	// moneyWait is how long a shadow request waits for a lease.
	moneyWait = 10 * time.Second
	// renewEvery keeps a lease alive, which ends for the others after a minute; leaseEnds
	// is when it is no longer used, idleAfter when nobody has needed it.
	renewEvery = 20 * time.Second
	leaseEnds  = 50 * time.Second
	idleAfter  = 30 * time.Second
)

// reserveCost takes the expected cost of a call out of the lease. why says why it did not:
// no money is left, or the model has no price. With waits, the amount can't be had now but
// may be soon: see await.
func (b *Budget) reserveCost(q *exchange.Request, arm exchange.Arm, model string) (amount int64, waits bool, why string) {
	if b == nil {
		return 0, false, ""
	}
	price, ok := b.prices[arm].For(model)
	if !ok {
		return 0, false, dropNoPrice
	}
	output := q.Facts.MaxTokens
	if output <= 0 {
		output = expectedOutput
	}
	if q.Endpoint.Dialect.Spec().NoOutputTokens {
		output = 0
	}
	amount = micros(price.Cost(len(q.Body)/4+1, 0, output))
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used = b.clock()
	switch {
	case amount > b.perDay:
		return 0, false, dropBudget
	case b.take(amount):
		return amount, false, ""
	case b.failing || b.empty:
		b.requestRefill() // for those that come later
		return 0, false, dropBudget
	}
	b.waiting[amount]++ // until await
	b.requestRefill()
	return amount, true, ""
}

// take reserves an amount if the lease has it. The caller holds mu.
func (b *Budget) take(amount int64) bool {
	free := b.free()
	if free < amount {
		return false
	}
	b.reserved += amount
	if free-amount < b.portion/2 {
		b.requestRefill()
	}
	return true
}

// free is what the lease still has. The caller holds mu.
func (b *Budget) free() int64 { return b.lease - b.reserved - b.spent - b.booking }

// await waits for an amount that reserveCost could not take at once.
func (b *Budget) await(ctx context.Context, amount int64) (why string) {
	limit := time.NewTimer(moneyWait)
	defer limit.Stop()
	b.mu.Lock()
	defer b.mu.Unlock()
	defer func() {
		if b.waiting[amount]--; b.waiting[amount] <= 0 {
			delete(b.waiting, amount)
		}
	}()
	for !b.take(amount) {
		if b.failing || b.empty {
			return dropBudget
		}
		b.requestRefill()
		synced := b.synced
		b.mu.Unlock()
		over := false
		select {
		case <-synced:
		case <-limit.C:
			over = true
		case <-ctx.Done():
			over = true
		}
		b.mu.Lock()
		if over {
			return dropBudget
		}
	}
	return ""
}

// unreserve gives back what was reserved for a call that was not made.
func (b *Budget) unreserve(amount int64) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reserved -= amount
}

// settleCost books the cost of a call in place of its reservation. Without usage in the
// response, the reservation was the cost: a provider that got the call worked on it, whether
// or not a response came. Usage that can't be true counts as the most that can.
func (b *Budget) settleCost(reserved int64, q *exchange.Request, x *exchange.Exchange) {
	if b == nil {
		return
	}
	cost := reserved
	price, ok := b.prices[x.Arm].For(x.Model)
	switch {
	case x.Status == 0 && (x.Class == exchange.ClassConnect || x.Class == exchange.ClassTLS || x.Class == exchange.ClassNotSent):
		cost = 0 // the provider never saw it
	case ok && x.Usage.Known:
		output := mostOutput
		if n := q.Facts.MaxTokens; n > 0 && n < mostOutput/mostChoices {
			output = n * mostChoices
		}
		input := min(x.Usage.InputTokens, len(q.Body)+mostAddedInput)
		cost = micros(price.Cost(input, x.Usage.CachedTokens, min(x.Usage.OutputTokens, output)))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reserved -= reserved
	b.spent += cost
}

func micros(dollars float64) int64 { return int64(dollars*1e6 + .999) }

// requestRefill asks Run for a sync.
func (b *Budget) requestRefill() {
	select {
	case b.refills <- struct{}{}:
	default:
	}
}

// Run keeps the lease filled once there was a shadow request, and starts over at midnight
// UTC. When ctx is done it books the rest, gives the lease back and returns nil.
func (b *Budget) Run(ctx context.Context) error {
	if b == nil {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		refills := b.refills
		b.mu.Lock()
		if b.failing || b.empty {
			refills = nil // an empty or unreachable store is asked once a second
		}
		b.mu.Unlock()
		select {
		case <-refills:
			b.sync(ctx, false)
		case <-tick.C: // what was spent, a new day, a store that is back
			b.sync(ctx, false)
		case <-ctx.Done():
			limit, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			defer cancel()
			b.sync(limit, true)
			return nil
		}
	}
}

// sync books what was spent and renews the lease, or gives it back.
func (b *Budget) sync(ctx context.Context, last bool) {
	now := b.clock()
	today := now.UTC().Format(time.DateOnly)
	b.mu.Lock()
	idle := b.reserved == 0 && len(b.waiting) == 0 && now.Sub(b.used) > idleAfter
	unused := b.lease == 0 && len(b.waiting) == 0 && b.spent+b.booking == 0 && !b.failing && !b.empty
	b.mu.Unlock()
	if unused {
		b.day = today
		return
	}
	if b.day != today && b.day != "" {
		b.exchange(ctx, b.day, true)
		b.mu.Lock()
		b.lease = 0 // yesterday's lease is not today's
		b.mu.Unlock()
	}
	b.day = today
	b.exchange(ctx, today, last || idle)
}

// exchange makes one Sync for a day, unless there is nothing to say.
func (b *Budget) exchange(ctx context.Context, day string, end bool) {
	b.mu.Lock()
	if b.booking == 0 {
		b.booking, b.spent = b.spent, 0
		b.number++
	}
	s := BudgetSync{PerDay: b.perDay, Spent: b.booking, Number: b.number}
	if !end {
		waits := int64(0)
		for amount := range b.waiting {
			waits = max(waits, amount)
		}
		s.Least = max(b.reserved+b.spent, 0) + waits
		s.Want = s.Least + b.portion
	}
	quiet := s.Spent == 0 && !end && b.free() >= b.portion/2 && len(b.waiting) == 0 && !b.failing && !b.empty &&
		b.clock().Sub(b.renewed) < renewEvery
	b.mu.Unlock()
	if quiet {
		return
	}
	limit, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	lease, err := b.store.Sync(limit, day, s)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		if ctx.Err() == nil && !b.failing {
			b.failing = true
			b.failed(err)
		}
		if b.clock().Sub(b.renewed) > leaseEnds {
			b.lease = 0 // others may have it by now
		}
	} else {
		b.lease, b.booking, b.renewed = lease, 0, b.clock()
		b.failing, b.empty = false, !end && (lease == 0 || lease < s.Least)
	}
	close(b.synced)
	b.synced = make(chan struct{})
}
