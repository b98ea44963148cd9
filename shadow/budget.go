package shadow

import (
	"context"
	"sync/atomic"
	"time"

	"cutover/compare"
	"cutover/exchange"
)

// Purse keeps what is left of a day's budget, for one process or for a fleet.
// Amounts are millionths of a dollar; day is a date in UTC, "2006-01-02".
type Purse interface {
	// Draw takes up to want out of what is left of the day's budget and returns
	// how much it got: 0 when nothing is left.
	Draw(ctx context.Context, day string, want, budget int64) (int64, error)
	// Return gives back what was drawn and not spent.
	Return(ctx context.Context, day string, amount int64) error
}

// Budget bounds what copies cost in a day. Money is drawn from the Purse ahead
// of time and in pieces, so that reserving is an operation on one number: a
// copy never waits for a purse, and a purse that is away means no more copies,
// not more cost. A nil Budget is no bound.
type Budget struct {
	purse   Purse
	perDay  int64
	piece   int64
	prices  [2]compare.Prices // by arm
	clock   func() time.Time
	failed  func(error)
	balance atomic.Int64 // drawn and not reserved; below zero after a costly surprise
	wanting atomic.Int64 // the largest reservation that was refused
	hungry  chan struct{}
	day     string // of the balance; Run's own
	away    bool   // the purse can't be reached, and that has been told; Run's own
}

// BudgetConfig sets a Budget up.
type BudgetConfig struct {
	Purse   Purse
	PerDay  float64 // dollars
	Primary compare.Prices
	Relay   compare.Prices
	// Failed is told, once each time, when the purse can't be reached; may be nil.
	Failed func(error)
	// Clock is time.Now unless a test says otherwise.
	Clock func() time.Time
}

// NewBudget makes a Budget; it holds nothing before Run runs.
func NewBudget(c BudgetConfig) *Budget {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Failed == nil {
		c.Failed = func(error) {}
	}
	per := int64(c.PerDay * 1e6)
	return &Budget{
		purse: c.Purse, perDay: per, piece: max(per/100, 1), clock: c.Clock, failed: c.Failed,
		prices: [2]compare.Prices{exchange.Primary: c.Primary, exchange.Relay: c.Relay},
		hungry: make(chan struct{}, 1),
	}
}

// expectedOutput is how many tokens an answer is taken to have when the request
// sets no bound.
const expectedOutput = 1000

// reserve takes the expected cost of a copy out of the balance. It reports why
// not: "budget" when there is no money, "no_price" when the cost can't be known.
func (b *Budget) reserve(q *exchange.Request, arm exchange.Arm, model string) (amount int64, why string) {
	if b == nil {
		return 0, ""
	}
	price, ok := b.prices[arm].For(model)
	if !ok {
		return 0, "no_price"
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
			b.beg(amount)
			return 0, "budget"
		}
		if b.balance.CompareAndSwap(have, have-amount) {
			if have-amount < b.piece/2 {
				b.beg(0)
			}
			return amount, ""
		}
	}
}

// settle puts the difference between a reservation and the true cost back.
// Where the answer does not say what it used, the reservation was the cost.
func (b *Budget) settle(reserved int64, arm exchange.Arm, x *exchange.Exchange) {
	if b == nil {
		return
	}
	if x.Status == 0 {
		b.balance.Add(reserved) // never reached anybody who charges
		return
	}
	price, ok := b.prices[arm].For(x.Model)
	if !ok || !x.Usage.Known {
		return
	}
	b.balance.Add(reserved - micros(price.Cost(x.Usage.InputTokens, x.Usage.CachedTokens, x.Usage.OutputTokens)))
}

func micros(dollars float64) int64 { return int64(dollars*1e6 + .999) }

// beg asks Run for more.
func (b *Budget) beg(amount int64) {
	for {
		most := b.wanting.Load()
		if amount <= most || b.wanting.CompareAndSwap(most, amount) {
			break
		}
	}
	select {
	case b.hungry <- struct{}{}:
	default:
	}
}

// Run draws money when it runs low, and at midnight UTC begins anew. It ends
// with ctx, and gives back what is left.
func (b *Budget) Run(ctx context.Context) error {
	if b == nil {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		hungry := b.hungry
		if !b.draw(ctx) {
			hungry = nil // an empty or unreachable purse is asked once a second
		}
		select {
		case <-hungry:
		case <-tick.C: // a new day, or a purse that is back
		case <-ctx.Done():
			b.giveBack()
			return nil
		}
	}
}

// draw tops the balance up. It reports whether asking again soon makes sense.
func (b *Budget) draw(ctx context.Context) bool {
	if today := b.clock().UTC().Format(time.DateOnly); today != b.day {
		b.day = today
		b.balance.Store(0) // yesterday's money is yesterday's
	}
	need := max(b.piece, b.wanting.Swap(0))
	have := b.balance.Load()
	if have >= need {
		return true
	}
	limit, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	got, err := b.purse.Draw(limit, b.day, need-have, b.perDay)
	if err != nil {
		if ctx.Err() == nil && !b.away {
			b.away = true
			b.failed(err)
		}
		return false
	}
	b.away = false
	b.balance.Add(got)
	return got > 0
}

func (b *Budget) giveBack() {
	left := b.balance.Swap(0)
	if left <= 0 || b.day == "" {
		return
	}
	limit, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := b.purse.Return(limit, b.day, left); err != nil {
		b.failed(err)
	}
}
