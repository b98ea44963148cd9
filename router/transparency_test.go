package router_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"strings"
	"testing"
	"time"
)

// rawUpstream responds to each connection's requests with fixed bytes and records
// the bytes of the requests, so that tests see the wire and not net/http's view.
type rawUpstream struct {
	l    net.Listener
	seen chan string // head of each request
	done chan struct{}
}

func newRawUpstream(t *testing.T, response string) *rawUpstream {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u := &rawUpstream{l: l, seen: make(chan string, 64), done: make(chan struct{})}
	go func() {
		defer close(u.done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			u.serve(c, response)
		}
	}()
	t.Cleanup(func() { l.Close(); <-u.done })
	return u
}

// serve handles one request of one connection, and closes it.
func (u *rawUpstream) serve(c net.Conn, response string) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	r := bufio.NewReader(c)
	var head strings.Builder
	length := 0
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		head.WriteString(line)
		if k, v, ok := strings.Cut(line, ":"); ok && strings.EqualFold(k, "Content-Length") {
			_, _ = fmt.Sscan(v, &length)
		}
		if line == "\r\n" {
			break
		}
	}
	_, _ = io.CopyN(io.Discard, r, int64(length))
	u.seen <- head.String()
	_, _ = io.WriteString(c, response)
}

func (u *rawUpstream) url() string { return "http://" + u.l.Addr().String() }

// headOf splits a request's head into its line and its header fields.
func headOf(t *testing.T, head string) (line string, h textproto.MIMEHeader) {
	t.Helper()
	line, rest, _ := strings.Cut(head, "\r\n")
	h, err := textproto.NewReader(bufio.NewReader(strings.NewReader(rest))).ReadMIMEHeader()
	if err != nil {
		t.Fatalf("the upstream saw a broken header: %v in %q", err, head)
	}
	return line, h
}

// send writes raw bytes to the proxy and returns all that comes back.
func (b *bench) send(raw string) string {
	b.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
	if err != nil {
		b.t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, raw); err != nil {
		b.t.Fatal(err)
	}
	got, _ := io.ReadAll(c)
	return string(got)
}

func TestRequestLineReachesTheUpstreamAsWritten(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ method, sent, want string }{
		{"GET", "/v1/models", "/v1/models"},
		{"GET", "/v1/models/a%2Fb", "/v1/models/a%2Fb"},
		{"GET", "/v1/models/a%2fb%20c", "/v1/models/a%2fb%20c"},
		{"GET", "/v1/models?b=2&a=1&a=%20+;x", "/v1/models?b=2&a=1&a=%20+;x"},
		{"GET", "/v1/models?", "/v1/models?"},
		{"GET", "/v1//double/../dots", "/v1//double/../dots"},
		{"GET", `/v1/odd|"<>{}`, `/v1/odd|"<>{}`},
		{"GET", "/v1", "/v1"},
		{"GET", "/", "/"},
		{"GET", "/other/path", "/other/path"},
		{"GET", "/v1beta/models", "/v1beta/models"},
		{"PURGE", "/v1/files/x", "/v1/files/x"},
		{"DELETE", "/v1/files/file-1", "/v1/files/file-1"},
		{"OPTIONS", "*", "*"},
		{"POST", "/v1/messages?beta=true", "/v1/messages?beta=true"},
	} {
		t.Run(row.method+row.sent, func(t *testing.T) {
			up := newRawUpstream(t, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			b := newBench(t, http.NotFoundHandler(), rawPrimary(up))
			response := b.send(row.method + " " + row.sent + " HTTP/1.1\r\nHost: caller.test\r\nConnection: close\r\n\r\n")
			if !strings.HasPrefix(response, "HTTP/1.1 200 OK\r\n") || !strings.HasSuffix(response, "ok") {
				t.Fatalf("response = %q, want the upstream's 200", response)
			}
			line, _ := headOf(t, <-up.seen)
			if want := row.method + " " + row.want + " HTTP/1.1"; line != want {
				t.Errorf("the upstream saw %q, want %q", line, want)
			}
		})
	}
}

func TestRequestHeaderIsTheCallersOwn(t *testing.T) {
	t.Parallel()
	up := newRawUpstream(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	b := newBench(t, http.NotFoundHandler(), rawPrimary(up))
	b.send("POST /v1/chat/completions HTTP/1.1\r\nHost: caller.test\r\nConnection: close, X-Private\r\n" +
		"X-Private: 1\r\nKeep-Alive: timeout=5\r\nProxy-Authorization: Basic eA==\r\nTE: trailers, deflate\r\nUpgrade: h2c\r\n" +
		"Authorization: Bearer sk-caller\r\nCookie: a=1\r\nCookie: b=2\r\nX-Stainless-Lang: go\r\nOpenAI-Organization: org\r\n" +
		"X-Cutover-Key: k\r\nX-Forwarded-For: 9.9.9.9\r\nX-Multi: one\r\nX-Multi: two\r\n" +
		"Content-Type: application/json\r\nContent-Length: 65\r\n\r\n" + chat)
	_, h := headOf(t, <-up.seen)
	want := textproto.MIMEHeader{
		"Host":          {strings.TrimPrefix(up.url(), "http://")},
		"Te":            {"trailers"},
		"Authorization": {"Bearer sk-caller"}, "Cookie": {"a=1", "b=2"},
		"X-Stainless-Lang": {"go"}, "Openai-Organization": {"org"},
		"X-Forwarded-For": {"9.9.9.9"}, "X-Multi": {"one", "two"},
		"Content-Type": {"application/json"}, "Content-Length": {fmt.Sprint(len(chat))},
	}
	sameHeader(t, "request", h, want)
}

func TestForwardedOnlyWhenSwitchedOn(t *testing.T) {
	t.Parallel()
	up := newRawUpstream(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	s := rawPrimary(up)
	plain := s.primary
	s.primary = func(c *upstreamConfig) { plain(c); c.Forwarded = true }
	b := newBench(t, http.NotFoundHandler(), s)
	b.send("GET /v1/models HTTP/1.1\r\nHost: caller.test\r\nX-Forwarded-For: 9.9.9.9\r\nConnection: close\r\n\r\n")
	_, h := headOf(t, <-up.seen)
	if got := h.Get("X-Forwarded-For"); got != "9.9.9.9, 127.0.0.1" {
		t.Errorf("X-Forwarded-For = %q, want the chain with the caller", got)
	}
	if h.Get("X-Forwarded-Host") != "caller.test" || h.Get("X-Forwarded-Proto") != "http" {
		t.Errorf("X-Forwarded-Host, -Proto = %q, %q", h.Get("X-Forwarded-Host"), h.Get("X-Forwarded-Proto"))
	}
}

func TestResponsesPassUnchanged(t *testing.T) {
	t.Parallel()
	var zipped bytes.Buffer
	zw := gzip.NewWriter(&zipped)
	_, _ = zw.Write([]byte(`{"object":"list"}`))
	_ = zw.Close()
	for _, row := range []struct{ name, method, response, body string }{
		{"error body", "GET", "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3\r\nretry-after-ms: 3000\r\nx-should-retry: " +
			"true\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{\"error\": {}}", `{"error": {}}`},
		{"unknown status", "GET", "HTTP/1.1 529 Overloaded\r\nContent-Length: 1\r\n\r\nx", "x"},
		{"redirect is not followed", "GET", "HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", ""},
		{"no content", "DELETE", "HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n", ""},
		{"not modified", "GET", "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n", ""},
		{"head", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nContent-Type: text/x\r\n\r\n", ""},
		{"gzip stays gzip", "GET", "HTTP/1.1 200 OK\r\nContent-Encoding: " +
			"gzip\r\nContent-Length: " + fmt.Sprint(zipped.Len()) + "\r\n\r\n" + zipped.String(), zipped.String()},
		{"no content type, no date", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", "<html>"},
		{"two cookies", "GET", "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n", ""},
		{"odd date", "GET", "HTTP/1.1 200 OK\r\nDate: Mon, 01 Jan 2001 00:00:00 GMT\r\nServer: cloudflare\r\nContent-Length: 0\r\n\r\n", ""},
		{"invalid JSON", "POST", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\n{\"a\xff", "{\"a\xff"},
	} {
		t.Run(row.name, func(t *testing.T) {
			up := newRawUpstream(t, row.response)
			b := newBench(t, http.NotFoundHandler(), rawPrimary(up))
			got := b.send(row.method + " /v1/models HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
			gotLine, gotRest, _ := strings.Cut(got, "\r\n")
			wantLine, wantRest, _ := strings.Cut(row.response, "\r\n")
			// net/http writes reason phrases of its own; HTTP/2 has none.
			if gotLine[:12] != wantLine[:12] {
				t.Errorf("status line = %q, want %q", gotLine, wantLine)
			}
			gotHead, gotBody, _ := strings.Cut(gotRest, "\r\n\r\n")
			wantHead, _, _ := strings.Cut(wantRest, "\r\n\r\n")
			if gotBody != row.body {
				t.Errorf("body = %q, want %q", gotBody, row.body)
			}
			_, gotH := headOf(t, "\r\n"+gotHead+"\r\n\r\n")
			_, wantH := headOf(t, "\r\n"+wantHead+"\r\n\r\n")
			if id := gotH.Get("X-Cutover-Request-Id"); len(id) != 26 {
				t.Errorf("X-Cutover-Request-Id = %q, want an id", id)
			}
			if by := gotH.Get("X-Cutover-Served-By"); by != "primary" {
				t.Errorf("X-Cutover-Served-By = %q, want primary", by)
			}
			gotH.Del("X-Cutover-Request-Id")
			gotH.Del("X-Cutover-Served-By")
			gotH.Del("Connection") // asked for by this test
			sameHeader(t, "response", gotH, wantH)
		})
	}
}

func TestOwnHeadersCanBeSwitchedOff(t *testing.T) {
	t.Parallel()
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "{}")
	}), setup{router: func(c *routerConfig) { c.ServedBy, c.RequestID = false, false }})
	resp, _ := b.do("GET", "/v1/models", "")
	for k := range resp.Header {
		if strings.HasPrefix(k, "X-Cutover-") {
			t.Errorf("the response bears %s: %q", k, resp.Header[k])
		}
	}
}

func TestTrailersPassBothWays(t *testing.T) {
	t.Parallel()
	for _, announced := range []bool{true, false} {
		t.Run(fmt.Sprintf("announced=%v", announced), func(t *testing.T) {
			seen := make(chan http.Header, 1)
			b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				seen <- r.Trailer
				if announced {
					w.Header().Set("Trailer", "X-Sum")
				}
				_, _ = io.WriteString(w, "{}")
				if announced {
					w.Header().Set("X-Sum", "42")
				} else {
					w.(http.Flusher).Flush()
					w.Header().Set(http.TrailerPrefix+"X-Sum", "42")
				}
			}), setup{})
			req, _ := http.NewRequest("POST", b.url+"/v1/chat/completions", io.NopCloser(strings.NewReader(chat)))
			req.Header.Set("Content-Type", "application/json")
			req.Trailer = http.Header{"X-End": {"yes"}}
			resp, err := b.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || string(body) != "{}" {
				t.Fatalf("body = %q, %v", body, err)
			}
			if got := resp.Trailer.Get("X-Sum"); got != "42" {
				t.Errorf("trailer X-Sum = %q, want 42 (all: %v)", got, resp.Trailer)
			}
			if got := (<-seen).Get("X-End"); got != "yes" {
				t.Errorf("the upstream saw trailer X-End = %q, want yes", got)
			}
		})
	}
}

func TestEarlyHintsPass(t *testing.T) {
	t.Parallel()
	up := newRawUpstream(t, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nX-B: 1\r\nContent-Length: 0\r\n\r\n")
	b := newBench(t, http.NotFoundHandler(), rawPrimary(up))
	got := b.send("GET /v1/models HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n") {
		t.Errorf("response = %q, want the 103 and then the 200", got)
	}
	if strings.Count(got, "Link:") != 1 {
		t.Errorf("the hint's header is in the final response too: %q", got)
	}
}

func sameHeader(t *testing.T, what string, got, want textproto.MIMEHeader) {
	t.Helper()
	for k, v := range want {
		if fmt.Sprint(got[k]) != fmt.Sprint(v) {
			t.Errorf("%s header %s = %q, want %q", what, k, got[k], v)
		}
	}
	for k, v := range got {
		if _, ok := want[k]; !ok {
			t.Errorf("%s header %s: %q was not sent", what, k, v)
		}
	}
}
