package shadow_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"cutover/exchange"
	"cutover/shadow"
	"cutover/upstream"
)

// TestPingsAreNoLife: nobody waits for a shadow request who would hang up on a
// provider that sends nothing but pings and comments.
func TestPingsAreNoLife(t *testing.T) {
	t.Parallel()
	const (
		word   = `data: {"id":"c","choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}]}` + "\n\n"
		empty  = `data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":null}]}` + "\n\n"
		finish = `data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\ndata: [DONE]\n\n"
		ping   = "event: ping\ndata: {\"type\":\"ping\"}\n\n"
	)
	for _, row := range []struct {
		name, between string
		want          exchange.Class
	}{
		{"comments", ": still here\n\n", exchange.ClassIdle},
		{"pings", ping, exchange.ClassIdle},
		{"unnamed pings", "data: {\"type\": \"ping\"}\n\n", exchange.ClassIdle},
		{"events without data", "event: x\n\n", exchange.ClassIdle},
		{"words", word, exchange.ClassNone},
		{"events without output", empty, exchange.ClassNone},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("Content-Type", "text/event-stream")
				send := func(s string) {
					_, _ = io.WriteString(w, s)
					_ = http.NewResponseController(w).Flush()
				}
				send(word)
				tick := time.NewTicker(50 * time.Millisecond)
				defer tick.Stop()
				for range 60 {
					select {
					case <-tick.C:
						send(row.between)
					case <-r.Context().Done():
						return
					}
				}
				send(finish)
			}))
			t.Cleanup(srv.Close)
			r := newRig(t, nil, func(c *shadow.Config) {
				u, err := upstream.New(upstream.Config{
					Name: "relay", Arm: exchange.Relay, BaseURL: srv.URL + "/v1", Timeouts: upstream.Timeouts{Idle: time.Second},
				})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(u.Close)
				c.Relay = u
			})
			q := request("a")
			q.Facts.Stream = true
			r.mirror.Offer(q)(served(q, exchange.ClassNone))
			if x := r.result(1).Relay; x.Class != row.want {
				t.Errorf("class %q after %v ms, want %q", x.Class, x.Total, row.want)
			}
		})
	}
}
