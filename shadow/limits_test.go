package shadow_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cutover/compare"
	"cutover/exchange"
	"cutover/shadow"
)

func TestExclude(t *testing.T) {
	t.Parallel()
	ex, err := shadow.ParseExclude([]string{"embeddings", "tenant:acme", "model:o1*", "path:/v1/chat/completions"})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		path, tenant, model, why string
	}{
		{"/v1/embeddings", "", "m", "excluded_endpoint"},
		{"/v1/responses", "acme", "m", "excluded_tenant"},
		{"/v1/responses", "acme2", "o1-mini", "excluded_model"},
		{"/v1/chat/completions", "x", "m", "excluded_path"},
		{"/v1/responses", "x", "gpt-4o", ""},
	} {
		r := newRig(t, text("x"), func(c *shadow.Config) { c.Exclude = ex })
		q := request("a")
		q.Endpoint, q.Path, q.Tenant = exchange.Lookup("POST", row.path), row.path, row.tenant
		if row.model != "m" {
			q.Facts.Model = row.model
		}
		if done := r.mirror.Offer(q); done != nil {
			done(served(q, exchange.ClassNone))
			if row.why != "" {
				t.Errorf("%+v was mirrored", row)
			}
			continue
		}
		if all := r.mirror.Counts().All(); row.why == "" || all[0].Outcome != compare.Skipped || all[0].Why != row.why {
			t.Errorf("%+v: counts = %v", row, all)
		}
	}
	_, err = shadow.ParseExclude([]string{"embedings", "user:x", "tenant:", "models"})
	if err == nil || strings.Count(err.Error(), "\n") != 3 {
		t.Errorf("ParseExclude of four mistakes = %v, want a line for each", err)
	}
}

func TestShadowRequestsPerSecond(t *testing.T) {
	t.Parallel()
	r := newRig(t, text("x"), func(c *shadow.Config) { c.MaxRPS = 5 })
	begun := 0
	for i := range 50 {
		q := request(fmt.Sprint(i))
		if done := r.mirror.Offer(q); done != nil {
			begun++
			done(served(q, exchange.ClassNone))
		}
	}
	if begun < 5 || begun > 7 { // a burst of one second's worth, and what the test's own time adds
		t.Errorf("%d of 50 shadow requests were sent at once, want 5", begun)
	}
}

// memoryBudget is a budget store in memory that can be made unreachable.
type memoryBudget struct {
	mu     sync.Mutex
	spent  map[string]int64
	leased int64
	away   atomic.Bool
	draws  atomic.Int64
}

var errAway = errors.New("unreachable")

func (p *memoryBudget) Sync(_ context.Context, day string, b shadow.BudgetSync) (int64, error) {
	p.draws.Add(1)
	if p.away.Load() {
		return 0, errAway
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spent[day] += b.Spent
	p.leased = min(b.Want, max(b.PerDay-p.spent[day], 0))
	return p.leased, nil
}

// TestBudgetIsNeverExceeded mirrors until the money is gone: what the relay
// charged must not be more than the budget, and what was not spent must be
// back in the store.
func TestBudgetIsNeverExceeded(t *testing.T) {
	t.Parallel()
	p := &memoryBudget{spent: map[string]int64{}}
	prices := compare.Prices{"gpt-4.1": {Input: 1000, Output: 1000}} // a call costs 4 tokens: .004 dollars
	b := shadow.NewBudget(shadow.BudgetConfig{Store: p, PerDay: 2, Relay: prices, Primary: prices})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	var calls atomic.Int64
	relay := text("x")
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		calls.Add(1)
		relay(w, req)
	}), func(c *shadow.Config) { c.Budget = b })
	charged := func() float64 { return float64(calls.Load()) * .004 }
	r.until("the budget is spent", func() bool {
		q := request("a")
		q.Facts.MaxTokens = 10 // reserved: 46 tokens
		if done := r.mirror.Offer(q); done != nil {
			done(served(q, exchange.ClassNone))
		}
		return charged() > 1.9
	})
	r.stop()
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if got := charged(); got > 2 {
		t.Errorf("%.3f dollars were spent, the budget is 2", got)
	}
	day := time.Now().UTC().Format(time.DateOnly)
	p.mu.Lock()
	defer p.mu.Unlock()
	if got, want := float64(p.spent[day])/1e6, charged(); got < want-.0001 || got > want+.0001 {
		t.Errorf("the store holds %.4f dollars as spent, %.4f were charged", got, want)
	}
}

func TestWithoutMoneyNoShadowRequests(t *testing.T) {
	t.Parallel()
	p := &memoryBudget{spent: map[string]int64{}}
	p.away.Store(true)
	var told atomic.Int64
	b := shadow.NewBudget(shadow.BudgetConfig{
		Store: p, PerDay: 1, Relay: compare.Prices{"gpt-4.1": {Input: 1, Output: 1}},
		Failed: func(error) { told.Add(1) },
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	r := newRig(t, text("x"), func(c *shadow.Config) { c.Budget = b })
	first := request("a")
	done := r.mirror.Offer(first) // it waits for money, since nobody has asked for any yet
	if done == nil {
		t.Fatal("the first shadow request did not wait")
	}
	done(served(first, exchange.ClassNone))
	r.until("it is dropped", func() bool { return r.mirror.Counts().Get(compare.Dropped) == 1 })
	if r.mirror.Offer(request("a")) != nil {
		t.Error("a shadow request was sent without money")
	}
	q := request("b")
	q.Facts.Model = "gpt-4o-mini" // maps to a model without a price
	if r.mirror.Offer(q) != nil {
		t.Error("a shadow request of unknown cost was sent")
	}
	if all := fmt.Sprint(r.mirror.Counts().All()); all != "[{dropped budget 2} {dropped no_price 1}]" {
		t.Errorf("counts = %s", all)
	}
	r.until("the failure is told", func() bool { return told.Load() > 0 })
	p.away.Store(false) // the store is back, and so are shadow requests
	r.until("a shadow request is sent", func() bool {
		q := request("c")
		done := r.mirror.Offer(q)
		if done != nil {
			done(served(q, exchange.ClassNone))
		}
		return done != nil
	})
}

// begin runs a budget until the test ends.
func begin(t *testing.T, c shadow.BudgetConfig) *shadow.Budget {
	t.Helper()
	b := shadow.NewBudget(c)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return b
}

// A provider that got a call and worked on it charges for it, whether or not a header came
// in time.
func TestShadowRequestsThatTimeOutAreNotFree(t *testing.T) {
	t.Parallel()
	p := &memoryBudget{spent: map[string]int64{}}
	prices := compare.Prices{"gpt-4.1": {Input: 1000, Output: 1000}} // a shadow request: some .05 dollars
	b := begin(t, shadow.BudgetConfig{Store: p, PerDay: 1, Relay: prices, Primary: prices})
	var calls atomic.Int64
	r := newRig(t, http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		calls.Add(1)
		_, _ = io.Copy(io.Discard, req.Body) // or the server would not notice that the call is given up
		<-req.Context().Done()               // thinking, and charging
	}), func(c *shadow.Config) { c.Budget = b })
	r.until("the budget is spent", func() bool {
		q := request("a")
		q.Facts.MaxTokens = 10
		n := calls.Load()
		done := r.mirror.Offer(q)
		if done == nil {
			return true
		}
		for i := 0; calls.Load() == n && i < 100; i++ {
			time.Sleep(time.Millisecond)
		}
		done(served(q, exchange.ClassAborted)) // the caller goes; a header timeout does the same
		return calls.Load() == n
	})
	if n := calls.Load(); n > 40 || n < 15 {
		t.Errorf("%d calls of .05 dollars were made on a budget of 1 dollar", n)
	}
}

// max_tokens of one request can't make this sidecar lease all that the fleet has for the day.
func TestOneRequestDoesNotDrawTheWholeDay(t *testing.T) {
	t.Parallel()
	p := &memoryBudget{spent: map[string]int64{}}
	prices := compare.Prices{"gpt-4.1": {Input: 2, Output: 8}}
	b := begin(t, shadow.BudgetConfig{Store: p, PerDay: 20, Relay: prices, Primary: prices})
	r := newRig(t, text("x"), func(c *shadow.Config) { c.Budget = b })
	q := request("a")
	q.Facts.MaxTokens = 1_000_000_000
	if r.mirror.Offer(q) != nil {
		t.Fatal("a shadow request of 8,000 dollars was begun")
	}
	if n := p.draws.Load(); n != 0 {
		t.Errorf("money was asked for %d times, before anything that can be paid", n)
	}
	small := request("b")
	done := r.mirror.Offer(small)
	if done == nil {
		t.Fatal("the next shadow request was refused")
	}
	done(served(small, exchange.ClassNone))
	if res := r.result(1); res.Outcome != compare.Both {
		t.Errorf("outcome %v, want that it waits for its money and is sent", res.Outcome)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.leased > 1_000_000 {
		t.Errorf("%d of 20,000,000 are leased", p.leased)
	}
}

// Usage that can't be true is no bill.
func TestAbsurdUsageIsNotCharged(t *testing.T) {
	t.Parallel()
	p := &memoryBudget{spent: map[string]int64{}}
	prices := compare.Prices{"gpt-4.1": {Input: 2.5, Output: 10}}
	b := begin(t, shadow.BudgetConfig{Store: p, PerDay: 10, Relay: prices, Primary: prices})
	body := strings.Replace(answer("x"), `"usage":{`, `"usage":{"total_tokens":1000000005,`, 1)
	body = usageTokens.ReplaceAllString(body, `"${1}_tokens":500000000`)
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
	}), func(c *shadow.Config) { c.Budget = b })
	for i := range 3 {
		q := request(fmt.Sprint(i))
		q.Facts.MaxTokens = 100
		done := r.mirror.Offer(q)
		if done == nil {
			t.Fatalf("after %d absurd responses nothing is mirrored: %v", i, r.mirror.Counts().All())
		}
		done(served(q, exchange.ClassNone))
		if res := r.result(i + 1); res.Relay.InputTokens != 500_000_000 || res.Outcome != compare.Both {
			t.Fatalf("result %+v", res.Relay)
		}
	}
}

var usageTokens = regexp.MustCompile(`"(prompt|completion)_tokens":\d+`)

func TestNoiseCallsThePrimaryAgain(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		n.Add(1)
		word := "relay"
		if req.Header.Get("Authorization") == "Bearer sk-caller" { // the primary's second call
			word = "two three"
		}
		text("one "+word)(w, req)
	}), nil)
	q := request("a", "Authorization", "Bearer sk-caller")
	q.Route.Noise = true
	r.mirror.Offer(q)(served(q, exchange.ClassNone))
	res := r.result(1)
	if n.Load() != 2 || res.Outcome != compare.Both || res.Noise == nil {
		t.Fatalf("%d calls, result %+v; want two calls and a triple", n.Load(), res)
	}
	if res.Noise.Self != 0 || res.Noise.Relay <= 0 || res.Noise.Again <= 0 {
		t.Errorf("triple = %+v, want the primary equal to itself and the relay different", *res.Noise)
	}
	if begun, refused := r.mirror.Reruns(); begun != 1 || refused != 0 {
		t.Errorf("Reruns() = %d, %d; want 1, 0", begun, refused)
	}
	r.stop()
	if held, calls := r.mirror.Held(), r.mirror.InFlight(); held != 0 || calls != 0 {
		t.Errorf("%d bytes and %d calls are still held", held, calls)
	}
}
