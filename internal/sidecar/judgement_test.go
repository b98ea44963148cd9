package sidecar_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"cutover/compare"
	"cutover/exchange"
	"cutover/flags"
	"cutover/internal/doctable"
	"cutover/router"
	"cutover/shadow"
	"cutover/upstream"
)

// judged is a response and what it has to be judged as, wherever it is met.
type judged struct {
	path   string // of the endpoint, below /v1
	stream bool   // asked for
	more   string // members of the request besides
	what   string // came, in words
	status int    // 0: 200
	kind   string // its Content-Type; "": what was asked for
	body   string
	broken bool // the connection breaks behind the body
	class  exchange.Class
}

const (
	sse  = "text/event-stream"
	text = "application/json"
)

// chunk is a chunk of a streamed chat with one choice.
func chunk(delta, finish string) string {
	if finish != "null" {
		finish = `"` + finish + `"`
	}
	return `data: {"id":"c","model":"m","choices":[{"index":0,"delta":` + delta + `,"finish_reason":` + finish + "}]}\n\n"
}

// block is an event of a streamed message.
func block(kind, rest string) string {
	return "event: " + kind + "\ndata: {\"type\":\"" + kind + `"` + rest + "}\n\n"
}

// chatBody is a chat that is not streamed.
func chatBody(message, rest string) string {
	return `{"id":"c","model":"m","choices":[{"index":0,"message":` + message + `,"finish_reason":"stop"}]` + rest + `}`
}

const (
	done     = "data: [DONE]\n\n"
	hello    = `{"content":"Hello"}`
	role     = `{"role":"assistant","content":""}`
	aMessage = `"message":{"id":"m","type":"message","role":"assistant","content":[],"model":"m"}`
)

// judgedRows are the rows of the table, in its order.
func judgedRows() []judged {
	return slices.Concat(judgedForms(), judgedEnds(), judgedOutput(), judgedMessages(), judgedOthers())
}

// judgedForms differ in status and form.
func judgedForms() []judged {
	const chats = "chat/completions"
	whole := chunk(hello, "null") + chunk(`{}`, "stop") + done
	body := chatBody(hello, "")
	rows := []judged{
		{path: chats, what: "a whole body", body: body},
		{path: chats, stream: true, what: "a whole stream", body: whole},
		{path: chats, stream: true, what: "one JSON text", kind: text, body: body, class: exchange.ClassMalformed},
		{path: chats, stream: true, what: "one JSON text, typed as events", body: body, class: exchange.ClassMalformed},
		{path: chats, what: "events", kind: sse, body: whole, class: exchange.ClassMalformed},
		{path: chats, what: "events, typed as JSON", body: whole, class: exchange.ClassMalformed},
		{path: chats, stream: true, what: "events, typed as JSON", kind: text, body: whole},
		{path: chats, stream: true, what: "a JSON error", kind: text, body: `{"error":{"message":"no"}}`, class: exchange.ClassErrorEvent},
		{path: chats, what: "a web page", kind: "text/html", body: "<html>Sign in</html>", class: exchange.ClassMalformed},
		{path: chats, stream: true, what: "a web page", kind: "text/html", body: "<html>Sign in</html>", class: exchange.ClassMalformed},
		{path: chats, what: "nothing", class: exchange.ClassEmpty},
		{path: chats, stream: true, what: "nothing", class: exchange.ClassEmpty},
		{path: chats, what: "blanks", body: "\n \n", class: exchange.ClassEmpty},
		{path: chats, what: "half a body", body: body[:40], class: exchange.ClassMalformed},
		{path: chats, what: "other JSON", body: `{"ok":true}`, class: exchange.ClassMalformed},
		{path: chats, what: "no choices", body: `{"choices":[]}`, class: exchange.ClassEmpty},
	}
	for _, status := range []int{300, 301, 302, 303, 304, 307, 308, 204, 205, 206} {
		rows = append(rows, judged{path: chats, what: "a whole body", status: status, body: body, class: exchange.ClassMalformed})
	}
	for _, status := range []int{201, 202, 203} {
		rows = append(rows, judged{path: chats, what: "a whole body", status: status, body: body})
	}
	for status, class := range map[int]exchange.Class{401: exchange.ClassAuth, 402: exchange.ClassPayment, 404: exchange.ClassNotFound,
		429: exchange.ClassRateLimited, 500: exchange.ClassServer, 503: exchange.ClassOverloaded, 529: exchange.ClassOverloaded} {
		rows = append(rows, judged{path: chats, what: "an error", status: status, body: `{"error":{"message":"no"}}`, class: class})
	}
	slices.SortStableFunc(rows, func(a, b judged) int { return a.status - b.status })
	return rows
}

// judgedEnds differ in how a streamed chat ends.
func judgedEnds() []judged {
	stream := func(what, body string, class exchange.Class) judged {
		return judged{path: "chat/completions", stream: true, what: what, body: body, class: class}
	}
	start := chunk(role, "null") + chunk(hello, "null")
	rows := []judged{
		stream("a finish reason, and no [DONE]", start+chunk(`{}`, "stop"), ""),
		stream("a finish reason in other letters, and no [DONE]", start+chunk(`{}`, "MAX_TOKENS"), ""),
		stream("[DONE], and no finish reason", start+done, ""),
		stream("neither finish reason nor [DONE]", start, exchange.ClassUnfinished),
		stream(`the finish reason "null", and no [DONE]`, start+strings.Replace(chunk(`{}`, "x"), `"x"`, `"null"`, 1), exchange.ClassUnfinished),
		stream("a finish reason that nobody knows, and no [DONE]", start+chunk(`{}`, "whatever"), exchange.ClassUnfinished),
		stream("a finish reason that nobody knows, and [DONE]", start+chunk(`{}`, "whatever")+done, ""),
		stream("an error event after output", start+`data: {"error":{"message":"no"}}`+"\n\n", exchange.ClassErrorEvent),
		stream("an error member without words in every event",
			strings.ReplaceAll(start+chunk(`{}`, "stop"), `{"id"`, `{"error":{"message":"","code":null},"id"`)+done, ""),
		stream("comments alone", ": wait\n\n: wait\n\n", exchange.ClassUnfinished),
		stream("[DONE] alone", done, exchange.ClassEmpty),
		stream("the role and [DONE], no reason", chunk(role, "null")+done, exchange.ClassEmpty),
		stream("an event that is not JSON", start+"data: {\n\n"+done, exchange.ClassMalformed),
	}
	two := stream("a finish reason for one choice of two, and no [DONE]", start+
		strings.Replace(chunk(hello, "null"), `"index":0`, `"index":1`, 1)+chunk(`{}`, "stop"), exchange.ClassUnfinished)
	two.more = `"n":2,`
	cut := stream("a break after output", start, exchange.ClassBroken)
	cut.broken = true
	late := stream("a break after [DONE]", start+chunk(`{}`, "stop")+done, "")
	late.broken = true
	return append(rows, two, cut, late)
}

// judgedOutput are streams with nothing but one kind of output, or with none.
func judgedOutput() []judged {
	var rows []judged
	for _, reason := range []string{"stop", "length", "content_filter"} {
		rows = append(rows, judged{path: "chat/completions", stream: true, what: "no output, but the finish reason " + reason,
			body: chunk(role, "null") + chunk(`{}`, reason) + done})
	}
	rows = append(rows, judged{path: "chat/completions", what: "no output, but a finish reason", body: chatBody(role, "")},
		judged{path: "chat/completions", what: "an error member without words", body: chatBody(hello, `,"error":{"message":"","type":null}`)})
	for _, delta := range []string{
		`{"reasoning_content":"hm"}`, `{"reasoning_text":"hm"}`, `{"thinking_blocks":[{"type":"thinking","thinking":"hm"}]}`,
		`{"reasoning_details":[{"type":"reasoning.text","text":"hm"}]}`,
		`{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}]}`,
		`{"images":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}`, `{"audio":{"data":"AAAA"}}`,
		`{"annotations":[{"type":"url_citation","url_citation":{"url":"https://example.com"}}]}`, `{"not_invented_yet":{"vector":[1,2]}}`,
	} {
		rows = append(rows, judged{path: "chat/completions", stream: true, what: "`" + delta + "` and [DONE]",
			body: chunk(delta, "null") + done})
	}
	for _, delta := range []string{
		`{"content":"","reasoning_details":[{"type":"reasoning.text","text":"","index":0}]}`, `{"audio":{"id":"a","expires_at":1}}`,
		`{"tool_calls":[{"index":0,"id":"c","type":"function","function":{"arguments":""}}]}`,
	} {
		rows = append(rows, judged{path: "chat/completions", stream: true, what: "`" + delta + "` and [DONE]",
			body: chunk(delta, "null") + done, class: exchange.ClassEmpty})
	}
	return rows
}

// judgedMessages are in Anthropic's dialect.
func judgedMessages() []judged {
	message := func(what, middle, end string, class exchange.Class) judged {
		return judged{path: "messages", stream: true, what: what, body: block("message_start", ","+aMessage) + middle + end, class: class}
	}
	stop := func(reason string) string {
		return block("message_delta", `,"delta":{"stop_reason":"`+reason+`"},"usage":{"output_tokens":1}`)
	}
	last := block("message_stop", "")
	ping := block("ping", "")
	words := block("content_block_start", `,"index":0,"content_block":{"type":"text","text":""}`) +
		block("content_block_delta", `,"index":0,"delta":{"type":"text_delta","text":"Hello"}`) + block("content_block_stop", `,"index":0`)
	return []judged{
		message("a whole stream", words, stop("end_turn")+last, ""),
		message("a stop reason, and no message_stop", words, stop("end_turn"), ""),
		message("an empty end_turn", "", stop("end_turn")+last, ""),
		message("a refusal", "", stop("refusal")+last, ""),
		message("a block that does not exist yet", block("content_block_start",
			`,"index":0,"content_block":{"type":"dream","sheep":"Zzz"}`)+block("content_block_stop", `,"index":0`), stop("end_turn")+last, ""),
		message("a compaction", block("content_block_start", `,"index":0,"content_block":{"type":"compaction","content":null}`)+
			block("content_block_delta", `,"index":0,"delta":{"type":"compaction_delta","content":"so far"}`)+
			block("content_block_stop", `,"index":0`), stop("compaction")+last, ""),
		message("pings alone", ping+ping, "", exchange.ClassUnfinished),
		message("message_stop alone", "", last, exchange.ClassEmpty),
		message("an error event", words, block("error", `,"error":{"type":"overloaded_error","message":"Overloaded"}`),
			exchange.ClassErrorEvent),
		{path: "messages", what: "a whole body", body: `{"id":"m","type":"message","model":"m","stop_reason":"end_turn",` +
			`"content":[{"type":"text","text":"Hello"}]}`},
		{path: "messages", what: "an empty end_turn", body: `{"id":"m","type":"message","model":"m","content":[],"stop_reason":"end_turn"}`},
		{path: "messages", what: "no content, no reason", body: `{"id":"m","type":"message","model":"m","content":[],"stop_reason":null}`,
			class: exchange.ClassEmpty},
		{path: "messages", what: "an error", body: `{"type":"error","error":{"type":"api_error","message":"no"}}`,
			class: exchange.ClassErrorEvent},
		{path: "messages/count_tokens", what: "a count", body: `{"input_tokens":3}`},
		{path: "messages/count_tokens", what: "no count", body: `{}`, class: exchange.ClassMalformed},
	}
}

// judgedOthers are in OpenAI's other dialects.
func judgedOthers() []judged {
	completed := block("response.completed", `,"response":{"id":"r","status":"completed","output":[]}`)
	delta := block("response.output_text.delta", `,"output_index":0,"delta":"Hello"`)
	created := block("response.created", `,"response":{"id":"r","status":"in_progress","output":[]}`)
	return []judged{
		{path: "responses", stream: true, what: "a whole stream", body: created + delta + completed},
		{path: "responses", stream: true, what: "no response.completed", body: created + delta + done, class: exchange.ClassUnfinished},
		{path: "responses", stream: true, what: "no output", body: created + completed},
		{path: "responses", stream: true, what: "response.failed", body: created + block("response.failed",
			`,"response":{"id":"r","status":"failed","error":{"code":"server_error","message":"no"}}`), class: exchange.ClassErrorEvent},
		{path: "responses", what: "a whole body", body: `{"id":"r","model":"m","status":"completed","output":[{"type":"message",` +
			`"content":[{"type":"output_text","text":"Hello"}]}]}`},
		{path: "responses", what: "max_output_tokens, no output", body: `{"id":"r","model":"m","status":"incomplete","output":[],` +
			`"incomplete_details":{"reason":"max_output_tokens"}}`},
		{path: "completions", stream: true, what: "a finish reason, and no [DONE]",
			body: `data: {"id":"c","choices":[{"index":0,"text":"Hello","finish_reason":"length"}]}` + "\n\n"},
		{path: "embeddings", what: "a vector", body: `{"data":[{"index":0,"embedding":[0.5]}]}`},
		{path: "embeddings", what: "no vectors", body: `{"data":[]}`, class: exchange.ClassEmpty},
		{path: "embeddings", what: "events", kind: sse, body: done, class: exchange.ClassMalformed},
		{path: "moderations", what: "a result", body: `{"results":[{"flagged":false,"categories":{}}]}`},
		{path: "moderations", what: "no results", body: `{"results":[]}`, class: exchange.ClassEmpty},
	}
}

// contentType is the response's.
func (j *judged) contentType() string {
	switch {
	case j.kind != "":
		return j.kind
	case j.stream:
		return sse
	}
	return text
}

func (j *judged) statusCode() int {
	if j.status == 0 {
		return http.StatusOK
	}
	return j.status
}

// request is the request of row i: the model tells the upstream which one it is.
func (j *judged) request(i int) string {
	return fmt.Sprintf(`{"model":"row-%d","stream":%t,%s"max_tokens":9,"messages":[{"role":"user","content":"x"}],"input":"x","prompt":"x"}`,
		i, j.stream, j.more)
}

// exchange is the row as a recorder reads it, without a network.
func (j *judged) exchange(t *testing.T) *exchange.Exchange {
	t.Helper()
	q := exchange.Request{Endpoint: exchange.Lookup("POST", "/v1/"+j.path), Held: true}
	q.Facts, _, _ = exchange.Inspect(q.Endpoint, http.Header{}, []byte(j.request(0)), "id")
	now := time.Now()
	r := exchange.NewRecorder(q.Asked(), exchange.Relay, "relay", now, exchange.RecorderOptions{})
	r.Header(j.statusCode(), http.Header{"Content-Type": {j.contentType()}}, now)
	if j.hasBody() {
		r.Write([]byte(j.body), now)
	}
	end := exchange.ClassNone
	if j.broken {
		end = exchange.ClassBroken
	}
	return r.End(end, "", now)
}

func (j *judged) hasBody() bool {
	return j.status != http.StatusNoContent && j.status != http.StatusResetContent && j.status != http.StatusNotModified
}

// scripted is an upstream that responds with the row that the model names.
func scripted(rows []judged) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q struct{ Model string }
		var i int
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			panic(err)
		}
		if _, err := fmt.Sscanf(q.Model, "row-%d", &i); err != nil {
			panic(err)
		}
		_, _ = io.Copy(io.Discard, r.Body)
		j := &rows[i]
		w.Header().Set("Content-Type", j.contentType())
		w.WriteHeader(j.statusCode())
		if j.hasBody() {
			_, _ = io.WriteString(w, j.body)
		}
		if j.broken {
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
	})
}

// TestJudgementTable sends every row of the table in docs/judgement.md over real
// sockets: served by the relay with a fallback, mirrored, and served by the primary.
// It is judged alike everywhere, and the primary's bytes pass.
func TestJudgementTable(t *testing.T) {
	rows := judgedRows()
	quiet := func(h http.Handler) *httptest.Server {
		srv := httptest.NewServer(h)
		t.Cleanup(srv.Close)
		return srv
	}
	script := quiet(scripted(rows))
	standIn := quiet(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", text)
		_, _ = io.WriteString(w, chatBody(hello, ""))
	}))
	results := make(chan compare.Result, 1)
	mirror := startMirror(t, standIn.URL, script.URL, results)
	byRelay := startRouter(t, standIn.URL, script.URL, flags.Decision{RelayEnabled: true, ServeRelay: true, Fallback: true}, nil)
	mirrored := startRouter(t, standIn.URL, script.URL, flags.Decision{RelayEnabled: true, Shadow: true}, mirror.Offer)
	byPrimary := startRouter(t, script.URL, standIn.URL, flags.Decision{}, nil)

	table := [][]string{{"endpoint", "asked for", "what comes", "class", "complete", "output", "faults of form"}}
	for i := range rows {
		j := &rows[i]
		name := fmt.Sprintf("%s: %s (stream: %t, status %d)", j.path, j.what, j.stream, j.statusCode())
		want := j.exchange(t)
		if want.Class != j.class {
			t.Errorf("%s: judged %q (%s), want %q", name, want.Class, want.Detail, j.class)
		}
		if x, _ := byRelay.send(t, i, j); first(x).Class != j.class {
			t.Errorf("%s: served by the relay it is %q, want %q", name, first(x).Class, j.class)
		}
		x, body := byPrimary.send(t, i, j)
		if x.Class != j.class || !slices.Equal(x.Faults, want.Faults) || x.Output != want.Output {
			t.Errorf("%s: served by the primary it is %q, faults %q, output %v; want %q, %q, %v",
				name, x.Class, x.Faults, x.Output, j.class, want.Faults, want.Output)
		}
		if j.hasBody() && body != j.body {
			t.Errorf("%s: the primary's caller got %q, want %q", name, body, j.body)
		}
		mirrored.send(t, i, j)
		select {
		case res := <-results:
			if res.Relay.Class != j.class {
				t.Errorf("%s: mirrored it is %q, want %q", name, res.Relay.Class, j.class)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: no pair: %v", name, mirror.Counts().All())
		}
		table = append(table, j.cells(want))
	}
	doctable.Hold(t, "../../docs/judgement.md", "judgement", doctable.Table(table...))
}

// cells are the row as it stands in the documentation.
func (j *judged) cells(x *exchange.Exchange) []string {
	yes := map[bool]string{true: "yes", false: "no"}
	asked, what, class := "JSON", j.what, "success"
	if j.stream {
		asked = "a stream"
	}
	if j.more != "" {
		asked += " (`" + strings.Trim(j.more, ",") + "`)"
	}
	if j.status != 0 {
		what = fmt.Sprintf("%d", j.status)
		if j.hasBody() {
			what += " with " + j.what
		}
	}
	if x.Class != "" {
		class = "`" + string(x.Class) + "`"
	}
	var faults []string
	for _, f := range x.Faults {
		faults = append(faults, "`"+f+"`")
	}
	return []string{"`" + j.path + "`", asked, what, class, yes[x.OK()], yes[x.Output], strings.Join(faults, ", ")}
}

// first is the call that was to serve.
func first(x *exchange.Exchange) exchange.Step {
	if len(x.Trail) > 0 {
		return x.Trail[0]
	}
	return exchange.Step{Class: x.Class, Detail: x.Detail}
}

// caller is a router on a socket, and what it served.
type caller struct {
	url    string
	served chan *exchange.Exchange
}

func startRouter(t *testing.T, primary, relay string, d flags.Decision, mirror func(*exchange.Request) func(*exchange.Exchange)) *caller {
	t.Helper()
	c := &caller{served: make(chan *exchange.Exchange, 1)}
	rt, err := router.New(router.Config{
		Primary: upstreamOf(t, exchange.Primary, primary), Relay: upstreamOf(t, exchange.Relay, relay),
		Decide: func(flags.Attributes) flags.Decision { return d }, Mirror: mirror, Logger: zerolog.Nop(),
		Served: func(_ *exchange.Request, x *exchange.Exchange) { c.served <- x },
	})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(rt)
	t.Cleanup(srv.Close)
	c.url = srv.URL
	return c
}

func startMirror(t *testing.T, primary, relay string, results chan<- compare.Result) *shadow.Mirror {
	t.Helper()
	m, err := shadow.New(shadow.Config{
		Primary: upstreamOf(t, exchange.Primary, primary), Relay: upstreamOf(t, exchange.Relay, relay),
		Sink: func(res compare.Result) { results <- res },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	return m
}

func upstreamOf(t *testing.T, arm exchange.Arm, url string) *upstream.Upstream {
	t.Helper()
	u, err := upstream.New(upstream.Config{Name: arm.String(), Arm: arm, BaseURL: url + "/v1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.Close)
	return u
}

// send sends the request of a row and returns the exchange that served it, and what
// the caller got.
func (c *caller) send(t *testing.T, i int, j *judged) (*exchange.Exchange, string) {
	t.Helper()
	client := http.Client{
		Timeout:       20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer client.CloseIdleConnections()
	resp, err := client.Post(c.url+"/v1/"+j.path, text, strings.NewReader(j.request(i)))
	if err != nil {
		t.Fatalf("%s: %v", j.what, err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body) // some break off
	return <-c.served, string(body)
}
