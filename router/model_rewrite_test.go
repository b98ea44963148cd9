package router_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"cutover/exchange"
	"cutover/flags"
	"cutover/upstream"
)

// renamed is a response in a dialect that names the model %s.
type renamed struct {
	name, path    string
	plain, stream string
	pieces        []string // events of the stream
}

func renamedResponses() []renamed {
	all := []renamed{
		{name: "chat", path: "/v1/chat/completions",
			plain: `{"id":"c", "model" : "%s","choices":[{"index":0,"message":{"role":"assistant","content":"my \"model\":\"real-1\" is ` +
				`real-1"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}`,
			pieces: []string{
				": hello\n\n",
				"data: {\"id\":\"c\",\"model\":\"%s\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\\\"model\\\":\\\"r" +
					"eal-1\\\"\"}}]}\n\n",
				"data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" two\"}}],\"model\":\"%s\"}\r\n\r\n",
				"data: {\"id\":\"c\",\ndata: \"model\":\ndata: \"%s\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
				"data: [DONE]\n\n",
			}},
		{name: "completions", path: "/v1/completions",
			plain: `{"id":"c","object":"text_completion","choices":[{"index":0,"text":"hi","finish_reason":"stop"}],"model":"%s"}`,
			pieces: []string{
				"data: {\"id\":\"c\",\"object\":\"text_completion\",\"choices\":[{\"index\":0,\"text\":\"hi\",\"finish_reason\":\"stop\"}],\"mode" +
					"l\":\"%s\"}\n\n",
				"data: [DONE]\n\n",
			}},
		{name: "responses", path: "/v1/responses",
			plain: `{"id":"r","object":"response","status":"completed","model":"%s","output":[{"type":"message","role":"assistant",` +
				`"content":[{"type":"output_text","text":"real-1"}]}]}`,
			pieces: []string{
				"event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"r\",\"status\":\"in_pro" +
					"gress\",\"model\":\"%s\"}}\n\n",
				"event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":1,\"delta\":\"real-1\",\"mod" +
					"el\":\"real-1\"}\n\n",
				"event: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":2,\"response\":{\"id\":\"r\",\"status\":\"co" +
					"mpleted\",\"model\":\"%s\",\"output\":[{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"tex" +
					"t\":\"real-1\"}]}]}}\n\n",
			}},
		{name: "messages", path: "/v1/messages",
			plain: `{"id":"m","type":"message","role":"assistant","model":"%s","content":[{"type":"text","text":"real-1"}],` +
				`"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}`,
			pieces: []string{
				"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"mo" +
					"del\":\"%s\",\"content\":[],\"usage\":{\"input_tokens\":1,\"output_tokens\":0}}}\n\n",
				"event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"tex" +
					"t\":\"\"}}\n\n",
				"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"real" +
					"-1\"}}\n\n",
				"event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
				"event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":2}}\n\n",
				"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
			}},
		{name: "embeddings", path: "/v1/embeddings",
			plain: `{"object":"list","data":[{"object":"embedding","index":0,"embedding":[1]}],"model":"%s","usage":{"prompt_tokens":1,` +
				`"total_tokens":1}}`},
	}
	for i := range all {
		all[i].stream = strings.Join(all[i].pieces, "")
	}
	return all
}

// as is a response with a model's name in it.
func as(response, model string) string { return strings.ReplaceAll(response, "%s", model) }

const (
	askedModel  = "asked \\\"one\\\"" // inside a JSON string
	givenModel  = "real-1"
	datedModel  = "real-1-2026-04-14" // what the upstream says it is
	renamedBody = `{"model":"` + askedModel + `","stream":%v,"max_tokens":9,"input":"hi","prompt":"hi","messages":[{"role":"user",` +
		`"content":"hi"}]}`
)

// showing maps the asked model at an upstream and shows it as asked.
func showing(c *upstreamConfig) {
	c.Models.Exact = map[string]string{`asked "one"`: givenModel}
	c.Models.ShowRequested = true
}

// showingPrimary is showing for the primary, which passes the caller's key on.
func showingPrimary(c *upstreamConfig) {
	showing(c)
	c.Auth.Kind = upstream.Passthrough
}

// TestModelShownAsRequested is the table of responses whose model was renamed: dialect
// x streaming x who serves.
func TestModelShownAsRequested(t *testing.T) {
	t.Parallel()
	for _, d := range renamedResponses() {
		for _, streamed := range []bool{false, true} {
			for _, who := range []string{"primary", "relay", "relay with fallback", "fallback"} {
				for _, length := range []bool{false, true} {
					if streamed && d.stream == "" {
						continue
					}
					t.Run(fmt.Sprintf("%s/stream=%v/%s/length=%v", d.name, streamed, who, length), func(t *testing.T) {
						t.Parallel()
						testShown(t, &d, streamed, who, length)
					})
				}
			}
		}
	}
}

func testShown(t *testing.T, d *renamed, streamed bool, who string, length bool) {
	response := d.plain
	if streamed {
		response = d.stream
	}
	serve := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !bytes.Contains(body, []byte(`"model":"`+givenModel+`"`)) || !slices.Equal(r.Header["Accept-Encoding"], []string{"identity"}) {
			t.Errorf("the upstream was asked %s with %v; want its own name for the model, and no encoding", body, r.Header)
		}
		for _, k := range []string{"Etag", "Content-MD5", "Digest", "Content-Digest", "Repr-Digest", "X-Kept"} {
			w.Header().Set(k, `"x"`)
		}
		w.Header().Set("Content-Type", "application/json")
		if streamed {
			w.Header().Set("Content-Type", "text/event-stream")
		}
		if length {
			w.Header().Set("Content-Length", fmt.Sprint(len(as(response, datedModel))))
		}
		for _, half := range []string{as(response, datedModel)[:len(response)/2], as(response, datedModel)[len(response)/2:]} {
			_, _ = io.WriteString(w, half)
			w.(http.Flusher).Flush()
		}
	})
	fail := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	s := setup{primary: showingPrimary, relay: showing, relayHandler: serve}
	primary := serve
	switch who {
	case "primary":
		s.relayHandler = nil
	case "relay", "relay with fallback":
		primary = fail
	case "fallback":
		s.relayHandler = fail
	}
	s.decide = func(flags.Attributes) flags.Decision {
		return flags.Decision{RelayEnabled: true, ServeRelay: who != "primary", Fallback: who != "primary" && who != "relay"}
	}
	b := newBench(t, primary, s)
	resp := b.post(t, context.Background(), d.path, fmt.Sprintf(renamedBody, streamed), "Accept-Encoding", "br, gzip")
	got, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	want := as(response, askedModel)
	if string(got) != want || err != nil {
		t.Errorf("the caller got %q, %v\nwant %q", got, err, want)
	}
	if by := resp.Header.Get("X-Cutover-Served-By"); by != strings.Fields(strings.Replace(who, "fallback", "primary", 1))[0] {
		t.Errorf("served by %q", by)
	}
	if length && !streamed && resp.ContentLength != int64(len(want)) {
		t.Errorf("Content-Length %d, want %d", resp.ContentLength, len(want))
	}
	for _, k := range []string{"Etag", "Content-Md5", "Digest", "Content-Digest", "Repr-Digest"} {
		if v, ok := resp.Header[k]; ok {
			t.Errorf("the header says %s: %q of other bytes", k, v)
		}
	}
	if resp.Header.Get("X-Kept") == "" {
		t.Error("a header got lost")
	}
	_, x := b.exchangeOf(1)
	if x.Class != exchange.ClassNone || x.Completion.Model != datedModel || x.Model != givenModel ||
		x.Bytes != int64(len(as(response, datedModel))) {
		t.Errorf(
			"recorded: %q (%s), model %q asked as %q, %d bytes; want what the upstream said",
			x.Class,
			x.Detail,
			x.Completion.Model,
			x.Model,
			x.Bytes,
		)
	}
}

// TestModelStaysAsTheUpstreamSays: nothing is touched where nothing was renamed, and
// what can't be changed passes as it is.
func TestModelStaysAsTheUpstreamSays(t *testing.T) {
	t.Parallel()
	d := renamedResponses()[0]
	chatResponse := as(d.plain, givenModel)
	big := strings.Replace(chatResponse, `"hi"`, `"`+strings.Repeat("x", 9<<20)+`"`, 1)
	big = strings.Replace(big, `"id":"c"`, `"id":"`+strings.Repeat("x", 9<<20)+`"`, 1)
	asked := fmt.Sprintf(renamedBody, false)
	for _, row := range []struct {
		name, body, response string
		header               http.Header
		status               int
		coding               string // that the upstream is asked for
		off                  bool
	}{
		{name: "off", body: asked, response: chatResponse, coding: "br", off: true},
		{name: "another model", body: chat, response: chatResponse, coding: "br"},
		{name: "a body that is no JSON", body: asked[:20], response: chatResponse, coding: "br"},
		{name: "an error", body: asked, response: chatResponse, status: 422, coding: "identity"},
		{name: "an encoded response", body: asked, response: chatResponse, header: http.Header{"Content-Encoding": {"br"}}, coding: "identity"},
		{name: "text", body: asked, response: chatResponse, header: http.Header{"Content-Type": {"text/plain"}}, coding: "identity"},
		{name: "no JSON", body: asked, response: chatResponse[:50], coding: "identity"},
		{name: "no model", body: asked, response: `{"id":"c","choices":[]}`, coding: "identity"},
		{name: "too large", body: asked, response: big, coding: "identity"},
		{name: "too large, without a length", body: asked, response: big, header: http.Header{"Trailer": {"X-T"}}, coding: "identity"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("Etag", `"x"`)
				for k, v := range row.header {
					w.Header()[k] = v
				}
				if row.header.Get("Trailer") == "" {
					w.Header().Set("Content-Length", fmt.Sprint(len(row.response)))
				}
				w.Header().Set("X-Coding", r.Header.Get("Accept-Encoding"))
				w.WriteHeader(max(row.status, 200))
				_, _ = io.WriteString(w, row.response)
			}), setup{primary: func(c *upstreamConfig) {
				showingPrimary(c)
				c.Models.ShowRequested = !row.off
			}})
			for range 2 {
				resp, got := b.do("POST", d.path, row.body, "Content-Type", "application/json", "Accept-Encoding", "br")
				if got != row.response || resp.Header.Get("Etag") == "" || resp.StatusCode != max(row.status, 200) {
					t.Errorf("the caller got %d, %v and %d bytes: %.200q; want the upstream's response", resp.StatusCode, resp.Header, len(got), got)
				}
				if coding := resp.Header.Get("X-Coding"); coding != row.coding {
					t.Errorf("the upstream was asked for the encoding %q, want %q", coding, row.coding)
				}
			}
			if n := strings.Count(b.logs.String(), "too large to show"); n != 0 != strings.HasPrefix(row.name, "too large") || n > 1 {
				t.Errorf("the log tells %d times of a response that is too large", n)
			}
		})
	}
}

// TestModelRewriteDelaysNoEvent: the upstream sends each event when the caller
// has the last, and breaks off in the middle of one.
func TestModelRewriteEventsKeepTheirPace(t *testing.T) {
	t.Parallel()
	for _, d := range renamedResponses()[:4] {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			next := make(chan struct{})
			const half = "data: {\"model\":\"real"
			b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				send(w, []string{""})
				for _, e := range slices.Concat(d.pieces, []string{half}) {
					select {
					case <-next:
					case <-r.Context().Done():
						return
					}
					send(w, []string{as(e, givenModel)})
				}
				panic(http.ErrAbortHandler)
			}), setup{primary: showingPrimary})
			resp := b.post(t, context.Background(), d.path, fmt.Sprintf(renamedBody, true)) // returns before any event
			defer resp.Body.Close()
			buf := make([]byte, 4096)
			for i, e := range d.pieces {
				next <- struct{}{}
				want := as(e, askedModel)
				n, err := io.ReadAtLeast(resp.Body, buf, len(want))
				if string(buf[:n]) != want {
					t.Fatalf("event %d = %q, %v; want %q", i, buf[:n], err, want)
				}
			}
			next <- struct{}{}
			rest, err := io.ReadAll(resp.Body)
			if string(rest) != half || err == nil {
				t.Errorf("after the events came %q, %v; want %q and a break", rest, err, half)
			}
		})
	}
}

// TestModelRewriteAfterComments: the two ways of writing into a stream go together.
func TestModelRewriteAfterComments(t *testing.T) {
	t.Parallel()
	for _, d := range renamedResponses()[:4] {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			s := &stage{heard: make(chan struct{}, 4096)}
			b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				s.comments(r)
				for _, e := range d.pieces {
					whole := as(e, givenModel)
					send(w, []string{whole[:5]})
					s.comments(r) // inside the upstream's event, and before the caller's
					send(w, []string{whole[5:]})
				}
			}), setup{primary: showingPrimary, router: func(c *routerConfig) { c.KeepAlive = keepAliveEvery }})
			got, err := hear(b.post(t, context.Background(), d.path, fmt.Sprintf(renamedBody, true)), s.heard)
			if rest := strings.ReplaceAll(got, keepAliveComment, ""); rest != as(d.stream, askedModel) || err != nil {
				t.Errorf("%q, %v; want comments and %q", got, err, as(d.stream, askedModel))
			}
		})
	}
}

// TestModelRewriteInAStreamUnderAnotherName: a stream that says it is JSON is not
// waited for.
func TestModelRewriteInAStreamUnderAnotherName(t *testing.T) {
	t.Parallel()
	d := renamedResponses()[0]
	seen := make(chan struct{})
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, as(d.pieces[1], givenModel))
		w.(http.Flusher).Flush()
		select {
		case <-seen:
		case <-r.Context().Done():
		}
		_, _ = io.WriteString(w, as(d.pieces[4], givenModel))
	}), setup{primary: showingPrimary})
	resp := b.post(t, context.Background(), d.path, fmt.Sprintf(renamedBody, true))
	defer resp.Body.Close()
	want := as(d.pieces[1], askedModel)
	buf := make([]byte, len(want))
	if _, err := io.ReadFull(resp.Body, buf); err != nil || string(buf) != want {
		t.Fatalf("%q, %v; want %q", buf, err, want)
	}
	close(seen)
	if rest, err := io.ReadAll(resp.Body); err != nil || string(rest) != d.pieces[4] {
		t.Errorf("%q, %v; want %q", rest, err, d.pieces[4])
	}
}
