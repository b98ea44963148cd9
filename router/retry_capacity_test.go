package router_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"cutover/flags"
	"cutover/router"
	"cutover/upstream"
	"cutover/upstream/limit"
)

// TestAWaitForARetryTakesNoCapacity: while a call waits for its retry it is not
// under way at the upstream, and others may be.
func TestAWaitForARetryTakesNoCapacity(t *testing.T) {
	t.Parallel()
	limiter, err := limit.New(limit.Options{Name: "relay", Limits: limit.Limits{Concurrency: 1}})
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan struct{}, 1)
	b := newBench(t, http.NotFoundHandler(), setup{
		relay: func(c *upstream.Config) {
			c.Policies = &upstream.Policies{Limiter: limiter, Retry: upstream.RetryPolicy{Attempts: 2}}
		},
		router: func(c *router.Config) { c.Served = nil }, // there are many
		decide: func(flags.Attributes) flags.Decision {
			return flags.Decision{RelayEnabled: true, ServeRelay: true}
		},
		relayHandler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if strings.Contains(string(body), "first") {
				w.Header().Set("Retry-After", "2")
				w.WriteHeader(http.StatusServiceUnavailable)
				select {
				case failed <- struct{}{}:
				default:
				}
				return
			}
			_, _ = io.WriteString(w, `{"object":"chat.completion"}`)
		}),
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _, _ = b.try(
			"POST",
			"/v1/chat/completions",
			`{"model":"m","messages":[{"role":"user","content":"first"}]}`,
			"Content-Type",
			"application/json",
		)
	}()
	select {
	case <-failed:
	case <-done:
		t.Fatal("the relay was not called")
	}
	for {
		resp, _ := b.do("POST", "/v1/chat/completions", `{"model":"m","messages":[]}`, "Content-Type", "application/json")
		if resp.StatusCode == http.StatusOK {
			break
		}
		select {
		case <-done:
			t.Fatal("no call found room until the retry was over")
		default:
		}
	}
	select {
	case <-done:
		t.Error("the first call had ended by then")
	default:
	}
	b.client.CloseIdleConnections()
	<-done
}
