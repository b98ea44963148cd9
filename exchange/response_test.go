package exchange

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// events makes a stream of the data, with the dialect's last word for a chat.
func events(path string, data ...string) string {
	var b strings.Builder
	for _, d := range data {
		fmt.Fprintf(&b, "data: %s\n\n", d)
	}
	if strings.HasPrefix(path, "/v1/chat") {
		b.WriteString(lastWord)
	}
	return b.String()
}

// Servers that are compatible with OpenAI's protocol, more or less.
func TestCompatibleChats(t *testing.T) {
	call := func(id, name, args string) ToolCall { return ToolCall{ID: id, Name: name, Arguments: args} }
	for _, c := range []struct {
		what  string
		data  []string
		text  string
		calls []ToolCall
		n     int // choices
	}{
		{"keys in another order", []string{`{"choices":[{"finish_reason":null,"delta":{"content":"no"},"index":1},{"delta":{"content":` +
			`"yes"},"index":0}]}`}, "yes", nil, 2},
		{"no index", []string{`{"choices":[{"delta":{"content":"yes"}}]}`}, "yes", nil, 1},
		{"escaped keys", []string{`{"\u0063hoices":[{"delta":{"conten\u0074":"\u0079es"}}]}`}, "yes", nil, 1},
		{"content in parts", []string{`{"choices":[{"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},` +
			`{"type":"text","text":"yes"}]}}]}`}, "yes", nil, 1},
		{"calls that are all numbered 0", []string{
			`{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}}]}`,
			`{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"b","function":{"name":"g","arguments":"{\"x\":1}"}}]}}]}`,
		}, "", []ToolCall{call("a", "f", "{}"), call("b", "g", `{"x":1}`)}, 1},
		{"an id in every piece", []string{
			`{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{"}}]}}]}`,
			`{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"}"}}]}}]}`,
		}, "", []ToolCall{call("a", "f", "{}")}, 1},
		{"calls without numbers", []string{`{"choices":[{"delta":{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}},{"id":` +
			`"b","function":{"name":"g","arguments":"{}"}}]}}]}`},
			"", []ToolCall{call("a", "f", "{}"), call("b", "g", "{}")}, 1},
		{"pieces of two calls, mixed", []string{
			`{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":""}},{"index":1,"id":"b","function":` +
				`{"name":"g","arguments":""}}]}}]}`,
			`{"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"2"},"index":1},{"function":{"arguments":"1"},"index":0}]}}]}`,
		}, "", []ToolCall{call("a", "f", "1"), call("b", "g", "2")}, 1},
		{"the old function call", []string{
			`{"choices":[{"delta":{"function_call":{"name":"f","arguments":""}}}]}`, `{"choices":[{"delta":{"function_call":{"arguments":"{}"}}}]}`,
		}, "", []ToolCall{call("", "f", "{}")}, 1},
		{"a custom tool", []string{`{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","type":"custom","custom":{"name":"f","input":` +
			`"free text"}}]}}]}`},
			"", []ToolCall{call("a", "f", "free text")}, 1},
		{"calls of another choice", []string{`{"choices":[{"index":1,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f",` +
			`"arguments":"{}"}}],"refusal":"no"}}]}`}, "", nil, 2},
		{"a huge index", []string{`{"choices":[{"index":99999999999,"delta":{"content":"x"}}]}`}, "", nil, maxChoices + 1},
		{"a split pair of surrogates", []string{`{"choices":[{"delta":{"content":"\ud83d"}}]}`,
			`{"choices":[{"delta":{"content":"\ude00"}}]}`}, "\ufffd\ufffd", nil, 1},
		{"a reason of many words",
			[]string{`{"choices":[{"index":0,"delta":{"content":"yes"},"finish_reason":"because you wrote: secret"}]}`}, "yes", nil, 1},
		{"other types than due", []string{`{"choices":[{"delta":{"content":5,"tool_calls":{"a":1},"refusal":[]}}],"usage":[],"id":7,"model":{}}`,
			`{"choices":[{"delta":"x","index":"0","finish_reason":{}}]}`, `{"choices":[7]}`, `{"choices":{"a":1}}`}, "", nil, 1},
	} {
		x := play(200, "text/event-stream", events("/v1/chat", c.data...), ClassNone)
		if got := x.Completion; got.Text != c.text || !reflect.DeepEqual(got.ToolCalls, c.calls) || got.Choices != c.n || x.Class != ClassNone {
			t.Errorf("%s: text %q, calls %+v, %d choices, class %q, faults %q; want %q, %+v, %d",
				c.what, got.Text, got.ToolCalls, got.Choices, x.Class, x.Faults, c.text, c.calls, c.n)
		}
		if reason := x.Completion.FinishReason; reason != "" && reason != "other" {
			t.Errorf("%s: finish reason %q", c.what, reason)
		}
	}
}

func TestCompatibleResponses(t *testing.T) {
	const added = `{"type":"response.output_item.added","output_index":5,"item":{"type":"function_call","call_id":"a","name":"f",` +
		`"arguments":""}}`
	const done = `{"type":"response.output_item.done","output_index":5,"item":{"type":"function_call","call_id":"a","name":"f",` +
		`"arguments":"{}"}}`
	const last = `{"type":"response.completed","response":{"status":"completed","output":[{"type":"function_call","call_id":"a","name":` +
		`"f","arguments":"{}"}]}}`
	call := []ToolCall{{ID: "a", Name: "f", Arguments: "{}"}}
	for _, c := range []struct {
		what  string
		data  []string
		text  string
		calls []ToolCall
		class Class
	}{
		{"a call in pieces, numbered with holes",
			[]string{added, `{"type":"response.function_call_arguments.delta","output_index":5,"delta":"{}"}`, done, last}, "", call, ClassNone},
		{"a call whose arguments come at its end", []string{added, done, last}, "", call, ClassNone},
		{"a call whose arguments come in one", []string{added,
			`{"type":"response.function_call_arguments.done","output_index":5,"arguments":"{}"}`, last}, "", call, ClassNone},
		{"a call that is only done", []string{done, last}, "", call, ClassNone},
		{"a call only in the last event", []string{last}, "", call, ClassNone},
		{"a custom call", []string{`{"type":"response.output_item.added","output_index":0,"item":{"type":"custom_tool_call","call_id":"a",` +
			`"name":"f","input":""}}`,
			`{"type":"response.custom_tool_call_input.delta","output_index":0,"delta":"{}"}`,
			`{"type":"response.completed","response":{"output":[]}}`}, "", call, ClassNone},
		{"a message that is only done", []string{`{"type":"response.output_item.done","output_index":0,"item":{"type":"message","content":` +
			`[{"type":"output_text","text":"yes"}]}}`,
			`{"type":"response.completed","response":{"output":[{"type":"message","content":[{"type":"output_text","text":"yes"}]}]}}`},
			"yes", nil, ClassNone},
		{"[DONE] after the last word", []string{last, "[DONE]"}, "", call, ClassNone},
		{"[DONE] is not the last word", []string{added, done, "[DONE]"}, "", call, ClassUnfinished},
		{"failed without an error", []string{`{"type":"response.failed","response":{"status":"failed","error":null}}`}, "", nil, ClassErrorEvent},
		{"a wrapped error", []string{`{"type":"error","error":{"type":"t","code":"c","message":"m"}}`}, "", nil, ClassErrorEvent},
		{"other types than due", []string{`{"type":"response.created","response":7}`,
			`{"type":"response.output_text.delta","delta":{"a":1},"output_index":"x"}`,
			`{"type":"response.output_item.added","item":[1]}`, `{"type":7}`, `[]`, `7`, last}, "", call, ClassNone},
	} {
		x := playTo("/v1/responses", 200, "text/event-stream", events("/v1/responses", c.data...), ClassNone)
		if got := x.Completion; got.Text != c.text || !reflect.DeepEqual(got.ToolCalls, c.calls) || x.Class != c.class {
			t.Errorf("%s: text %q, calls %+v, class %q, faults %q; want %q, %+v, %q", c.what, got.Text, got.ToolCalls, x.Class, x.Faults,
				c.text, c.calls, c.class)
		}
	}
}

// What counts as the first token, and what does not.
func TestContent(t *testing.T) {
	const chats, responses, messages = "/v1/chat/completions", "/v1/responses", "/v1/messages"
	delta := func(s string) string { return `{"choices":[{"index":0,"delta":` + s + `}]}` }
	for _, c := range []struct {
		path, data string
		content    bool
	}{
		{chats, delta(`{"content":"x"}`), true},
		{chats, delta(`{"refusal":"x"}`), true},
		{chats, delta(`{"reasoning":"x"}`), true},
		{chats, delta(`{"reasoning_content":"x"}`), true},
		{chats, delta(`{"audio":{"transcript":"x"}}`), true},
		{chats, delta(`{"tool_calls":[{"index":0,"function":{"arguments":"x"}}]}`), true},
		{chats, delta(`{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":""}}]}`), true},
		{chats, strings.Replace(delta(`{"content":"x"}`), `"index":0`, `"index":1`, 1), true},
		{chats, delta(`{"role":"assistant","content":""}`), false},
		{chats, delta(`{"content":null,"reasoning_content":"","refusal":""}`), false},
		{chats, delta(`{}`), false},
		{chats, `{"choices":[],"usage":{"prompt_tokens":1}}`, false},
		{"/v1/completions", `{"choices":[{"index":0,"text":"x"}]}`, true},
		{"/v1/completions", `{"choices":[{"index":1,"text":"x"}]}`, true},
		{"/v1/completions", `{"choices":[{"index":0,"text":""}]}`, false},

		{responses, `{"type":"response.output_text.delta","delta":"x"}`, true},
		{responses, `{"type":"response.output_text.delta","delta":""}`, false},
		{responses, `{"delta":"x","type":"response.refusal.delta"}`, true},
		{responses, `{"type":"response.reasoning_summary_text.delta","delta":"x"}`, true},
		{responses, `{"type":"response.function_call_arguments.delta","delta":"x"}`, true},
		{responses, `{"type":"response.code_interpreter_call_code.delta","delta":"x"}`, true},
		{responses, `{"type":"response.image_generation_call.partial_image","partial_image_b64":"x"}`, true},
		{responses, `{"type":"response.output_item.added","item":{"type":"function_call","name":"f"}}`, true},
		{responses, `{"type":"response.output_item.added","item":{"type":"message","content":[]}}`, false},
		{responses, `{"type":"response.output_item.added","item":{"type":"reasoning","summary":[]}}`, false},
		{responses, `{"type":"response.shell_call_output_content.delta","delta":"x"}`, false},
		{responses, `{"type":"response.created","response":{"output":[]}}`, false},
		{responses, `{"type":"response.web_search_call.searching"}`, false},

		{messages, `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"x"}}`, true},
		{messages, `{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"x"}}`, true},
		{messages, `{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"x"}}`, true},
		{messages, `{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","name":"f","input":{}}}`, true},
		{messages, `{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","name":"f","input":{}}}`, true},
		{messages, `{"type":"content_block_start","index":0,"content_block":{"type":"redacted_thinking","data":"x"}}`, true},
		{messages, `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`, false},
		{messages, `{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"x"}}`, true},
		{messages, `{"type":"message_start","message":{"content":[],"usage":{"input_tokens":1}}}`, false},
		{messages, `{"type":"ping"}`, false},
		{messages, `{"type":"something_new","text":"x"}`, false},
	} {
		for _, keep := range []bool{false, true} {
			r := NewRecorder(Asked{Endpoint: Lookup("POST", c.path)}, Primary, "p", begin, RecorderOptions{KeepText: keep})
			r.Header(200, http.Header{"Content-Type": {"text/event-stream"}}, after(1))
			r.Write([]byte("data: "+c.data+"\n\n"), after(2))
			content, failed := begun(r)
			x := r.End(ClassAborted, "", after(3))
			if content != c.content || failed || (x.TTFT > 0) != c.content || len(x.Faults) > 0 {
				t.Errorf("%s: content %v, error %v, TTFT %v, faults %q; want content %v", c.data, content, failed, x.TTFT, x.Faults, c.content)
			}
		}
	}
}

func TestContentOfOtherAnswers(t *testing.T) {
	for _, c := range []struct {
		path        string
		status      int
		contentType string
		body        string
		content     bool
		streamed    bool
	}{
		{"/v1/chat/completions", 200, "application/json", "{", true, false},
		{"/v1/chat/completions", 500, "application/json", "{", false, false},
		{"/v1/chat/completions", 500, "text/event-stream", oneChunk, false, false},
		{"/v1/chat/completions", 200, "application/json", oneChunk, true, true},
		{"/v1/chat/completions", 200, "text/event-stream", oneChat, true, false},
		{"/v1/chat/completions", 200, "text/event-stream", ": ping\n\n", false, true},
		{"/v1/audio/speech", 200, "audio/mpeg", "ID3", true, false},
		{"/v1/audio/speech", 200, "text/event-stream", "data: {}\n\n", true, true},
	} {
		r := NewRecorder(Asked{Endpoint: Lookup("POST", c.path)}, Primary, "p", begin, RecorderOptions{})
		r.Header(c.status, http.Header{"Content-Type": {c.contentType}}, after(1))
		if content, _ := begun(r); content {
			t.Errorf("%s %d: content before the body", c.path, c.status)
		}
		r.Write([]byte(c.body), after(2))
		if content, failed := begun(r); content != c.content || failed || r.Streamed() != c.streamed {
			t.Errorf("%s %d %q: content %v, error %v, streamed %v; want %v, %v", c.path, c.status, c.body, content, failed, r.Streamed(),
				c.content, c.streamed)
		}
	}
}

// Usage comes under several names, and null says nothing.
func TestUsage(t *testing.T) {
	for usage, want := range map[string]Usage{
		`null`: {},
		`{}`:   {},
		`{"prompt_tokens":3,"completion_tokens":2,"prompt_cache_hit_tokens":1}`: {Known: true, InputTokens: 3,
			OutputTokens: 2, CachedTokens: 1},
		`{"input_tokens":3,"output_tokens":2,"output_tokens_details":{"x":9,"reasoning_tokens":1}}`: {Known: true, InputTokens: 3,
			OutputTokens: 2, Reasoning: 1},
		`{"prompt_tokens":3.0,"completion_tokens":-2,"prompt_tokens_details":null,"total_tokens":"many"}`: {Known: true, InputTokens: 3},
	} {
		x := play(200, "application/json", strings.Replace(oneChat, `{"id"`, `{"usage":`+usage+`,"id"`, 1), ClassNone)
		if x.Usage != want || x.Class != ClassNone {
			t.Errorf("%s: %+v, class %q, want %+v", usage, x.Usage, x.Class, want)
		}
	}
}

func TestGaps(t *testing.T) {
	r := NewRecorder(Asked{Endpoint: Lookup("POST", "/v1/chat/completions")}, Primary, "p", begin, RecorderOptions{})
	r.Header(200, http.Header{"Content-Type": {"text/event-stream"}}, after(1))
	r.Write([]byte(oneChunk), after(10))
	r.Write([]byte(": ping\n\n"), after(15))
	r.Write([]byte(oneChunk+oneChunk[:20]), after(20)) // two at once count as no silence
	r.Write([]byte(oneChunk[20:]+oneChunk), after(50))
	r.Write([]byte(lastWord), after(90))
	if r.Events() != 5 || r.ContentEvents() != 4 {
		t.Errorf("%d events, %d of them with content", r.Events(), r.ContentEvents())
	}
	x := r.End(ClassNone, "", after(91))
	want := Gaps{N: 3, Sum: 40 * time.Millisecond, Max: 30 * time.Millisecond, SumSquares: 0.0001 + 0.0009}
	if x.Gaps != want || x.TTFT != 10*time.Millisecond || x.Total != 91*time.Millisecond {
		t.Errorf("gaps %+v, TTFT %v, total %v; want %+v", x.Gaps, x.TTFT, x.Total, want)
	}
}

func TestKeptTextIsBounded(t *testing.T) {
	piece := "x" + strings.Repeat("ü", 50<<10)
	chunk := `data: {"choices":[{"index":0,"delta":{"content":"` + piece + `"}}]}` + "\n\n"
	x := play(200, "text/event-stream", strings.Repeat(chunk, 12)+lastWord, ClassNone)
	c := x.Completion
	if !c.TextCut || len(c.Text) > textLimit || len(c.Text) < textLimit-4 || c.TextBytes != 12*len(piece) || !strings.HasSuffix(c.Text, "ü") {
		t.Errorf("cut %v, %d bytes kept of %d", c.TextCut, len(c.Text), c.TextBytes)
	}
	call := `data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"arguments":"` + piece + `"}}]}}]}` + "\n\n"
	x = play(200, "text/event-stream", strings.Repeat(call, 12)+lastWord, ClassNone)
	if n := len(x.Completion.ToolCalls[0].Arguments); n > textLimit || n == 0 || x.Class != ClassNone || x.Faults[0] != "too_large" {
		t.Errorf("%d bytes of arguments, class %q, faults %q", n, x.Class, x.Faults)
	}
	var many strings.Builder
	for i := range toolCallLimit + 10 {
		fmt.Fprintf(&many, `data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":%d,"id":"a%d","function":{"name":"f"}}]}}]}`+"\n\n",
			i, i)
	}
	if x = play(200, "text/event-stream", many.String()+lastWord, ClassNone); len(x.Completion.ToolCalls) != toolCallLimit {
		t.Errorf("%d calls are kept", len(x.Completion.ToolCalls))
	}
}

// A body that is larger than what is kept is not judged, and not read.
func TestLargeBodyIsNotJudged(t *testing.T) {
	body := []byte(strings.Replace(oneChat, "Hi", strings.Repeat("x", bodyLimit), 1))
	for _, keep := range []bool{false, true} {
		r := NewRecorder(Asked{Endpoint: Lookup("POST", "/v1/chat/completions")}, Primary, "p", begin, RecorderOptions{KeepText: keep,
			CaptureLimit: 0})
		r.Header(200, http.Header{"Content-Type": {"application/json"}}, after(1))
		for len(body) > 0 {
			n := min(32<<10, len(body))
			r.Write(body[:n], after(2))
			body = body[n:]
		}
		body = []byte(strings.Replace(oneChat, "Hi", strings.Repeat("x", bodyLimit), 1))
		x := r.End(ClassNone, "", after(3))
		if x.Class != ClassNone || (len(x.Faults) == 1) == keep || (x.Completion.Choices == 1) != keep || x.Bytes != int64(len(body)) {
			t.Errorf("keep %v: class %q, faults %q, %d choices, %d bytes", keep, x.Class, x.Faults, x.Completion.Choices, x.Bytes)
		}
	}
}

func TestCaptureIsBounded(t *testing.T) {
	for _, path := range []string{"/v1/chat/completions", "/v1/audio/speech"} {
		r := NewRecorder(Asked{Endpoint: Lookup("POST", path)}, Primary, "p", begin, RecorderOptions{CaptureLimit: 10})
		r.Header(200, http.Header{"Content-Type": {"application/json"}}, after(1))
		for range 3 {
			r.Write([]byte("{12345"), after(2))
		}
		if x := r.End(ClassNone, "", after(3)); string(x.Body) != "{12345{123" || !x.BodyCut {
			t.Errorf("%s: captured %q, cut %v", path, x.Body, x.BodyCut)
		}
	}
}

// The last word of an event that was too long to read may have been in it.
func TestLongEventIsNoFailure(t *testing.T) {
	long := "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"output\":[\"" +
		strings.Repeat("x", eventLimit) + "\"]}}\n\n"
	x := playTo("/v1/responses", 200, "text/event-stream",
		"event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"x\"}\n\n"+long, ClassNone)
	if x.Class != ClassNone || x.Faults[0] != "too_large" || x.Events != 2 {
		t.Errorf("class %q, faults %q, %d events", x.Class, x.Faults, x.Events)
	}
	x = play(200, "text/event-stream", "data: \""+strings.Repeat("x", eventLimit)+"\"\n\n", ClassNone)
	if x.Class != ClassNone || x.TTFT == 0 {
		t.Errorf("class %q, faults %q, TTFT %v", x.Class, x.Faults, x.TTFT)
	}
}

func TestVectors(t *testing.T) {
	for _, c := range []struct {
		data  string
		want  []float32
		n     int
		fault string
	}{
		{`[{"index":1,"embedding":[9]},{"index":0,"embedding":[1.5,-2e-1]}]`, []float32{1.5, -0.2}, 2, ""},
		{`[{"embedding":"AACAPwAAAEA="}]`, []float32{1, 2}, 1, ""},
		{`[{"embedding":"AACAPw\u003d\u003d"}]`, []float32{1}, 1, ""},
		{`[{"embedding":"\/\/9\/Pw=="}]`, []float32{0.99999994}, 1, ""},
		{`[{"embedding":"AACAPwA="}]`, []float32{1}, 1, "base64"},
		{`[{"embedding":"!"}]`, nil, 1, "base64"},
		{`[{"embedding":"` + strings.Repeat("AAAA", vectorLimit*4/3+3) + `"}]`, nil, 1, "base64"},
		{`[{"embedding":{}}]`, nil, 1, "shape"},
		{`[{"embedding":[1e99,1]}]`, []float32{1}, 1, ""},
	} {
		x := playTo("/v1/embeddings", 200, "application/json", `{"data":`+c.data+`}`, ClassNone)
		if got := x.Completion; !reflect.DeepEqual(got.Embedding, c.want) || got.Vectors != c.n || strings.Join(x.Faults, ",") != c.fault {
			t.Errorf("%.60s: %.60s of %d, faults %q; want %v of %d, %q", c.data, fmt.Sprint(got.Embedding), got.Vectors, x.Faults, c.want,
				c.n, c.fault)
		}
	}
}

// The recorder must not be used after its end; if it is, nothing happens.
func TestAfterTheEnd(t *testing.T) {
	r := NewRecorder(Asked{Endpoint: Lookup("POST", "/v1/chat/completions")}, Primary, "p", begin, RecorderOptions{})
	r.Header(200, http.Header{"Content-Type": {"text/event-stream"}}, after(1))
	r.Write([]byte(oneChunk+lastWord), after(2))
	x := r.End(ClassNone, "", after(3))
	want := *x
	r.Write([]byte(oneChunk), after(4))
	if again := r.End(ClassBroken, "eof", after(5)); again != x || !reflect.DeepEqual(*x, want) {
		t.Errorf("the exchange has changed to %+v", *again)
	}
	if content, _ := begun(r); !content || !r.Streamed() {
		t.Error("what was seen is forgotten")
	}
}

// What only its maker can read again is named, however the response comes.
func TestWhatAnAnswerLeavesBound(t *testing.T) {
	t.Parallel()
	const chats, messages, responses = "/v1/chat/completions", "/v1/messages", "/v1/responses"
	sealed := func(s string) string { return SealedID([]byte(s)) }
	for _, row := range []struct {
		name, path, body string
		want             []string
	}{
		{"a thought", messages, `{"id":"m","type":"message","content":[{"type":"thinking","thinking":"x","signature":"Eq+/a="},{"type":` +
			`"redacted_thinking","data":"Em\/b"},{"type":"text","text":"hi","signature":""}]}`, []string{sealed("Eq+/a="), sealed("Em/b")}},
		{"a thought that streams", messages, "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0," +
			"\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\n" +
			"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"signature_delta\"," +
			"\"signature\":\"Eq+\"}}\n\n" +
			"event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":" +
			"\"redacted_thinking\",\"data\":\"Em\"}}\n\n", []string{sealed("Eq+"), sealed("Em")}},
		{"no thought", messages, `{"id":"m","content":[{"type":"text","text":"hi"}]}`, nil},
		{"reasoning", responses, `{"id":"r","status":"completed","output":[{"type":"reasoning","id":"rs_1","encrypted_content":"gAAA"},` +
			`{"type":"message","id":"msg_1","content":[]}]}`, []string{sealed("gAAA")}},
		{"reasoning that streams", responses, "event: response.output_item.added\ndata: {\"output_index\":0,\"item\":{\"type\":" +
			"\"reasoning\",\"encrypted_content\":\"first\"}}\n\n" +
			"event: response.output_item.done\ndata: {\"output_index\":0,\"item\":{\"type\":\"reasoning\",\"encrypted_content\":\"last\"}}\n\n",
			[]string{sealed("last")}},
		{"a spoken chat", chats, `{"id":"c","choices":[{"index":0,"message":{"role":"assistant","audio":{"id":"audio_1","data":"UklG",` +
			`"transcript":"hi"}}}]}`, []string{"audio_1"}},
		{"a spoken chat that streams", chats, "data: {\"choices\":[{\"index\":0,\"delta\":{\"audio\":{\"id\":\"audio_1\",\"transcript\":" +
			"\"h\"}}}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"audio\":{\"data\":\"UklG\"}}}]}\n\n", []string{"audio_1"}},
		{"many", messages, `{"content":[` + strings.Repeat(`{"type":"thinking","thinking":"x","signature":"same"},`, 500) +
			`{"type":"text","text":""}]}`, []string{sealed("same")}},
	} {
		h := http.Header{"Content-Type": {"application/json"}}
		if !strings.HasPrefix(row.body, "{") {
			h.Set("Content-Type", "text/event-stream")
		}
		at := time.Now()
		r := NewRecorder(Asked{Endpoint: Lookup("POST", row.path)}, Relay, "relay", at, RecorderOptions{})
		r.Header(200, h, at)
		r.Write([]byte(row.body), at)
		if got := r.End(ClassNone, "", at).Completion.Bound; !slices.Equal(got, row.want) {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}
