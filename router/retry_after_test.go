package router_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cutover/exchange"
	"cutover/flags"
	"cutover/router"
	"cutover/upstream"
	"cutover/upstream/limit"
)

// TestOwnRefusalsSayWhenToRetry: a 429 and a 503 of the sidecar's own say when
// there is capacity again, in whole seconds.
func TestOwnRefusalsSayWhenToRetry(t *testing.T) {
	t.Parallel()
	limiter, err := limit.New(limit.Options{Name: "primary", Limits: limit.Limits{RPM: 6, Burst: .01}})
	if err != nil {
		t.Fatal(err)
	}
	opened := upstream.NewBreaker(upstream.BreakerOptions{MinCalls: 1, OpenFor: 30 * time.Second, Jitter: .0001}, time.Now())
	admission, _ := opened.Allow("gpt-4o", time.Now())
	admission.Report(exchange.ClassServer, 0, time.Now())
	for _, row := range []struct {
		name     string
		policies upstream.Policies
		status   int
		min, max int
	}{
		{"limit", upstream.Policies{Limiter: limiter}, 429, 1, 10},
		{"breaker", upstream.Policies{Breaker: opened}, 503, 29, 31},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, chatCompletion) }),
				setup{primary: func(c *upstreamConfig) { c.Policies = &row.policies }})
			var resp *http.Response
			for range 3 {
				resp, _ = b.do("POST", "/v1/chat/completions", chat, "Content-Type", "application/json")
			}
			after, err := time.ParseDuration(resp.Header.Get("Retry-After") + "s")
			seconds := int(after.Seconds())
			if resp.StatusCode != row.status || err != nil || seconds < row.min || seconds > row.max {
				t.Errorf("status %d, Retry-After %q; want %d and %d to %d", resp.StatusCode, resp.Header.Get("Retry-After"), row.status,
					row.min, row.max)
			}
		})
	}
}

// TestCutStreamInTheWordsOfProviders: an agent that repeats a call whose provider
// broke off repeats one whose relay did.
func TestCutStreamInTheWordsOfProviders(t *testing.T) {
	t.Parallel()
	for _, d := range dialects() {
		for _, how := range []string{"breaks", "silent", "ends"} {
			t.Run(d.name+"/"+how, func(t *testing.T) {
				t.Parallel()
				whole := d.whole(true)
				begin := whole[:strings.LastIndex(whole[:len(whole)/2+20], "\n\n")+2]
				b := newBench(t, http.NotFoundHandler(), setup{
					decide: func(flags.Attributes) flags.Decision { return flags.Decision{RelayEnabled: true, ServeRelay: true} },
					relay:  func(c *upstreamConfig) { c.Timeouts.Idle = 300 * time.Millisecond },
					relayHandler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						drain(r)
						w.Header().Set("Content-Type", "text/event-stream")
						_, _ = io.WriteString(w, begin)
						w.(http.Flusher).Flush()
						switch how {
						case "breaks":
							panic(http.ErrAbortHandler)
						case "silent":
							hang(r)
						}
					}),
				})
				resp, got, err := b.try("POST", d.path, streamed, "Content-Type", "application/json")
				if resp == nil || err == nil {
					t.Fatalf("%q, %v; want a broken connection", got, err)
				}
				var last struct {
					Type, Code, Message string
					Error               struct{ Type, Message string }
				}
				events := strings.Split(strings.TrimSpace(got), "data: ")
				if err := json.Unmarshal([]byte(events[len(events)-1]), &last); err != nil {
					t.Fatalf("%q: %v", got, err)
				}
				kind, message := last.Error.Type, last.Error.Message
				if last.Message != "" {
					kind, message = last.Code, last.Message
				}
				want, words := "server_error", "server_error"
				if strings.HasPrefix(d.path, "/v1/messages") {
					want, words = "overloaded_error", "Overloaded"
				}
				if kind != want || !strings.Contains(message, words) || !strings.Contains(message, "relay") {
					t.Errorf("error %q %q, want type %s and the word %s", kind, message, want, words)
				}
			})
		}
	}
}

// TestHedgeLeavesRetriesOn: a hedge is for calls that are slow; one that fails at
// once is repeated as the policy says.
func TestHedgeLeavesRetriesOn(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	b := newBench(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the primary was called") }), setup{
		relay: func(c *upstreamConfig) {
			c.Policies = &upstream.Policies{Retry: upstream.RetryPolicy{Attempts: 3, Base: time.Millisecond}}
		},
		router: func(c *routerConfig) { c.Hedge = router.Hedge{Delay: 20 * time.Second} },
		decide: func(flags.Attributes) flags.Decision {
			return flags.Decision{RelayEnabled: true, ServeRelay: true, Fallback: true}
		},
		relayHandler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if calls.Add(1) < 3 {
				w.WriteHeader(500)
				return
			}
			_, _ = io.WriteString(w, chatCompletion)
		}),
	})
	resp, _ := b.do("POST", "/v1/chat/completions", chat, "Content-Type", "application/json")
	_, x := b.exchangeOf(1)
	if resp.Header.Get("X-Cutover-Served-By") != "relay" || calls.Load() != 3 || len(x.Trail) != 2 || x.Trail[0].Next != "retry" {
		t.Errorf("served by %s after %d calls: %+v", by(resp), calls.Load(), x.Trail)
	}
}
