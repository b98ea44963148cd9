package exchange

// messagesEvent reads one event of a streamed Anthropic message.
func (a *answer) messagesEvent(kind string, data []byte) {
	s := scanner{b: data}
	index := 0
	var b block
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		switch string(key) {
		case "message":
			a.message(&s)
		case "index":
			index = s.count()
		case "content_block", "delta":
			b.read(&s)
		case "usage":
			a.messageUsage(&s)
		case "error":
			if kind == "error" {
				a.readError(&s)
			} else {
				s.skip()
			}
		default:
			s.skip()
		}
	}
	if !a.check(&s) {
		return
	}
	if !a.order.message(kind, index) {
		a.fault("order")
	}
	switch kind {
	case "message_start":
		a.shaped = true
	case "content_block_start", "content_block_delta":
		a.block(index, &b, kind == "content_block_start")
	case "message_delta":
		if len(b.stop.raw) > 0 {
			a.x.Completion.FinishReason = b.stop.code()
		}
	case "message_stop":
		a.done = true
	case "error":
		a.failed = true
	}
}

// messagesBody reads a whole message, which an error can stand in for.
func (a *answer) messagesBody(data []byte) {
	s := scanner{b: data}
	a.message(&s)
	a.check(&s)
}

// message consumes a message object: the whole one, or the empty one that
// opens a stream.
func (a *answer) message(s *scanner) {
	c := &a.x.Completion
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		switch string(key) {
		case "id":
			a.name(&c.ID, s)
		case "model":
			a.name(&c.Model, s)
		case "content":
			if s.peek() == '[' {
				a.shaped = true
				c.Choices = 1
			}
			n := 0
			for more := s.array(); more; more = s.nextItem() {
				var b block
				b.read(s)
				a.block(n, &b, true)
				n++
			}
		case "stop_reason":
			if v := s.str(); len(v.raw) > 0 {
				c.FinishReason = v.code()
			}
		case "usage":
			a.messageUsage(s)
		case "error":
			a.readError(s)
		default:
			s.skip()
		}
	}
}

// block is a content block, or a delta to one: the fields that matter of all
// their kinds.
type block struct {
	kind, id, name, text, thought, signature, partial, sealed, stop jsonString
	input                                                           []byte
}

func (b *block) read(s *scanner) {
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		switch string(key) {
		case "type":
			b.kind = s.str()
		case "id":
			b.id = s.str()
		case "name":
			b.name = s.str()
		case "text":
			b.text = s.str()
		case "thinking":
			b.thought = s.str()
		case "signature":
			b.signature = s.str()
		case "partial_json":
			b.partial = s.str()
		case "data":
			b.sealed = s.str()
		case "input":
			b.input = s.span()
		case "stop_reason":
			b.stop = s.str()
		default:
			s.skip()
		}
	}
}

// block takes in a content block or a delta. Signatures and citations are no
// output of the model.
func (a *answer) block(index int, b *block, start bool) {
	switch string(b.kind.raw) {
	case "text", "text_delta":
		a.addText(b.text)
	case "thinking", "thinking_delta":
		a.said(b.thought)
		a.seal(b.signature)
	case "signature_delta":
		a.seal(b.signature)
	case "redacted_thinking":
		a.said(b.sealed)
		a.seal(b.sealed)
	case "tool_use":
		p := callParts{id: b.id, name: b.name}
		// In a stream the input begins as {} and follows in pieces.
		if start && len(b.input) > 2 {
			p.args = jsonString{raw: b.input}
		}
		a.addCall(index, p)
	case "input_json_delta":
		a.said(b.partial)
		if a.keep {
			a.addArguments(index, b.partial)
		}
	default: // tools that the provider runs: their names are output as well
		if start {
			a.said(b.name)
		}
	}
}

// addArguments appends to a call that has begun; pieces of another block, as
// of a tool that the provider runs, are not the caller's.
func (a *answer) addArguments(index int, v jsonString) {
	for i := range a.calls {
		if a.calls[i].index == index {
			a.calls[i].args = a.addSide(a.calls[i].args, v)
			return
		}
	}
}

// messageUsage consumes Anthropic's usage. Its input_tokens leave out what was
// read from and written to the cache; ours are all of the input, as OpenAI
// counts. A stream repeats the counts, and the last one holds.
func (a *answer) messageUsage(s *scanner) {
	u := &a.x.Usage
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		switch string(key) {
		case "input_tokens":
			if n := s.count(); n > 0 {
				a.inputs[0] = n
			}
			u.Known = true
		case "cache_read_input_tokens":
			if n := s.count(); n > 0 {
				a.inputs[1] = n
			}
		case "cache_creation_input_tokens":
			if n := s.count(); n > 0 {
				a.inputs[2] = n
			}
		case "output_tokens":
			u.OutputTokens = s.count()
			u.Known = true
		case "output_tokens_details":
			s.detail("thinking_tokens", &u.Reasoning)
		default:
			s.skip()
		}
	}
	u.InputTokens = a.inputs[0] + a.inputs[1] + a.inputs[2]
	u.CachedTokens = a.inputs[1]
}

// countBody reads the answer of a token count.
func (a *answer) countBody(data []byte) {
	s := scanner{b: data}
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		switch string(key) {
		case "input_tokens":
			a.inputTokens(&s)
		case "error":
			a.readError(&s)
		default:
			s.skip()
		}
	}
	a.check(&s)
}

// inputTokens consumes the one number that a token count answers with.
func (a *answer) inputTokens(s *scanner) {
	if c := s.peek(); c >= '0' && c <= '9' {
		a.shaped = true
		a.x.Usage.Known = true
	}
	a.x.Usage.InputTokens = s.count()
}
