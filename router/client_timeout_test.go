package router_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"cutover/exchange"
	"cutover/upstream"
	"cutover/upstream/limit"
)

// TestRetriesKeepToTheHeaderLimit: how long the first choice may take to respond
// holds for all of its calls together, so that the fallback has its turn.
func TestRetriesKeepToTheHeaderLimit(t *testing.T) {
	t.Parallel()
	const limit, slow = 1200 * time.Millisecond, 600 * time.Millisecond
	d := dialects()[0]
	for _, row := range []struct {
		name  string
		after string // that the first failure asks for, in milliseconds
		calls int64
	}{{"the retry has what is left of it", "1", 2}, {"a wait that would use it up", "700", 1}} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int64
			policies := &upstream.Policies{Retry: upstream.RetryPolicy{Attempts: 5, Base: time.Millisecond}}
			b, _ := policyBench(t, policies, func(w http.ResponseWriter, r *http.Request) {
				drain(r)
				if calls.Add(1) > 1 {
					hang(r)
					return
				}
				select {
				case <-time.After(slow):
				case <-r.Context().Done():
				}
				w.Header().Set("Retry-After-Ms", row.after)
				w.WriteHeader(503)
			}, func(s *setup) {
				own := s.relay
				s.relay = func(c *upstreamConfig) { own(c); c.Timeouts.Header = limit }
			})
			resp, got := b.do("POST", d.path, streamed, "Content-Type", "application/json")
			_, x := b.exchangeOf(1)
			if resp.Header.Get("X-Cutover-Served-By") != "primary" || got != d.whole(true) || calls.Load() != row.calls ||
				len(x.Trail) != int(row.calls) {
				t.Fatalf("served by %s after %d calls: %+v", by(resp), calls.Load(), x.Trail)
			}
			if row.calls < 2 {
				return
			}
			last := x.Trail[1]
			if last.Class != exchange.ClassHeaderTimeout || time.Duration(last.Took) > limit-slow/2 {
				t.Errorf("the retry ended as %q after %s, want a timeout after what is left of %s", last.Class, last.Took, limit)
			}
		})
	}
}

// TestQueueTimeoutKeepsToTheClientTimeout: a caller that says how long it
// waits is served by the fallback before that is over.
func TestQueueTimeoutKeepsToTheClientTimeout(t *testing.T) {
	t.Parallel()
	d := dialects()[0]
	limiter, err := limit.New(limit.Options{Name: "relay", Limits: limit.Limits{Concurrency: 1}})
	if err != nil {
		t.Fatal(err)
	}
	lease, err := limiter.TryAcquire("another call", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Release()
	b, _ := policyBench(t, &upstream.Policies{Limiter: limiter, QueueTimeout: time.Hour}, func(http.ResponseWriter, *http.Request) {
		t.Error("the relay was called")
	}, nil)
	resp, got := b.do("POST", d.path, streamed, "Content-Type", "application/json", "X-Stainless-Timeout", "0.3")
	if by(resp) != "primary because of limit-concurrency" || got != d.whole(true) {
		t.Errorf("served by %s: %q", by(resp), got)
	}
	_, x := b.exchangeOf(1)
	if len(x.Trail) != 1 || time.Duration(x.Trail[0].Took) < 200*time.Millisecond || time.Duration(x.Trail[0].Took) > 20*time.Second {
		t.Errorf("trail %+v, want a wait of the caller's length", x.Trail)
	}
}
