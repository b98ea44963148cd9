package router_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"cutover/flags"
	"cutover/upstream"
)

const (
	keepAliveEvery   = 15 * time.Millisecond
	keepAliveComment = ": keep-alive\n\n"
)

// TestKeepAlive is the table of what a caller of a stream gets while an
// upstream is silent: lull x dialect x version of HTTP.
func TestKeepAlive(t *testing.T) {
	t.Parallel()
	for _, d := range dialects() {
		for _, l := range lulls() {
			for _, http2 := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/http2=%v", d.name, l.name, http2), func(t *testing.T) {
					t.Parallel()
					// A busy machine is late, and what is late gets comments: they
					// must be in their places at some pace.
					every := keepAliveEvery
					late := l.play(t, d, http2, every)
					for late != "" && every < 3*time.Second {
						every *= 4
						late = l.play(t, d, http2, every)
					}
					if late != "" {
						t.Error(late)
					}
				})
			}
		}
	}
}

// play returns a failure that a busy machine may have caused; it reports any
// other to the test.
func (l *lull) play(t *testing.T, d dialect, http2 bool, every time.Duration) (late string) {
	s := &stage{heard: make(chan struct{}, 4096), ticks: make(chan struct{}, 4096)}
	first := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // or the handler would not see its caller go
		if r.Header.Get("X-Metronome") != "" {
			hang(r)
			return
		}
		if got := r.Header["Accept-Encoding"]; len(got) != 1 || got[0] != "identity" {
			t.Errorf("the upstream was asked for the encodings %q, want identity", got)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		l.response(&d, w, r, s)
	})
	second := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { right(&d, w, r) })
	set := setup{
		decide: func(flags.Attributes) flags.Decision {
			return flags.Decision{RelayEnabled: true, ServeRelay: l.relay, Fallback: l.back}
		},
		router: func(c *routerConfig) { c.KeepAlive = every },
	}
	times := func(c *upstreamConfig) {
		if l.times != nil {
			c.Timeouts = l.times(every)
		}
	}
	var b *bench
	if l.relay {
		set.relayHandler, set.relay = first, times
		b = newBench(t, second, set)
	} else {
		set.primary = func(c *upstreamConfig) { times(c); c.Auth.Kind = upstream.Passthrough }
		b = newBench(t, first, set)
	}
	if http2 {
		b.speakHTTP2(t)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if l.at == nil {
		defer b.metronome(t, &d, s)()
	}
	resp := b.post(t, ctx, d.path, l.body(), "Accept-Encoding", "gzip")
	got, err := hear(resp, s.heard)
	if late = l.checkPlaces(&d, resp, got); late != "" {
		return late
	}
	l.check(t, &d, resp, got, err)
	if l.at != nil { // or the other caller's might be the first
		if _, x := b.exchangeOf(1); x.Class != l.class {
			t.Errorf("recorded class %q (%s), want %q", x.Class, x.Detail, l.class)
		}
	}
	return ""
}

func (l *lull) body() string {
	return `{"model":"m","stream":true,"max_tokens":9,"input":"hi","messages":[{"role":"user","content":"hi"}]}`
}

// checkPlaces says where comments are missing, or came too early.
func (l *lull) checkPlaces(d *dialect, resp *http.Response, got string) string {
	by := resp.Header.Get("X-Cutover-Served-By")
	switch {
	case by != l.by:
		return fmt.Sprintf("served by %q, want %q", by, l.by)
	case l.at == nil && strings.Contains(got, keepAliveComment):
		return fmt.Sprintf("comments came where none may stand: %q", got)
	case l.at != nil && !strings.HasPrefix(got, l.at(d)+keepAliveComment+keepAliveComment):
		return fmt.Sprintf("the response begins %.300q, want comments after %q", got, l.at(d))
	}
	return ""
}

// check compares what the caller got with the row.
func (l *lull) check(t *testing.T, d *dialect, resp *http.Response, got string, err error) {
	t.Helper()
	wantRest := d.whole(true)
	if l.rest != nil {
		wantRest = l.rest(d)
	}
	rest := strings.ReplaceAll(got, keepAliveComment, "")
	ends := l.tells == "" && l.told == nil
	if !strings.HasPrefix(rest, wantRest) || ends && rest != wantRest {
		t.Errorf("besides comments came %q\nwant %q", rest, wantRest)
	}
	last := strings.TrimPrefix(rest, wantRest)
	if ends == strings.HasPrefix(last, d.errorEvent) || !strings.Contains(last, l.tells) {
		t.Errorf("the last words are %q, want an error event that tells %q", last, l.tells)
	}
	if l.told != nil && last != l.told(d) {
		t.Errorf("the last words are %q\nwant %q", last, l.told(d))
	}
	if (err != nil) != l.broken {
		t.Errorf("the connection ended with %v, want broken: %v", err, l.broken)
	}
	if strings.HasSuffix(got, keepAliveComment) {
		t.Errorf("a comment came after the end: %q", got)
	}
	h := resp.Header
	if resp.StatusCode != http.StatusOK || len(h["X-Cutover-Request-Id"]) != 1 {
		t.Errorf("status %d, header %v; want 200 and a request id", resp.StatusCode, h)
	}
	if l.ours && (h.Get("Content-Type") != "text/event-stream" || len(h) != 3 || len(resp.Trailer) > 0) {
		t.Errorf("the header is %v, want the type, the date and the request id alone", h)
	}
}

// speakHTTP2 makes the caller speak HTTP/2 without TLS.
func (b *bench) speakHTTP2(t *testing.T) {
	tr := &http.Transport{DisableCompression: true, Protocols: new(http.Protocols)}
	tr.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(tr.CloseIdleConnections)
	b.client.Transport = tr
}

// hear reads a response to its end and tells of each comment when it comes.
func hear(resp *http.Response, each chan<- struct{}) (string, error) {
	defer resp.Body.Close()
	var got []byte
	buf := make([]byte, 4096)
	comments := 0
	for {
		n, err := resp.Body.Read(buf)
		got = append(got, buf[:n]...)
		for now := bytes.Count(got, []byte(keepAliveComment)); comments < now; comments++ {
			each <- struct{}{}
		}
		if err == io.EOF {
			return string(got), nil
		}
		if err != nil {
			return string(got), err
		}
	}
}

// metronome is another caller, whose upstream says nothing: its comments tell
// the time. The function returned ends it.
func (b *bench) metronome(t *testing.T, d *dialect, s *stage) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	resp := b.post(t, ctx, d.path, (&lull{}).body(), "X-Metronome", "1")
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = hear(resp, s.ticks)
	}()
	return func() { cancel(); <-done }
}
