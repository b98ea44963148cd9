package router

import (
	"encoding/json"
	"fmt"
	"net/http"

	"cutover/exchange"
)

// resume delivers a response after keep-alive comments: the caller has a header
// that promises a stream. A stream follows byte for byte, without a header of
// its own; anything else becomes an error event, and the connection breaks, so
// that every SDK raises.
func (d *delivery) resume() (broken bool) {
	c, a := d.c, d.a
	coded := encoded(a.resp.Header)
	if a.rec.Streamed() && a.resp.StatusCode < 300 && !coded {
		d.showRequestedModel()
		return d.endExchange(d.copyAll())
	}
	event := d.failureEvent(coded)
	if c.r.Context().Err() == nil {
		c.caller.breakOff(event)
	}
	return true
}

// failureEvent ends a response that is no stream, and words it as an event: in
// the provider's own words where they are an error of the dialect.
func (d *delivery) failureEvent(coded bool) []byte {
	c, a := d.c, d.a
	status := a.resp.StatusCode
	if a.x == nil && !coded {
		a.bufferUpTo(shortResponse)
	}
	if a.x == nil && a.readErr != nil {
		a.endExchange(a.readErr)
	}
	a.closeExchange(exchange.ClassOfStatus(status), "")
	if status >= 300 {
		if a.complete && !coded {
			if event := asErrorEvent(c.q, a.held); event != nil {
				return event
			}
		}
		return errorEvent(c.q, problem{status, kindOf(status), string(a.x.Class),
			fmt.Sprintf("cutover: the upstream %s responded with status %d", a.up.Name(), status)})
	}
	if a.x.Class == exchange.ClassNone || coded {
		a.x.Class, a.x.Detail = exchange.ClassMalformed, "no-stream"
	}
	return errorEvent(c.q, problem{http.StatusBadGateway, "api_error", string(a.x.Class),
		"cutover: the request asked for a stream, which had begun with comments, but the upstream " + a.up.Name() +
			" responded with something else"})
}

// asErrorEvent turns a provider's error response into an event of a stream; nil
// where the body is no error that the dialect knows.
func asErrorEvent(q *exchange.Request, body []byte) []byte {
	var parsed struct {
		Type  string `json:"type"`
		Error struct {
			Type    string `json:"type"`
			Message string `json:"message"`
			Code    any    `json:"code"`
			Param   any    `json:"param"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &parsed) != nil || parsed.Error.Message == "" {
		return nil
	}
	e := &parsed.Error
	switch q.Endpoint.Dialect {
	case exchange.AnthropicMessages:
		if parsed.Type == "error" {
			return formatEvent("error", json.RawMessage(body))
		}
		return formatEvent("error", map[string]any{
			"type": "error", "error": map[string]any{"type": e.Type, "message": e.Message},
		})
	case exchange.OpenAIResponses:
		code := e.Code
		if code == nil {
			code = e.Type
		}
		return formatEvent("error", map[string]any{
			"type": "error", "code": code, "message": e.Message, "param": e.Param, "sequence_number": 0,
		})
	}
	return formatEvent("", json.RawMessage(body))
}

// kindOf is the error type that the dialects have for a status.
func kindOf(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "authentication_error"
	case http.StatusForbidden:
		return "permission_error"
	case http.StatusNotFound:
		return "not_found_error"
	case http.StatusTooManyRequests:
		return "rate_limit_error"
	case 529:
		return "overloaded_error"
	}
	if status >= 500 || status < 400 {
		return "api_error"
	}
	return "invalid_request_error"
}
