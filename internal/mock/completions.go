package mock

// renderCompletions writes legacy completions, streamed or not.
func renderCompletions(r *renderer) *rendering {
	head := append([]byte(`{"id":"cmpl-`), r.marks.slot(0)...)
	head = append(head, `","object":"text_completion","created":`...)
	head = append(head, r.marks.created...)
	head = append(head, `,"model":`...)
	head = appendString(head, r.model)
	head = append(head, `,"choices":[`...)
	if !r.q.stream {
		return &rendering{body: r.marks.template(r.completions(head))}
	}
	return &rendering{events: r.completionsStream(head)}
}

func (r *renderer) completions(b []byte) []byte {
	for i := range r.replies {
		if i > 0 {
			b = append(b, ',')
		}
		b = r.textChoice(b, i, r.replies[i].text, r.finishText(i))
	}
	b = append(b, ']')
	if !r.noUsage {
		b = r.writeUsage(append(b, `,"usage":`...))
	}
	return append(b, '}')
}

func (r *renderer) finishText(i int) string {
	if r.noFinish {
		return ""
	}
	return r.replies[i].finish.openAI()
}

func (r *renderer) textChoice(b []byte, index int, text, finish string) []byte {
	b = append(b, `{"text":`...)
	b = appendString(b, text)
	b = append(b, `,"index":`+itoa(index)+`,"logprobs":null,"finish_reason":`...)
	if finish == "" {
		return append(b, `null}`...)
	}
	return append(appendString(b, finish), '}')
}

func (r *renderer) completionsStream(head []byte) []event {
	list := eventList{marks: &r.marks}
	chunk := func(kind eventKind, tokens, choice int, text, finish string) {
		list.data(kind, tokens, func(b []byte) []byte {
			b = r.textChoice(append(b, head...), choice, text, finish)
			if r.q.includeUsage {
				return append(b, `],"usage":null}`...)
			}
			return append(b, `]}`...)
		})
	}
	for i := range r.replies {
		for _, piece := range r.replies[i].pieces {
			chunk(contentEvent, 1, i, piece, "")
		}
		chunk(finishEvent, 0, i, "", r.finishText(i))
	}
	if r.q.includeUsage && !r.noUsage {
		list.data(usageEvent, 0, func(b []byte) []byte {
			return append(r.writeUsage(append(append(b, head...), `],"usage":`...)), '}')
		})
	}
	list.data(lastEvent, 0, func(b []byte) []byte { return append(b, "[DONE]"...) })
	return list.done()
}
