package mock

import (
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/tidwall/gjson"
)

// A model's thinking is signed by its provider and must be returned unchanged with the
// conversation: a provider rejects another one's signature. The signature here is a
// hash keyed with the mock's Name, so that mocks with the same name accept each
// other's.

// readThinking reads whether thinking is on, and the signatures in the
// conversation.
func (q *question) readThinking(root gjson.Result) {
	kind := root.Get("thinking.type").Str
	q.thinks = kind == "enabled" || kind == "adaptive"
	root.Get("messages").ForEach(func(_, m gjson.Result) bool {
		for _, block := range m.Get("content").Array() {
			if block.Get("type").Str == "thinking" {
				q.signed = append(q.signed, block.Get("signature").Str, block.Get("thinking").Str)
			}
		}
		return true
	})
}

// knowsThinking checks the returned signatures; false after sending an error.
func (c *call) knowsThinking() bool {
	for i := 0; i+1 < len(c.ask.signed); i += 2 {
		if c.ask.signed[i] != sign(c.Name, c.ask.signed[i+1]) {
			c.fail(&problem{status: http.StatusBadRequest, message: "messages: Invalid `signature` in `thinking` block"})
			return false
		}
	}
	return true
}

// sign is the signature of a thought.
func sign(name, thought string) string {
	d := throw(hashText(name), hashText(thought))
	b := make([]byte, 48)
	for i := range b {
		b[i] = byte(d.n(256))
	}
	return base64.StdEncoding.EncodeToString(b)
}

// think writes the model's thinking.
func (m *composer) think(d *dice) string {
	seed := dice(d.next())
	w := m.writer(&seed)
	return "The user asks about " + w.topics[0] + ". " + strings.Join(w.lines(&seed, []string{"mechanism", "caveat"}), " ")
}

func (w *messageWriter) signature() string { return sign(w.Name, w.reply.thought) }

// thinking appends a thinking block.
func (w *messageWriter) thinking(b []byte, thought, signature string) []byte {
	b = appendString(append(b, `{"type":"thinking","thinking":`...), thought)
	return append(appendString(append(b, `,"signature":`...), signature), '}')
}

// streamThinking streams the thinking block.
func (w *messageWriter) streamThinking(index int) {
	at := `,"index":` + itoa(index)
	delta := func(kind, field, text string) {
		w.emit("content_block_delta", contentEvent, 1, func(b []byte) []byte {
			return append(appendString(append(b, at+`,"delta":{"type":"`+kind+`","`+field+`":`...), text), `}}`...)
		})
	}
	w.emit("content_block_start", openingEvent, 0, func(b []byte) []byte {
		return append(w.thinking(append(b, at+`,"content_block":`...), "", ""), '}')
	})
	w.emit("ping", openingEvent, 0, func(b []byte) []byte { return append(b, '}') })
	for _, piece := range splitTokens(w.reply.thought) {
		delta("thinking_delta", "thinking", piece)
	}
	delta("signature_delta", "signature", w.signature())
	w.emit("content_block_stop", closingEvent, 0, func(b []byte) []byte { return append(append(b, at...), '}') })
}
