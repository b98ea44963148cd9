package exchange

import (
	"bytes"
	"slices"
)

// event reads one server-sent event in the answer's dialect.
func (a *answer) event(ev sseEvent) {
	data := bytes.TrimSpace(ev.data)
	if string(data) == "[DONE]" {
		switch {
		case a.dialect != OpenAIChat && a.dialect != OpenAICompletions:
			// Some servers send it in every dialect.
		case a.done:
			a.fault("event-after-done")
		default:
			a.done = true
		}
		return
	}
	switch {
	case a.done:
		if string(ev.name) != "ping" {
			a.fault("event-after-done")
		}
		return
	case ev.cut:
		a.cutEvent(string(ev.name))
		return
	case len(data) == 0:
		return
	}
	switch a.dialect {
	case OpenAIChat, OpenAICompletions:
		if string(ev.name) == "error" {
			a.failed = true
			a.errorBody(data)
			return
		}
		finished := a.x.Completion.FinishReason != ""
		a.chatChunk(data)
		// A single choice that speaks on after it has said why it ended.
		if finished && a.output && a.x.Completion.Choices <= 1 {
			a.fault("order")
		}
	case OpenAIResponses:
		a.responsesEvent(string(eventKind(ev.name, data)), data)
	case AnthropicMessages:
		a.messagesEvent(string(eventKind(ev.name, data)), data)
	default: // a stream where none is due
		s := scanner{b: data}
		s.skip()
		a.check(&s)
	}
}

// eventKind is what an event says that it is: by the type in its data, as the
// clients read it, else by its name.
func eventKind(name, data []byte) []byte {
	s := scanner{b: data}
	if s.peek() != '{' {
		return name
	}
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		if string(key) == "type" {
			if kind := s.str().plain(); len(kind) > 0 {
				return kind
			}
			return name
		}
		s.skip()
	}
	return name
}

// cutEvent takes in an event that was too long to keep: only its name is known.
func (a *answer) cutEvent(name string) {
	a.fault("too-large")
	switch name {
	case "response.completed", "response.incomplete":
		a.done, a.shaped = true, true
	case "response.failed":
		a.done, a.failed = true, true
	case "error":
		a.failed = true
	default:
		a.output = true
	}
}

// bodyText reads a body that is not a stream.
func (a *answer) bodyText(data []byte) {
	switch a.dialect {
	case OpenAIChat, OpenAICompletions:
		a.chat(data)
	case OpenAIResponses:
		a.responsesBody(data)
	case OpenAIEmbeddings:
		a.embeddingsBody(data)
	case OpenAIModerations:
		a.moderationsBody(data)
	case AnthropicMessages:
		a.messagesBody(data)
	case AnthropicCount:
		a.countBody(data)
	}
}

// has reports whether a fault was noted.
func (a *answer) has(code string) bool { return slices.Contains(a.x.Faults, code) }
