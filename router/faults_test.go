package router_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cutover/exchange"
	"cutover/flags"
	"cutover/upstream"
)

// dialect is how one API words what the tests need.
type dialect struct {
	name, path       string
	plain            string   // a complete response that is not streamed
	opening          []string // events without content
	content, closing []string
	errorEvent       string // the beginning of an error event
}

func dialects() []dialect {
	return []dialect{
		{
			name: "chat", path: "/v1/chat/completions", plain: chatCompletion,
			opening: []string{"data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n"},
			content: []string{
				"data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"one \"}}]}\n\n",
				"data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"two\"}}]}\n\n",
			},
			closing:    []string{"data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n", "data: [DONE]\n\n"},
			errorEvent: "data: {\"error\":{",
		},
		{
			name: "responses", path: "/v1/responses",
			plain: `{"id":"r","object":"response","status":"completed","model":"m","output":[{"type":"message","role":"assistant",` +
				`"content":[{"type":"output_text","text":"hi"}]}]}`,
			opening: []string{
				"event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"r\",\"status\":\"in_pro" +
					"gress\"}}\n\n",
			},
			content: []string{
				"event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":1,\"delta\":\"one \"}\n\n",
				"event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":2,\"delta\":\"two\"}\n\n",
			},
			closing: []string{
				"event: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":3,\"response\":{\"id\":\"r\",\"status\":\"co" +
					"mpleted\",\"model\":\"m\",\"output\":[]}}\n\n",
			},
			errorEvent: "event: error\ndata: {",
		},
		{
			name: "messages", path: "/v1/messages",
			plain: `{"id":"m","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn",` +
				`"usage":{"input_tokens":1,"output_tokens":1}}`,
			opening: []string{
				"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"m\",\"usage\":{\"input_tokens\":1" +
					",\"output_tokens\":0}}}\n\n",
				"event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"tex" +
					"t\":\"\"}}\n\n",
				"event: ping\ndata: {\"type\":\"ping\"}\n\n",
			},
			content: []string{
				"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"one" +
					" \"}}\n\n",
				"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"tw" +
					"o\"}}\n\n",
			},
			closing: []string{
				"event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
				"event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":2}}\n\n",
				"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
			},
			errorEvent: "event: error\ndata: {",
		},
		{
			name: "completions", path: "/v1/completions",
			plain:   `{"id":"t","object":"text_completion","model":"m","choices":[{"index":0,"text":"hi","finish_reason":"stop"}]}`,
			opening: []string{"data: {\"id\":\"t\",\"choices\":[{\"index\":0,\"text\":\"\"}]}\n\n"},
			content: []string{
				"data: {\"id\":\"t\",\"choices\":[{\"index\":0,\"text\":\"one \"}]}\n\n",
				"data: {\"id\":\"t\",\"choices\":[{\"index\":0,\"text\":\"two\"}]}\n\n",
			},
			closing: []string{
				"data: {\"id\":\"t\",\"choices\":[{\"index\":0,\"text\":\"\",\"finish_reason\":\"stop\"}]}\n\n",
				"data: [DONE]\n\n",
			},
			errorEvent: "data: {\"error\":{",
		},
	}
}

// lacking is a stream without its last word: up to the reason for which the
// model stopped, where the dialect has one, else up to the last content.
func (d *dialect) lacking() []string {
	return slices.Concat(d.opening, d.content, d.closing[:len(d.closing)-1])
}

// send writes events, each flushed.
func send(w http.ResponseWriter, events ...[]string) {
	w.Header().Set("Content-Type", "text/event-stream")
	for _, list := range events {
		for _, e := range list {
			_, _ = io.WriteString(w, e)
			w.(http.Flusher).Flush()
		}
	}
}

// whole is the correct response in a dialect.
func (d *dialect) whole(streamed bool) string {
	if !streamed {
		return d.plain
	}
	return strings.Join(d.opening, "") + strings.Join(d.content, "") + strings.Join(d.closing, "")
}

// fault is one way for the relay to fail, and the expected result.
type fault struct {
	name    string
	stream  int // 0: both, 1: streams only, -1: plain responses only
	relay   func(d *dialect, w http.ResponseWriter, r *http.Request)
	why     exchange.Class // recorded of the relay, and told by X-Cutover-Fallback where the primary serves
	passed  bool           // the relay's own response reaches the caller
	status  int            // with passed: the status; 200 when 0
	broken  bool           // the caller sees the connection break
	cut     func(d *dialect) string
	errored bool // the sidecar adds an error event before the break
	says    bool // of dialects whose streams say why the model stopped before their last word
}

func statusFault(code int, why exchange.Class) fault {
	return fault{name: fmt.Sprint("status ", code), why: why, relay: func(_ *dialect, w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, `{"error":{"message":"x","type":"t"}}`)
	}}
}

func hang(r *http.Request) { <-r.Context().Done() }

// seenKey is under which a relay's handler finds the channel that is closed
// when the caller has read the first content.
type seenKey struct{}

// untilSeen waits until the caller has the first content: as long as nothing
// has reached it, a response may still be replaced.
func untilSeen(r *http.Request) {
	select {
	case <-r.Context().Value(seenKey{}).(chan struct{}):
	case <-r.Context().Done():
	}
}

func faults() []fault {
	return []fault{
		statusFault(401, exchange.ClassAuth), statusFault(403, exchange.ClassAuth), statusFault(404, exchange.ClassNotFound),
		statusFault(
			402,
			exchange.ClassPayment,
		), statusFault(405, exchange.ClassBadRequest), statusFault(410, exchange.ClassBadRequest), statusFault(413, exchange.ClassBadRequest),
		statusFault(408, exchange.ClassBadRequest), statusFault(409, exchange.ClassBadRequest), statusFault(429, exchange.ClassRateLimited),
		statusFault(500, exchange.ClassServer), statusFault(503, exchange.ClassOverloaded), statusFault(529, exchange.ClassOverloaded),
		{
			name:  "reset before the header",
			why:   exchange.ClassBroken,
			relay: func(*dialect, http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		},
		{
			name:  "silent before the header",
			why:   exchange.ClassHeaderTimeout,
			relay: func(_ *dialect, _ http.ResponseWriter, r *http.Request) { hang(r) },
		},
		{
			name:   "silent after the header",
			stream: 1,
			why:    exchange.ClassFirstToken,
			relay:  func(_ *dialect, w http.ResponseWriter, r *http.Request) { send(w, []string{": hi\n\n"}); hang(r) },
		},
		{
			name:   "silent after the opening",
			stream: 1,
			why:    exchange.ClassFirstToken,
			relay:  func(d *dialect, w http.ResponseWriter, r *http.Request) { send(w, d.opening); hang(r) },
		},
		{
			name:   "error event first",
			stream: 1,
			why:    exchange.ClassErrorEvent,
			relay:  func(d *dialect, w http.ResponseWriter, _ *http.Request) { send(w, []string{errorIn(d)}) },
		},
		{
			name:   "error event after the opening",
			stream: 1,
			why:    exchange.ClassErrorEvent,
			relay:  func(d *dialect, w http.ResponseWriter, _ *http.Request) { send(w, d.opening, []string{errorIn(d)}) },
		},
		{name: "reset after the opening", stream: 1, why: exchange.ClassBroken, relay: func(d *dialect, w http.ResponseWriter, _ *http.Request) {
			send(w, d.opening)
			panic(http.ErrAbortHandler)
		}},
		{
			name:   "clean end after the opening",
			stream: 1,
			why:    exchange.ClassUnfinished,
			relay:  func(d *dialect, w http.ResponseWriter, _ *http.Request) { send(w, d.opening) },
		},
		{name: "empty 200", why: exchange.ClassEmpty, relay: func(_ *dialect, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
		}},
		{name: "a web page", why: exchange.ClassMalformed, relay: func(_ *dialect, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<html>Welcome</html>")
		}},
		{name: "half a JSON", stream: -1, why: exchange.ClassMalformed, relay: func(d *dialect, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, d.plain[:len(d.plain)/2])
		}},
		{
			name:   "broken inside its length",
			stream: -1,
			why:    exchange.ClassBroken,
			relay: func(d *dialect, w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "1000")
				_, _ = io.WriteString(w, d.plain)
				panic(http.ErrAbortHandler)
			},
		},
		{name: "the caller's mistake, 400", why: exchange.ClassBadRequest, passed: true, status: 400, relay: statusFault(400, "").relay},
		{name: "the caller's mistake, 422", why: exchange.ClassBadRequest, passed: true, status: 422, relay: statusFault(422, "").relay},
		{name: "reset after content", stream: 1, why: exchange.ClassBroken, passed: true, broken: true, errored: true,
			cut: func(d *dialect) string { return strings.Join(d.opening, "") + d.content[0] },
			relay: func(d *dialect, w http.ResponseWriter, r *http.Request) {
				send(w, d.opening, d.content[:1])
				untilSeen(r)
				panic(http.ErrAbortHandler)
			}},
		{name: "reset inside an event", stream: 1, why: exchange.ClassBroken, passed: true, broken: true,
			cut: func(d *dialect) string { return strings.Join(d.opening, "") + d.content[0] + "data: {" },
			relay: func(d *dialect, w http.ResponseWriter, r *http.Request) {
				send(w, d.opening, d.content[:1])
				untilSeen(r)
				send(w, []string{"data: {"})
				panic(http.ErrAbortHandler)
			}},
		{name: "silent after content", stream: 1, why: exchange.ClassIdle, passed: true, broken: true, errored: true,
			cut: func(d *dialect) string { return strings.Join(d.opening, "") + d.content[0] },
			relay: func(d *dialect, w http.ResponseWriter, r *http.Request) {
				send(w, d.opening, d.content[:1])
				hang(r)
			}},
		{name: "error event after content", stream: 1, why: exchange.ClassErrorEvent, passed: true,
			cut: func(d *dialect) string { return strings.Join(d.opening, "") + d.content[0] + errorIn(d) },
			relay: func(d *dialect, w http.ResponseWriter, r *http.Request) {
				send(w, d.opening, d.content[:1])
				untilSeen(r)
				send(w, []string{errorIn(d)})
			}},
		{name: "clean end in the middle", stream: 1, why: exchange.ClassUnfinished, passed: true, broken: true, errored: true,
			cut: func(d *dialect) string { return strings.Join(d.opening, "") + strings.Join(d.content, "") },
			relay: func(d *dialect, w http.ResponseWriter, r *http.Request) {
				send(w, d.opening, d.content)
				untilSeen(r)
			}},
		{name: "clean end inside an event", stream: 1, why: exchange.ClassMalformed, passed: true, broken: true,
			cut: func(d *dialect) string { return strings.Join(d.opening, "") + d.content[0] + "data: {" },
			relay: func(d *dialect, w http.ResponseWriter, r *http.Request) {
				send(w, d.opening, d.content[:1])
				untilSeen(r)
				send(w, []string{"data: {"})
			}},
		{name: "clean end without the last word alone", stream: 1, passed: true, says: true,
			cut: func(d *dialect) string { return strings.Join(d.lacking(), "") },
			relay: func(d *dialect, w http.ResponseWriter, r *http.Request) {
				send(w, d.lacking())
				untilSeen(r)
			}},
		{name: "no fault", passed: true, relay: func(d *dialect, w http.ResponseWriter, r *http.Request) { right(d, w, r) }},
	}
}

func errorIn(d *dialect) string {
	if d.name == "chat" || d.name == "completions" {
		return "data: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\"}}\n\n"
	}
	return "event: error\ndata: {\"type\":\"error\",\"code\":\"server_error\",\"message\":\"x\",\"error\":{\"type\":\"overloaded_erro" +
		"r\",\"message\":\"x\"}}\n\n"
}

// right responds as a healthy provider does.
func right(d *dialect, w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if bytes.Contains(body, []byte(`"stream":true`)) {
		send(w, d.opening, d.content, d.closing)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, d.plain)
}

// TestFaultsOfTheRelay is the table of what callers get while the relay serves
// and fails: fault x dialect x streaming, before and after the first content.
func TestFaultsOfTheRelay(t *testing.T) {
	t.Parallel()
	rows := 0
	for _, d := range dialects() {
		for _, f := range faults() {
			for _, streamed := range []bool{false, true} {
				if f.stream > 0 && !streamed || f.stream < 0 && streamed || f.says && len(d.closing) == 1 {
					continue
				}
				rows++
				t.Run(fmt.Sprintf("%s/%s/stream=%v", d.name, f.name, streamed), func(t *testing.T) {
					t.Parallel()
					testFault(t, d, f, streamed)
				})
			}
		}
	}
	if rows < 140 {
		t.Errorf("the table has %d rows, want at least 140", rows)
	}
}

func testFault(t *testing.T, d dialect, f fault, streamed bool) {
	const limit = time.Second // for those who fall silent; the others may take their time
	seen := make(chan struct{})
	var primary, relay atomic.Int64
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		primary.Add(1)
		right(&d, w, r)
	}), setup{
		decide: serveByRelay,
		relay: func(c *upstreamConfig) {
			switch f.why {
			case exchange.ClassHeaderTimeout, exchange.ClassFirstToken, exchange.ClassIdle:
				c.Timeouts = upstream.Timeouts{Header: limit, FirstToken: limit, Idle: limit}
			}
		},
		relayHandler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			relay.Add(1)
			body, _ := io.ReadAll(r.Body) // or the handler would not see its caller go
			r.Body = io.NopCloser(bytes.NewReader(body))
			f.relay(&d, w, r.WithContext(context.WithValue(r.Context(), seenKey{}, seen)))
		}),
	})
	begun := time.Now()
	resp := b.post(
		t,
		context.Background(),
		d.path,
		fmt.Sprintf(`{"model":"m","stream":%v,"max_tokens":9,"input":"hi","messages":[{"role":"user","content":"hi"}]}`, streamed),
	)
	var head []byte
	if f.cut != nil {
		head = make([]byte, len(strings.Join(d.opening, "")+d.content[0]))
		n, _ := io.ReadFull(resp.Body, head)
		head = head[:n]
		close(seen)
	}
	got, err := io.ReadAll(resp.Body)
	got = append(head, got...)
	resp.Body.Close()
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("the caller waited %s", took)
	}
	x := expect{by: "primary", status: 200, body: d.whole(streamed), why: strings.ReplaceAll(string(f.why), "_", "-"), primary: 1}
	if f.passed {
		x = expect{by: "relay", status: max(f.status, 200), body: d.whole(streamed)}
		if f.status > 0 {
			x.body = `{"error":{"message":"x","type":"t"}}`
		}
	}
	if f.cut != nil {
		x.body = f.cut(&d)
	}
	x.check(t, resp, string(got), primary.Load())
	if (err != nil) != f.broken {
		t.Errorf("the connection ended with %v, want broken: %v", err, f.broken)
	}
	if rest := strings.TrimPrefix(string(got), x.body); f.errored != strings.HasPrefix(rest, d.errorEvent) || !f.errored && rest != "" {
		t.Errorf("after what the relay said came %q, want an error event: %v", rest, f.errored)
	}
	if relay.Load() != 1 {
		t.Errorf("the relay was called %d times, want once", relay.Load())
	}
	_, last := b.exchangeOf(1)
	if want := f.why; f.passed && last.Class != want || !f.passed && last.Class != exchange.ClassNone {
		t.Errorf("recorded class %q (%s), want %q", last.Class, last.Detail, want)
	}
}

// expect is what a caller must get.
type expect struct {
	by, why, body string
	status        int
	primary       int64
}

func (x *expect) check(t *testing.T, resp *http.Response, body string, primary int64) {
	t.Helper()
	if by, why := resp.Header.Get("X-Cutover-Served-By"), resp.Header.Get("X-Cutover-Fallback"); by != x.by || why != x.why {
		t.Errorf("served by %q because of %q, want %q because of %q", by, why, x.by, x.why)
	}
	if resp.StatusCode != x.status {
		t.Errorf("status = %d, want %d", resp.StatusCode, x.status)
	}
	if !strings.HasPrefix(body, x.body) {
		t.Errorf("body = %q\nwant   %q", body, x.body)
	}
	if primary != x.primary {
		t.Errorf("the primary was called %d times, want %d", primary, x.primary)
	}
}

// TestEventsAreNotHeldBackForTheReference: what the primary serves passes at
// once, also while fallback is on.
func TestEventsAreNotHeldBackForTheReference(t *testing.T) {
	t.Parallel()
	d := dialects()[0]
	seen := make(chan struct{})
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		send(w, d.opening)
		select {
		case <-seen:
		case <-r.Context().Done():
		}
		send(w, d.content, d.closing)
	}), setup{decide: func(flags.Attributes) flags.Decision {
		return flags.Decision{RelayEnabled: true, Fallback: true}
	}})
	resp := b.post(t, context.Background(), d.path, streamed)
	defer resp.Body.Close()
	buf := make([]byte, len(d.opening[0]))
	if _, err := io.ReadFull(resp.Body, buf); err != nil || string(buf) != d.opening[0] {
		t.Fatalf("%q, %v", buf, err)
	}
	close(seen)
	if _, err := io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
}

func TestSlowResponsesAreReplacedBeforeTheyAreSeen(t *testing.T) {
	t.Parallel()
	d := dialects()[0]
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { right(&d, w, r) }), setup{
		decide: serveByRelay,
		router: func(c *routerConfig) { c.MinTokensPerSecond = 200 },
		relayHandler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			send(w, d.opening)
			tick := time.NewTicker(60 * time.Millisecond)
			defer tick.Stop()
			for r.Context().Err() == nil {
				select {
				case <-tick.C:
					send(w, d.content[:1])
				case <-r.Context().Done():
				}
			}
		}),
	})
	resp := b.post(t, context.Background(), d.path, streamed)
	got, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if resp.Header.Get("X-Cutover-Served-By") != "primary" || string(got) != d.whole(true) || err != nil {
		t.Errorf("served by %s: %q, %v; want the primary's complete response", resp.Header.Get("X-Cutover-Served-By"), got, err)
	}
}
