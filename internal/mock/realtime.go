package mock

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/coder/websocket"
	"github.com/tidwall/gjson"
)

// maxSocketMessage bounds one message of a caller.
const maxSocketMessage = 16 << 20

// realtime handles a WebSocket: session.created first, then the API's events for
// session.update and response.create, and for all others the caller's own event.
func realtime(c *call) {
	if !strings.EqualFold(c.r.Header.Get("Upgrade"), "websocket") {
		c.fail(badRequest("", "This endpoint takes WebSocket connections only."))
		return
	}
	c.header()
	conn, err := websocket.Accept(c.w, c.r, &websocket.AcceptOptions{Subprotocols: []string{"realtime"}, InsecureSkipVerify: true})
	if err != nil { // Accept has sent the error
		c.status = http.StatusBadRequest
		return
	}
	c.status = http.StatusSwitchingProtocols
	defer conn.CloseNow()
	conn.SetReadLimit(maxSocketMessage)
	ctx, cancel := context.WithCancel(c.r.Context())
	defer cancel()
	defer context.AfterFunc(c.s.life, cancel)()
	s := socket{call: c, conn: conn, ctx: ctx, session: "sess_" + newID(c.id, 0)}
	if s.send(ordered{"type", "session.created", "session", s.describe(nil)}) {
		s.serve()
	}
}

// socket is one realtime session.
type socket struct {
	*call
	conn    *websocket.Conn
	ctx     context.Context
	session string
	events  int
}

func (s *socket) serve() {
	for {
		kind, message, err := s.conn.Read(s.ctx)
		if err != nil {
			s.gone = websocket.CloseStatus(err) != websocket.StatusNormalClosure && s.s.life.Err() == nil
			return
		}
		s.s.journal.update(s.entry, func(e *Entry) { e.BodySize += int64(len(message)) })
		if !s.reply(kind, message) {
			return
		}
	}
}

// reply handles one message; false if the session is over.
func (s *socket) reply(kind websocket.MessageType, message []byte) bool {
	root := gjson.ParseBytes(message)
	switch {
	case kind == websocket.MessageBinary:
		return s.write(kind, message)
	case !json.Valid(message) || root.Get("type").Str == "":
		return s.send(ordered{"type", "error", "error", ordered{"type", "invalid_request_error", "code", "invalid_event",
			"message", "The event must be a JSON object with a type.", "param", nil, "event_id", nil}})
	case root.Get("type").Str == "session.update":
		return s.send(ordered{"type", "session.updated", "session", s.describe(&root)})
	case root.Get("type").Str == "response.create":
		return s.respond(message)
	}
	return s.write(kind, message)
}

// describe is the session, with the changes of an update.
func (s *socket) describe(update *gjson.Result) ordered {
	o := ordered{"id", s.session, "object", "realtime.session", "type", "realtime", "model", s.r.URL.Query().Get("model")}
	if update != nil {
		update.Get("session").ForEach(func(key, value gjson.Result) bool {
			if key.Str != "id" && key.Str != "object" && key.Str != "type" && key.Str != "model" {
				o = append(o, key.Str, raw(value.Raw))
			}
			return true
		})
	}
	return o
}

// respond sends a short reply.
func (s *socket) respond(message []byte) bool {
	model := s.r.URL.Query().Get("model")
	q := &question{prompt: gjson.GetBytes(message, "response.instructions").Str, says: hashBytes(message), choices: 1}
	m := composer{settings: s.settings, q: q, voice: hashText(orElse(s.Voice, model))}
	d := throw(s.Seed, m.voice, q.says)
	w := m.writer(&d)
	text := strings.Join(w.lines(&d, []string{"definition", "mechanism"}), " ")
	id, item := "resp_"+newID(s.s.nextID(), 0), "item_"+newID(s.s.nextID(), 0)
	if !s.send(
		ordered{
			"type",
			"response.created",
			"response",
			ordered{"id", id, "object", "realtime.response", "status", "in_progress", "output", []any{}},
		},
	) {
		return false
	}
	ttft, gap := s.delays()
	wait := ttft.draw(&s.dice)
	for _, piece := range splitTokens(text) {
		if !s.wait(wait) ||
			!s.send(
				ordered{
					"type",
					"response.output_text.delta",
					"response_id",
					id,
					"item_id",
					item,
					"output_index",
					0,
					"content_index",
					0,
					"delta",
					piece,
				},
			) {
			return false
		}
		wait = gap.draw(&s.dice)
	}
	content := []any{ordered{"type", "output_text", "text", text}}
	output := []any{
		ordered{"id", item, "object", "realtime.item", "type", "message", "status", "completed", "role", "assistant", "content", content},
	}
	return s.send(
		ordered{"type", "response.output_text.done", "response_id", id, "item_id", item, "output_index", 0, "content_index", 0, "text", text},
	) &&
		s.send(
			ordered{"type", "response.done", "response", ordered{"id", id, "object", "realtime.response", "status", "completed", "output", output,
				"usage", obj{
					"input_tokens": countTokens(q.prompt), "output_tokens": countTokens(text),
					"total_tokens": countTokens(q.prompt) + countTokens(text),
				}}},
		)
}

// send writes one event; false if the session is over.
func (s *socket) send(event ordered) bool {
	s.events++
	return s.write(websocket.MessageText, encode(append(ordered{"event_id", "event_" + newID(s.id, s.events)}, event...)))
}

func (s *socket) write(kind websocket.MessageType, message []byte) bool {
	s.sent += int64(len(message))
	return s.conn.Write(s.ctx, kind, message) == nil
}

// realtimeSecret handles realtime/client_secrets.
func realtimeSecret(c *call) {
	c.sendObject(http.StatusOK, ordered{"value", "ek_" + newID(c.id, 0), "expires_at", c.at.Unix() + 600,
		"session", ordered{"id", "sess_" + newID(c.id, 1), "object", "realtime.session", "type", "realtime"}})
}

// realtimeCall handles realtime/calls, which takes and returns SDP.
func realtimeCall(c *call) {
	c.w.Header()["Location"] = []string{c.base + "/realtime/calls/rtc_" + newID(c.id, 0)}
	c.header()
	c.send(http.StatusCreated, "application/sdp", []byte("v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=mock\r\nt=0 0\r\n"))
}
