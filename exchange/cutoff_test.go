package exchange

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"slices"
	"strings"
	"testing"
)

const (
	finishChunk  = `data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\n"
	textChunk    = `data: {"id":"c","choices":[{"index":0,"text":"Hi","finish_reason":null}]}` + "\n\n"
	textFinish   = `data: {"id":"c","choices":[{"index":0,"text":"","finish_reason":"length"}]}` + "\n\n"
	messageStart = "event: message_start\n" + `data: {"type":"message_start","message":{"id":"m"}}` + "\n\n"
	messageText  = "event: content_block_delta\n" +
		`data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}` + "\n\n"
	messageStop  = "event: message_delta\n" + `data: {"type":"message_delta","delta":{"stop_reason":"end_turn"}}` + "\n\n"
	messageDone  = "event: message_stop\n" + `data: {"type":"message_stop"}` + "\n\n"
	responseWord = "event: response.output_text.delta\n" + `data: {"type":"response.output_text.delta","delta":"Hi"}` + "\n\n"
	responseItem = "event: response.output_item.done\n" +
		`data: {"type":"response.output_item.done","item":{"type":"message","status":"completed","content":[]}}` + "\n\n"
	responseDone = "event: response.incomplete\n" + `data: {"type":"response.incomplete","response":{"status":"incomplete"}}` + "\n\n"
	chatError    = `data: {"error":{"message":"x"}}` + "\n\n"
)

func TestCutOff(t *testing.T) {
	t.Parallel()
	const chats, completions, responses, messages = "/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages"
	const events = "text/event-stream"
	for _, c := range []struct {
		what, path, contentType, body string
		cut                           bool // the caller must not take it for whole
		whole                         bool // afterwards: it is all there
	}{
		{"half a chat", chats, events, oneChunk, true, false},
		{"a chat that says why it ends", chats, events, oneChunk + finishChunk, false, true},
		{"its last event lacks the blank line", chats, events, oneChunk + strings.TrimSpace(finishChunk), false, true},
		{"a whole chat", chats, events, oneChunk + finishChunk + lastWord, false, true},
		{"only [DONE]", chats, events, oneChunk + lastWord, false, true},
		{"[DONE] without its line end", chats, events, oneChunk + "data: [DONE]", false, true},
		{"half an event", chats, events, oneChunk + finishChunk[:40], true, false},
		{"nothing but comments", chats, events, ": a\n\n", true, false},
		{"nothing but blanks", chats, events, "\n\n", true, false},
		{"nothing", chats, events, "", true, false},
		{"an error event", chats, events, oneChunk + chatError, false, false},
		{"no stream", chats, "application/json", `{"id":"c"`, false, false},
		{"a stream under another name", chats, "application/json", oneChunk, true, false},
		{"an event too large to read", chats, events, oneChunk + "data: {" + strings.Repeat(" ", eventLimit) + "}\n\n", false, true},

		{"half a text", completions, events, textChunk, true, false},
		{"a text that says why it ends", completions, events, textChunk + textFinish, false, true},
		{"a whole text", completions, events, textChunk + textFinish + lastWord, false, true},

		{"half a response", responses, events, responseWord, true, false},
		{"a response with a whole item", responses, events, responseWord + responseItem, true, false},
		{"a response that is over", responses, events, responseWord + responseDone, false, true},

		{"half a message", messages, events, messageStart + messageText, true, false},
		{"a message that says why it ends", messages, events, messageStart + messageText + messageStop, false, true},
		{"a whole message", messages, events, messageStart + messageText + messageStop + messageDone, false, true},

		{"a stream where none is due", "/v1/embeddings", events, oneChunk, false, false},
		{"what nobody reads", "/v1/audio/speech", events, oneChunk, false, true},
	} {
		r := NewRecorder(Asked{Endpoint: Lookup("POST", c.path)}, Relay, "relay", begin, RecorderOptions{})
		r.Header(200, http.Header{"Content-Type": {c.contentType}}, after(1))
		for _, event := range strings.SplitAfter(c.body, "\n\n") { // those behind the first content are read later
			r.Write([]byte(event), after(2))
		}
		if got := r.CutOff(); got != c.cut {
			t.Errorf("%s: cut off %v, want %v", c.what, got, c.cut)
		}
		if r.CutOff() != c.cut {
			t.Errorf("%s: asked again, it says otherwise", c.what)
		}
		x := r.End(ClassNone, "", after(3))
		if plain := playTo(c.path, 200, c.contentType, c.body, ClassNone); x.Class != plain.Class || x.Events != plain.Events {
			t.Errorf("%s: class %q of %d events, want %q of %d: to be asked changes nothing", c.what, x.Class, x.Events, plain.Class, plain.Events)
		}
		if c.cut && x.OK() {
			t.Errorf("%s: cut off, and a success", c.what)
		}
		if x.OK() != c.whole {
			t.Errorf("%s: class %q is whole: %v, want %v", c.what, x.Class, x.OK(), c.whole)
		}
		if r.CutOff() {
			t.Errorf("%s: cut off after its end", c.what)
		}
	}
}

// TestCutOffOfErrors: an error's status says all.
func TestCutOffOfErrors(t *testing.T) {
	t.Parallel()
	for _, status := range []int{204, 302, 400, 500} {
		r := NewRecorder(Asked{Endpoint: Lookup("POST", "/v1/chat/completions")}, Relay, "relay", begin, RecorderOptions{})
		r.Header(status, http.Header{"Content-Type": {"text/event-stream"}}, after(1))
		r.Write([]byte(oneChunk), after(2))
		if r.CutOff() {
			t.Errorf("%d: cut off", status)
		}
	}
}

// TestCutOffOfEncodedStreams: what is encoded is read at its end, and until
// then nothing can be said.
func TestCutOffOfEncodedStreams(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		body  string
		whole bool
	}{{oneChunk, false}, {oneChunk + finishChunk, true}, {oneChunk + finishChunk + lastWord, true}} {
		var body bytes.Buffer
		z := gzip.NewWriter(&body)
		_, _ = z.Write([]byte(c.body))
		_ = z.Close()
		r := NewRecorder(Asked{Endpoint: Lookup("POST", "/v1/chat/completions")}, Relay, "relay", begin, RecorderOptions{})
		r.Header(200, http.Header{"Content-Type": {"text/event-stream"}, "Content-Encoding": {"gzip"}}, after(1))
		r.Write(body.Bytes(), after(2))
		if content, _ := begun(r); !content || r.CutOff() {
			t.Errorf("%q: content %v, cut off %v", c.body, content, r.CutOff())
		}
		x := r.End(ClassNone, "", after(3))
		lacksDone := c.whole && !strings.HasSuffix(c.body, lastWord)
		if x.OK() != c.whole || slices.Contains(x.Faults, "no_done") != (lacksDone || !c.whole) {
			t.Errorf("%q: class %q, whole %v; want %v", c.body, x.Class, x.OK(), c.whole)
		}
	}
}
