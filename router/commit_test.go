package router_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"cutover/exchange"
	"cutover/flags"
	"cutover/upstream"
)

// TestAfterTheCommitOnlySilenceCounts: a stream that was passed on because it is long
// enough, without any output so far, is not cut for that; silence still cuts it.
func TestAfterTheCommitOnlySilenceCounts(t *testing.T) {
	t.Parallel()
	const (
		empty = `data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":null}]}` + "\n\n"
		rest  = `data: {"id":"c","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}` + "\n\ndata: [DONE]\n\n"
	)
	for _, row := range []struct {
		name string
		gap  time.Duration // between later events, of which there are 12
		want exchange.Class
	}{
		{"goes on", 100 * time.Millisecond, exchange.ClassNone},
		{"falls silent", 10 * time.Second, exchange.ClassIdle},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the primary was called") }), setup{
				decide: func(flags.Attributes) flags.Decision {
					return flags.Decision{RelayEnabled: true, ServeRelay: true, Fallback: true}
				},
				relay: func(c *upstream.Config) {
					c.Timeouts = upstream.Timeouts{FirstToken: 600 * time.Millisecond, Idle: 900 * time.Millisecond}
				},
				relayHandler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.Copy(io.Discard, r.Body)
					w.Header().Set("Content-Type", "text/event-stream")
					send(w, []string{strings.Repeat(empty, 70)})
					for range 12 {
						select {
						case <-time.After(row.gap):
							send(w, []string{empty})
						case <-r.Context().Done():
							return
						}
					}
					send(w, []string{rest})
				}),
			})
			resp := b.post(t, context.Background(), "/v1/chat/completions", streamed)
			body, _ := io.ReadAll(resp.Body) // one breaks off
			resp.Body.Close()
			got := string(body)
			if _, x := b.exchangeOf(1); x.Class != row.want || by(resp) != "relay" || strings.HasSuffix(got, rest) != (row.want == "") {
				t.Errorf("by %s, class %q, %d bytes, want %q", by(resp), x.Class, len(got), row.want)
			}
		})
	}
}
