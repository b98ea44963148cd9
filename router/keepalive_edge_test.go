package router_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cutover/exchange"
	"cutover/upstream"
)

// TestKeepAliveEndsWithItsCaller: a caller that hangs up while comments flow is
// noticed, and so is one that takes none.
func TestKeepAliveEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	for _, d := range dialects() {
		for _, http2 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/http2=%v", d.name, http2), func(t *testing.T) {
				t.Parallel()
				ended := make(chan struct{})
				b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.Copy(io.Discard, r.Body)
					hang(r)
					close(ended)
				}), setup{router: func(c *routerConfig) { c.KeepAlive = keepAliveEvery }})
				if http2 {
					b.speakHTTP2(t)
				}
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				resp := b.post(t, ctx, d.path, (&lull{}).body())
				heard := make(chan struct{}, 4096)
				done := make(chan struct{})
				go func() {
					defer close(done)
					_, _ = hear(resp, heard)
				}()
				<-heard
				<-heard
				cancel()
				<-done
				<-ended
				if _, x := b.exchangeOf(1); x.Class != exchange.ClassAborted {
					t.Errorf("class = %q, want %q", x.Class, exchange.ClassAborted)
				}
			})
		}
	}
}

// refusing is a caller to whom nothing can be written.
type refusing struct{ header http.Header }

func (w refusing) Header() http.Header       { return w.header }
func (w refusing) WriteHeader(int)           {}
func (w refusing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
func (w refusing) Flush()                    {}

func TestKeepAliveGivesUpOnACallerThatTakesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		hang(r) // until the call is called off
	}), setup{router: func(c *routerConfig) { c.KeepAlive = keepAliveEvery }})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "POST", "/v1/chat/completions", strings.NewReader(streamed))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.RequestURI = "/v1/chat/completions"
	defer func() {
		if p := recover(); p != http.ErrAbortHandler {
			t.Errorf("the handler ended with %v, want a broken connection", p)
		}
		if _, x := b.exchangeOf(1); x.Class != exchange.ClassAborted || ctx.Err() != nil {
			t.Errorf("class = %q, want %q at once", x.Class, exchange.ClassAborted)
		}
	}()
	b.router.ServeHTTP(refusing{http.Header{}}, r)
}

// TestKeepAliveExtendsTheCallersDeadline: the limit on a caller that does not
// read must not end one that waits.
func TestKeepAliveExtendsTheCallersDeadline(t *testing.T) {
	t.Parallel()
	for _, http2 := range []bool{false, true} {
		d, s := dialects()[0], &stage{heard: make(chan struct{}, 4096)}
		const every, stall = 50 * time.Millisecond, time.Second
		b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			for range 15 {
				s.comments(r)
			}
			send(w, d.opening, d.content, d.closing)
		}), setup{
			limits: limits{WriteStallTimeout: stall},
			router: func(c *routerConfig) { c.KeepAlive, c.WriteStallTimeout = every, stall },
		})
		if http2 {
			b.speakHTTP2(t)
		}
		got, err := hear(b.post(t, context.Background(), d.path, streamed), s.heard)
		if rest := strings.ReplaceAll(got, keepAliveComment, ""); rest != d.whole(true) || err != nil {
			t.Errorf("HTTP/2 %v: %q, %v; want the complete response", http2, rest, err)
		}
	}
}

// TestKeepAliveIsForStreamsAlone: who did not ask for a stream gets none.
func TestKeepAliveIsForStreamsAlone(t *testing.T) {
	t.Parallel()
	s := &stage{ticks: make(chan struct{}, 4096)}
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.Header.Get("X-Metronome") != "" {
			hang(r)
			return
		}
		s.meanwhile(r)
		w.Header().Set("X-Coding", r.Header.Get("Accept-Encoding"))
		_, _ = io.WriteString(w, "late")
	}), setup{router: func(c *routerConfig) { c.KeepAlive = keepAliveEvery }})
	defer b.metronome(t, &dialects()[0], s)()
	for _, row := range []struct{ path, body string }{
		{"/v1/chat/completions", chat},
		{"/v1/chat/completions", `{"stream":true`},
		{"/v1/embeddings", streamed},
		{"/v1/responses/input_tokens", streamed},
		{"/v1/messages/count_tokens", streamed},
		{"/v1/files", streamed},
		{"/v1/what/ever", streamed},
	} {
		resp, got := b.do("POST", row.path, row.body, "Content-Type", "application/json", "Accept-Encoding", "br")
		if got != "late" || resp.Header.Get("X-Coding") != "br" || resp.Header.Get("X-Cutover-Served-By") == "" {
			t.Errorf("%s %s: %q, %v; want the upstream's response alone", row.path, row.body, got, resp.Header)
		}
	}
}

// TestKeepAliveAndEarlyHints: hints pass until the first comment, which is the
// header, and are dropped after it.
func TestKeepAliveAndEarlyHints(t *testing.T) {
	t.Parallel()
	d, s := dialects()[0], &stage{heard: make(chan struct{}, 4096)}
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Link", "</a>")
		w.WriteHeader(http.StatusEarlyHints)
		s.comments(r)
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("Link")
		send(w, d.opening, d.content, d.closing)
	}), setup{router: func(c *routerConfig) { c.KeepAlive = time.Second }}) // the first hint must be in time
	hints := 0
	ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			if hints++; code != http.StatusEarlyHints || h.Get("Link") != "</a>" {
				t.Errorf("hint %d with %v", code, h)
			}
			return nil
		},
	})
	resp := b.post(t, ctx, d.path, streamed)
	got, err := hear(resp, s.heard)
	if rest := strings.ReplaceAll(got, keepAliveComment, ""); rest != d.whole(true) || err != nil || hints != 1 ||
		resp.Header.Get("Link") != "" {
		t.Errorf("%d hints, then %v and %q, %v; want one, and the response without the hint's header", hints, resp.Header, got, err)
	}
}

// TestKeepAliveWhileWaiting: comments also flow while a call waits for capacity
// within the limits, or before a retry, and beside a second provider.
func TestKeepAliveWhileWaiting(t *testing.T) {
	t.Parallel()
	d := dialects()[2]
	t.Run("retry", func(t *testing.T) {
		t.Parallel()
		s := &stage{heard: make(chan struct{}, 4096)}
		var calls atomic.Int64
		b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			if calls.Add(1) == 1 {
				w.Header().Set("Retry-After-Ms", "300")
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			send(w, d.opening, d.content, d.closing)
		}), setup{
			router: func(c *routerConfig) { c.KeepAlive = keepAliveEvery },
			primary: func(c *upstreamConfig) {
				c.Policies = &upstream.Policies{
					Retry:  upstream.RetryPolicy{Attempts: 2, Base: time.Second, Max: time.Second},
					Budget: upstream.NewRetryBudget(1, 10),
				}
			},
		})
		got, err := hear(b.post(t, context.Background(), d.path, (&lull{}).body()), s.heard)
		rest := strings.ReplaceAll(got, keepAliveComment, "")
		if rest != d.whole(true) || err != nil || calls.Load() != 2 || !strings.HasPrefix(got, keepAliveComment) {
			t.Errorf("after %d calls: %q, %v; want comments and the second response", calls.Load(), got, err)
		}
	})
	t.Run("hedge", func(t *testing.T) {
		t.Parallel()
		s := &stage{heard: make(chan struct{}, 4096)}
		b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			s.comments(r)
			send(w, d.opening, d.content, d.closing)
		}), setup{
			decide: serveByRelay,
			router: func(c *routerConfig) {
				c.KeepAlive = keepAliveEvery
				c.Hedge.Delay = 3 * keepAliveEvery
			},
			relayHandler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				hang(r)
			}),
		})
		got, err := hear(b.post(t, context.Background(), d.path, (&lull{}).body()), s.heard)
		rest := strings.ReplaceAll(got, keepAliveComment, "")
		if rest != d.whole(true) || err != nil || !strings.HasPrefix(got, keepAliveComment) {
			t.Errorf("%q, %v; want comments and the fallback's response", got, err)
		}
	})
}
