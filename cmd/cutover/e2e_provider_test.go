package main

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"cutover/internal/mock"
)

// provider is a mock on a real socket, with a tap that sees its responses as it
// gives them.
type provider struct {
	*mock.Server
	url string // without /v1
	// linger keeps the connection open after the last event of a stream, until
	// the caller closes it: some providers are in no hurry to end.
	linger bool
	closed chan struct{}

	mu   sync.Mutex
	said []*said // in the order of the requests' arrival
}

// said is one response of a provider.
type said struct {
	status int
	header http.Header
	body   []byte
}

func startProvider(t testing.TB, cfg mock.Config) *provider {
	t.Helper()
	if cfg.JournalSize == 0 {
		cfg.JournalSize = 1024
	}
	cfg.JournalBody = 1 << 20
	s, err := mock.New(cfg)
	if err != nil {
		t.Fatalf("mock.New: %v", err)
	}
	p := &provider{Server: s, closed: make(chan struct{})}
	h := httptest.NewServer(p)
	p.url = h.URL
	t.Cleanup(func() {
		_ = s.Close()
		close(p.closed)
		h.CloseClientConnections()
		h.Close()
	})
	return p
}

// ServeHTTP lets the mock respond, and notes what it said.
func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := &said{}
	p.mu.Lock()
	p.said = append(p.said, s)
	p.mu.Unlock()
	p.Server.ServeHTTP(&tap{ResponseWriter: w, p: p, said: s}, r)
	if p.linger {
		select {
		case <-r.Context().Done():
		case <-p.closed:
		}
	}
}

func (p *provider) host() string { return strings.TrimPrefix(p.url, "http://") }

// responses are copies of what has been said so far.
func (p *provider) responses() []said {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]said, len(p.said))
	for i, s := range p.said {
		out[i] = *s
	}
	return out
}

// response is the one with a request id, as far as it has been given.
func (p *provider) response(id string) said {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range slices.Backward(p.said) {
		if requestIDOf(s.header) == id {
			return *s
		}
	}
	return said{}
}

// requestIDOf is the provider's own id of a response, in either dialect.
func requestIDOf(h http.Header) string { return h.Get("X-Request-Id") + h.Get("Request-Id") }

// tap notes a response on its way out.
type tap struct {
	http.ResponseWriter
	p    *provider
	said *said
}

func (t *tap) WriteHeader(status int) {
	t.p.mu.Lock()
	t.said.status, t.said.header = status, t.Header().Clone()
	t.p.mu.Unlock()
	t.ResponseWriter.WriteHeader(status)
}

func (t *tap) Write(b []byte) (int, error) {
	n, err := t.ResponseWriter.Write(b)
	t.p.mu.Lock()
	t.said.body = append(t.said.body, b[:n]...)
	t.p.mu.Unlock()
	return n, err
}

func (t *tap) Flush() { _ = http.NewResponseController(t.ResponseWriter).Flush() }

// Unwrap lets the mock take the connection over.
func (t *tap) Unwrap() http.ResponseWriter { return t.ResponseWriter }
