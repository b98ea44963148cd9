package mock

import (
	"net/http"

	"github.com/tidwall/gjson"
)

// parseMessages reads a messages request.
func parseMessages(q *question, body []byte) *problem {
	root := gjson.ParseBytes(body)
	if p := q.anthropic(root); p != nil {
		return p
	}
	if !root.Get("max_tokens").Exists() {
		return badRequest("", "max_tokens: Field required")
	}
	if p := q.limits(root, "max_tokens"); p != nil {
		return &problem{status: http.StatusBadRequest, message: "max_tokens: Input should be a valid integer, greater than or equal to 1"}
	}
	q.talks = true
	q.readThinking(root)
	q.stop = stops(root.Get("stop_sequences"))
	if f := root.Get("output_config.format"); f.Get("type").Str == "json_schema" {
		q.format = format{json: true, schema: f.Get("schema")}
	} else if f := root.Get("output_format"); f.Get("type").Str == "json_schema" {
		q.format = format{json: true, schema: f.Get("schema")}
	}
	return nil
}

// parseCount reads a messages/count_tokens request.
func parseCount(q *question, body []byte) *problem {
	return q.anthropic(gjson.ParseBytes(body))
}

// anthropic reads what messages and count_tokens share.
func (q *question) anthropic(root gjson.Result) *problem {
	if p := q.common(root); p != nil {
		if p.param == "model" {
			p.message = "model: Field required"
		}
		return p
	}
	v := conversation{q: q}
	if s := root.Get("system"); s.Exists() {
		v.message("system", s)
	}
	messages := root.Get("messages")
	if !messages.IsArray() {
		return badRequest("", "messages: Field required")
	}
	if len(messages.Array()) == 0 {
		return badRequest("", "messages: at least one message is required")
	}
	var wrong *problem
	messages.ForEach(func(_, m gjson.Result) bool {
		role := m.Get("role").Str
		if role != "user" && role != "assistant" && role != "system" {
			wrong = badRequest("", `messages: Unexpected role. Allowed roles are "user" or "assistant".`)
			return false
		}
		v.message(role, m.Get("content"))
		return true
	})
	if wrong != nil {
		return wrong
	}
	for _, t := range root.Get("tools").Array() {
		if s := t.Get("input_schema"); s.Exists() {
			q.addTool(t.Get("name").Str, s)
		}
	}
	return q.anthropicChoice(root.Get("tool_choice"))
}

func (q *question) anthropicChoice(v gjson.Result) *problem {
	q.parallel = !v.Get("disable_parallel_tool_use").Bool()
	switch v.Get("type").Str {
	case "none":
		q.choice.mode = noChoice
	case "any":
		q.choice.mode = anyChoice
	case "tool":
		q.choice = toolChoice{mode: anyChoice, name: v.Get("name").Str}
	}
	if q.choice.mode == anyChoice && len(q.offered()) == 0 {
		return badRequest("", "tool_choice: Tool '"+q.choice.name+"' not found in provided tools")
	}
	return nil
}
