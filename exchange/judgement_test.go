package exchange

import (
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
)

const (
	oneChunk = `data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}` + "\n\n"
	lastWord = "data: [DONE]\n\n"
	oneChat  = `{"id":"c","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}]}`
)

// play records one response to a chat and returns what was made of it.
func play(status int, contentType, body string, end Class) *Exchange {
	return playTo("/v1/chat/completions", status, contentType, body, end)
}

func playTo(path string, status int, contentType, body string, end Class) *Exchange {
	r := NewRecorder(Asked{Endpoint: Lookup("POST", path)}, Primary, "primary", begin, RecorderOptions{KeepText: true})
	if status > 0 {
		r.Header(status, http.Header{"Content-Type": {contentType}}, after(1))
	}
	if body != "" {
		r.Write([]byte(body), after(2))
	}
	return r.End(end, "", after(3))
}

func TestJudge(t *testing.T) {
	const events, object = "text/event-stream", "application/json"
	for _, c := range []struct {
		what        string
		status      int
		contentType string
		body        string
		end         Class
		class       Class
		faults      []string
		text        string
	}{
		{"a good stream", 200, events, oneChunk + lastWord, ClassNone, ClassNone, nil, "Hi"},
		{"a good body", 200, object, oneChat, ClassNone, ClassNone, nil, "Hi"},
		{"nothing came", 0, "", "", ClassConnect, ClassConnect, nil, ""},

		// Statuses, with whatever body and end.
		{"401", 401, object, `{}`, ClassNone, ClassAuth, nil, ""},
		{"403", 403, object, ``, ClassNone, ClassAuth, nil, ""},
		{"404", 404, "text/html", `<html>`, ClassNone, ClassNotFound, nil, ""},
		{"409", 409, object, `{}`, ClassNone, ClassBadRequest, nil, ""},
		{"429", 429, object, `{"error":`, ClassAborted, ClassRateLimited, nil, ""},
		{"500", 500, events, oneChunk, ClassBroken, ClassServer, nil, ""},
		{"503", 503, object, `{}`, ClassNone, ClassOverloaded, nil, ""},
		{"529", 529, object, `{}`, ClassNone, ClassOverloaded, nil, ""},
		{"no content", 204, "", ``, ClassNone, ClassMalformed, nil, ""},
		{"a redirect", 302, "text/html", `moved`, ClassNone, ClassMalformed, nil, ""},

		// Ends of the transport.
		{"broken before the last word", 200, events, oneChunk, ClassBroken, ClassBroken, nil, "Hi"},
		{"broken in an event", 200, events, oneChunk + `data: {"cho`, ClassBroken, ClassBroken, nil, "Hi"},
		{"broken in a body", 200, object, oneChat[:50], ClassBroken, ClassBroken, nil, ""},
		{"broken after the last word", 200, events, oneChunk + lastWord, ClassBroken, ClassNone, []string{"broken_after_done"}, "Hi"},
		{"aborted before the last word", 200, events, oneChunk, ClassAborted, ClassAborted, nil, "Hi"},
		{"aborted after the last word", 200, events, oneChunk + lastWord, ClassAborted, ClassNone, nil, "Hi"},
		{"silent after the last word", 200, events, oneChunk + lastWord, ClassIdle, ClassNone, nil, "Hi"},
		{"aborted on an error event", 200, events, oneChunk + `data: {"error":{"message":"x"}}` + "\n\n", ClassAborted, ClassErrorEvent,
			nil, "Hi"},
		{"silent before content", 200, events, ": wait\n\n", ClassFirstToken, ClassFirstToken, nil, ""},
		{"a whole body, then broken", 200, object, oneChat, ClassBroken, ClassBroken, nil, "Hi"},

		// Unfinished.
		{"a stream without the last word", 200, events, oneChunk, ClassNone, ClassUnfinished, []string{"no_done"}, "Hi"},
		{"a stream of comments", 200, events, ": a\n\n: b\n\n", ClassNone, ClassUnfinished, []string{"no_done"}, ""},
		{"a last word without its blank line", 200, events, oneChunk + "data: [DONE]", ClassNone, ClassNone, nil, "Hi"},

		// Empty.
		{"an empty body", 200, object, ``, ClassNone, ClassEmpty, []string{"empty"}, ""},
		{"an empty stream", 200, events, ``, ClassNone, ClassEmpty, []string{"empty"}, ""},
		{"only blanks", 200, object, "\n\n \n", ClassNone, ClassEmpty, []string{"empty"}, ""},
		{"only the last word", 200, events, lastWord, ClassNone, ClassEmpty, []string{"empty"}, ""},
		{"no choices", 200, object, `{"choices":[]}`, ClassNone, ClassEmpty, []string{"empty"}, ""},
		{"no words is no fault", 200, object, `{"choices":[{"index":0,"message":{"content":""},"finish_reason":"stop"}]}`, ClassNone,
			ClassNone, nil, ""},

		// Malformed.
		{"a cut body", 200, object, oneChat[:50], ClassNone, ClassMalformed, []string{"json"}, ""},
		{"a page", 200, "text/html", `<html><body>Sign in`, ClassNone, ClassMalformed, []string{"content_type", "json"}, ""},
		{"a page said to be JSON", 200, object, `<html>`, ClassNone, ClassMalformed, []string{"json"}, ""},
		{"a page said to be a stream", 200, events, "<html>\n", ClassNone, ClassUnfinished, []string{"no_done"}, ""},
		{"words", 200, "text/plain", `error: bad gateway`, ClassNone, ClassMalformed, []string{"content_type", "json"}, ""},
		{"two bodies", 200, object, oneChat + oneChat, ClassNone, ClassMalformed, []string{"json"}, "Hi"},
		{"something else", 200, object, `{"ok":true}`, ClassNone, ClassMalformed, []string{"shape"}, ""},
		{"a list", 200, object, `[1,2]`, ClassNone, ClassMalformed, []string{"shape"}, ""},
		{"a broken event", 200, events, oneChunk + "data: {\"choices\":[{]}\n\n" + lastWord, ClassNone, ClassMalformed, []string{"json"}, "Hi"},
		{"an event with words", 200, events, oneChunk + "data: hello\n\n" + lastWord, ClassNone, ClassMalformed, []string{"json"}, "Hi"},
		{"an object over two data lines", 200, events, "data: {\"choices\":\ndata: [{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\n" +
			lastWord, ClassNone, ClassNone, nil, "Hi"},

		// Faults that are no failure.
		{"not UTF-8", 200, object, strings.Replace(oneChat, "Hi", "H\xff", 1), ClassNone, ClassNone, []string{"utf8"}, "H\xff"},
		{"not UTF-8 in a stream", 200, events, strings.Replace(oneChunk, "Hi", "H\xc3", 1) + lastWord, ClassNone, ClassNone,
			[]string{"utf8"}, "H\xc3"},
		{"an event after the last word", 200, events, oneChunk + lastWord + oneChunk, ClassNone, ClassNone, []string{"event_after_done"}, "Hi"},
		{"the last word twice", 200, events, oneChunk + lastWord + lastWord, ClassNone, ClassNone, []string{"event_after_done"}, "Hi"},
		{"a stream said to be JSON", 200, object, oneChunk + lastWord, ClassNone, ClassNone, []string{"content_type"}, "Hi"},
		{"a stream said to be text", 200, "text/plain", oneChunk + lastWord, ClassNone, ClassNone, []string{"content_type"}, "Hi"},
		{"JSON said to be a stream", 200, events, oneChat, ClassNone, ClassNone, []string{"content_type"}, "Hi"},
		{"JSON of a kind", 200, "application/vnd.api+JSON; charset=utf-8", oneChat, ClassNone, ClassNone, nil, "Hi"},
		{"a stream in capitals", 200, "Text/Event-Stream;charset=UTF-8", oneChunk + lastWord, ClassNone, ClassNone, nil, "Hi"},
		{"blanks that keep the connection", 200, object, "\n\n\n" + oneChat + "\n", ClassNone, ClassNone, nil, "Hi"},

		// Errors inside a success.
		{"a named error event", 200, events, "event: error\ndata: {\"message\":\"m\",\"type\":\"t\",\"code\":1}\n\n", ClassNone,
			ClassErrorEvent, nil, ""},
		{"an error event of words", 200, events, "event: error\ndata: oh no\n\n", ClassNone, ClassErrorEvent, nil, ""},
		{"no error", 200, events, strings.Replace(oneChunk, `{"id"`, `{"error":null,"id"`, 1) + lastWord, ClassNone, ClassNone, nil, "Hi"},
		{"an empty error", 200, object, `{"error":{},` + oneChat[1:], ClassNone, ClassNone, nil, "Hi"},
		{"an error body", 200, object, `{"error":"oh no"}`, ClassNone, ClassErrorEvent, nil, ""},
	} {
		x := play(c.status, c.contentType, c.body, c.end)
		if x.Class != c.class || !reflect.DeepEqual(x.Faults, c.faults) || x.Completion.Text != c.text {
			t.Errorf("%s: class %q (%s), faults %q, text %q; want %q, %q, %q", c.what, x.Class, x.Detail, x.Faults, x.Completion.Text,
				c.class, c.faults, c.text)
		}
		if x.OK() != (x.Class == ClassNone) {
			t.Errorf("%s: OK is %v", c.what, x.OK())
		}
	}
}

func TestJudgeShapes(t *testing.T) {
	for _, c := range []struct {
		path, body string
		class      Class
	}{
		{"/v1/responses", `{"id":"r","status":"completed","output":[]}`, ClassNone},
		{"/v1/responses", `{"id":"r","status":"completed"}`, ClassMalformed},
		{"/v1/responses/input_tokens", `{"input_tokens":"many"}`, ClassMalformed},
		{"/v1/responses/compact",
			`{"id":"r","object":"response.compaction","output":[{"type":"compaction","encrypted_content":"x"}],"usage":{}}`, ClassNone},
		{"/v1/messages", `{"type":"message","content":[],"stop_reason":"end_turn"}`, ClassNone},
		{"/v1/messages", `{"type":"message"}`, ClassMalformed},
		{"/v1/messages", `{"type":"error","error":{"type":"api_error","message":"x"}}`, ClassErrorEvent},
		{"/v1/messages/count_tokens", `{"input_tokens":3}`, ClassNone},
		{"/v1/messages/count_tokens", `{}`, ClassMalformed},
		{"/v1/embeddings", `{"data":[]}`, ClassEmpty},
		{"/v1/embeddings", `{"data":{}}`, ClassMalformed},
		{"/v1/embeddings", `{"data":[{"embedding":[0.5]}]}`, ClassNone},
		{"/v1/moderations", `{"results":[]}`, ClassEmpty},
		{"/v1/moderations", `{"results":[{"flagged":false,"categories":{}}]}`, ClassNone},
		{"/v1/completions", `{"choices":[{"text":"x"}]}`, ClassNone},
		{"/v1/completions", `{"choices":null}`, ClassMalformed},
		// Without a dialect nothing is judged.
		{"/v1/images/generations", `<html>`, ClassNone},
		{"/v1/files", ``, ClassNone},
	} {
		if x := playTo(c.path, 200, "application/json", c.body, ClassNone); x.Class != c.class {
			t.Errorf("%s %s: class %q (%q), want %q", c.path, c.body, x.Class, x.Faults, c.class)
		}
	}
}

// What a provider's error says in its own words stays out of the record.
func TestErrorsAreIdentifiers(t *testing.T) {
	for _, c := range []struct{ body, kind, code string }{
		{`{"error":{"type":"a_b.C-9","code":"x"}}`, "a_b.C-9", "x"},
		{`{"error":{"type":"what you wrote: secret","code":null}}`, "other", ""},
		{`{"error":{"type":"` + strings.Repeat("a", 65) + `","code":{"a":1}}}`, "other", "other"},
		{`{"error":{"type":"é","code":-5}}`, "other", "-5"},
		{`{"error":{"code":400,"status":"INVALID_ARGUMENT","message":"m"}}`, "", "400"},
		{`{"error":"not_found"}`, "not_found", ""},
		{`{"error":null}`, "", ""},
		{`{"detail":"Not Found"}`, "", ""},
		{`{"error":{"type":"cut_o`, "", ""},
		{`[{"error":{"type":"listed","code":404}}]`, "listed", "404"},
		{`[]`, "", ""},
		{`secret words`, "", ""},
	} {
		x := play(400, "application/json", c.body, ClassNone)
		if x.Completion.ErrorType != c.kind || x.Completion.ErrorCode != c.code {
			t.Errorf("%s: type %q, code %q; want %q, %q", c.body, x.Completion.ErrorType, x.Completion.ErrorCode, c.kind, c.code)
		}
		if strings.Contains(x.Detail, "secret") || len(x.Faults) > 0 {
			t.Errorf("%s: detail %q, faults %q", c.body, x.Detail, x.Faults)
		}
	}
}

func TestRequestIDLooksLikeOne(t *testing.T) {
	for given, want := range map[string]string{"req_1": "req_1", "": "", "a b": "", "a\nb": "", "é": "", strings.Repeat("x", 129): ""} {
		r := NewRecorder(Asked{Endpoint: Lookup("POST", "/v1/messages")}, Primary, "p", begin, RecorderOptions{})
		r.Header(500, http.Header{"X-Request-Id": {given}}, after(1))
		if x := r.End(ClassNone, "", after(2)); x.RequestID != want {
			t.Errorf("%q is recorded as %q, want %q", given, x.RequestID, want)
		}
	}
}

func TestClocksNeverSayNever(t *testing.T) {
	r := NewRecorder(Asked{Endpoint: Lookup("POST", "/v1/chat/completions")}, Primary, "p", begin, RecorderOptions{})
	r.Header(200, http.Header{"Content-Type": {"text/event-stream"}}, begin)
	r.Write([]byte(oneChunk), begin.Add(-time.Second)) // a clock that was set back
	if x := r.End(ClassNone, "", begin); x.TTFB <= 0 || x.TTFT <= 0 || x.Total <= 0 {
		t.Errorf("TTFB %v, TTFT %v, total %v", x.TTFB, x.TTFT, x.Total)
	}
}
