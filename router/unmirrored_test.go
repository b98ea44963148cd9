package router_test

import (
	"io"
	"net/http"
	"slices"
	"testing"

	"cutover/exchange"
	"cutover/flags"
)

// TestWhyRequestsAreNotMirrored: each request is offered once, with the reason
// that a person can act on.
func TestWhyRequestsAreNotMirrored(t *testing.T) {
	t.Parallel()
	var got []string
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, chatCompletion) }), setup{
		router: func(c *routerConfig) {
			c.Mirror = func(q *exchange.Request) func(*exchange.Exchange) {
				got = append(got, q.Route.Skip)
				return nil
			}
		},
		decide: func(flags.Attributes) flags.Decision { return flags.Decision{RelayEnabled: true, Shadow: true} },
	})
	var want []string
	for _, row := range []struct{ path, coding, want string }{
		{"/v1/chat/completions", "", ""},
		{"/v1//chat/completions", "", exchange.SkipPath},
		{"/chat/completions", "", exchange.SkipPath},
		{"/openai/deployments/d/chat/completions?api-version=1", "", exchange.SkipPath},
		{"/v1/something", "", exchange.SkipEndpoint},
		{"/v1/chat/completions", "zstd", exchange.SkipEncoded},
		{"/v1/chat/completions", "x-unknown", exchange.SkipEncoded},
	} {
		body, header := chat, []string{"Content-Type", "application/json"}
		if row.coding != "" {
			body, header = "\x28\xb5\x2f\xfd....", append(header, "Content-Encoding", row.coding)
		}
		b.do("POST", row.path, body, header...)
		want = append(want, row.want)
	}
	if !slices.Equal(got, want) {
		t.Errorf("skipped %q, want %q", got, want)
	}
}
