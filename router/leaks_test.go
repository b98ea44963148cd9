package router_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"cutover/router"
	"cutover/upstream"
	"cutover/upstream/limit"
)

// A response whose status net/http would panic about, and one that switches to a
// protocol that nobody asked for, are no responses: the next provider is asked,
// or the caller is told, and no slot or probe is lost.
func TestResponsesWithoutAStatus(t *testing.T) {
	t.Parallel()
	for name, head := range map[string]string{"below 100": "HTTP/1.1 099 Odd\r\nContent-Length: 2\r\n\r\nhi", "zero": "HTTP/1.1 000 \r\n\r\n",
		"a switch": "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"} {
		for _, by := range []string{"primary", "relay", "relay, hedged"} {
			t.Run(name+" of the "+by, func(t *testing.T) {
				t.Parallel()
				d := dialects()[0]
				raw := newRawUpstream(t, head)
				limiter, err := limit.New(limit.Options{Name: "x", Limits: limit.Limits{Concurrency: 3}})
				if err != nil {
					t.Fatal(err)
				}
				policies := &upstream.Policies{Limiter: limiter, Breaker: upstream.NewBreaker(upstream.BreakerOptions{}, time.Now())}
				odd := func(c *upstreamConfig) { c.BaseURL, c.Policies = raw.url()+"/v1", policies }
				s := setup{primary: odd}
				if by != "primary" {
					s = setup{relay: odd, decide: serveByRelay}
				}
				if by == "relay, hedged" {
					s.router = func(c *router.Config) { c.Hedge = router.Hedge{Delay: time.Minute} }
				}
				b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { right(&d, w, r) }), s)
				for range 2 {
					resp, body := b.do("POST", d.path, chat, "Content-Type", "application/json")
					if by == "primary" && (resp.StatusCode != http.StatusBadGateway || !strings.Contains(body, "cutover:")) {
						t.Errorf("%d %s, want the sidecar's own 502", resp.StatusCode, body)
					}
					if by != "primary" && resp.Header.Get("X-Cutover-Served-By") != "primary" {
						t.Errorf("%d by %s", resp.StatusCode, resp.Header.Get("X-Cutover-Served-By"))
					}
				}
				if s := limiter.State(); s.InFlight != 0 {
					t.Errorf("%d calls under way at the end", s.InFlight)
				}
				if s := policies.Breaker.State(time.Now()); s[1].Errors != 2 {
					t.Errorf("the breaker counted %d errors, want 2", s[1].Errors)
				}
			})
		}
	}
}

// Whatever goes wrong in the handler itself, what the call holds comes back.
func TestAPanicKeepsNoSlot(t *testing.T) {
	t.Parallel()
	limiter, err := limit.New(limit.Options{Name: "x", Limits: limit.Limits{Concurrency: 1}})
	if err != nil {
		t.Fatal(err)
	}
	d := dialects()[0]
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { right(&d, w, r) }), setup{
		primary: func(c *upstreamConfig) { c.Policies = &upstream.Policies{Limiter: limiter} },
	})
	panics := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { b.router.ServeHTTP(panicWriter{w}, r) })
	b.server.Config.Handler = panics
	for range 3 {
		if _, _, err := b.try("POST", d.path, chat, "Content-Type", "application/json"); err == nil {
			t.Fatal("the handler did not panic")
		}
		if s := limiter.State(); s.InFlight != 0 {
			t.Fatalf("%d calls under way after a panic", s.InFlight)
		}
	}
}

// panicWriter panics when a response's header is to be written.
type panicWriter struct{ http.ResponseWriter }

func (w panicWriter) WriteHeader(int) { panic(http.ErrAbortHandler) }

func (w panicWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
