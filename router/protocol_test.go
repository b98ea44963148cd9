package router_test

import (
	"bufio"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"cutover/exchange"
	"cutover/upstream"
)

// whatProto responds with the protocol that a request came by.
var whatProto = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = io.WriteString(w, r.Proto)
	w.(http.Flusher).Flush()
})

func TestProtocolsTowardsUpstreams(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		proto upstream.Protocol
		tls   bool
		want  string
	}{
		{upstream.Auto, false, "HTTP/1.1"},
		{upstream.HTTP1, false, "HTTP/1.1"},
		{upstream.H2C, false, "HTTP/2.0"},
		{upstream.Auto, true, "HTTP/2.0"},
		{upstream.HTTP1, true, "HTTP/1.1"},
		{upstream.HTTP2, true, "HTTP/2.0"},
	} {
		t.Run(fmt.Sprintf("%s tls=%v", row.proto, row.tls), func(t *testing.T) {
			ca := filepath.Join(t.TempDir(), "ca.pem")
			s := setup{tlsUpstream: row.tls}
			s.primary = func(c *upstreamConfig) {
				c.Protocol = row.proto
				if row.tls {
					c.CAFile = ca
				}
			}
			// The certificate is that of httptest, the same for every server.
			if row.tls {
				writeTestCA(t, ca)
			}
			b := newBench(t, whatProto, s)
			resp, got := b.do("POST", "/v1/chat/completions", streamed, "Content-Type", "application/json")
			if got != row.want || resp.StatusCode != 200 {
				t.Errorf("the upstream was called by %q (status %d), want %q", got, resp.StatusCode, row.want)
			}
		})
	}
}

func TestUntrustedUpstreamIsNotCalled(t *testing.T) {
	t.Parallel()
	b := newBench(t, whatProto, setup{tlsUpstream: true})
	resp, got := b.do("POST", "/v1/chat/completions", chat, "Content-Type", "application/json")
	if resp.StatusCode != http.StatusBadGateway || !strings.Contains(got, "TLS") {
		t.Errorf("response = %d %q, want a 502 that speaks of TLS", resp.StatusCode, got)
	}
	if _, x := b.exchangeOf(1); x.Class != exchange.ClassTLS {
		t.Errorf("class = %q (%s), want %q", x.Class, x.Detail, exchange.ClassTLS)
	}
}

func TestCallersMaySpeakH2C(t *testing.T) {
	t.Parallel()
	b := newBench(t, whatProto, setup{})
	tr := &http.Transport{Protocols: new(http.Protocols)}
	tr.Protocols.SetUnencryptedHTTP2(true)
	defer tr.CloseIdleConnections()
	req, _ := http.NewRequest("POST", b.url+"/v1/chat/completions", strings.NewReader(streamed))
	req.Header.Set("Content-Type", "application/json")
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if resp.ProtoMajor != 2 || string(got) != "HTTP/1.1" || err != nil {
		t.Errorf("caller got %s %q, %v; want HTTP/2.0 from an upstream called by HTTP/1.1", resp.Proto, got, err)
	}
}

// TestSlowResponseOverH2C guards against write deadlines that HTTP/2 takes for
// limits of the whole stream: an upstream that is silent for longer than
// WriteStallTimeout must not cost the caller its response.
func TestSlowResponseOverH2C(t *testing.T) {
	t.Parallel()
	const stall = 200 * time.Millisecond
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		for _, e := range events(2) {
			select {
			case <-time.After(2 * stall):
			case <-r.Context().Done():
				return
			}
			_, _ = io.WriteString(w, e)
			w.(http.Flusher).Flush()
		}
	}), setup{
		limits: limits{WriteStallTimeout: stall},
		router: func(c *routerConfig) { c.WriteStallTimeout, c.ReadStallTimeout = stall, stall },
	})
	for _, h2 := range []bool{false, true} {
		tr := &http.Transport{Protocols: new(http.Protocols)}
		tr.Protocols.SetUnencryptedHTTP2(h2)
		tr.Protocols.SetHTTP1(!h2)
		req, _ := http.NewRequest("POST", b.url+"/v1/chat/completions", strings.NewReader(streamed))
		req.Header.Set("Content-Type", "application/json")
		resp, err := tr.RoundTrip(req)
		if err != nil {
			t.Fatalf("h2=%v: %v", h2, err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		tr.CloseIdleConnections()
		if string(got) != strings.Join(events(2), "") || err != nil {
			t.Errorf("h2=%v: got %q, %v; want the complete response", h2, got, err)
		}
	}
}

func TestWebSocketBothWays(t *testing.T) {
	t.Parallel()
	closed := make(chan struct{})
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(closed)
		if r.URL.RequestURI() != "/v1/realtime?model=gpt-realtime" || r.Header.Get("Authorization") != "Bearer sk-caller" {
			t.Errorf("the upstream saw %s with Authorization %q", r.URL.RequestURI(), r.Header.Get("Authorization"))
		}
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"realtime"}})
		if err != nil {
			t.Errorf("accept: %v", err)
			return
		}
		for {
			kind, data, err := c.Read(context.Background())
			if err != nil {
				return
			}
			_ = c.Write(context.Background(), kind, append([]byte("echo "), data...))
		}
	}), setup{})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	c, resp, err := websocket.Dial(ctx, strings.Replace(b.url, "http", "ws", 1)+"/v1/realtime?model=gpt-realtime",
		&websocket.DialOptions{
			HTTPHeader:   http.Header{"Authorization": {"Bearer sk-caller"}, "OpenAI-Beta": {"realtime=v1"}},
			Subprotocols: []string{"realtime"},
		})
	if err != nil {
		t.Fatal(err)
	}
	if by := resp.Header.Get("X-Cutover-Served-By"); by != "primary" || c.Subprotocol() != "realtime" {
		t.Errorf("served by %q, subprotocol %q", by, c.Subprotocol())
	}
	for _, kind := range []websocket.MessageType{websocket.MessageText, websocket.MessageBinary} {
		for i := range 20 {
			if err := c.Write(ctx, kind, fmt.Appendf(nil, "m%d", i)); err != nil {
				t.Fatal(err)
			}
			got, data, err := c.Read(ctx)
			if err != nil || got != kind || string(data) != fmt.Sprintf("echo m%d", i) {
				t.Fatalf("read %v %q, %v", got, data, err)
			}
		}
	}
	if n := b.router.Active(); n != 1 {
		t.Errorf("Active() = %d while a WebSocket is open, want 1", n)
	}
	b.router.Close() // the drain limit is over
	select {
	case <-closed:
	case <-ctx.Done():
		t.Error("the upstream's WebSocket stayed open after Close")
	}
	_ = c.CloseNow()
}

func TestRefusedWebSocketPassesTheRefusal(t *testing.T) {
	t.Parallel()
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"error":{"code":"invalid_api_key"}}`)
	}), setup{})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	_, resp, err := websocket.Dial(ctx, strings.Replace(b.url, "http", "ws", 1)+"/v1/realtime", nil)
	if err == nil || resp == nil || resp.StatusCode != http.StatusUnauthorized {
		t.Fatalf("dial: %v, %v; want the upstream's 401", resp, err)
	}
}

// TestOtherUpgradesAreOrdinaryRequests: Java's client offers h2c with every
// request in cleartext.
func TestOtherUpgradesAreOrdinaryRequests(t *testing.T) {
	t.Parallel()
	up := newRawUpstream(t, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	b := newBench(t, http.NotFoundHandler(), rawPrimary(up))
	got := b.send(
		"GET /v1/models HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n" +
			"GET /v1/models HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
	)
	if !strings.HasPrefix(got, "HTTP/1.1 200 OK") {
		t.Errorf("response = %q, want an ordinary 200", got)
	}
	_, h := headOf(t, <-up.seen)
	for _, k := range []string{"Upgrade", "Http2-Settings", "Connection"} {
		if v := h.Get(k); v != "" {
			t.Errorf("the upstream saw %s: %q", k, v)
		}
	}
}

func TestLimitsOnCallers(t *testing.T) {
	t.Parallel()
	b := newBench(t, whatProto, setup{
		limits: limits{MaxHeaderBytes: 8 << 10, ReadHeaderTimeout: 300 * time.Millisecond},
		router: func(c *routerConfig) { c.ReadStallTimeout, c.MaxBody = 300*time.Millisecond, 1000 },
	})
	dial := func(raw string) (string, error) {
		c, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		_, _ = io.WriteString(c, raw)
		got, err := io.ReadAll(c) // ends when the sidecar gives up
		return string(got), err
	}
	for _, row := range []struct{ name, raw, want string }{
		{"large header", "GET / HTTP/1.1\r\nHost: h\r\nX: " + strings.Repeat("x", 40<<10) + "\r\n\r\n", "HTTP/1.1 431 "},
		{"slow header", "GET / HTTP/1.1\r\nHost:", ""},
		{"body over the limit", "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n", "HTTP/1.1 413 "},
		{"chunked body over the limit", "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Type: " +
			"application/json\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n" + strings.Repeat("x", 0x1000) + "\r\n0\r\n\r\n", "HTTP/1.1 413 "},
		{"silent body", "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n{", "HTTP/1.1 408 "},
		{"silent upload", "POST /v1/files HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 100\r\n\r\n--x",
			"HTTP/1.1 408 "},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			got, err := dial(row.raw)
			var timeout net.Error
			if ok := asNetError(err, &timeout); ok && timeout.Timeout() {
				t.Fatalf("the sidecar waits for ever: %v", err)
			}
			if !strings.HasPrefix(got, row.want) {
				t.Errorf("response = %.80q, want %q", got, row.want)
			}
		})
	}
}

// TestCallerThatDoesNotRead is given up after WriteStallTimeout, and so is its upstream.
func TestCallerThatDoesNotRead(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{})
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(gone)
		w.Header().Set("Content-Type", "text/event-stream")
		flood := []byte("data: " + strings.Repeat("x", 32<<10) + "\n\n")
		for r.Context().Err() == nil {
			if _, err := w.Write(flood); err != nil {
				return
			}
		}
	}), setup{
		limits: limits{WriteStallTimeout: 300 * time.Millisecond},
		router: func(c *routerConfig) { c.WriteStallTimeout = 300 * time.Millisecond },
	})
	c, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}")
	r := bufio.NewReader(c)
	if line, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 200") {
		t.Fatalf("%q, %v", line, err)
	}
	select {
	case <-gone:
	case <-time.After(20 * time.Second):
		t.Fatal("the upstream still sends to a caller that does not read")
	}
	if _, x := b.exchangeOf(1); x.Class != exchange.ClassAborted {
		t.Errorf("class = %q, want %q", x.Class, exchange.ClassAborted)
	}
}

func writeTestCA(t *testing.T, path string) {
	t.Helper()
	block := &pem.Block{Type: "CERTIFICATE", Bytes: testCertificate(t)}
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
}
