package shadow_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cutover/compare"
	"cutover/exchange"
	"cutover/shadow"
	"cutover/upstream"
)

// till is a purse that notes what is asked of it.
type till struct {
	mu    sync.Mutex
	asked []string // day, want and budget
	spent int64
}

func (p *till) Draw(_ context.Context, day string, want, budget int64) (int64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, fmt.Sprint(day, " ", want, " of ", budget))
	got := min(want, max(budget-p.spent, 0))
	p.spent += got
	return got, nil
}

func (p *till) Return(_ context.Context, _ string, amount int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spent -= amount
	return nil
}

// spend offers requests to a mirror with a budget, two providers that nobody
// answers at, and a clock of the test's own. offer reports whether a copy was
// begun, which ends at once.
func spend(t *testing.T, c shadow.BudgetConfig, use func(offer func(*exchange.Request) bool)) {
	b := shadow.NewBudget(c)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	up := func(arm exchange.Arm) *upstream.Upstream {
		u, err := upstream.New(upstream.Config{Name: arm.String(), Arm: arm, BaseURL: "http://127.0.0.1:1/v1"})
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	primary, relay := up(exchange.Primary), up(exchange.Relay)
	defer primary.Close()
	defer relay.Close()
	m, err := shadow.New(shadow.Config{Primary: primary, Relay: relay, Sink: func(compare.Result) {}, Budget: b})
	if err != nil {
		t.Fatal(err)
	}
	use(func(q *exchange.Request) bool {
		done := m.Offer(q)
		if done != nil {
			done(served(q, exchange.ClassNone))
		}
		time.Sleep(3 * time.Second) // long enough to draw more, and for the copy to end
		synctest.Wait()
		return done != nil
	})
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// What a copy is taken to cost before it is sent, in millionths of a dollar: a
// token for each 4 bytes of the request and one more, and as many out as the
// request allows, else 1,000; embeddings and counts bring none. Fractions count
// as a whole. A budget of exactly that is enough, one of a millionth less is
// not.
func TestWhatACopyIsTakenToCost(t *testing.T) {
	t.Parallel()
	one := compare.Price{Input: 1, Output: 1} // a millionth for a token
	for _, c := range []struct {
		name  string
		path  string
		bytes int
		out   int // that the request allows
		relay compare.Price
		want  int64
	}{
		{"400 bytes, 10 tokens", "/v1/chat/completions", 400, 10, one, 400/4 + 1 + 10},
		{"403 bytes, 10 tokens", "/v1/chat/completions", 403, 10, one, 400/4 + 1 + 10},
		{"any answer", "/v1/chat/completions", 400, 0, one, 400/4 + 1 + 1000},
		{"answers cost five times as much", "/v1/chat/completions", 400, 10, compare.Price{Input: 1, Output: 5}, 400/4 + 1 + 5*10},
		{"embeddings", "/v1/embeddings", 400, 0, one, 400/4 + 1},
		{"a count of tokens", "/v1/messages/count_tokens", 400, 0, one, 400/4 + 1},
		{"a fraction of a millionth", "/v1/embeddings", 400, 0, compare.Price{Input: .002, Output: 1}, 1},
	} {
		for _, short := range []int64{0, 1} {
			synctest.Test(t, func(t *testing.T) {
				config := shadow.BudgetConfig{
					Purse: &till{}, PerDay: (float64(c.want-short) + .1) / 1e6,
					Relay: compare.Prices{"m": c.relay}, Primary: compare.Prices{"m": {Input: 77, Output: 77}},
				}
				spend(t, config, func(offer func(*exchange.Request) bool) {
					q := request("a")
					q.Endpoint, q.Path = exchange.Lookup("POST", c.path), c.path
					q.Body, q.Facts.Model, q.Facts.MaxTokens = make([]byte, c.bytes), "m", c.out
					offer(q) // the first may be refused: nothing is drawn yet
					if got := offer(q); got != (short == 0) {
						t.Errorf("%s: with %d millionths a copy is begun: %v", c.name, c.want-short, got)
					}
				})
			})
		}
	}
}

// A hundredth of the day's money is drawn at a time, for the day in UTC; what
// was not spent, since nobody was reached who charges, is back at the end.
func TestMoneyIsDrawnInPiecesAndBroughtBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p till
		config := shadow.BudgetConfig{
			Purse: &p, PerDay: 3, Relay: compare.Prices{"default": {Input: 1, Output: 1}},
			// Half past one at night, and in UTC still the day before.
			Clock: func() time.Time { return time.Date(2026, 3, 2, 1, 30, 0, 0, time.FixedZone("east", 10*3600)) },
		}
		spend(t, config, func(offer func(*exchange.Request) bool) {
			for range 5 {
				offer(request("a"))
			}
		})
		if want := "2026-03-01 30000 of 3000000"; len(p.asked) == 0 || p.asked[0] != want {
			t.Errorf("asked for %q, want %q first", p.asked, want)
		}
		if len(p.asked) != 1 {
			t.Errorf("asked for %q: what was not spent was not used again", p.asked)
		}
		if p.spent != 0 {
			t.Errorf("%d millionths are spent, and nobody was reached", p.spent)
		}
	})
}
