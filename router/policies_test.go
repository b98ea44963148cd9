package router_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cutover/exchange"
	"cutover/flags"
	"cutover/router"
	"cutover/upstream"
	"cutover/upstream/limit"
)

// policyBench is a bench whose relay serves under policies and whose primary is healthy.
func policyBench(t *testing.T, policies *upstream.Policies, relay http.HandlerFunc, change func(*setup)) (*bench, *atomic.Int64) {
	t.Helper()
	d := dialects()[0]
	var primary atomic.Int64
	s := setup{
		decide: serveByRelay,
		relay: func(c *upstreamConfig) {
			c.Policies = policies
			c.Auth = upstream.Auth{Kind: upstream.Bearer, Key: "rk"}
		},
		relayHandler: relay,
	}
	if change != nil {
		change(&s)
	}
	return newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		primary.Add(1)
		right(&d, w, r)
	}), s), &primary
}

func by(resp *http.Response) string {
	s := resp.Header.Get("X-Cutover-Served-By")
	if why := resp.Header.Get("X-Cutover-Fallback"); why != "" {
		s += " because of " + why
	}
	return s
}

func TestRetries(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		fail   int64 // calls that fail first
		status int
		header string // of the failure; several: one a line
		calls  int64  // that the relay sees
		by     string
	}{
		{"one failure is hidden", 1, 503, "", 2, "relay"},
		{"two failures are hidden", 2, 503, "Retry-After-Ms: 1", 3, "relay"},
		{"attempts are used up", 9, 503, "", 3, "primary because of overloaded"},
		{"the provider says no", 9, 503, "X-Should-Retry: false", 1, "primary because of overloaded"},
		{"the provider asks for too long", 9, 429, "Retry-After: 3600", 1, "primary because of rate-limited"},
		{"it would come again", 9, 401, "", 1, "primary because of auth"},
		{"the caller's mistake is no failure", 9, 400, "", 1, "relay"},
		{"the provider says yes", 1, 404, "X-Should-Retry: true", 2, "relay"},
		{"it says yes to nothing that is passed on", 1, 400, "X-Should-Retry: true", 1, "relay"},
		{"milliseconds come before seconds", 1, 429, "Retry-After: 3600\nRetry-After-Ms: 1", 2, "relay"},
		{"a date gone by", 1, 503, "Retry-After: Sun, 01 Mar 2020 12:00:00 GMT", 2, "relay"},
		{"a date too far off", 9, 503, "Retry-After: Fri, 01 Mar 2120 12:00:00 GMT", 1, "primary because of overloaded"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			d := dialects()[0]
			var calls atomic.Int64
			policies := &upstream.Policies{Retry: upstream.RetryPolicy{Attempts: 3, Base: time.Millisecond, MaxAfter: time.Second}}
			b, primary := policyBench(t, policies, func(w http.ResponseWriter, r *http.Request) {
				if calls.Add(1) <= row.fail {
					for line := range strings.Lines(row.header) {
						k, v, _ := strings.Cut(strings.TrimSpace(line), ": ")
						w.Header().Set(k, v)
					}
					w.WriteHeader(row.status)
					return
				}
				right(&d, w, r)
			}, nil)
			resp, _ := b.do("POST", d.path, streamed, "Content-Type", "application/json")
			if got := by(resp); got != row.by || calls.Load() != row.calls {
				t.Errorf("served by %s after %d calls, want %s after %d", got, calls.Load(), row.by, row.calls)
			}
			if got, want := primary.Load() == 1, strings.HasPrefix(row.by, "primary"); got != want {
				t.Errorf("the primary was called %d times", primary.Load())
			}
			_, x := b.exchangeOf(1)
			if want := row.calls - 1 + primary.Load(); int64(len(x.Trail)) != want {
				t.Errorf("trail = %+v, want %d steps", x.Trail, want)
			}
		})
	}
}

// A caller that says how long it waits is not kept waiting for a retry that
// would come too late: the other provider serves now.
func TestRetriesKeepToTheClientTimeout(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		header, value, after string
		calls                int64
	}{
		{"X-Stainless-Timeout", "5", "Retry-After: 30", 1},
		{"X-Stainless-Read-Timeout", "4.5", "Retry-After: 30", 1},
		{"X-Stainless-Timeout", "600", "Retry-After-Ms: 5", 2},
		{"X-Stainless-Timeout", "0", "Retry-After-Ms: 5", 2},
		{"X-Stainless-Timeout", "soon", "Retry-After-Ms: 5", 2},
		{"X-Stainless-Timeout", "NaN", "Retry-After-Ms: 5", 2},
		{"X-Stainless-Timeout", "1e300", "Retry-After-Ms: 5", 2},
	} {
		t.Run(row.header+" "+row.value, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int64
			policies := &upstream.Policies{Retry: upstream.RetryPolicy{Attempts: 2, Base: time.Millisecond}}
			b, primary := policyBench(t, policies, func(w http.ResponseWriter, _ *http.Request) {
				calls.Add(1)
				k, v, _ := strings.Cut(row.after, ": ")
				w.Header().Set(k, v)
				w.WriteHeader(503)
			}, nil)
			begun := time.Now()
			b.do("POST", "/v1/chat/completions", chat, "Content-Type", "application/json", row.header, row.value)
			if d := time.Since(begun); calls.Load() != row.calls || primary.Load() != 1 || d > 4*time.Second {
				t.Errorf("%d calls of the relay and %d of the primary in %v, want %d and one at once", calls.Load(), primary.Load(), d, row.calls)
			}
		})
	}
}

func TestRetryBudgetStopsStorms(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	policies := &upstream.Policies{
		Retry:  upstream.RetryPolicy{Attempts: 5, Base: time.Microsecond},
		Budget: upstream.NewRetryBudget(.1, 3),
	}
	b, primary := policyBench(t, policies, func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.WriteHeader(503)
	}, nil)
	const requests = 40
	for range requests {
		b.do("POST", "/v1/chat/completions", chat, "Content-Type", "application/json")
	}
	if most := int64(requests + requests/10 + 3); calls.Load() > most || primary.Load() != requests {
		t.Errorf(
			"the failing relay saw %d calls for %d requests, want at most %d; the primary saw %d",
			calls.Load(),
			requests,
			most,
			primary.Load(),
		)
	}
}

func TestServedCallsWaitForCapacityThenFallBack(t *testing.T) {
	t.Parallel()
	d := dialects()[0]
	limiter, err := limit.New(limit.Options{Name: "relay", Limits: limit.Limits{Concurrency: 1}})
	if err != nil {
		t.Fatal(err)
	}
	begun, release := make(chan struct{}, 2), make(chan struct{})
	b, _ := policyBench(t, &upstream.Policies{Limiter: limiter, QueueTimeout: 200 * time.Millisecond}, func(w http.ResponseWriter,
		r *http.Request) {
		begun <- struct{}{}
		<-release
		right(&d, w, r)
	}, nil)
	var wg sync.WaitGroup
	ask := func(want string) {
		resp, _, err := b.try("POST", d.path, chat, "Content-Type", "application/json")
		if err != nil {
			t.Error(err)
			return
		}
		if got := by(resp); got != want {
			t.Errorf("served by %s, want %s", got, want)
		}
	}
	wg.Go(func() { ask("relay") })
	<-begun
	ask("primary because of limit-concurrency") // gives up after its wait
	wg.Go(func() { ask("relay") })              // waits until the first is done
	close(release)
	wg.Wait()
}

func TestOpenBreakerSendsTheShareToThePrimary(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	policies := &upstream.Policies{Breaker: upstream.NewBreaker(upstream.BreakerOptions{MinCalls: 5, OpenFor: time.Hour}, time.Now())}
	b, primary := policyBench(t, policies, func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.WriteHeader(500)
	}, nil)
	last := ""
	for range 30 {
		resp, body := b.do("POST", "/v1/chat/completions", chat, "Content-Type", "application/json")
		if resp.StatusCode != 200 || body != chatCompletion {
			t.Fatalf("%d %q, want the primary's response", resp.StatusCode, body)
		}
		last = by(resp)
	}
	if last != "primary because of breaker" || calls.Load() > 6 || primary.Load() != 30 {
		t.Errorf("last served by %s; the relay saw %d calls, want 5; the primary %d, want 30", last, calls.Load(), primary.Load())
	}
	if state := policies.Breaker.State(time.Now()); len(state) < 2 || state[1].State != "open" {
		t.Errorf("state = %+v, want the model's circuit open", state)
	}
}

func TestABadKeyIsQuarantined(t *testing.T) {
	t.Parallel()
	d := dialects()[0]
	keys, err := upstream.NewKeys(
		upstream.KeysOptions{Upstream: "relay", Sources: []upstream.KeySource{{Name: "a", Value: "bad-key"}, {Name: "b", Value: "good-key"}}},
	)
	if err != nil {
		t.Fatal(err)
	}
	var bad atomic.Int64
	b, primary := policyBench(t, &upstream.Policies{Keys: keys}, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer good-key" {
			bad.Add(1)
			w.WriteHeader(401)
			return
		}
		right(&d, w, r)
	}, nil)
	for range 20 {
		b.do("POST", d.path, chat, "Content-Type", "application/json")
	}
	if bad.Load() != 1 || primary.Load() != 1 {
		t.Errorf("the bad key was used %d times and the primary served %d, want once each", bad.Load(), primary.Load())
	}
}

// An account that can't pay is known by what the error says, however the error
// comes: with a length or in chunks, as an event behind a 200, or followed by
// silence, which the caller does not wait for.
func TestAKeyWithoutQuotaIsQuarantined(t *testing.T) {
	t.Parallel()
	const broke = `{"error":{"message":"pay first","type":"insufficient_quota","code":"429"}}`
	for name, fail := range map[string]http.HandlerFunc{
		"with a length": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(429)
			_, _ = io.WriteString(w, broke)
		},
		"in chunks": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(429)
			for _, part := range []string{broke[:10], broke[10:30], broke[30:]} {
				send(w, []string{part})
			}
		},
		"behind a 200": func(w http.ResponseWriter, _ *http.Request) { send(w, []string{"data: " + broke + "\n\n"}) },
		"and then silence": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(402)
			send(w, []string{broke[:20]})
			hang(r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := dialects()[0]
			keys, err := upstream.NewKeys(
				upstream.KeysOptions{Upstream: "relay", Sources: []upstream.KeySource{{Name: "a", Value: "broke-key"}, {Name: "b", Value: "good-key"}}},
			)
			if err != nil {
				t.Fatal(err)
			}
			b, primary := policyBench(t, &upstream.Policies{Keys: keys}, func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != "Bearer good-key" {
					fail(w, r)
					return
				}
				right(&d, w, r)
			}, nil)
			begun := time.Now()
			for range 6 {
				b.do("POST", d.path, streamed, "Content-Type", "application/json")
			}
			if states, _ := keys.State(time.Now()); states[0].Quarantine != "quota" || states[1].Quarantine != "" || primary.Load() != 1 {
				t.Errorf("keys %+v, the primary served %d, want the first set aside for its quota after one call", states, primary.Load())
			}
			if d := time.Since(begun); d > 5*time.Second {
				t.Errorf("six calls took %v: they waited for an error's rest", d)
			}
		})
	}
}

func TestHedge(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		relay  func(d *dialect, w http.ResponseWriter, r *http.Request)
		delay  time.Duration
		spare  int // calls that the budget has
		by     string
		primed int64 // calls of the primary
	}{
		{"the relay is silent", func(_ *dialect, _ http.ResponseWriter, r *http.Request) { hang(r) }, 20 * time.Millisecond, 1,
			"primary because of hedge", 1},
		{"the relay opens and is silent", func(d *dialect, w http.ResponseWriter, r *http.Request) { send(w, d.opening); hang(r) },
			20 * time.Millisecond, 1, "primary because of hedge", 1},
		{"the relay speaks first", right, 10 * time.Second, 1, "relay", 0},
		{"the relay fails first", func(_ *dialect, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, 10 * time.Second, 1,
			"primary because of server-error", 1},
		{"no budget", func(d *dialect, w http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(100 * time.Millisecond):
			case <-r.Context().Done():
			}
			right(d, w, r)
		}, 20 * time.Millisecond, 0, "relay", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			d := dialects()[0]
			left := make(chan struct{})
			budget := upstream.NewRetryBudget(.001, 1)
			if row.spare == 0 {
				budget.Spend()
			}
			b, primary := policyBench(t, nil, func(w http.ResponseWriter, r *http.Request) {
				defer close(left)
				body, _ := io.ReadAll(r.Body)
				r.Body = io.NopCloser(strings.NewReader(string(body)))
				row.relay(&d, w, r)
			}, func(s *setup) {
				s.router = func(c *routerConfig) {
					c.Hedge = router.Hedge{Delay: row.delay, Budget: budget}
				}
			})
			resp, got := b.do("POST", d.path, streamed, "Content-Type", "application/json")
			if who := by(resp); who != row.by || got != d.whole(true) || primary.Load() != row.primed {
				t.Errorf(
					"served by %s with %q after %d calls of the primary; want %s, the complete response, %d",
					who,
					got,
					primary.Load(),
					row.by,
					row.primed,
				)
			}
			select {
			case <-left: // the loser's call has ended too
			case <-time.After(20 * time.Second):
				t.Error("the relay's call goes on")
			}
		})
	}
}

// TestBothFail: the caller is told so.
func TestBothFail(t *testing.T) {
	t.Parallel()
	b := newBench(t, status(503), setup{decide: serveByRelay, relayHandler: status(429)})
	resp, _ := b.do("POST", "/v1/chat/completions", chat, "Content-Type", "application/json")
	if got := by(resp); got != "primary because of rate-limited" || resp.StatusCode != 503 {
		t.Errorf("%d served by %s, want the primary's own 503", resp.StatusCode, got)
	}
}

// TestTheReferenceIsReplacedOnlyIfConfigured: the relay may hide a failing
// primary, but nobody expects it to.
func TestTheReferenceIsReplacedOnlyIfConfigured(t *testing.T) {
	t.Parallel()
	d := dialects()[0]
	for _, replace := range []bool{false, true} {
		b := newBench(t, status(503), setup{
			decide: func(flags.Attributes) flags.Decision { return flags.Decision{RelayEnabled: true, Fallback: true} },
			router: func(c *routerConfig) { c.ReplaceReference = replace },
			relayHandler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !replace {
					t.Error("the relay was called")
				}
				right(&d, w, r)
			}),
		})
		resp, _ := b.do("POST", d.path, chat, "Content-Type", "application/json")
		if want := map[bool]string{false: "primary", true: "relay because of overloaded"}[replace]; by(resp) != want {
			t.Errorf("replace=%v: served by %s, want %s", replace, by(resp), want)
		}
	}
}

// TestMixedFaults sends requests of both kinds while the relay fails in every
// way at random: no response may be mixed from two providers.
func TestMixedFaults(t *testing.T) {
	t.Parallel()
	for name, hedge := range map[string]router.Hedge{
		"alone": {}, "hedged": {Delay: 10 * time.Millisecond}, "hedged by its pace": {Latency: router.NewLatencyTracker(.5)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mixedFaults(t, hedge)
		})
	}
}

func mixedFaults(t *testing.T, hedge router.Hedge) {
	all := faults()
	d := dialects()[0]
	var n atomic.Int64
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		marked := d
		marked.content = []string{strings.ReplaceAll(d.content[0], "one", "PRIMARY"), strings.ReplaceAll(d.content[1], "two", "PRIMARY")}
		marked.plain = strings.ReplaceAll(d.plain, "hi", "PRIMARY")
		right(&marked, w, r)
	}), setup{
		decide: serveByRelay,
		router: func(c *routerConfig) { c.Hedge = hedge },
		relay: func(c *upstreamConfig) {
			c.Timeouts = upstream.Timeouts{Header: 300 * time.Millisecond, FirstToken: 300 * time.Millisecond, Idle: 300 * time.Millisecond}
		},
		relayHandler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			f := all[int(n.Add(1)*7919)%len(all)]
			if f.stream > 0 && !strings.Contains(string(body), `"stream":true`) {
				f = all[len(all)-1]
			}
			seen := make(chan struct{})
			close(seen)
			f.relay(&d, w, r.WithContext(context.WithValue(r.Context(), seenKey{}, seen)))
		}),
	})
	drained := make(chan struct{})
	defer close(drained)
	go func() {
		for {
			select {
			case <-b.more:
			case <-drained:
				return
			}
		}
	}()
	const callers, each = 16, 25
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			for k := range each {
				body := chat
				if (i+k)%2 == 0 {
					body = streamed
				}
				resp, got, _ := b.try("POST", d.path, body, "Content-Type", "application/json")
				if resp == nil {
					t.Error("no response at all")
					continue
				}
				relays := strings.Contains(got, "one ") || strings.Contains(got, `"hi"`)
				if strings.Contains(got, "PRIMARY") && relays {
					t.Errorf("a response of both: %q", got)
				}
				if who := resp.Header.Get("X-Cutover-Served-By"); who == "primary" && relays || who == "relay" && strings.Contains(got, "PRIMARY") {
					t.Errorf("the response of %s says %q", who, got)
				}
			}
		})
	}
	wg.Wait()
	b.exchangeOf(callers * each)
	b.mu.Lock()
	defer b.mu.Unlock()
	seen := map[exchange.Class]int{}
	races := map[exchange.Hedge]int{}
	for _, x := range b.served {
		races[x.Hedge]++
		for _, step := range x.Trail {
			seen[step.Class]++
		}
	}
	if len(seen) < 8 {
		t.Errorf("only these failures were met: %v", fmt.Sprint(seen))
	}
	if on := hedge.Delay > 0 || hedge.Latency != nil; on != (races[exchange.HedgeWon] > 0) || on != (len(races) > 1) {
		t.Errorf("races: %v", races)
	}
}
