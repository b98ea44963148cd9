package mock

// renderChat writes chat/completions, streamed or not.
func renderChat(r *renderer) *rendering {
	w := chatWriter{renderer: r}
	w.head = append(w.head, `{"id":"chatcmpl-`...)
	w.head = append(w.head, r.marks.slot(0)...)
	w.head = append(w.head, `","object":"chat.completion`...)
	if !r.q.stream {
		return &rendering{body: r.marks.template(w.plain())}
	}
	w.head = w.preamble(append(w.head, ".chunk"...))
	return &rendering{events: w.stream()}
}

// chatWriter writes the pieces of chat completions.
type chatWriter struct {
	*renderer
	head []byte // the beginning of each object
	list eventList
}

// preamble adds what follows the object's type in responses and chunks.
func (w *chatWriter) preamble(b []byte) []byte {
	b = append(b, `","created":`...)
	b = append(b, w.marks.created...)
	b = append(b, `,"model":`...)
	b = appendString(b, w.model)
	return append(b, `,"service_tier":"default","system_fingerprint":"fp_`+fingerprint(w.model)+`","choices":[`...)
}

// fingerprint looks like a system fingerprint and depends on the model alone.
func fingerprint(model string) string { return newID(hashText(model), 0)[:10] }

func (w *chatWriter) plain() []byte {
	b := w.preamble(w.head)
	for i := range w.replies {
		a := &w.replies[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"index":`+itoa(i)+`,"message":{"role":"assistant","content":`...)
		b = w.content(b, a)
		b = append(b, `,"annotations":[]`...)
		if len(a.calls) > 0 {
			b = append(b, `,"tool_calls":[`...)
			for n := range a.calls {
				if n > 0 {
					b = append(b, ',')
				}
				b = append(b, `{"id":"call_`+w.callSlot(i, n)+`","type":"function","function":{"name":`...)
				b = appendString(b, a.calls[n].name)
				b = append(b, `,"arguments":`...)
				b = appendString(b, a.calls[n].args)
				b = append(b, `}}`...)
			}
			b = append(b, ']')
		}
		b = append(b, `},"logprobs":null,"finish_reason":`...)
		b = append(w.finish(b, a), '}')
	}
	b = append(b, ']')
	if !w.noUsage {
		b = append(b, `,"usage":`...)
		b = w.writeUsage(b)
	}
	return append(b, '}')
}

// content appends the text, or null and the refusal if the response should have been
// JSON.
func (w *chatWriter) content(b []byte, a *reply) []byte {
	switch {
	case len(a.calls) > 0 && a.text == "":
		return append(b, `null,"refusal":null`...)
	case a.refusal && w.q.format.json:
		return appendString(append(b, `null,"refusal":`...), a.text)
	}
	return append(appendString(b, a.text), `,"refusal":null`...)
}

func (w *chatWriter) finish(b []byte, a *reply) []byte {
	if w.noFinish {
		return append(b, "null"...)
	}
	return appendString(b, a.finish.openAI())
}

// callSlot is the mark of a tool call's id.
func (w *chatWriter) callSlot(choice, n int) string { return w.marks.slot(1 + choice*64 + n) }

// writeUsage appends usage as chat completions have it.
func (r *renderer) writeUsage(b []byte) []byte {
	in, out, cached, reasoning := r.usage()
	b = append(b, `{"prompt_tokens":`+itoa(in)+`,"completion_tokens":`+itoa(out)+`,"total_tokens":`+itoa(in+out)...)
	b = append(b, `,"prompt_tokens_details":{"cached_tokens":`+itoa(cached)+`,"audio_tokens":0}`...)
	return append(
		b,
		`,"completion_tokens_details":{"reasoning_tokens":`+itoa(
			reasoning,
		)+`,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}`...)
}

func (w *chatWriter) stream() []event {
	w.list.marks = &w.marks
	w.list.reserve(w.tokens()+4*len(w.replies)+2, len(w.head)+120)
	for i := range w.replies {
		role := `"role":"assistant","content":""`
		if len(w.replies[i].calls) > 0 {
			role = `"role":"assistant","content":null`
		}
		w.chunk(openingEvent, 0, i, role+`,"refusal":null`, "")
	}
	for i := range w.replies {
		w.choice(i)
	}
	for i := range w.replies {
		finish := ""
		if !w.noFinish {
			finish = w.replies[i].finish.openAI()
		}
		w.chunk(finishEvent, 0, i, "", finish)
	}
	if w.q.includeUsage && !w.noUsage {
		w.list.data(usageEvent, 0, func(b []byte) []byte {
			b = append(append(b, w.head...), `],"usage":`...)
			return append(w.writeUsage(b), '}')
		})
	}
	w.list.data(lastEvent, 0, func(b []byte) []byte { return append(b, "[DONE]"...) })
	return w.list.done()
}

// choice streams the content of one choice.
func (w *chatWriter) choice(i int) {
	a := &w.replies[i]
	field := `"content":`
	if a.refusal && w.q.format.json {
		field = `"refusal":`
	}
	for _, piece := range a.pieces {
		w.chunk(contentEvent, 1, i, field+string(appendString(nil, piece)), "")
	}
	for n := range a.calls {
		call := &a.calls[n]
		w.chunk(contentEvent, 1, i, `"tool_calls":[{"index":`+itoa(n)+`,"id":"call_`+w.callSlot(i, n)+
			`","type":"function","function":{"name":`+string(appendString(nil, call.name))+`,"arguments":""}}]`, "")
		for _, piece := range call.pieces {
			w.chunk(contentEvent, 1, i, `"tool_calls":[{"index":`+itoa(n)+`,"function":{"arguments":`+string(appendString(nil, piece))+`}}]`, "")
		}
	}
}

// chunk adds one chunk with the given delta.
func (w *chatWriter) chunk(kind eventKind, tokens, choice int, delta, finish string) {
	w.list.data(kind, tokens, func(b []byte) []byte {
		b = append(b, w.head...)
		b = append(b, `{"index":`+itoa(choice)+`,"delta":{`...)
		b = append(b, delta...)
		b = append(b, `},"logprobs":null,"finish_reason":`...)
		if finish == "" {
			b = append(b, `null`...)
		} else {
			b = appendString(b, finish)
		}
		b = append(b, `}]`...)
		if w.q.includeUsage {
			b = append(b, `,"usage":null`...)
		}
		if w.Obfuscation && w.q.obfuscate {
			b = append(b, `,"obfuscation":"`+padding(len(delta), w.q.hash)+`"`...)
		}
		return append(b, '}')
	})
}

// openAIErrorEvent is an error behind a 200 in chat's dialect.
func openAIErrorEvent(c *call) []byte {
	return append(append([]byte("data: "), encode(c.errorBody(streamProblem()))...), '\n', '\n')
}
