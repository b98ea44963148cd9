package router_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cutover/internal/netfault"
	"cutover/upstream"
)

// TestADeadHTTP2Connection: the one connection to the relay falls silent, with
// calls in all states on it. Nobody waits for TCP to notice: what had not begun
// falls back, what had begun breaks off, and the next call gets a working
// connection. No timeout is configured.
func TestADeadHTTP2Connection(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		d := dialects()[0]
		ca := writeCAFile(t)
		var network *netfault.Proxy
		var relay atomic.Int64
		waits := make(chan struct{})
		b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { right(&d, w, r) }), setup{
			decide: serveByRelay, tlsUpstream: secure,
			primary: func(c *upstreamConfig) { c.CAFile = ca },
			relay: func(c *upstreamConfig) {
				scheme, rest, _ := strings.Cut(strings.TrimSuffix(c.BaseURL, "/v1"), "://")
				network = netfault.Start(t, rest)
				c.BaseURL, c.Protocol, c.CAFile = scheme+"://"+network.Addr()+"/v1", upstream.H2C, ca
				if secure {
					c.Protocol = upstream.Auto
				}
				c.Ping = 200 * time.Millisecond
			},
			relayHandler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				r.Body = io.NopCloser(bytes.NewReader(body))
				switch relay.Add(1) {
				case 1:
					send(w, d.opening, d.content[:1])
					hang(r)
				case 2:
					close(waits)
					hang(r)
				default:
					right(&d, w, r)
				}
			}),
		})
		begun := b.post(t, context.Background(), d.path, streamed)
		head := make([]byte, len(strings.Join(d.opening, "")+d.content[0]))
		if _, err := io.ReadFull(begun.Body, head); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			resp, got, err := b.try("POST", d.path, chat, "Content-Type", "application/json")
			if err != nil || by(resp) != "primary because of broken" || got != d.plain {
				t.Errorf("tls=%v: a call that waited: %q, %v", secure, got, err)
			}
		})
		<-waits
		network.Break(netfault.Silence)
		rest, err := io.ReadAll(begun.Body)
		begun.Body.Close()
		if err == nil || !strings.HasPrefix(string(rest), d.errorEvent) {
			t.Errorf("tls=%v: a call that had begun ended with %q, %v; want an error event and a break", secure, rest, err)
		}
		wg.Wait()
		resp, got := b.do("POST", d.path, streamed, "Content-Type", "application/json")
		if by(resp) != "relay" || got != d.whole(true) || network.Accepted() != 2 {
			t.Errorf("tls=%v: the next call was served by %s on %d connections: %q", secure, by(resp), network.Accepted(), got)
		}
	}
}

// writeCAFile writes the certificate that httptest's servers show.
func writeCAFile(t *testing.T) string {
	t.Helper()
	path := t.TempDir() + "/ca.pem"
	writeTestCA(t, path)
	return path
}
