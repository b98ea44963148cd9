package router

import (
	"encoding/json"
	"net/http"

	"cutover/exchange"
)

// errorEvent is a problem as the last event of a stream that cannot go on, in
// the caller's dialect: official SDKs raise it as an error.
func errorEvent(q *exchange.Request, p problem) []byte {
	switch q.Endpoint.Dialect {
	case exchange.AnthropicMessages:
		return formatEvent("error", map[string]any{
			"type": "error", "error": map[string]any{"type": p.kind, "message": p.message},
		})
	case exchange.OpenAIResponses:
		return formatEvent("error", map[string]any{
			"type": "error", "code": p.code, "message": p.message, "param": nil, "sequence_number": 0,
		})
	}
	return formatEvent("", map[string]any{
		"error": map[string]any{"message": p.message, "type": p.kind, "param": nil, "code": p.code},
	})
}

func formatEvent(name string, v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		return nil // maps of strings always encode
	}
	var out []byte
	if name != "" {
		out = append(out, "event: "+name+"\n"...)
	}
	return append(append(append(out, "data: "...), data...), "\n\n"...)
}

// problemInStream says what the end of a stream means to a caller who has
// received part of the response.
func problemInStream(class exchange.Class, upstream string) problem {
	p := problem{http.StatusBadGateway, "api_error", string(class),
		"cutover: the upstream " + upstream + " closed the connection in the middle of its response"}
	switch class {
	case exchange.ClassIdle, exchange.ClassTimeout, exchange.ClassFirstToken:
		p.message = "cutover: the upstream " + upstream + " stopped sending in the middle of its response"
	case exchange.ClassUnfinished:
		p.message = "cutover: the upstream " + upstream + " ended its response before it was complete"
	}
	return p
}

// eventBoundary watches the bytes of a stream for the end of an event: the only
// place where another one may begin.
type eventBoundary struct{ newlines int }

func (b *eventBoundary) advance(p []byte) {
	for i := max(0, len(p)-4); i < len(p); i++ {
		switch p[i] {
		case '\n':
			b.newlines++
		case '\r':
		default:
			b.newlines = 0
		}
	}
}

// reached reports whether the last event is complete.
func (b *eventBoundary) reached() bool { return b.newlines >= 2 }
