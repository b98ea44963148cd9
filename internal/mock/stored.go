package mock

import (
	"net/http"
	"time"

	"github.com/tidwall/gjson"
)

// stored is a response that can be fetched later: from the Responses API, or a stored
// chat completion.
type stored struct {
	id     string
	kind   string // "response" or "chat.completion"
	body   []byte
	input  gjson.Result // the request's input or messages
	ready  time.Time    // of a background response: when it is done
	cancel bool
}

// keep stores a response under its id.
func (c *call) keep(kind string, body []byte) {
	root := gjson.ParseBytes(c.body)
	input := root.Get("input")
	if kind == "chat.completion" {
		input = root.Get("messages")
	}
	id := gjson.GetBytes(body, "id").Str
	c.s.objects.responses.put(id, &stored{id: id, kind: kind, body: body, input: input})
}

// respond handles POST responses.
func respond(c *call) {
	root := gjson.ParseBytes(c.body)
	if id := root.Get("previous_response_id").Str; id != "" {
		if _, ok := c.s.objects.responses.get(id); !ok {
			c.fail(&problem{status: http.StatusBadRequest, param: "previous_response_id", code: "previous_response_not_found",
				message: "Previous response with id '" + id + "' not found."})
			return
		}
	}
	if root.Get("background").Bool() && !c.ask.stream {
		c.respondLater(root)
		return
	}
	c.infer()
}

// respondLater handles a background request: queued now, done after the time that the
// response takes.
func (c *call) respondLater(root gjson.Result) {
	r := c.rendering()
	body := r.body.fill(nil, c.id, c.at.Unix())
	ttft, gap := c.delays()
	wait := ttft.draw(&c.dice)
	for range r.tokens - 1 {
		wait += gap.draw(&c.dice)
	}
	id := gjson.GetBytes(body, "id").Str
	one := &stored{id: id, kind: "response", body: body, input: root.Get("input"), ready: c.at.Add(wait)}
	c.s.objects.responses.put(id, one)
	c.header()
	c.send(http.StatusOK, "application/json", one.unfinished("queued"))
}

// unfinished is a response in progress.
func (s *stored) unfinished(status string) []byte {
	return rewrite(s.body, map[string]string{"status": `"` + status + `"`, "output": "[]", "usage": "null", "completed_at": "null"})
}

// rewrite replaces fields of a JSON object, in their places.
func rewrite(body []byte, fields map[string]string) []byte {
	var o ordered
	gjson.ParseBytes(body).ForEach(func(key, value gjson.Result) bool {
		if changed, ok := fields[key.Str]; ok {
			o = append(o, key.Str, raw(changed))
		} else {
			o = append(o, key.Str, raw(value.Raw))
		}
		return true
	})
	return encode(o)
}

// storedOf finds the stored response that the path names; nil after sending an error.
func (c *call) storedOf(kind string) *stored {
	s, ok := c.s.objects.responses.get(c.args[0])
	if ok && s.kind == kind {
		return s
	}
	what := "Response"
	if kind != "response" {
		what = "Chat completion"
	}
	c.fail(notFound(what + " with id '" + c.args[0] + "' not found."))
	return nil
}

func getResponse(c *call) {
	s := c.storedOf("response")
	switch {
	case s == nil:
	case s.cancel:
		c.pass("application/json", s.unfinished("cancelled"))
	case c.at.Before(s.ready):
		c.pass("application/json", s.unfinished("in_progress"))
	default:
		c.pass("application/json", s.body)
	}
}

func cancelResponse(c *call) {
	s := c.storedOf("response")
	switch {
	case s == nil:
	case s.ready.IsZero():
		c.fail(badRequest("", "Only responses with background=true can be cancelled."))
	default:
		gone := *s
		gone.cancel = gone.cancel || c.at.Before(s.ready)
		c.s.objects.responses.put(s.id, &gone)
		if gone.cancel {
			c.pass("application/json", gone.unfinished("cancelled"))
			return
		}
		c.pass("application/json", s.body)
	}
}

func deleteResponse(c *call) {
	if s := c.storedOf("response"); s != nil {
		c.s.objects.responses.drop(s.id)
		c.sendObject(http.StatusOK, ordered{"id", s.id, "object", "response", "deleted", true})
	}
}

func listInputItems(c *call) {
	s := c.storedOf("response")
	if s == nil {
		return
	}
	var items []any
	if s.input.Type == gjson.String {
		items = append(items, ordered{"id", "msg_" + s.id, "type", "message", "role", "user", "status", "completed",
			"content", []any{ordered{"type", "input_text", "text", s.input.Str}}})
	}
	if s.input.IsArray() {
		for _, item := range s.input.Array() {
			items = append(items, raw(item.Raw))
		}
	}
	c.sendObject(http.StatusOK, ordered{"object", "list", "data", orEmpty(items), "first_id", nil, "last_id", nil, "has_more", false})
}

func orEmpty(items []any) []any {
	if items == nil {
		return []any{}
	}
	return items
}

// countResponse handles POST responses/input_tokens.
func countResponse(c *call) {
	c.sendObject(http.StatusOK, ordered{"object", "response.input_tokens", "input_tokens", skew(c.ask.inputTokens, orElse(c.Bill, 1))})
}

func getStoredChat(c *call) {
	if s := c.storedOf("chat.completion"); s != nil {
		c.pass("application/json", s.body)
	}
}

func deleteStoredChat(c *call) {
	if s := c.storedOf("chat.completion"); s != nil {
		c.s.objects.responses.drop(s.id)
		c.sendObject(http.StatusOK, ordered{"id", s.id, "object", "chat.completion.deleted", "deleted", true})
	}
}

func listStoredChats(c *call) {
	ids := c.s.objects.responses.ids(func(s *stored) bool { return s.kind == "chat.completion" })
	c.sendObject(http.StatusOK, c.cursor(ids, func(id string) any {
		s, ok := c.s.objects.responses.get(id)
		if !ok {
			return ordered{"id", id, "object", "chat.completion"}
		}
		return raw(string(s.body))
	}))
}

func storedChatMessages(c *call) {
	s := c.storedOf("chat.completion")
	if s == nil {
		return
	}
	var data []any
	for i, m := range s.input.Array() {
		data = append(data, ordered{"id", s.id + "-" + itoa(i), "role", m.Get("role").Str, "content", raw(orElse(m.Get("content").Raw, "null"))})
	}
	c.sendObject(http.StatusOK, ordered{"object", "list", "data", orEmpty(data), "has_more", false})
}
