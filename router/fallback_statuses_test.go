package router_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"cutover/upstream"
)

// TestStatusesToFallBackOn: what is listed is replaced, and retried where the
// policy says so; what is not listed passes as it is, after one call.
func TestStatusesToFallBackOn(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		on     []string
		status int
		by     string
		calls  int64
	}{
		{"the default replaces 503", nil, 503, "primary because of overloaded", 2},
		{"the default passes 422", nil, 422, "relay", 1},
		{"listed, and worth a retry", []string{"429"}, 429, "primary because of rate-limited", 2},
		{"listed, and would come again", []string{"422"}, 422, "primary because of bad-request", 1},
		{"400 by its class", []string{"4xx"}, 400, "primary because of bad-request", 1},
		{"not listed: passed on, and no retry", []string{"429"}, 503, "relay", 1},
		{"an empty list", []string{}, 500, "relay", 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			const said = `{"error":{"message":"x","type":"t"}}`
			policies := &upstream.Policies{Retry: upstream.RetryPolicy{Attempts: 2, Base: time.Millisecond}}
			calls := make(chan struct{}, 8)
			b, primary := policyBench(t, policies, func(w http.ResponseWriter, _ *http.Request) {
				calls <- struct{}{}
				w.WriteHeader(row.status)
				_, _ = io.WriteString(w, said)
			}, func(s *setup) {
				own := s.relay
				s.relay = func(c *upstreamConfig) { own(c); c.FallbackOn = row.on }
			})
			resp, body := b.do("POST", "/v1/chat/completions", chat, "Content-Type", "application/json")
			if got := by(resp); got != row.by || int64(len(calls)) != row.calls {
				t.Errorf("served by %s after %d calls of the relay, want %s after %d", got, len(calls), row.by, row.calls)
			}
			if row.by == "relay" && (resp.StatusCode != row.status || body != said || primary.Load() != 0) {
				t.Errorf("%d %q after %d calls of the primary, want the relay's own response", resp.StatusCode, body, primary.Load())
			}
		})
	}
}

// TestTheReferencesStatusesToRetry: its responses are never replaced, and
// its list says which of them are worth a retry.
func TestTheReferencesStatusesToRetry(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		on    []string
		calls int
	}{{nil, 2}, {[]string{"429"}, 1}, {[]string{"5xx"}, 2}} {
		calls := make(chan struct{}, 8)
		b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			calls <- struct{}{}
			w.WriteHeader(500)
		}), setup{primary: func(c *upstreamConfig) {
			c.FallbackOn = row.on
			c.Policies = &upstream.Policies{Retry: upstream.RetryPolicy{Attempts: 2, Base: time.Millisecond}}
		}})
		resp, _ := b.do("POST", "/v1/chat/completions", chat, "Content-Type", "application/json")
		if resp.StatusCode != 500 || len(calls) != row.calls {
			t.Errorf("%q: %d after %d calls, want 500 after %d", row.on, resp.StatusCode, len(calls), row.calls)
		}
	}
}
