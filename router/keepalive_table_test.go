package router_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"cutover/exchange"
	"cutover/upstream"
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
	name     string
	relay    bool // the relay serves; the primary is its fallback if fallback is set
	back     bool
	response func(d *dialect, w http.ResponseWriter, r *http.Request, s *stage)
	times    func(every time.Duration) upstream.Timeouts
	ours     bool                    // the header is the sidecar's
	rest     func(d *dialect) string // what the caller gets besides comments; nil: the right response
	tells    string                  // in the error event behind it
	told     func(d *dialect) string // the error event behind it, where it is known exactly; neither: there is none
	broken   bool
	class    exchange.Class
	at       func(d *dialect) string // where comments must stand; nil: nowhere
	by       string                  // whom the header names, if not ours
}

func nothing(*dialect) string { return "" }

func opening(d *dialect) string { return strings.Join(d.opening, "") }

func begun(d *dialect) string { return opening(d) + d.content[0] }

const theirError = `{"message":"their\nwords","type":"their_kind","code":"their_code","param":"their_param"}`

// errorBody is an error response in a dialect.
func errorBody(d *dialect) string {
	if d.name == "messages" {
		return "{\"type\": \"error\",\n \"error\": " + theirError + ", \"request_id\": \"req_1\"}"
	}
	return "{\n  \"error\": " + theirError + "\n}\n"
}

// asErrorEvent is the same as the last event of a stream.
func asErrorEvent(d *dialect) string {
	switch d.name {
	case "messages":
		return "event: error\ndata: {\"type\":\"error\",\"error\":" + theirError + ",\"request_id\":\"req_1\"}\n\n"
	case "responses":
		return "event: error\ndata: {\"code\":\"their_code\",\"message\":\"their\\nwords\",\"param\":\"their_param\",\"sequence_number\":0" +
			",\"type\":\"error\"}\n\n"
	}
	return "data: {\"error\":" + theirError + "}\n\n"
}

// zipped is the right response of a dialect in gzip.
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
		{name: "before the header", ours: true, at: nothing, response: func(d *dialect, w http.ResponseWriter, r *http.Request, s *stage) {
			s.comments(r)
			all(d, w)
		}},
		{
			name: "before the first event",
			by:   "primary",
			at:   nothing,
			response: func(d *dialect, w http.ResponseWriter, r *http.Request, s *stage) {
				send(w, []string{""})
				s.comments(r)
				all(d, w)
			},
		},
		{name: "between events", by: "primary", at: begun, response: func(d *dialect, w http.ResponseWriter, r *http.Request, s *stage) {
			send(w, d.opening, d.content[:1])
			s.comments(r)
			send(w, d.content[1:], d.closing)
		}},
		{name: "inside an event", by: "primary", response: func(d *dialect, w http.ResponseWriter, r *http.Request, s *stage) {
			whole := d.whole(true)
			cut := len(begun(d)) + 9
			send(w, []string{whole[:cut]})
			s.meanwhile(r)
			send(w, []string{whole[cut:]})
		}},
		{
			name:  "while events are held back",
			relay: true,
			back:  true,
			ours:  true,
			at:    nothing,
			response: func(d *dialect, w http.ResponseWriter, r *http.Request, s *stage) {
				send(w, d.opening)
				s.comments(r)
				send(w, d.content, d.closing)
			},
		},
		{
			name:  "the fallback responds",
			relay: true,
			back:  true,
			ours:  true,
			at:    nothing,
			response: func(d *dialect, w http.ResponseWriter, r *http.Request, s *stage) {
				send(w, d.opening)
				s.comments(r)
				panic(http.ErrAbortHandler)
			},
		},
		{
			name: "a byte order mark after comments",
			ours: true,
			at:   nothing,
			response: func(d *dialect, w http.ResponseWriter, r *http.Request, s *stage) {
				s.comments(r)
				send(w, []string{"\xef", "\xbb\xbf" + d.whole(true)})
			},
		},
		{
			name:   "an error in the dialect",
			ours:   true,
			at:     nothing,
			rest:   nothing,
			told:   asErrorEvent,
			broken: true,
			class:  exchange.ClassRateLimited,
			response: func(d *dialect, w http.ResponseWriter, r *http.Request, s *stage) {
				s.comments(r)
				w.WriteHeader(http.StatusTooManyRequests)
				_, _ = io.WriteString(w, errorBody(d))
			},
		},
		{
			name:   "an error in another dialect",
			ours:   true,
			at:     nothing,
			rest:   nothing,
			tells:  `"message":"theirs"`,
			broken: true,
			class:  exchange.ClassBadRequest,
			response: func(_ *dialect, w http.ResponseWriter, r *http.Request, s *stage) {
				s.comments(r)
				w.WriteHeader(http.StatusUnprocessableEntity)
				_, _ = io.WriteString(w, `{"error":{"message":"theirs"}}`)
			},
		},
		{name: "an error in other words", ours: true, at: nothing, rest: nothing, tells: "status 502", broken: true, class: exchange.ClassServer,
			response: func(_ *dialect, w http.ResponseWriter, r *http.Request, s *stage) {
				s.comments(r)
				w.WriteHeader(http.StatusBadGateway)
				_, _ = io.WriteString(w, "<html>bad gateway")
			}},
		{name: "an error without an end", ours: true, at: nothing, rest: nothing, tells: "status 403", broken: true, class: exchange.ClassAuth,
			response: func(_ *dialect, w http.ResponseWriter, r *http.Request, s *stage) {
				s.comments(r)
				w.WriteHeader(http.StatusForbidden)
				for r.Context().Err() == nil {
					_, _ = io.WriteString(w, strings.Repeat(" ", 4096))
				}
			}},
		{name: "no response", ours: true, at: nothing, rest: nothing, tells: "closed the connection", broken: true, class: exchange.ClassBroken,
			response: func(_ *dialect, _ http.ResponseWriter, r *http.Request, s *stage) {
				s.comments(r)
				panic(http.ErrAbortHandler)
			}},
		{
			name:     "no response in time",
			ours:     true,
			at:       nothing,
			rest:     nothing,
			tells:    "did not respond in time",
			broken:   true,
			class:    exchange.ClassHeaderTimeout,
			times:    func(every time.Duration) upstream.Timeouts { return upstream.Timeouts{Header: 20 * every} },
			response: func(_ *dialect, _ http.ResponseWriter, r *http.Request, _ *stage) { hang(r) },
		},
		{
			name:   "silence for too long",
			relay:  true,
			by:     "relay",
			at:     begun,
			rest:   begun,
			tells:  "stopped sending",
			broken: true,
			class:  exchange.ClassIdle,
			times:  func(every time.Duration) upstream.Timeouts { return upstream.Timeouts{Idle: 20 * every} },
			response: func(d *dialect, w http.ResponseWriter, r *http.Request, _ *stage) {
				send(w, d.opening, d.content[:1])
				hang(r)
			},
		},
		{
			name:   "a break in mid-stream",
			relay:  true,
			by:     "relay",
			at:     begun,
			rest:   begun,
			tells:  "closed the connection in the middle",
			broken: true,
			class:  exchange.ClassBroken,
			response: func(d *dialect, w http.ResponseWriter, r *http.Request, s *stage) {
				send(w, d.opening, d.content[:1])
				s.comments(r)
				panic(http.ErrAbortHandler)
			},
		},
		{
			name:   "a break before the first event",
			relay:  true,
			by:     "relay",
			at:     nothing,
			rest:   nothing,
			tells:  "closed the connection in the middle",
			broken: true,
			class:  exchange.ClassBroken,
			response: func(_ *dialect, w http.ResponseWriter, r *http.Request, s *stage) {
				send(w, []string{""})
				s.comments(r)
				panic(http.ErrAbortHandler)
			},
		},
		{
			name:   "a complete response instead of a stream",
			ours:   true,
			at:     nothing,
			rest:   nothing,
			tells:  "with something else",
			broken: true,
			class:  exchange.ClassMalformed,
			response: func(d *dialect, w http.ResponseWriter, r *http.Request, s *stage) {
				s.comments(r)
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, d.plain)
			},
		},
		{
			name: "a slow complete response",
			by:   "primary",
			rest: func(d *dialect) string { return d.plain },
			response: func(d *dialect, w http.ResponseWriter, r *http.Request, s *stage) {
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, d.plain[:20])
				_ = http.NewResponseController(w).Flush()
				s.meanwhile(r)
				_, _ = io.WriteString(w, d.plain[20:])
			},
		},
		{name: "an encoded stream", by: "primary", rest: zipped, response: func(d *dialect, w http.ResponseWriter, r *http.Request, s *stage) {
			w.Header().Set("Content-Encoding", "gzip")
			z := zipped(d)
			send(w, []string{z[:30]})
			s.meanwhile(r)
			send(w, []string{z[30:]})
		}},
		{
			name:  "an encoded stream that is held back",
			relay: true,
			back:  true,
			by:    "relay",
			rest:  zipped,
			response: func(d *dialect, w http.ResponseWriter, r *http.Request, s *stage) {
				w.Header().Set("Content-Encoding", "gzip")
				z := zipped(d)
				send(w, []string{z[:30]})
				s.meanwhile(r)
				send(w, []string{z[30:]})
			},
		},
		{
			name:   "an encoded stream after comments",
			ours:   true,
			at:     nothing,
			rest:   nothing,
			tells:  "with something else",
			broken: true,
			class:  exchange.ClassMalformed,
			response: func(d *dialect, w http.ResponseWriter, r *http.Request, s *stage) {
				s.comments(r)
				w.Header().Set("Content-Encoding", "gzip")
				send(w, []string{zipped(d)})
			},
		},
		{name: "a stream of known length", by: "primary", response: func(d *dialect, w http.ResponseWriter, r *http.Request, s *stage) {
			w.Header().Set("Content-Length", fmt.Sprint(len(d.whole(true))))
			send(w, d.opening)
			s.meanwhile(r)
			send(w, d.content, d.closing)
		}},
	}
}
