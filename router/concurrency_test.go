package router_test

import (
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"cutover/upstream"
)

// TestAThousandCallers: each has a stream open through one sidecar at the same
// moment, all over a few HTTP/2 connections to the relay; all get a complete one.
func TestAThousandCallers(t *testing.T) {
	t.Parallel()
	const callers = 1000
	d := dialects()[0]
	var open atomic.Int64
	all := make(chan struct{}) // closed when every stream is open
	b := newBench(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the primary was called")
	}), setup{
		decide: serveByRelay,
		relay:  func(c *upstreamConfig) { c.Protocol = upstream.H2C },
		relayHandler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			send(w, d.opening, d.content[:1])
			if open.Add(1) == callers {
				close(all)
			}
			select {
			case <-all:
			case <-r.Context().Done():
				return
			}
			send(w, d.content[1:], d.closing)
		}),
	})
	var wg sync.WaitGroup
	var bad atomic.Int64
	for range callers {
		wg.Go(func() {
			_, got, err := b.try("POST", d.path, streamed, "Content-Type", "application/json")
			if (err != nil || got != d.whole(true)) && bad.Add(1) == 1 {
				t.Errorf("the first bad response: %q, %v", got, err)
			}
		})
	}
	wg.Wait()
	if bad.Load() > 0 {
		t.Errorf("%d of %d responses were not whole", bad.Load(), callers)
	}
}
