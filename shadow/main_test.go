package shadow_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"cutover/compare"
	"cutover/exchange"
	"cutover/shadow"
	"cutover/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a mirror whose shadow requests go to handlers of the tests.
type rig struct {
	t      *testing.T
	mirror *shadow.Mirror
	stop   func() // ends Run and waits for it

	mu      sync.Mutex
	results []compare.Result
	more    chan struct{}
}

func newRig(t *testing.T, relay http.Handler, change func(*shadow.Config)) *rig {
	t.Helper()
	r := &rig{t: t, more: make(chan struct{}, 4096)}
	up := func(arm exchange.Arm, h http.Handler) *upstream.Upstream {
		srv := httptest.NewServer(h)
		t.Cleanup(srv.Close)
		c := upstream.Config{
			Name: arm.String(), Arm: arm, BaseURL: srv.URL + "/v1",
			Auth:     upstream.Auth{Kind: upstream.Bearer, Key: "rk"},
			Timeouts: upstream.Timeouts{Header: 10 * time.Second, Idle: 10 * time.Second},
		}
		if arm == exchange.Primary {
			c.Auth = upstream.Auth{Kind: upstream.Passthrough}
		} else {
			c.Models = upstream.Models{NameMap: upstream.NameMap{Exact: map[string]string{"gpt-4o": "gpt-4.1", "gpt-4o-mini": "unpriced"}},
				Strict: true}
		}
		u, err := upstream.New(c)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(u.Close)
		return u
	}
	cfg := shadow.Config{
		Primary: up(exchange.Primary, relay), Relay: up(exchange.Relay, relay),
		Sink: func(res compare.Result) {
			r.mu.Lock()
			r.results = append(r.results, res)
			r.mu.Unlock()
			r.more <- struct{}{}
		},
	}
	if change != nil {
		change(&cfg)
	}
	m, err := shadow.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.mirror = m
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := m.Run(ctx); err != nil {
			t.Errorf("Run = %v", err)
		}
	}()
	r.stop = sync.OnceFunc(func() { cancel(); <-ended })
	t.Cleanup(r.stop)
	return r
}

// request is a chat request as the router would offer it.
func request(id string, header ...string) *exchange.Request {
	body := []byte(`{"model":"gpt-4o","messages":[{"role":"user","content":"hello"}],"user":"u-1","metadata":{"a":"b"},"service_tier":` +
		`"flex","temperature":0.50}`)
	h := http.Header{"Content-Type": {"application/json"}}
	for i := 0; i+1 < len(header); i += 2 {
		h.Add(header[i], header[i+1])
	}
	ep := exchange.Lookup("POST", "/v1/chat/completions")
	facts, _, _ := exchange.Inspect(ep, h, body, id)
	return &exchange.Request{
		ID: id, Endpoint: ep, Method: "POST", Path: "/v1/chat/completions", Header: h,
		Body: body, Held: true, Facts: facts, At: time.Now(),
	}
}

// served is the exchange of a response that the caller got.
func served(q *exchange.Request, class exchange.Class) *exchange.Exchange {
	rec := exchange.NewRecorder(q.Asked(), exchange.Primary, "primary", q.At, exchange.RecorderOptions{KeepText: true})
	now := time.Now()
	if class == exchange.ClassNone {
		rec.Header(200, http.Header{"Content-Type": {"application/json"}}, now)
		rec.Write([]byte(answer("one two three")), now)
	}
	return rec.End(class, "", now)
}

func answer(text string) string {
	return `{"id":"c","object":"chat.completion","model":"gpt-4o","choices":[{"index":0,"message":{"role":"assistant","content":"` +
		text + `"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":3,"total_tokens":4}}`
}

// result waits for the n-th result.
func (r *rig) result(n int) compare.Result {
	r.t.Helper()
	limit := time.After(20 * time.Second)
	for {
		r.mu.Lock()
		if len(r.results) >= n {
			defer r.mu.Unlock()
			return r.results[n-1]
		}
		r.mu.Unlock()
		select {
		case <-r.more:
		case <-limit:
			r.t.Fatalf("no result %d came; counts: %v", n, r.mirror.Counts().All())
		}
	}
}

// until waits for a condition of the mirror, which has no event to wait for.
func (r *rig) until(what string, ok func() bool) {
	r.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	limit := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			r.t.Fatalf("waited in vain until %s; counts: %v", what, r.mirror.Counts().All())
		}
	}
}

func text(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, answer(s))
	}
}
