package exchange

import "strings"

// responsesEvent reads one event of a streamed response.
func (a *answer) responsesEvent(kind string, data []byte) {
	s := scanner{b: data}
	last := kind == "response.completed" || kind == "response.incomplete" || kind == "response.failed"
	index, sequence, numbered := 0, 0, false
	var delta, words jsonString
	var it item
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		switch string(key) {
		case "response":
			a.shaped = true
			a.response(&s, last)
		case "output_index":
			index = s.count()
		case "sequence_number":
			sequence, numbered = s.count(), true
		case "item":
			it.read(&s)
		case "delta", "partial_image_b64":
			delta = s.str()
		case "arguments", "input":
			words = s.str()
		case "error", "code":
			// An error event is flat; some servers wrap it all the same.
			if kind != "error" {
				s.skip()
			} else if string(key) == "error" {
				a.errorValue(&s)
			} else {
				a.errorField(&s, key)
			}
		default:
			s.skip()
		}
	}
	if !a.check(&s) {
		return
	}
	if !a.order.response(kind, sequence, numbered) {
		a.fault("order")
	}
	switch {
	case last:
		a.done = true
		a.failed = a.failed || kind == "response.failed"
	case kind == "error":
		a.failed = true
		a.nameError()
	case kind == "response.output_item.added":
		a.item(index, &it, false)
	case kind == "response.output_item.done":
		a.item(index, &it, true)
	case kind == "response.output_text.delta":
		a.addText(delta)
	case kind == "response.refusal.delta":
		a.addRefusal(delta)
	case kind == "response.function_call_arguments.delta", kind == "response.custom_tool_call_input.delta":
		a.addCall(index, callParts{args: delta})
	case kind == "response.function_call_arguments.done", kind == "response.custom_tool_call_input.done":
		a.fillArguments(index, words)
	case strings.HasSuffix(kind, ".delta"), strings.HasSuffix(kind, ".partial_image"):
		// Thoughts, audio, code: output, though not its visible text. What a
		// tool printed is none of the model's.
		if kind != "response.shell_call_output_content.delta" {
			a.said(delta)
		}
	}
}

// nameError gives an error event without a type of its own the one it has.
func (a *answer) nameError() {
	if a.x.Completion.ErrorType == "" {
		a.x.Completion.ErrorType = "error"
	}
}

// responsesBody reads a whole response, a compaction or a token count.
func (a *answer) responsesBody(data []byte) {
	s := scanner{b: data}
	a.response(&s, true)
	a.check(&s)
}

// response consumes a response object; whole is false for those that only
// announce what comes.
func (a *answer) response(s *scanner, whole bool) {
	c := &a.x.Completion
	var status, reason jsonString
	var output []byte
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		switch string(key) {
		case "id":
			a.name(&c.ID, s)
		case "model":
			a.name(&c.Model, s)
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
			a.usage(s)
		case "input_tokens":
			a.inputTokens(s)
		case "error":
			a.readError(s)
		case "output":
			if s.peek() != '[' {
				s.skip()
				continue
			}
			a.shaped = true
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
		c.FinishReason = reason.code()
	} else if len(status.raw) > 0 {
		c.FinishReason = status.code()
	}
	// The last event repeats everything that was streamed before.
	if output != nil && !a.spoke {
		a.items(output)
	}
}

func (a *answer) items(output []byte) {
	s := scanner{b: output}
	n := 0
	for more := s.array(); more; more = s.nextItem() {
		var it item
		it.read(&s)
		a.item(n, &it, true)
		n++
	}
}

// item is one piece of a response's output: a message, a call, a thought.
type item struct {
	kind, id, name, args, sealed jsonString
	content                      []byte
	summary                      bool
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
		case "summary":
			it.summary = s.set()
		case "encrypted_content":
			it.sealed = s.str()
		default:
			s.skip()
		}
	}
}

// item takes in an output item when it is begun and when it is done. What was
// streamed in between is not taken in twice.
func (a *answer) item(index int, it *item, done bool) {
	if done {
		a.seal(it.sealed)
	}
	switch string(it.kind.raw) {
	case "function_call", "custom_tool_call":
		if !done {
			a.addCall(index, callParts{id: it.id, name: it.name, args: it.args})
			return
		}
		if a.keep && a.call(index) == nil || !a.keep && !a.spoke {
			a.addCall(index, callParts{id: it.id, name: it.name, args: it.args})
			return
		}
		a.fillArguments(index, it.args)
	case "message":
		c := &a.x.Completion
		if done && (!a.streamed || c.TextBytes == 0 && len(a.refusal) == 0) {
			a.itemContent(it.content)
		}
	case "reasoning":
		if done && it.summary && !a.spoke {
			a.output = true
		}
	default: // tools that the provider runs
		a.said(it.name)
	}
}

// itemContent reads the parts of a message.
func (a *answer) itemContent(content []byte) {
	s := scanner{b: content}
	for more := s.array(); more; more = s.nextItem() {
		for key, ok := s.object(); ok; key, ok = s.nextKey() {
			switch string(key) {
			case "text":
				a.addText(s.str())
			case "refusal":
				a.addRefusal(s.str())
			default:
				s.skip()
			}
		}
	}
}

func (a *answer) call(index int) *call {
	for i := range a.calls {
		if a.calls[i].index == index {
			return &a.calls[i]
		}
	}
	return nil
}

// fillArguments gives a call its whole arguments when no piece of them came.
func (a *answer) fillArguments(index int, args jsonString) {
	if c := a.call(index); c != nil && len(c.args) == 0 {
		c.args = a.addSide(c.args, args)
		a.said(args)
	}
}
