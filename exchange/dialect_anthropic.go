package exchange

import (
	"encoding/json"
	"net/http"
)

// What Anthropic's dialects have in common.

// readMessagesMember reads what only Anthropic's requests have.
func (in *inspection) readMessagesMember(key []byte) bool {
	s := &in.s
	switch string(key) {
	case "container":
		in.markIf(s.set(), "container")
	case "mcp_servers":
		in.markIf(s.set(), "mcp")
	case "tools":
		in.tools()
	case "system":
		in.system()
	case "messages":
		in.messages()
	default:
		return false
	}
	return true
}

// anthropicCutOff is the one error of a stream that Anthropic documents, and that
// every agent repeats.
func anthropicCutOff() cutOff { return cutOff{kind: "overloaded_error", words: "Overloaded"} }

// anthropicErrorBody is an error in Anthropic's form.
func anthropicErrorBody(p Problem) any {
	if p.Status == http.StatusRequestEntityTooLarge {
		p.Type = "request_too_large"
	}
	return anthropicError(p.Type, p.Message)
}

// anthropicErrorEvent is how Anthropic ends a stream that failed.
func anthropicErrorEvent(p Problem) (name string, data any) {
	return "error", anthropicError(p.Type, p.Message)
}

// anthropicWrapError is a provider's error as that event.
func anthropicWrapError(e providerError) (name string, data any) {
	if e.Type == "error" {
		return "error", json.RawMessage(e.body)
	}
	return "error", anthropicError(e.Error.Type, e.Error.Message)
}

func anthropicError(kind, message string) any {
	return map[string]any{"type": "error", "error": map[string]any{"type": kind, "message": message}}
}
