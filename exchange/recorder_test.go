package exchange

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// golden is one response body in testdata/responses, with what must be read from
// it.
type golden struct {
	file   string
	path   string // of the endpoint
	status int    // 0: 200
	class  Class
	faults []string
	first  int // number of the event with the first content; 0: none
	gaps   int
	events int
	usage  Usage
	want   Completion
}

var (
	weatherCalls = []ToolCall{
		{ID: "call_DdmO9pD3xa9XTPNJ32zg2hcA", Name: "get_weather", Arguments: `{"city":"Paris"}`},
		{ID: "call_2", Name: "get_time", Arguments: `{}`},
	}
	chatUsage      = Usage{Known: true, InputTokens: 19, OutputTokens: 10, CachedTokens: 8, Reasoning: 3}
	responsesUsage = Usage{Known: true, InputTokens: 37, OutputTokens: 11, CachedTokens: 2, Reasoning: 5}
	messagesUsage  = Usage{Known: true, InputTokens: 175, OutputTokens: 15, CachedTokens: 50}
	startUsage     = Usage{Known: true, InputTokens: 175, OutputTokens: 1, CachedTokens: 50}
	shortUsage     = Usage{Known: true, InputTokens: 5, OutputTokens: 7}
)

const (
	chatID       = "chatcmpl-CYBwjVbQgL0qDkZ8YyDUYoFzZYkZC"
	chatModel    = "gpt-4o-mini-2024-07-18"
	responseID   = "resp_67c9fdcecf488190bdd9a0409de3a1ec07b8b0ad4e5eb654"
	messageID    = "msg_1nZdL29xx5MUA1yADyHTEsnR8uuvGzszyY"
	claude       = "claude-sonnet-4-5-20250929"
	responseText = "Hi there! 👋"
	chatText     = "Grüße aus\n“Köln” 😀"
)

func goldens() []golden {
	chat := func(c Completion) Completion {
		c.ID, c.Model = chatID, chatModel
		c.TextBytes = len(c.Text)
		c.Choices = max(c.Choices, 1)
		return c
	}
	response := func(c Completion) Completion {
		c.ID, c.Model, c.Choices = responseID, "gpt-4.1-2025-04-14", 1
		c.TextBytes = len(c.Text)
		return c
	}
	message := func(c Completion) Completion {
		c.ID, c.Model, c.Choices = messageID, claude, 1
		c.TextBytes = len(c.Text)
		return c
	}
	const chats, completions, responses, messages = "/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages"
	responseCall := []ToolCall{{ID: "call_unLAR8MvFNptuiZK6K6HCy5k", Name: "get_weather", Arguments: `{"city":"Paris"}`}}
	messageCalls := func(space string) []ToolCall {
		return []ToolCall{
			{ID: "toolu_01T1x1fJ34qAmk2tNTrN7Up6", Name: "get_weather", Arguments: `{"city":` + space + `"Paris"}`},
			{ID: "toolu_2", Name: "get_time", Arguments: "{}"},
		}
	}
	vectors := Completion{Model: "text-embedding-3-small", Embedding: []float32{0.5, -0.25, 1, 0.0023064255714416504}, Vectors: 2}
	return []golden{
		{file: "chat.sse", path: chats, first: 2, gaps: 2, events: 7, usage: chatUsage,
			want: chat(Completion{Text: chatText, FinishReason: "stop"})},
		{file: "chat.json", path: chats, usage: chatUsage, want: Completion{ID: "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
			Model: "gpt-4.1-2025-04-14",
			Text:  chatText, TextBytes: len(chatText), FinishReason: "stop", Choices: 1}},
		{file: "chat-tools.sse", path: chats, first: 1, gaps: 4, events: 8, usage: chatUsage,
			want: chat(Completion{ToolCalls: weatherCalls, FinishReason: "tool_calls"})},
		{file: "chat-tools.json", path: chats, usage: chatUsage, want: Completion{ID: "chatcmpl-abc123", Model: "gpt-4o-mini",
			ToolCalls: weatherCalls, FinishReason: "tool_calls", Choices: 1}},
		{file: "chat-refusal.sse", path: chats, first: 2, gaps: 1, events: 5,
			want: chat(Completion{Refusal: "I can't help.", FinishReason: "stop"})},
		{file: "chat-choices.sse", path: chats, first: 3, gaps: 3, events: 9,
			want: chat(Completion{Text: "Aa", FinishReason: "stop", Choices: 2})},
		{file: "chat-reasoning.sse", path: chats, first: 2, gaps: 1, events: 5, usage: Usage{Known: true, InputTokens: 5, OutputTokens: 6,
			CachedTokens: 4, Reasoning: 4},
			want: chat(Completion{Text: "Yes", FinishReason: "stop"})},
		{file: "chat-azure.sse", path: chats, first: 3, events: 5, want: chat(Completion{Text: "Hi", FinishReason: "stop"})},
		{file: "chat-crlf.sse", path: chats, first: 2, events: 4, want: chat(Completion{Text: "Hi", FinishReason: "stop"})},
		{file: "chat-error.sse", path: chats, class: ClassErrorEvent, first: 2, events: 3,
			want: chat(Completion{Text: "Half", ErrorType: "server_error", ErrorCode: "internal_error"})},
		{file: "chat-error-first.sse", path: chats, class: ClassErrorEvent, events: 1, want: Completion{ErrorType: "rate_limit_error",
			ErrorCode: "429"}},
		{file: "chat-unfinished.sse", path: chats, class: ClassUnfinished, faults: []string{"no_done"}, first: 2, events: 2,
			want: chat(Completion{Text: "Half"})},

		{file: "completions.sse", path: completions, first: 1, gaps: 1, events: 5, usage: shortUsage,
			want: Completion{ID: "cmpl-7iA7iJjj8V2zOkCGvWF2hAkDWBQZe", Model: "gpt-3.5-turbo-instruct",
				Text: "This is a test", TextBytes: 14, FinishReason: "stop", Choices: 1}},
		{file: "completions.json", path: completions, usage: shortUsage, want: Completion{ID: "cmpl-uqkvlQyYK7bGYrRHQ0eXlWi7",
			Model: "gpt-3.5-turbo-instruct",
			Text:  "\n\nThis is a test", TextBytes: 16, FinishReason: "length", Choices: 1}},

		{file: "responses.sse", path: responses, first: 7, gaps: 1, events: 12, usage: responsesUsage,
			want: response(Completion{Text: responseText, FinishReason: "completed"})},
		{file: "responses.json", path: responses, usage: responsesUsage,
			want: response(Completion{Text: responseText, FinishReason: "completed"})},
		{file: "responses-short.sse", path: responses, first: 2, events: 2, usage: responsesUsage,
			want: response(Completion{Text: responseText, FinishReason: "completed"})},
		{file: "responses-tools.sse", path: responses, first: 2, gaps: 2, events: 7, usage: responsesUsage,
			want: response(Completion{ToolCalls: responseCall, FinishReason: "completed"})},
		{file: "responses-tools.json", path: responses, usage: responsesUsage,
			want: response(Completion{ToolCalls: responseCall, FinishReason: "completed"})},
		{file: "responses-incomplete.sse", path: responses, first: 3, events: 4, usage: responsesUsage,
			want: response(Completion{Text: "Hi", FinishReason: "max_output_tokens"})},
		{file: "responses-failed.sse", path: responses, class: ClassErrorEvent, events: 2,
			want: response(Completion{FinishReason: "failed", ErrorCode: "server_error"})},
		{file: "responses-failed.json", path: responses, class: ClassErrorEvent,
			want: response(Completion{FinishReason: "failed", ErrorCode: "server_error"})},
		{file: "responses-error.sse", path: responses, class: ClassErrorEvent, events: 2,
			want: response(Completion{ErrorType: "error", ErrorCode: "rate_limit_exceeded"})},
		{file: "input-tokens.json", path: "/v1/responses/input_tokens", usage: Usage{Known: true, InputTokens: 123}},

		{file: "messages.sse", path: messages, first: 4, gaps: 1, events: 8, usage: messagesUsage,
			want: message(Completion{Text: "Hello!\n", FinishReason: "end_turn"})},
		{file: "messages.json", path: messages, usage: messagesUsage, want: message(Completion{Text: "Hello!\n", FinishReason: "end_turn"})},
		{file: "messages-tools.sse", path: messages, first: 3, gaps: 4, events: 13, usage: messagesUsage,
			want: message(Completion{Text: "Okay", ToolCalls: messageCalls(" "), FinishReason: "tool_use"})},
		{file: "messages-tools.json", path: messages, usage: startUsage,
			want: message(Completion{Text: "Okay", ToolCalls: messageCalls(" "), FinishReason: "tool_use"})},
		{file: "messages-thinking.sse", path: messages, first: 3, gaps: 5, events: 15, usage: messagesUsage,
			want: message(Completion{Text: "Found", FinishReason: "end_turn", Bound: []string{SealedID([]byte("EqQBCgIYAhIM"))}})},
		{file: "messages-error.sse", path: messages, class: ClassErrorEvent, first: 3, events: 4, usage: startUsage,
			want: message(Completion{Text: "Half", ErrorType: "overloaded_error"})},
		{file: "messages-unfinished.sse", path: messages, class: ClassUnfinished, faults: []string{"no_done"}, first: 3, events: 4,
			usage: startUsage, want: message(Completion{Text: "Half"})},
		{file: "count.json", path: "/v1/messages/count_tokens", usage: Usage{Known: true, InputTokens: 2095}},

		{file: "embeddings.json", path: "/v1/embeddings", usage: Usage{Known: true, InputTokens: 8}, want: vectors},
		{file: "embeddings-base64.json", path: "/v1/embeddings", usage: Usage{Known: true, InputTokens: 8}, want: vectors},
		{file: "moderations.json", path: "/v1/moderations", want: Completion{ID: "modr-0d9740456c391e43c445bf0f010940c7",
			Model: "omni-moderation-latest", Choices: 1,
			Flagged: true, Categories: []string{"harassment", "harassment/threatening", "violence"}}},

		{file: "error-openai.json", path: chats, status: 401, class: ClassAuth, want: Completion{ErrorType: "invalid_request_error",
			ErrorCode: "invalid_api_key"}},
		{file: "error-anthropic.json", path: messages, status: 529, class: ClassOverloaded, want: Completion{ErrorType: "overloaded_error"}},
		{file: "error-words.json", path: chats, status: 400, class: ClassBadRequest, want: Completion{ErrorType: "other"}},
		{file: "error-flat.json", path: chats, status: 400, class: ClassBadRequest, want: Completion{ErrorType: "BadRequestError",
			ErrorCode: "400"}},
		{file: "error-openai.json", path: chats, class: ClassErrorEvent, want: Completion{ErrorType: "invalid_request_error",
			ErrorCode: "invalid_api_key"}},
	}
}

func (g *golden) body(t testing.TB) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata/responses", g.file))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func (g *golden) header() http.Header {
	if strings.HasSuffix(g.file, ".sse") {
		return http.Header{"Content-Type": {"text/event-stream; charset=utf-8"}, "X-Request-Id": {"req_1"}}
	}
	return http.Header{"Content-Type": {"application/json"}, "Request-Id": {"req_1"}}
}

// pieces cuts a stream after each event.
func (g *golden) pieces(body []byte) [][]byte {
	if strings.HasSuffix(g.file, ".json") {
		return [][]byte{body}
	}
	end := []byte("\n\n")
	if bytes.Contains(body, []byte("\r\n\r\n")) {
		end = []byte("\r\n\r\n")
	}
	var pieces [][]byte
	for _, p := range bytes.SplitAfter(body, end) {
		if comment := bytes.TrimPrefix(p, []byte("\ufeff")); len(comment) > 0 && comment[0] != ':' {
			pieces = append(pieces, p)
		} else if len(p) > 0 && len(pieces) > 0 {
			pieces[len(pieces)-1] = append(bytes.Clone(pieces[len(pieces)-1]), p...)
		}
	}
	return pieces
}

var begin = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func after(ms int) time.Time { return begin.Add(time.Duration(ms) * time.Millisecond) }

// record plays a response: its header after 1 ms, piece n (from 1) after 10 n ms.
func record(g *golden, h http.Header, o RecorderOptions, pieces ...[]byte) *Exchange {
	r := NewRecorder(Asked{Endpoint: Lookup("POST", g.path)}, Relay, "relay", begin, o)
	r.Header(max(g.status, 200), h, after(1))
	for i, p := range pieces {
		own := bytes.Clone(p)
		r.Write(own, after(10*(i+1)))
		clear(own) // nothing may still look at it
	}
	return r.End(ClassNone, "", after(10*len(pieces)+5))
}

func TestGoldenAnswers(t *testing.T) {
	for _, g := range goldens() {
		body := g.body(t)
		pieces := g.pieces(body)
		streamed := strings.HasSuffix(g.file, ".sse")
		x := record(&g, g.header(), RecorderOptions{KeepText: true, CaptureLimit: 1 << 20}, pieces...)
		if x.Class != g.class || !reflect.DeepEqual(x.Faults, g.faults) {
			t.Errorf("%s: class %q (%s), faults %q; want %q, %q", g.file, x.Class, x.Detail, x.Faults, g.class, g.faults)
		}
		if !reflect.DeepEqual(x.Completion, g.want) {
			t.Errorf("%s: completion\n%+v, want\n%+v", g.file, x.Completion, g.want)
		}
		if x.Usage != g.usage {
			t.Errorf("%s: usage %+v, want %+v", g.file, x.Usage, g.usage)
		}
		ttft := time.Duration(10*g.first) * time.Millisecond
		if !streamed {
			ttft = 10 * time.Millisecond
		}
		if x.TTFT != ttft || x.Gaps.N != g.gaps || x.Events != g.events || x.Streamed != streamed {
			t.Errorf("%s: TTFT %v, %d gaps, %d events, streamed %v; want %v, %d, %d, %v",
				g.file, x.TTFT, x.Gaps.N, x.Events, x.Streamed, ttft, g.gaps, g.events, streamed)
		}
		if x.TTFB != time.Millisecond || x.Total != time.Duration(10*len(pieces)+5)*time.Millisecond || x.RequestID != "req_1" || x.Arm != Relay {
			t.Errorf("%s: TTFB %v, total %v, request %q, arm %v", g.file, x.TTFB, x.Total, x.RequestID, x.Arm)
		}
		whole := bytes.Join(pieces, nil)
		if !bytes.Equal(x.Body, whole) || x.BodyCut || x.Bytes != int64(len(whole)) {
			t.Errorf("%s: captured %d bytes of %d (counted %d)", g.file, len(x.Body), len(whole), x.Bytes)
		}
	}
}

// Without KeepText only words and calls are missing.
func TestGoldenAnswersMeasuredOnly(t *testing.T) {
	for _, g := range goldens() {
		pieces := g.pieces(g.body(t))
		x := record(&g, g.header(), RecorderOptions{}, pieces...)
		want := g.want
		want.Text, want.Refusal, want.ToolCalls, want.Embedding, want.Categories = "", "", nil, nil, nil
		if !reflect.DeepEqual(x.Completion, want) {
			t.Errorf("%s: completion\n%+v, want\n%+v", g.file, x.Completion, want)
		}
		full := record(&g, g.header(), RecorderOptions{KeepText: true}, pieces...)
		full.Completion = x.Completion
		if !reflect.DeepEqual(x, full) {
			t.Errorf("%s: measured\n%+v, kept\n%+v", g.file, x, full)
		}
	}
}

// Every golden file is used, so none can rot.
func TestGoldenFilesAreAllUsed(t *testing.T) {
	used := map[string]bool{}
	for _, g := range goldens() {
		used[g.file] = true
	}
	files, err := os.ReadDir("testdata/responses")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !used[f.Name()] {
			t.Errorf("%s is not used", f.Name())
		}
	}
}

// begun reports what a fallback asks of a response that has not ended.
func begun(r *Recorder) (output, failed bool) {
	j := r.Judge()
	return j.Output, j.Class == ClassErrorEvent
}
