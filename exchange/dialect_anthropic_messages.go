package exchange

import "strings"

// anthropicMessages is the dialect of Anthropic's messages.
func anthropicMessages() DialectSpec {
	return DialectSpec{
		Name: "anthropic-messages",
		endpoints: []row{
			{method: "POST", pattern: "messages", kind: Inference, dialect: AnthropicMessages, generates: true},
		},
		stored: `
messages/batches/**
messages/batches/*
messages/batches/*/cancel
messages/batches/*/results
`,
		readMember: (*inspection).readMessagesMember,
		Forms: RequestForms{
			UserText: []string{"messages"},
			Schemas:  []string{"output_config.format.schema", "output_format.schema"},
			Tools:    ToolForms{Lists: []string{"tools"}, Schemas: []string{"input_schema"}},
		},
		Headers:        []string{"Anthropic-Beta", "Anthropic-Version"},
		CreatesObjects: true,

		readBody:    (*response).readMessageBody,
		readEvent:   (*response).readMessageEvent,
		eventModel:  "message",
		noArguments: "{}", // no pieces came to replace the first
		Streams:     true,
		finishReasons: []string{
			"end_turn", "tool_use", "max_tokens", "stop_sequence", "pause_turn", "refusal", "model_context_window_exceeded",
		},
		Truncated: []string{"max_tokens", "model_context_window_exceeded"},
		Complete:  Parts{Output: true, FinishReason: true, ID: true, Usage: true},
		Varying: []string{
			"content", "content.*", "stop_sequence", "stop_details", "container", "context_management",
		},

		speaks:     speaksAnthropic,
		PagedLists: true,
		cutOff:     anthropicCutOff(),
		errorBody:  anthropicErrorBody,
		errorEvent: anthropicErrorEvent,
		wrapError:  anthropicWrapError,
	}
}

// speaksAnthropic tells a caller of Anthropic's API at an endpoint that both
// APIs have.
func speaksAnthropic(q *Request) bool {
	return strings.HasPrefix(q.Path, "/v1/messages") || len(q.Header["Anthropic-Version"]) > 0
}

// readMessageEvent reads one event of a streamed Anthropic message.
func (r *response) readMessageEvent(name, data []byte) {
	kind := string(eventType(name, data))
	s := scanner{b: data}
	index := 0
	var b block
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		switch string(key) {
		case "message":
			r.readMessage(&s)
		case "index":
			index = s.count()
		case "content_block", "delta":
			b.read(&s)
		case "usage":
			r.readMessageUsage(&s)
		case "error":
			if kind == "error" {
				r.readError(&s)
			} else {
				s.skip()
			}
		default:
			s.skip()
		}
	}
	if !r.checkSyntax(&s) {
		return
	}
	if !r.order.checkMessage(kind, index) {
		r.addFault("order")
	}
	switch kind {
	case "message_start":
		r.wellFormed = true
	case "content_block_start", "content_block_delta":
		r.addBlock(index, &b, kind == "content_block_start")
	case "message_delta":
		r.finish(0, b.stop)
	case "message_stop":
		r.done = true
	case "error":
		r.failed = true
	case "content_block_stop", "ping":
	default: // an event that does not exist yet
		r.hasOutput = r.hasOutput || b.hasMaterial()
	}
}

// readMessageBody reads a whole message, or an error in its place.
func (r *response) readMessageBody(data []byte) {
	s := scanner{b: data}
	r.readMessage(&s)
	r.checkSyntax(&s)
}

// readMessage consumes a message object: the whole one, or the empty one that
// opens a stream.
func (r *response) readMessage(s *scanner) {
	c := &r.x.Completion
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		switch string(key) {
		case "id":
			r.setOnce(&c.ID, s)
		case "model":
			r.setOnce(&c.Model, s)
		case "content":
			if s.peek() == '[' {
				r.wellFormed = true
				c.Choices = 1
			}
			n := 0
			for more := s.array(); more; more = s.nextItem() {
				var b block
				b.read(s)
				r.addBlock(n, &b, true)
				n++
			}
		case "stop_reason":
			r.finish(0, s.str())
		case "usage":
			r.readMessageUsage(s)
		case "error":
			r.readError(s)
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
	other                                                           bool // there is more, under other names
}

// hasMaterial reports whether the block holds anything but its kind and id.
func (b *block) hasMaterial() bool {
	if len(b.name.raw)+len(b.text.raw)+len(b.thought.raw)+len(b.signature.raw)+len(b.partial.raw)+len(b.sealed.raw) > 0 {
		return true
	}
	return b.other || len(b.input) > 0 && (&scanner{b: b.input}).material()
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
			if structural(key) {
				s.skip()
			} else if s.material() {
				b.other = true
			}
		}
	}
}

// addBlock adds a content block or a delta. Whatever it holds counts as output.
func (r *response) addBlock(index int, b *block, start bool) {
	switch string(b.kind.raw) {
	case "text", "text_delta":
		r.addText(b.text)
	case "thinking", "thinking_delta", "signature_delta":
		r.addSealed(b.signature)
	case "redacted_thinking":
		r.addSealed(b.sealed)
	case "tool_use":
		p := toolCallPiece{id: b.id, name: b.name}
		// In a stream the input begins as {} and follows in pieces.
		if start && len(b.input) > 2 {
			p.args = jsonString{raw: b.input}
		}
		r.addToolCall(index, p)
	case "input_json_delta":
		if r.keepText {
			r.appendArguments(index, b.partial)
		}
	}
	r.hasOutput = r.hasOutput || b.hasMaterial()
}

// appendArguments appends to a call that has begun; pieces of any other block,
// such as a tool run by the provider, are not for the caller.
func (r *response) appendArguments(index int, v jsonString) {
	if c := r.toolCallAt(index); c != nil {
		c.args = r.appendSide(c.args, v)
	}
}

// readMessageUsage consumes Anthropic's usage. Its input_tokens leave out what
// was read from and written to the cache; ours are all of the input, as OpenAI
// counts. A stream repeats the counts, and the last one counts.
func (r *response) readMessageUsage(s *scanner) {
	u := &r.x.Usage
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		switch string(key) {
		case "input_tokens":
			if n := s.count(); n > 0 {
				r.inputCounts[0] = n
			}
			u.Known = true
		case "cache_read_input_tokens":
			if n := s.count(); n > 0 {
				r.inputCounts[1] = n
			}
		case "cache_creation_input_tokens":
			if n := s.count(); n > 0 {
				r.inputCounts[2] = n
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
	u.InputTokens = r.inputCounts[0] + r.inputCounts[1] + r.inputCounts[2]
	u.CachedTokens = r.inputCounts[1]
}

// checkMessage checks an event of an Anthropic message: message_start, then
// blocks that are each opened, continued and closed, then message_delta and
// message_stop.
func (o *eventOrder) checkMessage(kind string, index int) (ok bool) {
	bit := uint64(1) << (uint(index) & 63)
	ok = true
	switch kind {
	case "message_start":
		ok = !o.started && !o.begun
		o.started = true
	case "content_block_start":
		ok = o.open&bit == 0
		o.open |= bit
	case "content_block_delta":
		ok = o.open&bit != 0
	case "content_block_stop":
		ok = o.open&bit != 0
		o.open &^= bit
	case "message_delta", "message_stop":
		ok = o.open == 0
	default:
		return true
	}
	o.begun = true
	return ok || !o.started // without a beginning there is no order to keep
}
