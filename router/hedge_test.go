package router_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cutover/exchange"
	"cutover/router"
	"cutover/upstream"
)

// outcome is all that a caller can see of a response.
type outcome struct {
	status int
	header string
	body   string
	broken bool
}

func outcomeOf(t *testing.T, b *bench, d *dialect) outcome {
	t.Helper()
	resp := b.post(t, context.Background(), d.path, streamed)
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	for _, own := range []string{"Date", "X-Cutover-Request-Id"} { // of each response
		resp.Header.Del(own)
	}
	return outcome{resp.StatusCode, fmt.Sprint(resp.Header), string(body), err != nil}
}

// referenceFaults are responses of a reference that fails as well.
func referenceFaults() map[string]func(d *dialect, w http.ResponseWriter) {
	large := strings.Repeat("x", 1<<20)
	return map[string]func(d *dialect, w http.ResponseWriter){
		"429": func(_ *dialect, w http.ResponseWriter) {
			w.Header().Set("Retry-After", "17")
			w.Header().Set("X-Should-Retry", "true")
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(429)
			_, _ = io.WriteString(w, `{"error":{"message":"slow down","type":"rate_limit_error"}}`)
		},
		"401": func(_ *dialect, w http.ResponseWriter) {
			w.WriteHeader(401)
			_, _ = io.WriteString(w, `{"error":{"message":"no","type":"t"}}`)
		},
		"503 of a large page": func(_ *dialect, w http.ResponseWriter) {
			w.WriteHeader(503)
			_, _ = io.WriteString(w, large)
		},
		"error event": func(d *dialect, w http.ResponseWriter) { send(w, d.opening, []string{errorIn(d)}) },
		"error event, and more": func(d *dialect, w http.ResponseWriter) {
			send(w, []string{errorIn(d)}, d.content)
		},
		"a page":     func(_ *dialect, w http.ResponseWriter) { _, _ = io.WriteString(w, "<html>") },
		"no content": func(d *dialect, w http.ResponseWriter) { send(w, d.opening) },
		"broken stream": func(d *dialect, w http.ResponseWriter) {
			send(w, d.opening)
			panic(http.ErrAbortHandler)
		},
		"no response": func(*dialect, http.ResponseWriter) { panic(http.ErrAbortHandler) },
	}
}

// TestARaceThatBothLose: whoever fails first, the caller gets what the
// reference has said, as it would without a hedge, and each was called once.
func TestARaceThatBothLose(t *testing.T) {
	t.Parallel()
	d := dialects()[0]
	for name, reference := range referenceFaults() {
		plain := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { reference(&d, w) }),
			setup{decide: serveByRelay, relayHandler: status(500)})
		want := outcomeOf(t, plain, &d)
		for _, order := range []string{"the relay first", "the reference first"} {
			t.Run(name+"/"+order, func(t *testing.T) {
				t.Parallel()
				var calls [2]atomic.Int64
				asked, over := make(chan struct{}), make(chan struct{}) // the reference was called; its response has ended
				failed := make(chan struct{})                           // the relay has
				b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					calls[exchange.Primary].Add(1)
					close(asked)
					defer close(over)
					if order == "the relay first" {
						until(r, failed)
					}
					reference(&d, w)
				}), setup{
					decide: serveByRelay,
					router: func(c *routerConfig) { c.Hedge = router.Hedge{Delay: time.Millisecond} },
					relayHandler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						_, _ = io.Copy(io.Discard, r.Body)
						calls[exchange.Relay].Add(1)
						defer close(failed)
						if until(r, asked); order == "the reference first" {
							until(r, over)
						}
						w.WriteHeader(500)
					}),
				})
				if got := outcomeOf(t, b, &d); got != want {
					t.Errorf("with a hedge %+v\nwithout     %+v", got, want)
				}
				if p, r := calls[exchange.Primary].Load(), calls[exchange.Relay].Load(); p != 1 || r != 1 {
					t.Errorf("the primary was called %d times, the relay %d times, want each once", p, r)
				}
				_, x := b.exchangeOf(1)
				if x.Hedge != exchange.HedgeNeeded || len(x.Trail) != 1 || x.Trail[0].Next != "fallback" || x.Trail[0].Class != exchange.ClassServer {
					t.Errorf("hedge %q, trail %+v", x.Hedge, x.Trail)
				}
			})
		}
	}
}

// until waits for a channel, as long as the caller of r is there.
func until(r *http.Request, c <-chan struct{}) {
	select {
	case <-c:
	case <-r.Context().Done():
	}
}

// TestAResponsePutAsideIsNotSilent: while the reference's failure waits for the
// relay's, nobody reads it, and its limits on silence don't run.
func TestAResponsePutAsideIsNotSilent(t *testing.T) {
	t.Parallel()
	d := dialects()[0]
	asked, failed := make(chan struct{}), make(chan struct{})
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(429)
		_, _ = io.WriteString(w, "one ")
		w.(http.Flusher).Flush()
		close(asked)
		until(r, failed)
		_, _ = io.WriteString(w, "two")
	}), setup{
		decide: serveByRelay,
		primary: func(c *upstreamConfig) {
			c.Timeouts = upstream.Timeouts{FirstToken: 100 * time.Millisecond, Idle: 100 * time.Millisecond}
		},
		router: func(c *routerConfig) { c.Hedge = router.Hedge{Delay: time.Millisecond} },
		relayHandler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			until(r, asked)
			select {
			case <-time.After(400 * time.Millisecond):
			case <-r.Context().Done():
			}
			close(failed)
			w.WriteHeader(500)
		}),
	})
	if got := outcomeOf(t, b, &d); got.status != 429 || got.body != "one two" || got.broken {
		t.Errorf("%+v, want all of the primary's 429", got)
	}
}

// TestHedgeOutcomes: what came of a hedge is on the exchange, whoever serves.
func TestHedgeOutcomes(t *testing.T) {
	t.Parallel()
	d := dialects()[0]
	ok := func(_ chan struct{}, w http.ResponseWriter, r *http.Request) { right(&d, w, r) }
	silent := func(_ chan struct{}, _ http.ResponseWriter, r *http.Request) { hang(r) }
	for _, row := range []struct {
		name           string
		relay, primary func(other chan struct{}, w http.ResponseWriter, r *http.Request)
		delay          time.Duration
		spent          bool
		by             string
		hedge          exchange.Hedge
		trail          string
		primed         int64
	}{
		{"won", silent, ok, time.Millisecond, false, "primary because of hedge", exchange.HedgeWon, "relay aborted hedge", 1},
		{"lost", func(other chan struct{}, w http.ResponseWriter, r *http.Request) {
			until(r, other)
			right(&d, w, r)
		}, func(other chan struct{}, _ http.ResponseWriter, r *http.Request) {
			close(other)
			hang(r)
		}, time.Millisecond, false, "relay", exchange.HedgeLost, "", 1},
		{"failed", func(other chan struct{}, w http.ResponseWriter, r *http.Request) {
			until(r, other)
			select { // the router must have seen the other's failure
			case <-time.After(200 * time.Millisecond):
			case <-r.Context().Done():
			}
			right(&d, w, r)
		}, func(other chan struct{}, w http.ResponseWriter, _ *http.Request) {
			defer close(other)
			w.WriteHeader(503)
		}, time.Millisecond, false, "relay", exchange.HedgeFailed, "primary overloaded hedge", 1},
		{"no budget", func(_ chan struct{}, w http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(100 * time.Millisecond):
			case <-r.Context().Done():
			}
			right(&d, w, r)
		}, ok, time.Millisecond, true, "relay", exchange.HedgeNoBudget, "", 0},
		{"not reached", ok, ok, time.Hour, false, "relay", "", "", 0},
		{"it fails before", func(_ chan struct{}, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, ok, time.Hour, false,
			"primary because of server-error", "", "relay server_error fallback", 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			other := make(chan struct{})
			var primed atomic.Int64
			budget := upstream.NewRetryBudget(.001, 1)
			if row.spent {
				budget.Spend()
			}
			drained := func(h func(chan struct{}, http.ResponseWriter, *http.Request)) http.HandlerFunc {
				return func(w http.ResponseWriter, r *http.Request) {
					body, _ := io.ReadAll(r.Body)
					r.Body = io.NopCloser(strings.NewReader(string(body)))
					h(other, w, r)
				}
			}
			b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				primed.Add(1)
				drained(row.primary)(w, r)
			}), setup{
				decide:       serveByRelay,
				router:       func(c *routerConfig) { c.Hedge = router.Hedge{Delay: row.delay, Budget: budget} },
				relayHandler: drained(row.relay),
			})
			resp, got := b.do("POST", d.path, streamed, "Content-Type", "application/json")
			if by(resp) != row.by || got != d.whole(true) || primed.Load() != row.primed {
				t.Errorf("served by %s after %d calls of the primary: %q; want %s after %d", by(resp), primed.Load(), got, row.by, row.primed)
			}
			_, x := b.exchangeOf(1)
			trail := ""
			for _, step := range x.Trail {
				trail += fmt.Sprint(step.Upstream, " ", step.Class, " ", step.Next)
			}
			if x.Hedge != row.hedge || trail != row.trail {
				t.Errorf("hedge %q, trail %q; want %q, %q", x.Hedge, trail, row.hedge, row.trail)
			}
		})
	}
}

// TestRetriesOfTheReferenceUnderAHedge: a relay that fails before it is time
// falls back as without a hedge, with the reference's own retries.
func TestRetriesOfTheReferenceUnderAHedge(t *testing.T) {
	t.Parallel()
	d := dialects()[0]
	for _, hedge := range []router.Hedge{{}, {Delay: time.Hour}, {Latency: router.NewLatencyTracker(.95)}} {
		var primary, relay atomic.Int64
		b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if primary.Add(1) < 3 {
				w.WriteHeader(503)
				return
			}
			right(&d, w, r)
		}), setup{
			decide: serveByRelay,
			primary: func(c *upstreamConfig) {
				c.Policies = &upstream.Policies{Retry: upstream.RetryPolicy{Attempts: 3, Base: time.Millisecond}}
			},
			router: func(c *routerConfig) { c.Hedge = hedge },
			relayHandler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				relay.Add(1)
				w.WriteHeader(500)
			}),
		})
		resp, got := b.do("POST", d.path, streamed, "Content-Type", "application/json")
		if by(resp) != "primary because of server-error" || got != d.whole(true) || primary.Load() != 3 || relay.Load() != 1 {
			t.Errorf("%+v: served by %s after %d calls of the primary and %d of the relay", hedge, by(resp), primary.Load(), relay.Load())
		}
		if _, x := b.exchangeOf(1); len(x.Trail) != 3 {
			t.Errorf("%+v: trail %+v, want the relay's failure and two retries", hedge, x.Trail)
		}
	}
}

// TestHedgeByTheRelaysOwnLatency: the relay's first responses teach when it is slow;
// streams and other responses separately, failures not at all.
func TestHedgeByTheRelaysOwnPace(t *testing.T) {
	t.Parallel()
	d := dialects()[0]
	pace := router.NewLatencyTracker(.95)
	var calls, primary atomic.Int64
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		primary.Add(1)
		right(&d, w, r)
	}), setup{
		decide: serveByRelay,
		router: func(c *routerConfig) { c.Hedge = router.Hedge{Latency: pace} },
		relayHandler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			switch n := calls.Add(1); {
			case n <= 5:
				w.WriteHeader(500)
			case n <= 35:
				right(&d, w, r)
			default:
				hang(r)
			}
		}),
	})
	ask := func() string {
		resp, got := b.do("POST", d.path, streamed, "Content-Type", "application/json")
		if got != d.whole(true) {
			t.Fatalf("%q", got)
		}
		return by(resp)
	}
	for range 35 {
		ask()
	}
	state := pace.State(time.Now())
	if len(state) != 1 || state[0].Model != "gpt-4o" || !state[0].Stream || state[0].Calls != 30 || state[0].Delay <= 0 ||
		time.Duration(state[0].Delay) > 10*time.Second {
		t.Fatalf("after 30 good calls and 5 failures: %+v", state)
	}
	if who := ask(); who != "primary because of hedge" || primary.Load() != 6 {
		t.Errorf("a silent relay: served by %s; the primary was called %d times", who, primary.Load())
	}
	b.exchangeOf(36)
	b.settled(func() bool { return pace.State(time.Now())[0].Calls == 31 }, "the slow call counts")
}

// settled waits for the work that follows a response.
func (b *bench) settled(done func() bool, what string) {
	b.t.Helper()
	tick, limit := time.NewTicker(2*time.Millisecond), time.After(20*time.Second)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-limit:
			b.t.Fatalf("waited in vain: %s", what)
		}
	}
}
