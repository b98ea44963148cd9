package exchange

import "strings"

// openAIResponses is the dialect of OpenAI's Responses API.
func openAIResponses() DialectSpec {
	return DialectSpec{
		Name: "openai-responses",
		endpoints: []row{
			{method: "POST", pattern: "responses", kind: Inference, dialect: OpenAIResponses, generates: true},
			{method: "POST", pattern: "responses/input_tokens", kind: Inference, dialect: OpenAIResponses},
			// The compacted input comes back encrypted: only its maker can read it.
			{pattern: "responses/compact", kind: Stateful, dialect: OpenAIResponses},
		},
		stored: `
responses/*/**
responses/*/cancel
responses/*/input_items
`,
		readMember: (*inspection).readResponsesMember,
		judgeItem:  (*inspection).judgeResponseItem,
		Forms: RequestForms{
			UserText: []string{"input"},
			Schemas:  []string{"text.format.schema"},
			Tools:    ToolForms{Lists: []string{"tools"}, Schemas: []string{"parameters"}},
		},
		Headers: []string{"Openai-Beta"},
		Storage: StoredByDefault,
		ItemIDs: true,

		readBody:      (*response).readResponseBody,
		readEvent:     (*response).readResponseEvent,
		readCutEvent:  (*response).readCutResponseEvent,
		eventModel:    "response",
		Streams:       true,
		finishReasons: []string{"completed", "max_output_tokens", "content_filter"},
		Truncated:     []string{"max_output_tokens", "incomplete"},
		Complete:      Parts{Output: true, FinishReason: true, ID: true, Usage: true},
		Varying:       []string{"output", "output.*"},

		errorEvent: responsesErrorEvent,
		wrapError:  responsesWrapError,
	}
}

// readResponsesMember reads what only requests for a response have.
func (in *inspection) readResponsesMember(key []byte) bool {
	s := &in.s
	switch string(key) {
	case "previous_response_id":
		in.markIf(s.set(), "previous_response_id")
	case "conversation":
		in.readConversation()
	case "prompt":
		in.markIf(s.peek() == '{', "prompt")
		s.skip()
	case "background":
		in.markIf(s.truth(), "background")
	case "tools":
		in.tools()
	case "instructions":
		in.system()
	case "input":
		if s.peek() == '"' {
			in.opening()
		} else {
			in.messages()
		}
	default:
		return false
	}
	return true
}

// readConversation reads an id, or an object that holds one.
func (in *inspection) readConversation() {
	s := &in.s
	if s.peek() != '{' {
		id := s.str()
		in.caller.conversation = id
		in.markIf(len(id.raw) > 0, "conversation")
		return
	}
	in.mark("conversation")
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		if string(key) == "id" {
			in.caller.conversation = s.str()
		} else {
			s.skip()
		}
	}
}

// judgeResponseItem notes what an input item refers to, by its type.
func (in *inspection) judgeResponseItem(item itemKind) {
	switch string(item.kind) {
	case "message", "additional_tools", "compaction_trigger":
	case "":
		in.markIf(item.hasID && !item.hasRole, "item_reference")
	case "item_reference":
		in.mark("item_reference")
	case "compaction":
		in.mark("encrypted_content")
	case "reasoning":
		// Without its encrypted text, reasoning is looked up by its id.
		in.markIf(item.hasID && !item.sealed, "item_reference")
	default:
		if reason := toolReason(item.kind); reason != "" {
			in.mark(reason)
		}
	}
}

// responsesErrorEvent is how a stream ends that failed: the error is flat.
func responsesErrorEvent(p Problem) (name string, data any) {
	return "error", map[string]any{
		"type": "error", "code": p.Code, "message": p.Message, "param": nil, "sequence_number": 0,
	}
}

// responsesWrapError is a provider's error as that event.
func responsesWrapError(e providerError) (name string, data any) {
	code := e.Error.Code
	if code == nil {
		code = e.Error.Type
	}
	return "error", map[string]any{
		"type": "error", "code": code, "message": e.Error.Message, "param": e.Error.Param, "sequence_number": 0,
	}
}

// readCutResponseEvent tells by its name whether an event ends the stream.
func (r *response) readCutResponseEvent(name []byte) bool {
	switch string(name) {
	case "response.completed", "response.incomplete":
		r.done, r.wellFormed = true, true
	case "response.failed":
		r.done, r.failed = true, true
	default:
		return false
	}
	return true
}

// readResponseEvent reads one event of a streamed response.
func (r *response) readResponseEvent(name, data []byte) {
	kind := string(eventType(name, data))
	s := scanner{b: data}
	last := kind == "response.completed" || kind == "response.incomplete" || kind == "response.failed"
	index, sequence, numbered := 0, 0, false
	var delta, args jsonString
	other := false // there is more, under other names
	var it item
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		switch string(key) {
		case "response":
			r.wellFormed = true
			r.readResponse(&s, last)
		case "output_index":
			index = s.count()
		case "sequence_number":
			sequence, numbered = s.count(), true
		case "item":
			it.read(&s)
		case "delta":
			if s.peek() == '"' {
				delta = s.str()
			} else {
				other = s.material() || other
			}
		case "arguments", "input":
			args = s.str()
		case "type", "item_id", "content_index", "obfuscation", "logprobs": // in nearly every event, and never output
			s.skip()
		default:
			switch {
			case structural(key) || kind == "error" && string(key) != "error" && string(key) != "code":
				s.skip()
			case kind != "error":
				other = s.material() || other
			case string(key) == "error": // an error event is flat; some servers wrap it nevertheless
				r.readErrorValue(&s)
			default:
				r.readErrorField(&s, key)
			}
		}
	}
	if !r.checkSyntax(&s) {
		return
	}
	if !r.order.checkResponse(kind, sequence, numbered) {
		r.addFault("order")
	}
	switch {
	case last:
		r.done = true
		r.failed = r.failed || kind == "response.failed"
	case kind == "error":
		r.failed = true
		r.setErrorType()
	case kind == "response.output_item.added":
		r.addItem(index, &it, false)
	case kind == "response.output_item.done":
		r.addItem(index, &it, true)
	case kind == "response.output_text.delta":
		r.addText(delta)
	case kind == "response.refusal.delta":
		r.addRefusal(delta)
	case kind == "response.function_call_arguments.delta", kind == "response.custom_tool_call_input.delta":
		r.addToolCall(index, toolCallPiece{args: delta})
	case kind == "response.function_call_arguments.done", kind == "response.custom_tool_call_input.done":
		r.fillArguments(index, args)
	case kind == "response.shell_call_output_content.delta": // a tool printed it, and not the model
	case strings.HasSuffix(kind, ".done"): // repeats what came in pieces, if it did
		r.hasOutput = other && !r.hadOutput
	default: // reasoning, pictures, audio, code, and what does not exist yet
		r.noteOutput(delta)
		r.hasOutput = r.hasOutput || other
	}
}

// setErrorType gives an error event without a type the type of the event.
func (r *response) setErrorType() {
	if r.x.Completion.ErrorType == "" {
		r.x.Completion.ErrorType = "error"
	}
}

// readResponseBody reads a whole response, a compaction or a token count.
func (r *response) readResponseBody(data []byte) {
	s := scanner{b: data}
	r.readResponse(&s, true)
	r.checkSyntax(&s)
}

// readResponse consumes a response object; whole is false for those that only
// announce what is to come.
func (r *response) readResponse(s *scanner, whole bool) {
	c := &r.x.Completion
	var status, reason jsonString
	var output []byte
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		switch string(key) {
		case "id":
			r.setOnce(&c.ID, s)
		case "model":
			r.setOnce(&c.Model, s)
		case "status":
			status = s.str()
		case "incomplete_details":
			for key, ok := s.object(); ok; key, ok = s.nextKey() {
				if string(key) == "reason" {
					reason = s.str()
				} else {
					s.skip()
				}
			}
		case "usage":
			r.readUsage(s)
		case "input_tokens":
			r.readInputTokens(s)
		case "error":
			r.readError(s)
		case "output":
			if s.peek() != '[' {
				s.skip()
				continue
			}
			r.wellFormed = true
			c.Choices = 1
			output = s.span()
		default:
			s.skip()
		}
	}
	if !whole || s.bad {
		return
	}
	if len(reason.raw) > 0 {
		c.FinishReason = r.finishReason(reason)
	} else if len(status.raw) > 0 {
		c.FinishReason = r.finishReason(status)
	}
	// The last event repeats everything that was streamed before.
	if output != nil && !r.hadOutput {
		r.readItems(output)
	}
}

// readItems reads the list of output items.
func (r *response) readItems(output []byte) {
	s := scanner{b: output}
	n := 0
	for more := s.array(); more; more = s.nextItem() {
		var it item
		it.read(&s)
		r.addItem(n, &it, true)
		n++
	}
}

// item is one piece of a response's output: a message, a tool call, reasoning.
type item struct {
	kind, id, name, args, sealed jsonString
	content                      []byte
	other                        bool // there is more, under other names
}

func (it *item) read(s *scanner) {
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		switch string(key) {
		case "type":
			it.kind = s.str()
		case "call_id":
			it.id = s.str()
		case "name":
			it.name = s.str()
		case "arguments", "input":
			it.args = s.str()
		case "content":
			it.content = s.span()
		case "encrypted_content":
			it.sealed = s.str()
		default:
			if structural(key) {
				s.skip()
			} else if s.material() {
				it.other = true
			}
		}
	}
}

// addItem adds an output item when it begins and when it is done. What was
// streamed in between is not added twice.
func (r *response) addItem(index int, it *item, done bool) {
	if done {
		r.addSealed(it.sealed)
	}
	// An item that begins is new. So is one that is done, if nothing came before.
	if !done || !r.hadOutput {
		sealed := done && len(it.sealed.raw) > 0 // one that begins holds it in advance
		r.hasOutput = r.hasOutput || sealed || it.hasMaterial()
	}
	switch string(it.kind.raw) {
	case "function_call", "custom_tool_call":
		if !done {
			r.addToolCall(index, toolCallPiece{id: it.id, name: it.name, args: it.args})
			return
		}
		if r.keepText && r.toolCallAt(index) == nil || !r.keepText && !r.hadOutput {
			r.addToolCall(index, toolCallPiece{id: it.id, name: it.name, args: it.args})
			return
		}
		r.fillArguments(index, it.args)
	case "message":
		c := &r.x.Completion
		if done && (!r.streamed || c.TextBytes == 0 && len(r.refusal) == 0) {
			r.readItemContent(it.content)
		}
	}
}

// hasMaterial reports whether the item holds anything but its kind and ids.
func (it *item) hasMaterial() bool {
	return it.other || len(it.name.raw) > 0 || len(it.args.raw) > 0 || (&scanner{b: it.content}).material()
}

// readItemContent reads the parts of a message.
func (r *response) readItemContent(content []byte) {
	s := scanner{b: content}
	for more := s.array(); more; more = s.nextItem() {
		for key, ok := s.object(); ok; key, ok = s.nextKey() {
			switch string(key) {
			case "text":
				r.addText(s.str())
			case "refusal":
				r.addRefusal(s.str())
			default:
				s.skip()
			}
		}
	}
}

// fillArguments gives a call its whole arguments where they did not come in
// pieces.
func (r *response) fillArguments(index int, args jsonString) {
	if c := r.toolCallAt(index); c != nil && len(c.args) == 0 {
		c.args = r.appendSide(c.args, args)
		r.noteOutput(args)
	}
}

// readInputTokens consumes the one number in the response to a token count.
func (r *response) readInputTokens(s *scanner) {
	if c := s.peek(); c >= '0' && c <= '9' {
		r.wellFormed = true
		r.x.Usage.Known = true
	}
	r.x.Usage.InputTokens = s.count()
}

// checkResponse checks an event of an OpenAI response: response.created comes
// first, and sequence numbers, if any, rise.
func (o *eventOrder) checkResponse(kind string, sequence int, numbered bool) (ok bool) {
	ok = kind != "response.created" || !o.begun
	if strings.HasPrefix(kind, "response.") {
		o.begun = true
	}
	if numbered {
		ok = ok && sequence >= o.sequence
		o.sequence = sequence + 1
	}
	return ok
}
