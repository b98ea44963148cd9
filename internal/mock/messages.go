package mock

import "net/http"

// renderMessages writes Anthropic messages, streamed or not.
func renderMessages(r *renderer) *rendering {
	w := messageWriter{renderer: r, reply: &r.replies[0]}
	if !r.q.stream {
		return &rendering{body: r.marks.template(w.message(nil, true))}
	}
	return &rendering{events: w.stream()}
}

// messageWriter writes the pieces of a message.
type messageWriter struct {
	*renderer
	reply *reply
	list  eventList
}

// promptUsage appends the input part of usage. Here, tokens read from the cache are not
// part of input_tokens.
func (w *messageWriter) promptUsage(b []byte) []byte {
	return append(
		b,
		`"input_tokens":`+itoa(
			w.reply.input-w.reply.cached,
		)+`,"cache_creation_input_tokens":0,"cache_read_input_tokens":`+itoa(
			w.reply.cached,
		)...)
}

// message appends the message: complete, or as at the start of a stream.
func (w *messageWriter) message(b []byte, whole bool) []byte {
	b = append(b, `{"id":"msg_01`...)
	b = append(b, w.marks.slot(0)...)
	b = append(b, `","type":"message","role":"assistant","model":`...)
	b = appendString(b, w.model)
	b = append(b, `,"content":[`...)
	if whole {
		b = w.content(b)
	}
	b = append(b, `],"stop_reason":`...)
	if whole {
		b = w.stop(b)
	} else {
		b = append(b, `null,"stop_sequence":null`...)
	}
	if !w.noUsage {
		output := w.reply.output
		if !whole {
			output = min(output, 1)
		}
		b = w.promptUsage(append(b, `,"usage":{`...))
		b = append(b, `,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0},"output_tokens":`+
			itoa(output)+`,"service_tier":"standard"}`...)
	}
	return append(b, '}')
}

func (w *messageWriter) content(b []byte) []byte {
	n := 0
	if w.reply.thought != "" {
		b = w.thinking(b, w.reply.thought, w.signature())
		n++
	}
	if w.reply.text != "" || len(w.reply.calls) == 0 {
		if n > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"type":"text","text":`...)
		b = append(appendString(b, w.reply.text), '}')
		n++
	}
	for i := range w.reply.calls {
		if n > 0 {
			b = append(b, ',')
		}
		n++
		b = w.toolUse(b, i, w.reply.calls[i].args)
	}
	return b
}

// toolUse appends a tool_use block. Its input is an object on the wire, so
// arguments that are not JSON (truncated or broken) become a string there.
func (w *messageWriter) toolUse(b []byte, i int, args string) []byte {
	b = append(b, `{"type":"tool_use","id":"toolu_01`...)
	b = append(b, w.marks.slot(1+i)...)
	b = append(b, `","name":`...)
	b = appendString(b, w.reply.calls[i].name)
	b = append(b, `,"input":`...)
	if validJSON(args) {
		b = append(b, args...)
	} else {
		b = appendString(b, args)
	}
	return append(b, '}')
}

// stop appends the stop reason and the stop sequence.
func (w *messageWriter) stop(b []byte) []byte {
	if w.noFinish {
		return append(b, `null,"stop_sequence":null`...)
	}
	b = appendString(b, w.reply.finish.anthropic())
	b = append(b, `,"stop_sequence":`...)
	if w.reply.finish != finishSequence {
		return append(b, "null"...)
	}
	return appendString(b, w.reply.stopped)
}

func (w *messageWriter) stream() []event {
	w.list.marks = &w.marks
	w.list.reserve(w.tokens()+len(w.reply.thought)/4+12, 140)
	w.emit("message_start", openingEvent, 0, func(b []byte) []byte {
		return append(w.message(append(b, `,"message":`...), false), '}')
	})
	index := 0
	if w.reply.thought != "" {
		w.streamThinking(index)
		index++
	}
	if w.reply.text != "" || len(w.reply.calls) == 0 {
		w.block(index, openingEvent, `{"type":"text","text":""}`, "text_delta", "text", w.reply.pieces)
		index++
	}
	for i := range w.reply.calls {
		start := string(w.toolUse(nil, i, "{}"))
		pieces := append([]string{""}, w.reply.calls[i].pieces...)
		w.block(index, openingEvent, start, "input_json_delta", "partial_json", pieces)
		index++
	}
	w.emit("message_delta", finishEvent, 0, func(b []byte) []byte {
		b = w.stop(append(b, `,"delta":{"stop_reason":`...))
		b = append(b, '}')
		if !w.noUsage {
			b = w.promptUsage(append(b, `,"usage":{`...))
			b = append(b, `,"output_tokens":`+itoa(w.reply.output)+`}`...)
		}
		return append(b, '}')
	})
	w.emit("message_stop", lastEvent, 0, func(b []byte) []byte { return append(b, '}') })
	return w.list.done()
}

// block streams one content block. A ping follows the first block's start, as at
// Anthropic.
func (w *messageWriter) block(index int, kind eventKind, start, delta, field string, pieces []string) {
	if index > 0 {
		kind = closingEvent
	}
	at := `,"index":` + itoa(index)
	w.emit("content_block_start", kind, 0, func(b []byte) []byte {
		return append(append(b, at+`,"content_block":`+start...), '}')
	})
	if index == 0 {
		w.emit("ping", openingEvent, 0, func(b []byte) []byte { return append(b, '}') })
	}
	for _, piece := range pieces {
		w.emit("content_block_delta", contentEvent, 1, func(b []byte) []byte {
			b = append(b, at+`,"delta":{"type":"`+delta+`","`+field+`":`...)
			return append(appendString(b, piece), `}}`...)
		})
	}
	w.emit("content_block_stop", closingEvent, 0, func(b []byte) []byte { return append(append(b, at...), '}') })
}

// emit adds an event whose payload starts with its name.
func (w *messageWriter) emit(name string, kind eventKind, tokens int, rest func([]byte) []byte) {
	w.list.named(name, kind, tokens, func(b []byte) []byte {
		return rest(append(b, `{"type":"`+name+`"`...))
	})
}

// anthropicErrorEvent is an error behind a 200 in Anthropic's dialect.
func anthropicErrorEvent(c *call) []byte {
	p := streamProblem()
	p.kind, p.message = "overloaded_error", "Overloaded"
	return append(append([]byte("event: error\ndata: "), encode(c.errorBody(p))...), '\n', '\n')
}

// countMessages handles messages/count_tokens.
func countMessages(c *call) {
	n := c.ask.inputTokens
	if c.Bill != 0 {
		n = skew(n, c.Bill)
	}
	c.sendObject(http.StatusOK, obj{"input_tokens": n})
}
