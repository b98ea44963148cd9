package router_test

import (
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

// TestRelayStatusesThatAreNoResponse: redirects and successes without a whole
// body are failures of the relay, with and without somebody to replace it.
func TestRelayStatusesThatAreNoResponse(t *testing.T) {
	t.Parallel()
	for _, status := range []int{300, 301, 302, 303, 304, 305, 307, 308, 399, 204, 205, 206} {
		for _, fallback := range []bool{true, false} {
			t.Run(fmt.Sprint(status, fallback), func(t *testing.T) {
				t.Parallel()
				b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					_, _ = io.WriteString(w, chatCompletion)
				}), setup{
					decide: func(flags.Attributes) flags.Decision {
						return flags.Decision{RelayEnabled: true, ServeRelay: true, Fallback: fallback}
					},
					relayHandler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
						w.Header().Set("Location", "http://elsewhere.example/v1/chat/completions")
						w.WriteHeader(status)
					}),
				})
				resp, _ := b.do("POST", "/v1/chat/completions", chat, "Content-Type", "application/json")
				_, x := b.exchangeOf(1)
				want, served := 502, "cutover"
				if fallback {
					want, served = 200, "primary"
					if len(x.Trail) != 1 || x.Trail[0].Class != exchange.ClassMalformed || x.Trail[0].Status != status {
						t.Errorf("trail %+v", x.Trail)
					}
				} else if x.Class != exchange.ClassMalformed || x.Status != status {
					t.Errorf("class %q, status %d", x.Class, x.Status)
				}
				if resp.StatusCode != want || resp.Header.Get("X-Cutover-Served-By") != served || resp.Header.Get("Location") != "" {
					t.Errorf("%d by %s, Location %q; want %d by %s", resp.StatusCode, resp.Header.Get("X-Cutover-Served-By"),
						resp.Header.Get("Location"), want, served)
				}
			})
		}
	}
}

// TestPrimaryRedirectsPass: what the primary says is its own affair.
func TestPrimaryRedirectsPass(t *testing.T) {
	t.Parallel()
	for _, status := range []int{302, 307, 204, 304} {
		b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
		}), setup{})
		resp, _ := b.do("POST", "/v1/chat/completions", chat, "Content-Type", "application/json")
		if resp.StatusCode != status || resp.Header.Get("Location") != "/elsewhere" {
			t.Errorf("status %d, Location %q; want %d", resp.StatusCode, resp.Header.Get("Location"), status)
		}
	}
}

// TestRedirectNamesTheBaseURL looks for the advice in the log, once for many
// calls, and without the query, which may hold a key.
func TestRedirectNamesTheBaseURL(t *testing.T) {
	t.Parallel()
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, chatCompletion)
	}), setup{
		decide: serveByRelay,
		relayHandler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "https://moved.example/api"+r.URL.Path+"/?key=SECRET")
			w.WriteHeader(308)
		}),
	})
	for range 3 {
		b.do("POST", "/v1/chat/completions", chat, "Content-Type", "application/json")
	}
	logs := b.logs.String()
	if strings.Count(logs, `"base_url":"https://moved.example/api/v1"`) != 1 || strings.Contains(logs, "SECRET") {
		t.Errorf("log:\n%s", logs)
	}
}

// TestFormThatWasNotAskedFor: a stream is for who asked for one, and for nobody
// else.
func TestFormThatWasNotAskedFor(t *testing.T) {
	t.Parallel()
	for _, d := range dialects() {
		for _, row := range []struct {
			name       string
			stream     bool // asked for
			asStream   bool // came
			kind       string
			wantServed string
		}{
			{"JSON for a stream", true, false, "application/json", "primary"},
			{"JSON for a stream, typed as one", true, false, "text/event-stream", "primary"},
			{"events for a plain call", false, true, "text/event-stream", "primary"},
			{"events for a plain call, typed as JSON", false, true, "application/json", "primary"},
			{"a stream", true, true, "text/event-stream", "relay"},
			{"a plain response", false, false, "application/json", "relay"},
		} {
			t.Run(d.name+"/"+row.name, func(t *testing.T) {
				t.Parallel()
				b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }), setup{
					decide: serveByRelay,
					relayHandler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
						w.Header().Set("Content-Type", row.kind)
						_, _ = io.WriteString(w, d.whole(row.asStream))
					}),
				})
				body := fmt.Sprintf(`{"model":"m","stream":%v,"max_tokens":9,"messages":[],"input":"x","prompt":"x"}`, row.stream)
				resp, _ := b.do("POST", d.path, body, "Content-Type", "application/json")
				if by := resp.Header.Get("X-Cutover-Served-By"); by != row.wantServed {
					t.Errorf("served by %q, want %q", by, row.wantServed)
				}
			})
		}
	}
}

// TestWholeStreamsWithoutText: a finish reason is the response's own word that
// it is over, with text or without.
func TestWholeStreamsWithoutText(t *testing.T) {
	t.Parallel()
	for reason, by := range map[string]string{`"length"`: "relay", `"stop"`: "relay", `"content_filter"`: "relay", "null": "primary"} {
		b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }), setup{
			decide: serveByRelay,
			relayHandler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/event-stream")
				_, _ = fmt.Fprintf(w, "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"role\":"+
					"\"assistant\","+
					"\"content\":\"\"},\"finish_reason\":%s}]}\n\ndata: [DONE]\n\n", reason)
			}),
		})
		resp, _ := b.do("POST", "/v1/chat/completions", streamed, "Content-Type", "application/json")
		if got := resp.Header.Get("X-Cutover-Served-By"); got != by {
			t.Errorf("finish_reason %s: served by %q, want %q", reason, got, by)
		}
	}
}

// TestHintsOfReplacedResponses: only a response that nobody can replace may send
// informational responses ahead, and none goes to an HTTP/1.0 caller.
func TestHintsOfReplacedResponses(t *testing.T) {
	t.Parallel()
	const hint = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nSet-Cookie: a=b\r\n\r\n"
	ok := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(chatCompletion), chatCompletion)
	for _, row := range []struct {
		name            string
		relay, fallback bool
		retries         int
		http10          bool
		want            string
	}{
		{"the primary's", false, true, 0, false, "HTTP/1.1 103"},
		{"the primary's, with retries", false, true, 3, false, "HTTP/1.1 200"},
		{"the relay's", true, true, 0, false, "HTTP/1.1 200"},
		{"the relay's, without fallback", true, false, 0, false, "HTTP/1.1 103"},
		{"to HTTP/1.0", false, true, 0, true, "HTTP/1.0 200"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			up := newRawUpstream(t, hint+ok)
			change := func(c *upstreamConfig) {
				c.BaseURL = up.url() + "/v1"
				if row.retries > 0 {
					c.Policies = &upstream.Policies{Retry: upstream.RetryPolicy{Attempts: row.retries}}
				}
			}
			s := setup{primary: change, decide: func(flags.Attributes) flags.Decision {
				return flags.Decision{RelayEnabled: true, ServeRelay: row.relay, Fallback: row.fallback}
			}}
			if row.relay {
				s.primary, s.relay = nil, change
			}
			b := newBench(t, http.NotFoundHandler(), s)
			version := "1.1"
			if row.http10 {
				version = "1.0"
			}
			got := b.send(fmt.Sprintf("POST /v1/chat/completions HTTP/%s\r\nHost: h\r\nContent-Type: application/json\r\nConnection: close\r\n"+
				"Content-Length: %d\r\n\r\n%s", version, len(chat), chat))
			if !strings.HasPrefix(got, row.want) || row.relay && strings.Contains(got, "Set-Cookie") {
				t.Errorf("response %q, want it to begin with %s", got, row.want)
			}
		})
	}
}

// TestLateHintDoesNotEndTheCall: a hint comes when the first write deadline is over.
func TestLateHintDoesNotEndTheCall(t *testing.T) {
	t.Parallel()
	const stall = 200 * time.Millisecond
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for range 3 {
			select {
			case <-time.After(2 * stall):
			case <-r.Context().Done():
			}
			w.WriteHeader(http.StatusEarlyHints)
		}
		_, _ = io.WriteString(w, chatCompletion)
	}), setup{
		limits: limits{WriteStallTimeout: stall},
		router: func(c *routerConfig) { c.WriteStallTimeout = stall },
	})
	resp, got := b.do("POST", "/v1/chat/completions", chat, "Content-Type", "application/json")
	if resp.StatusCode != 200 || got != chatCompletion {
		t.Errorf("%d %q", resp.StatusCode, got)
	}
}

// TestFallbackComesInTimeForTheCaller: a caller that says how long it waits has
// the fallback's response before that, however patient the configuration is.
func TestFallbackComesInTimeForTheCaller(t *testing.T) {
	t.Parallel()
	for name, relay := range map[string]http.HandlerFunc{
		"no header": func(_ http.ResponseWriter, r *http.Request) { drain(r); hang(r) },
		"no token": func(w http.ResponseWriter, r *http.Request) {
			drain(r)
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, ": thinking\n\n")
			w.(http.Flusher).Flush()
			hang(r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }),
				setup{decide: serveByRelay, relayHandler: relay})
			started := time.Now()
			resp, _ := b.do("POST", "/v1/chat/completions", streamed, "Content-Type", "application/json", "X-Stainless-Timeout", "2")
			if took := time.Since(started); by(resp)[:7] != "primary" || took > 1900*time.Millisecond || took < 1400*time.Millisecond {
				t.Errorf("served by %s after %s, want the primary after 1.5 s", by(resp), took)
			}
		})
	}
}
