package router_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"cutover/exchange"
	"cutover/flags"
	"cutover/router"
	"cutover/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a router under test between a caller and upstreams that tests
// write themselves, all on real sockets.
type bench struct {
	t       *testing.T
	url     string // of the proxy
	primary *httptest.Server
	relay   *httptest.Server
	router  *router.Router
	server  *httptest.Server
	client  *http.Client
	logs    *safeBuffer

	mu     sync.Mutex
	served []*exchange.Exchange
	asked  []*exchange.Request
	more   chan struct{}
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// setup changes a bench before it starts.
type setup struct {
	primary, relay func(*upstream.Config)
	router         func(*router.Config)
	limits         router.ServerLimits
	decide         func(flags.Attributes) flags.Decision
	relayHandler   http.Handler
	tlsUpstream    bool
	server         func(*httptest.Server)
}

// newBench starts a router in front of handler. Everything ends with the test,
// which fails if a goroutine is left.
func newBench(t *testing.T, handler http.Handler, s setup) *bench {
	t.Helper()
	b := &bench{t: t, logs: &safeBuffer{}, more: make(chan struct{}, 1024)}
	start := func(h http.Handler) *httptest.Server {
		srv := httptest.NewUnstartedServer(h)
		srv.Config.ErrorLog = nil
		srv.Config.Protocols = new(http.Protocols)
		srv.Config.Protocols.SetHTTP1(true)
		if s.tlsUpstream {
			srv.Config.Protocols.SetHTTP2(true)
			srv.EnableHTTP2 = true
			srv.StartTLS()
		} else {
			srv.Config.Protocols.SetUnencryptedHTTP2(true)
			srv.Start()
		}
		t.Cleanup(srv.Close)
		return srv
	}
	if s.relayHandler == nil {
		s.relayHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			t.Errorf("the relay was called: %s %s", r.Method, r.URL)
		})
	}
	b.primary, b.relay = start(handler), start(s.relayHandler)
	up := func(name string, arm exchange.Arm, srv *httptest.Server, change func(*upstream.Config)) *upstream.Upstream {
		c := upstream.Config{Name: name, Arm: arm, BaseURL: srv.URL + "/v1"}
		if arm == exchange.Primary {
			c.Auth.Kind = upstream.Passthrough
		} else {
			c.ForwardHeaders = []string{"X-Metronome"} // a header that tests steer the relay by
		}
		if change != nil {
			change(&c)
		}
		u, err := upstream.New(c)
		if err != nil {
			t.Fatalf("upstream.New(%s) = %v", name, err)
		}
		t.Cleanup(u.Close)
		return u
	}
	if s.decide == nil {
		s.decide = func(flags.Attributes) flags.Decision { return flags.Decision{RelayEnabled: true} }
	}
	cfg := router.Config{
		Primary: up("primary", exchange.Primary, b.primary, s.primary),
		Relay:   up("relay", exchange.Relay, b.relay, s.relay),
		Decide:  s.decide, ServedBy: true, RequestID: true,
		Logger: zerolog.New(b.logs).Level(zerolog.TraceLevel),
		Served: func(q *exchange.Request, x *exchange.Exchange) {
			b.mu.Lock()
			b.asked, b.served = append(b.asked, q), append(b.served, x)
			b.mu.Unlock()
			b.more <- struct{}{}
		},
	}
	if s.router != nil {
		s.router(&cfg)
	}
	rt, err := router.New(cfg)
	if err != nil {
		t.Fatalf("router.New = %v", err)
	}
	b.router = rt
	b.server = httptest.NewUnstartedServer(rt)
	b.server.Config = router.NewServer(rt, s.limits, nil, zerolog.New(b.logs))
	if s.server != nil {
		s.server(b.server)
	}
	b.server.Start()
	t.Cleanup(b.server.Close)
	b.url = b.server.URL
	tr := &http.Transport{DisableCompression: true}
	t.Cleanup(tr.CloseIdleConnections)
	b.client = &http.Client{
		Transport: tr, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return b
}

// exchangeOf waits until n calls have been served and returns the last.
func (b *bench) exchangeOf(n int) (*exchange.Request, *exchange.Exchange) {
	b.t.Helper()
	limit := time.After(20 * time.Second)
	for {
		b.mu.Lock()
		have := len(b.served)
		b.mu.Unlock()
		if have >= n {
			b.mu.Lock()
			defer b.mu.Unlock()
			return b.asked[n-1], b.served[n-1]
		}
		select {
		case <-b.more:
		case <-limit:
			b.t.Fatalf("%d exchanges were recorded, want %d", have, n)
		}
	}
}

// do sends a request to the proxy and reads the complete response.
func (b *bench) do(method, path, body string, header ...string) (*http.Response, string) {
	b.t.Helper()
	resp, got, err := b.try(method, path, body, header...)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	return resp, got
}

func (b *bench) try(method, path, body string, header ...string) (*http.Response, string, error) {
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req, err := http.NewRequest(method, b.url+path, r)
	if err != nil {
		return nil, "", err
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := b.client.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	return resp, string(got), err
}

// chat is a small chat request.
const chat = `{"model":"gpt-4o","messages":[{"role":"user","content":"hello"}]}`
