package exchange

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestOrderOfEvents(t *testing.T) {
	t.Parallel()
	const (
		start  = `{"type":"message_start","message":{"id":"m","model":"m"}}`
		open0  = `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`
		delta0 = `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}`
		delta1 = `{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"a"}}`
		close0 = `{"type":"content_block_stop","index":0}`
		ping   = `{"type":"ping"}`
		novel  = `{"type":"something_new","index":5}`
		stops  = `{"type":"message_delta","delta":{"stop_reason":"end_turn"}}`
		stop   = `{"type":"message_stop"}`

		created = `{"type":"response.created","sequence_number":0,"response":{"id":"r"}}`
		text1   = `{"type":"response.output_text.delta","sequence_number":1,"delta":"a"}`
		text2   = `{"type":"response.output_text.delta","sequence_number":2,"delta":"a"}`
		textN   = `{"type":"response.output_text.delta","delta":"a"}`
		ended   = `{"type":"response.completed","sequence_number":9,"response":{"id":"r","status":"completed","output":[]}}`

		said     = `{"id":"c","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}`
		other    = `{"id":"c","choices":[{"index":1,"delta":{"content":"a"},"finish_reason":null}]}`
		finished = `{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`
		sayEnd   = `{"id":"c","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}`
		usage    = `{"id":"c","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}`
		done     = `[DONE]`
	)
	messages, responses, chat := "/v1/messages", "/v1/responses", "/v1/chat/completions"
	for _, row := range []struct {
		name, path string
		events     []string
		fault      bool
	}{
		{"a message", messages, []string{start, ping, open0, delta0, ping, delta0, close0, stops, stop}, false},
		{"what is new is let pass", messages, []string{start, novel, open0, delta0, close0, novel, stops, stop}, false},
		{"a delta before its block", messages, []string{start, delta0, open0, close0, stops, stop}, true},
		{"a delta of another block", messages, []string{start, open0, delta1, close0, stops, stop}, true},
		{"a delta after its block", messages, []string{start, open0, close0, delta0, stops, stop}, true},
		{"a block that stays open", messages, []string{start, open0, delta0, stops, stop}, true},
		{"a late start", messages, []string{open0, start, delta0, close0, stops, stop}, true},
		{"two starts", messages, []string{start, start, open0, delta0, close0, stops, stop}, true},

		{"a response", responses, []string{created, text1, text2, ended}, false},
		{"a response without numbers", responses, []string{created, textN, textN, ended}, false},
		{"numbers that fall", responses, []string{created, text2, text1, ended}, true},
		{"words before the response", responses, []string{text1, created, ended}, true},

		{"a chat", chat, []string{said, said, finished, usage, done}, false},
		{"last words with the reason", chat, []string{said, sayEnd, usage, done}, false},
		{"two choices", chat, []string{said, other, finished, other, done}, false},
		{"words after the reason", chat, []string{said, finished, said, done}, true},
		{"words after the reason, by their frame", chat, []string{said, said, said, finished, said, done}, true},
	} {
		now := time.Now()
		r := NewRecorder(Asked{Endpoint: Lookup("POST", row.path)}, Primary, "x", now, RecorderOptions{KeepText: true})
		r.Header(200, http.Header{"Content-Type": {"text/event-stream"}}, now)
		r.Write([]byte("data: "+strings.Join(row.events, "\n\ndata: ")+"\n\n"), now)
		x := r.End(ClassNone, "", now)
		if got := slices.Contains(x.Faults, "order"); got != row.fault {
			t.Errorf("%s: faults %v, want order among them: %v", row.name, x.Faults, row.fault)
		}
	}
}
