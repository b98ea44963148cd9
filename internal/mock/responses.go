package mock

// renderResponses writes the Responses API, streamed or not. The whole object
// is rendered in either case, because it can be fetched later.
func renderResponses(r *renderer) *rendering {
	w := responseWriter{renderer: r, reply: &r.replies[0]}
	out := &rendering{body: r.marks.template(encode(w.response(w.status(), w.output())))}
	if r.q.stream {
		out.events = w.stream()
	}
	return out
}

// responseWriter writes the pieces of a response.
type responseWriter struct {
	*renderer
	reply  *reply
	list   eventList
	number int // of the next event
}

func (w *responseWriter) status() string {
	switch {
	case w.noFinish:
		return "in_progress"
	case w.reply.finish == finishLength:
		return "incomplete"
	}
	return "completed"
}

// response is the response object in the given state.
func (w *responseWriter) response(status string, output []any) ordered {
	echo := func(key string, otherwise any) any {
		if v, ok := w.q.echo[key]; ok {
			return v
		}
		return otherwise
	}
	var incomplete, usage, completed any
	if status != "in_progress" {
		completed = raw(w.marks.created)
		if !w.noUsage {
			usage = w.responseUsage()
		}
	}
	if status == "incomplete" {
		incomplete, completed = obj{"reason": "max_output_tokens"}, nil
	}
	return ordered{
		"id", "resp_" + w.marks.slot(0), "object", "response", "created_at", raw(w.marks.created), "status", status,
		"completed_at", completed, "background", echo("background", false), "error", nil, "incomplete_details", incomplete,
		"instructions", echo("instructions", nil), "max_output_tokens", echo("max_output_tokens", nil),
		"max_tool_calls", echo("max_tool_calls", nil), "model", w.model, "output", output,
		"parallel_tool_calls", echo("parallel_tool_calls", true), "previous_response_id", echo("previous_response_id", nil),
		"prompt_cache_key", echo("prompt_cache_key", nil), "reasoning", echo("reasoning", obj{"effort": nil, "summary": nil}),
		"safety_identifier", echo("safety_identifier", nil), "service_tier", "default", "store", w.q.keep,
		"temperature", echo("temperature", 1.0), "text", echo("text", obj{"format": obj{"type": "text"}, "verbosity": "medium"}),
		"tool_choice", echo("tool_choice", "auto"), "tools", echo("tools", []any{}), "top_logprobs", echo("top_logprobs", 0),
		"top_p", echo("top_p", 1.0), "truncation", echo("truncation", "disabled"), "usage", usage, "user", echo("user", nil),
		"metadata", echo("metadata", obj{}),
	}
}

func (w *responseWriter) responseUsage() ordered {
	in, out, cached, reasoning := w.usage()
	return ordered{"input_tokens", in, "input_tokens_details", obj{"cached_tokens": cached}, "output_tokens", out,
		"output_tokens_details", obj{"reasoning_tokens": reasoning}, "total_tokens", in + out}
}

// output lists the finished output items.
func (w *responseWriter) output() []any {
	if len(w.reply.calls) == 0 {
		return []any{w.messageItem("completed", []any{w.part(w.reply.text)})}
	}
	items := make([]any, len(w.reply.calls))
	for i := range w.reply.calls {
		items[i] = w.callItem(i, "completed", w.reply.calls[i].args)
	}
	return items
}

func (w *responseWriter) messageItem(status string, content []any) ordered {
	if status == "completed" && w.reply.finish == finishLength {
		status = "incomplete"
	}
	return ordered{"id", "msg_" + w.marks.slot(1), "type", "message", "status", status, "role", "assistant", "content", content}
}

// refuses reports whether the reply is a refusal in structured form.
func (w *responseWriter) refuses() bool { return w.reply.refusal && w.q.format.json }

func (w *responseWriter) part(text string) ordered {
	if w.refuses() {
		return ordered{"type", "refusal", "refusal", text}
	}
	return ordered{"type", "output_text", "annotations", []any{}, "logprobs", []any{}, "text", text}
}

func (w *responseWriter) callItem(i int, status, args string) ordered {
	return ordered{"id", "fc_" + w.marks.slot(2+2*i), "type", "function_call", "status", status,
		"call_id", "call_" + w.marks.slot(3+2*i), "name", w.reply.calls[i].name, "arguments", args}
}

func (w *responseWriter) stream() []event {
	w.list.marks = &w.marks
	for _, name := range []string{"response.created", "response.in_progress"} {
		w.emit(name, openingEvent, 0, "response", w.response("in_progress", []any{}))
	}
	if len(w.reply.calls) == 0 {
		w.streamMessage()
	}
	for i := range w.reply.calls {
		w.streamCall(i)
	}
	status := w.status()
	name := "response." + status
	if w.noFinish {
		name = "response.in_progress"
	}
	w.emit(name, lastEvent, 0, "response", w.response(status, w.output()))
	return w.list.done()
}

func (w *responseWriter) streamMessage() {
	id := "msg_" + w.marks.slot(1)
	kind, done := "output_text", "text"
	if w.refuses() {
		kind, done = "refusal", "refusal"
	}
	w.emit("response.output_item.added", openingEvent, 0, "output_index", 0, "item", w.messageItem("in_progress", []any{}))
	w.emit("response.content_part.added", openingEvent, 0, "item_id", id, "output_index", 0, "content_index", 0, "part", w.part(""))
	for _, piece := range w.reply.pieces {
		w.delta(kind, id, piece)
	}
	w.emit(
		"response."+kind+".done",
		closingEvent,
		0,
		"item_id",
		id,
		"output_index",
		0,
		"content_index",
		0,
		done,
		w.reply.text,
		"logprobs",
		[]any{},
	)
	w.emit("response.content_part.done", closingEvent, 0, "item_id", id, "output_index", 0, "content_index", 0, "part", w.part(w.reply.text))
	w.emit("response.output_item.done", closingEvent, 0, "output_index", 0, "item", w.messageItem("completed", []any{w.part(w.reply.text)}))
}

// delta adds one piece of text, without the cost of encoding an object.
func (w *responseWriter) delta(kind, id, piece string) {
	name := "response." + kind + ".delta"
	w.list.named(name, contentEvent, 1, func(b []byte) []byte {
		b = append(b, `{"type":"`+name+`","sequence_number":`+itoa(w.next())+`,"item_id":"`+id+`","output_index":0,"content_index":0,"delta":`...)
		b = appendString(b, piece)
		if kind == "output_text" {
			b = append(b, `,"logprobs":[]`...)
		}
		if w.Obfuscation && w.q.obfuscate {
			b = append(b, `,"obfuscation":"`+padding(len(piece), w.q.hash)+`"`...)
		}
		return append(b, '}')
	})
}

func (w *responseWriter) streamCall(i int) {
	call := &w.reply.calls[i]
	id := "fc_" + w.marks.slot(2+2*i)
	kind := openingEvent
	if i > 0 {
		kind = closingEvent
	}
	w.emit("response.output_item.added", kind, 0, "output_index", i, "item", w.callItem(i, "in_progress", ""))
	for _, piece := range call.pieces {
		w.emit("response.function_call_arguments.delta", contentEvent, 1, "item_id", id, "output_index", i, "delta", piece)
	}
	w.emit(
		"response.function_call_arguments.done",
		closingEvent,
		0,
		"item_id",
		id,
		"output_index",
		i,
		"arguments",
		call.args,
		"name",
		call.name,
	)
	w.emit("response.output_item.done", closingEvent, 0, "output_index", i, "item", w.callItem(i, "completed", call.args))
}

// emit adds an event of the given fields.
func (w *responseWriter) emit(name string, kind eventKind, tokens int, fields ...any) {
	n := w.next()
	w.list.named(name, kind, tokens, func(b []byte) []byte {
		return append(b, encode(append(ordered{"type", name, "sequence_number", n}, fields...))...)
	})
}

func (w *responseWriter) next() int {
	w.number++
	return w.number - 1
}

// responsesErrorEvent is an error behind a 200 in the Responses dialect.
func responsesErrorEvent(c *call) []byte {
	p := streamProblem()
	payload := encode(ordered{"type", "error", "code", "server_error", "message", p.message, "param", nil, "sequence_number", 2})
	return append(append([]byte("event: error\ndata: "), payload...), '\n', '\n')
}
