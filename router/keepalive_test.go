package router_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"cutover/exchange"
	"cutover/flags"
	"cutover/upstream"
)

const (
	keepAliveEvery   = 15 * time.Millisecond
	keepAliveComment = ": keep-alive\n\n"
)

// stage is one call with comments: the upstream's handler waits on it until the
// caller has had some.
type stage struct {
	heard chan struct{} // one for each comment that the caller of the call got
	ticks chan struct{} // one for each that another caller got, who is told nothing else
}

// comments waits until the caller has got two more comments.
func (s *stage) comments(r *http.Request) { wait(r, s.heard) }

// meanwhile waits for the time in which comments would have come.
func (s *stage) meanwhile(r *http.Request) { wait(r, s.ticks); wait(r, s.ticks) }

func wait(r *http.Request, c chan struct{}) {
	for len(c) > 0 {
		<-c
	}
	for range 2 {
		select {
		case <-c:
		case <-r.Context().Done():
		}
	}
}

// lull is one way for an upstream to be silent, and what the caller must get.
type lull struct {
	name   string
	relay  bool // the relay serves; the primary is its substitute if fallback is set
	back   bool
	answer func(d *dialect, w http.ResponseWriter, r *http.Request, s *stage)
	times  func(every time.Duration) upstream.Timeouts
	ours   bool                    // the header is the sidecar's
	rest   func(d *dialect) string // what the caller gets besides comments; nil: the right answer
	tells  string                  // in the error event behind it
	told   func(d *dialect) string // the error event behind it, where it is known exactly; neither: there is none
	broken bool
	class  exchange.Class
	at     func(d *dialect) string // where comments must stand; nil: nowhere
	by     string                  // whom the header names, if not ours
}

func nothing(*dialect) string { return "" }

func opening(d *dialect) string { return strings.Join(d.opening, "") }

func begun(d *dialect) string { return opening(d) + d.content[0] }

const theirError = `{"message":"their\nwords","type":"their_kind","code":"their_code","param":"their_param"}`

// errorBody is an error answer in a dialect.
func errorBody(d *dialect) string {
	if d.name == "messages" {
		return "{\"type\": \"error\",\n \"error\": " + theirError + ", \"request_id\": \"req_1\"}"
	}
	return "{\n  \"error\": " + theirError + "\n}\n"
}

// errorTold is the same as the last event of a stream.
func errorTold(d *dialect) string {
	switch d.name {
	case "messages":
		return "event: error\ndata: {\"type\":\"error\",\"error\":" + theirError + ",\"request_id\":\"req_1\"}\n\n"
	case "responses":
		return "event: error\ndata: {\"code\":\"their_code\",\"message\":\"their\\nwords\",\"param\":\"their_param\",\"sequence_number\":0,\"type\":\"error\"}\n\n"
	}
	return "data: {\"error\":" + theirError + "}\n\n"
}

// zipped is the right answer of a dialect in gzip.
func zipped(d *dialect) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, d.whole(true))
	_ = z.Close()
	return b.String()
}

func lulls() []lull {
	all := func(d *dialect, w http.ResponseWriter) { send(w, d.opening, d.content, d.closing) }
	return []lull{
		{name: "before the header", ours: true, at: nothing, answer: func(d *dialect, w http.ResponseWriter, r *http.Request, s *stage) {
			s.comments(r)
			all(d, w)
		}},
		{name: "before the first event", by: "primary", at: nothing, answer: func(d *dialect, w http.ResponseWriter, r *http.Request, s *stage) {
			send(w, []string{""})
			s.comments(r)
			all(d, w)
		}},
		{name: "between events", by: "primary", at: begun, answer: func(d *dialect, w http.ResponseWriter, r *http.Request, s *stage) {
			send(w, d.opening, d.content[:1])
			s.comments(r)
			send(w, d.content[1:], d.closing)
		}},
		{name: "inside an event", by: "primary", answer: func(d *dialect, w http.ResponseWriter, r *http.Request, s *stage) {
			whole := d.whole(true)
			cut := len(begun(d)) + 9
			send(w, []string{whole[:cut]})
			s.meanwhile(r)
			send(w, []string{whole[cut:]})
		}},
		{name: "while events are held back", relay: true, back: true, ours: true, at: nothing, answer: func(d *dialect, w http.ResponseWriter, r *http.Request, s *stage) {
			send(w, d.opening)
			s.comments(r)
			send(w, d.content, d.closing)
		}},
		{name: "a substitute answers", relay: true, back: true, ours: true, at: nothing, answer: func(d *dialect, w http.ResponseWriter, r *http.Request, s *stage) {
			send(w, d.opening)
			s.comments(r)
			panic(http.ErrAbortHandler)
		}},
		{name: "a byte order mark after comments", ours: true, at: nothing, answer: func(d *dialect, w http.ResponseWriter, r *http.Request, s *stage) {
			s.comments(r)
			send(w, []string{"\xef", "\xbb\xbf" + d.whole(true)})
		}},
		{name: "an error in the dialect", ours: true, at: nothing, rest: nothing, told: errorTold, broken: true, class: exchange.ClassRateLimited,
			answer: func(d *dialect, w http.ResponseWriter, r *http.Request, s *stage) {
				s.comments(r)
				w.WriteHeader(http.StatusTooManyRequests)
				_, _ = io.WriteString(w, errorBody(d))
			}},
		{name: "an error in another dialect", ours: true, at: nothing, rest: nothing, tells: `"message":"theirs"`, broken: true, class: exchange.ClassBadRequest,
			answer: func(_ *dialect, w http.ResponseWriter, r *http.Request, s *stage) {
				s.comments(r)
				w.WriteHeader(http.StatusUnprocessableEntity)
				_, _ = io.WriteString(w, `{"error":{"message":"theirs"}}`)
			}},
		{name: "an error in other words", ours: true, at: nothing, rest: nothing, tells: "status 502", broken: true, class: exchange.ClassServer,
			answer: func(_ *dialect, w http.ResponseWriter, r *http.Request, s *stage) {
				s.comments(r)
				w.WriteHeader(http.StatusBadGateway)
				_, _ = io.WriteString(w, "<html>bad gateway")
			}},
		{name: "an error without an end", ours: true, at: nothing, rest: nothing, tells: "status 403", broken: true, class: exchange.ClassAuth,
			answer: func(_ *dialect, w http.ResponseWriter, r *http.Request, s *stage) {
				s.comments(r)
				w.WriteHeader(http.StatusForbidden)
				for r.Context().Err() == nil {
					_, _ = io.WriteString(w, strings.Repeat(" ", 4096))
				}
			}},
		{name: "no answer", ours: true, at: nothing, rest: nothing, tells: "closed the connection", broken: true, class: exchange.ClassBroken,
			answer: func(_ *dialect, _ http.ResponseWriter, r *http.Request, s *stage) {
				s.comments(r)
				panic(http.ErrAbortHandler)
			}},
		{name: "no answer in time", ours: true, at: nothing, rest: nothing, tells: "did not respond in time", broken: true, class: exchange.ClassHeaderTimeout,
			times: func(every time.Duration) upstream.Timeouts { return upstream.Timeouts{Header: 20 * every} }, answer: func(_ *dialect, _ http.ResponseWriter, r *http.Request, _ *stage) { hang(r) }},
		{name: "silence for too long", relay: true, by: "relay", at: begun, rest: begun, tells: "stopped sending", broken: true, class: exchange.ClassIdle,
			times: func(every time.Duration) upstream.Timeouts { return upstream.Timeouts{Idle: 20 * every} }, answer: func(d *dialect, w http.ResponseWriter, r *http.Request, _ *stage) {
				send(w, d.opening, d.content[:1])
				hang(r)
			}},
		{name: "a break in mid-stream", relay: true, by: "relay", at: begun, rest: begun, tells: "closed the connection in the middle", broken: true, class: exchange.ClassBroken,
			answer: func(d *dialect, w http.ResponseWriter, r *http.Request, s *stage) {
				send(w, d.opening, d.content[:1])
				s.comments(r)
				panic(http.ErrAbortHandler)
			}},
		{name: "a break before the first event", relay: true, by: "relay", at: nothing, rest: nothing, tells: "closed the connection in the middle", broken: true, class: exchange.ClassBroken,
			answer: func(_ *dialect, w http.ResponseWriter, r *http.Request, s *stage) {
				send(w, []string{""})
				s.comments(r)
				panic(http.ErrAbortHandler)
			}},
		{name: "a whole answer instead of a stream", ours: true, at: nothing, rest: nothing, tells: "with something else", broken: true, class: exchange.ClassMalformed,
			answer: func(d *dialect, w http.ResponseWriter, r *http.Request, s *stage) {
				s.comments(r)
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, d.plain)
			}},
		{name: "a slow whole answer", by: "primary", rest: func(d *dialect) string { return d.plain }, answer: func(d *dialect, w http.ResponseWriter, r *http.Request, s *stage) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, d.plain[:20])
			_ = http.NewResponseController(w).Flush()
			s.meanwhile(r)
			_, _ = io.WriteString(w, d.plain[20:])
		}},
		{name: "an encoded stream", by: "primary", rest: zipped, answer: func(d *dialect, w http.ResponseWriter, r *http.Request, s *stage) {
			w.Header().Set("Content-Encoding", "gzip")
			z := zipped(d)
			send(w, []string{z[:30]})
			s.meanwhile(r)
			send(w, []string{z[30:]})
		}},
		{name: "an encoded stream that is held back", relay: true, back: true, by: "relay", rest: zipped, answer: func(d *dialect, w http.ResponseWriter, r *http.Request, s *stage) {
			w.Header().Set("Content-Encoding", "gzip")
			z := zipped(d)
			send(w, []string{z[:30]})
			s.meanwhile(r)
			send(w, []string{z[30:]})
		}},
		{name: "an encoded stream after comments", ours: true, at: nothing, rest: nothing, tells: "with something else", broken: true, class: exchange.ClassMalformed,
			answer: func(d *dialect, w http.ResponseWriter, r *http.Request, s *stage) {
				s.comments(r)
				w.Header().Set("Content-Encoding", "gzip")
				send(w, []string{zipped(d)})
			}},
		{name: "a stream of known length", by: "primary", answer: func(d *dialect, w http.ResponseWriter, r *http.Request, s *stage) {
			w.Header().Set("Content-Length", fmt.Sprint(len(d.whole(true))))
			send(w, d.opening)
			s.meanwhile(r)
			send(w, d.content, d.closing)
		}},
	}
}

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

// play reports what may have been the fault of a busy machine; the rest it
// holds against the test.
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
		l.answer(&d, w, r, s)
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
		return fmt.Sprintf("the answer begins %.300q, want comments after %q", got, l.at(d))
	}
	return ""
}

// check holds what the caller got against the row.
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

// hear reads an answer to its end and tells of each comment when it comes.
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
