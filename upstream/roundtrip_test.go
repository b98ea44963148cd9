package upstream_test

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cutover/upstream"
)

// counting answers every call and knows which were delivered twice.
type counting struct {
	calls, twice atomic.Int64
	seen         sync.Map
}

func (c *counting) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	c.calls.Add(1)
	if _, known := c.seen.LoadOrStore(r.Header.Get("X-Number"), true); known {
		c.twice.Add(1)
	}
}

// TestIdleConnectionsThatTheUpstreamCloses: an upstream's keep-alive ends at the
// very moment at which calls go out, again and again. None may be delivered
// twice, whatever becomes of it: nobody can tell the calls that were lost from
// those that were worked on.
func TestIdleConnectionsThatTheUpstreamCloses(t *testing.T) {
	t.Parallel()
	const idle = 3 * time.Millisecond
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("tls=%v", secure), func(t *testing.T) {
			t.Parallel()
			var h counting
			srv := httptest.NewUnstartedServer(&h)
			srv.Config.IdleTimeout = idle
			srv.Config.ErrorLog = log.New(io.Discard, "", 0)
			c := upstream.Config{Name: "u", Protocol: upstream.HTTP1}
			if secure {
				srv.StartTLS()
				c.CAFile = writeCA(t, srv.Certificate())
			} else {
				srv.Start()
			}
			defer srv.Close()
			c.BaseURL = srv.URL
			u := newUpstream(t, c)
			const callers, each = 4, 300
			var wg sync.WaitGroup
			var failed atomic.Int64
			for caller := range callers {
				wg.Go(func() {
					for k := range each {
						if post(u, srv.URL, fmt.Sprint(caller, "/", k)) != nil {
							failed.Add(1)
						}
						// Around the moment at which the connection is closed.
						<-time.After(idle + time.Duration(k%20-12)*20*time.Microsecond)
					}
				})
			}
			wg.Wait()
			if got := h.calls.Load() + failed.Load(); got < callers*each || h.twice.Load() != 0 {
				t.Errorf("the upstream saw %d calls and %d failed, want at least %d together; %d were delivered twice", h.calls.Load(),
					failed.Load(), callers*each, h.twice.Load())
			}
		})
	}
}

// TestADeliveredCallIsNotSentAgain: an upstream that took the call and hung up,
// by whatever means, may have worked on it.
func TestADeliveredCallIsNotSentAgain(t *testing.T) {
	t.Parallel()
	for _, reset := range []bool{false, true} {
		var h counting
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r)
			if !strings.HasPrefix(r.Header.Get("X-Number"), "bad") {
				return
			}
			if reset { // so soon that the system has not acknowledged a byte yet
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				_ = conn.(*net.TCPConn).SetLinger(0)
				_ = conn.Close()
				return
			}
			panic(http.ErrAbortHandler)
		}))
		u := newUpstream(t, upstream.Config{Name: "u", BaseURL: srv.URL})
		const rounds = 50
		for n := range rounds {
			if err := post(u, srv.URL, fmt.Sprint("good", n)); err != nil {
				t.Fatal(err)
			}
			if err := post(u, srv.URL, fmt.Sprint("bad", n)); err == nil { // on the same connection
				t.Error("a call that was hung up on has succeeded")
			}
		}
		if h.calls.Load() != 2*rounds {
			t.Errorf("reset %v: the upstream saw %d calls, want %d", reset, h.calls.Load(), 2*rounds)
		}
		srv.Close()
	}
}

func newUpstream(t *testing.T, c upstream.Config) *upstream.Upstream {
	t.Helper()
	u, err := upstream.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.Close)
	return u
}

// post makes one call and reads its answer.
func post(u *upstream.Upstream, url, number string) error {
	req, err := http.NewRequest("POST", url, strings.NewReader("hello"))
	if err != nil {
		return err
	}
	req.Header.Set("X-Number", number)
	resp, err := u.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// writeCA writes a certificate as a file of roots.
func writeCA(t *testing.T, cert *x509.Certificate) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
