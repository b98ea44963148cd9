package shadow_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cutover/compare"
	"cutover/exchange"
	"cutover/shadow"
)

// books is a budget store that notes what it is told.
type books struct {
	mu    sync.Mutex
	days  []string
	syncs []shadow.BudgetSync
	away  bool
	lease func(shadow.BudgetSync) int64 // nil: what is wanted
}

func (b *books) Sync(_ context.Context, day string, s shadow.BudgetSync) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.days, b.syncs = append(b.days, day), append(b.syncs, s)
	if b.away {
		return 0, errors.New("away")
	}
	if b.lease != nil {
		return b.lease(s), nil
	}
	return s.Want, nil
}

func (b *books) setAway(away bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.away = away
}

// last is the latest sync, and how many there were.
func (b *books) last() (s shadow.BudgetSync, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n = len(b.syncs); n > 0 {
		s = b.syncs[n-1]
	}
	return s, n
}

// booked is what was booked in all.
func (b *books) booked() (sum int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	seen := map[uint64]bool{}
	for _, s := range b.syncs {
		if !seen[s.Number] {
			sum += s.Spent
		}
		seen[s.Number] = true
	}
	return sum
}

// one is a millionth of a dollar for a token.
var one = compare.Price{Input: 1, Output: 1}

// What a shadow request is expected to cost, in millionths of a dollar: a token
// for each 4 bytes of the request and one more, and as much output as the
// request allows, else 1,000 tokens; embeddings and counts bring none. Fractions
// count as a whole. A day's budget of exactly that is enough, one of a millionth
// less is not.
func TestWhatAShadowRequestIsExpectedToCost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		path  string
		bytes int
		out   int // that the request allows
		price compare.Price
		want  int64
	}{
		{"400 bytes, 10 tokens", "/v1/chat/completions", 400, 10, one, 400/4 + 1 + 10},
		{"403 bytes, 10 tokens", "/v1/chat/completions", 403, 10, one, 400/4 + 1 + 10},
		{"any response", "/v1/chat/completions", 400, 0, one, 400/4 + 1 + 1000},
		{"output costs five times as much", "/v1/chat/completions", 400, 10, compare.Price{Input: 1, Output: 5}, 400/4 + 1 + 5*10},
		{"embeddings", "/v1/embeddings", 400, 0, one, 400/4 + 1},
		{"a count of tokens", "/v1/messages/count_tokens", 400, 0, one, 400/4 + 1},
		{"a fraction of a millionth", "/v1/embeddings", 400, 0, compare.Price{Input: .002, Output: 1}, 1},
	} {
		for _, short := range []int64{0, 1} {
			b := shadow.NewBudget(shadow.BudgetConfig{
				Store: &books{}, PerDay: (float64(c.want-short) + .1) / 1e6,
				Relay: compare.Prices{"m": c.price}, Primary: compare.Prices{"m": {Input: 77, Output: 77}},
			})
			m := mirrorTo(t, nobody, func(config *shadow.Config) { config.Budget = b })
			t.Cleanup(m.Abort)
			q := request("a")
			q.Endpoint, q.Path = exchange.Lookup("POST", c.path), c.path
			q.Body, q.Facts.Model, q.Facts.MaxTokens = make([]byte, c.bytes), "m", c.out
			if got := offer(m, q); got != (short == 0) {
				t.Errorf("%s: with %d millionths a day it is sent: %v", c.name, c.want-short, got)
			}
		}
	}
}

// spend runs a budget of 3 dollars, millionths for tokens, under a fake clock;
// send offers a request of 1,111 millionths to a provider that nobody runs,
// waits for what becomes of it, and reports whether it was let pass.
func spend(t *testing.T, store *books, use func(send func() bool)) {
	prices := compare.Prices{"default": one}
	c := shadow.BudgetConfig{Store: store, PerDay: 3, Relay: prices, Primary: prices}
	// Where it is still the day before.
	c.SetClock(func() time.Time { return time.Now().In(time.FixedZone("west", -10*3600)) })
	b := shadow.NewBudget(c)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	m := mirrorTo(t, nobody, func(c *shadow.Config) { c.Budget = b })
	use(func() bool {
		dropped := m.Counts().Get(compare.Dropped)
		q := request("a")
		q.Body, q.Facts.MaxTokens = make([]byte, 440), 1000 // 440 / 4 + 1 + 1,000
		sent := offer(m, q)
		time.Sleep(time.Second / 10)
		synctest.Wait()
		return sent && m.Counts().Get(compare.Dropped) == dropped
	})
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// Nothing is leased before it is needed; then what the first request needs and
// a hundredth of the day's budget, for the day in UTC. Calls that never reached
// their provider cost nothing, and an idle sidecar gives its lease back.
func TestLeasesBeginAndEndWithTheNeed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var store books
		spend(t, &store, func(send func() bool) {
			time.Sleep(time.Minute)
			if _, n := store.last(); n != 0 {
				t.Errorf("%d syncs before anything is mirrored", n)
			}
			if !send() {
				t.Error("the first shadow request was dropped")
			}
			if s, _ := store.last(); s.Least != 1111 || s.Want != 1111+30_000 || s.PerDay != 3_000_000 || s.Spent != 0 {
				t.Errorf("%+v, want a lease of 1,111 at least and of 31,111", s)
			}
			if want := time.Now().UTC().Format(time.DateOnly); store.days[0] != want {
				t.Errorf("for the day %s, want %s", store.days[0], want)
			}
			_, before := store.last()
			time.Sleep(25 * time.Second) // the lease is renewed every 20 seconds
			if _, n := store.last(); n != before+1 {
				t.Errorf("renewed %d times in 25 seconds, want once", n-before)
			}
			time.Sleep(10 * time.Second) // 30 seconds after the last need it is given back
			if s, _ := store.last(); s.Want != 0 || s.Least != 0 {
				t.Errorf("after 35 idle seconds: %+v, want that the lease is given back", s)
			}
		})
		if store.booked() != 0 {
			t.Errorf("%d millionths are booked, and nobody was reached", store.booked())
		}
	})
}

// While the store is unreachable the lease is used for 50 seconds, since the
// others may have it after a minute.
func TestLeasesEndWhileTheStoreIsUnreachable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var store books
		spend(t, &store, func(send func() bool) {
			send()
			store.setAway(true)
			for second := 5; second <= 80; second += 5 { // often enough not to be idle
				time.Sleep(5 * time.Second)
				got, border := send(), second == 50 // the ticks' and the calls' own time may make either
				if !border && got != (second < 50) {
					t.Errorf("%d seconds after the store went away: sent %v", second, got)
				}
			}
			store.setAway(false)
			time.Sleep(2 * time.Second)
			if !send() {
				t.Error("the store is back, and shadow requests are not")
			}
		})
	})
}

// A request that can't be paid yet waits ten seconds.
func TestShadowRequestsWaitForMoney(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := shadow.NewBudget(shadow.BudgetConfig{Store: &books{}, PerDay: 3, Relay: compare.Prices{"default": one}}) // nobody runs it
		m := mirrorTo(t, nobody, func(c *shadow.Config) { c.Budget = b })
		if !offer(m, request("a")) {
			t.Fatal("not even begun")
		}
		time.Sleep(10*time.Second - time.Millisecond)
		synctest.Wait()
		if n := m.InFlight(); n != 1 {
			t.Errorf("%d wait after 10 seconds, want 1", n)
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		if n := m.InFlight(); n != 0 {
			t.Errorf("%d wait after more than 10 seconds", n)
		}
	})
}

// Usage that can't be true counts as the most that can: 200,000 tokens of input
// besides the body's bytes, and of output sixteen choices of what the request
// allows, or 200,000 tokens.
func TestTheMostThatAResponseCanCost(t *testing.T) {
	t.Parallel()
	absurd := usageTokens.ReplaceAllString(answer("x"), `"${1}_tokens":500000000`)
	for allowed, output := range map[int]int64{100: 16 * 100, 12_499: 16 * 12_499, 12_500: 200_000, 100_000: 200_000, 0: 200_000} {
		var store books
		prices := compare.Prices{"default": one}
		b := shadow.NewBudget(shadow.BudgetConfig{Store: &store, PerDay: 10, Relay: prices, Primary: prices})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- b.Run(ctx) }()
		r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, absurd)
		}), func(c *shadow.Config) { c.Budget = b })
		q := request("a")
		q.Facts.MaxTokens = allowed
		done := r.mirror.Offer(q)
		if done == nil {
			t.Fatalf("%d tokens allowed: not sent: %v", allowed, r.mirror.Counts().All())
		}
		done(served(q, exchange.ClassNone))
		r.result(1)
		cancel()
		<-ended
		if got, want := store.booked(), int64(len(q.Body))+200_000+output; got != want {
			t.Errorf("%d tokens allowed: %d are booked, want %d", allowed, got, want)
		}
	}
}

// A lease of exactly what a call needs is enough; what a call in flight may
// cost is no longer there for the next.
func TestALeaseIsUsedToTheLastAndOnce(t *testing.T) {
	t.Parallel()
	const needed = 440/4 + 1 + 1000
	release := make(chan struct{})
	store := books{lease: func(shadow.BudgetSync) int64 { return needed }}
	prices := compare.Prices{"default": one}
	b := begin(t, shadow.BudgetConfig{Store: &store, PerDay: 3, Relay: prices, Primary: prices})
	var calls atomic.Int64
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		calls.Add(1)
		<-release
		text("x")(w, req)
	}), func(c *shadow.Config) { c.Budget = b })
	t.Cleanup(sync.OnceFunc(func() { close(release) }))
	send := func() {
		q := request("a")
		q.Body, q.Facts.MaxTokens = make([]byte, 440), 1000
		offer(r.mirror, q)
	}
	send()
	r.until("the first call is in flight", func() bool { return calls.Load() == 1 })
	send()
	r.until("the second is dropped", func() bool { return r.mirror.Counts().Get(compare.Dropped) == 1 })
	if n := calls.Load(); n != 1 {
		t.Errorf("%d calls on money for one", n)
	}
}
