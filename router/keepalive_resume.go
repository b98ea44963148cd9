package router

import (
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
			if event := exchange.ErrorAsEvent(c.q.Endpoint.Dialect, a.held); event != nil {
				return event
			}
		}
		return c.errorEvent(exchange.Problem{Status: status, Type: kindOf(status), Code: string(a.x.Class),
			Message: fmt.Sprintf("cutover: the upstream %s responded with status %d", a.up.Name(), status)})
	}
	if a.x.Class == exchange.ClassNone || coded {
		a.x.Class, a.x.Detail = exchange.ClassMalformed, "no_stream"
	}
	return c.errorEvent(exchange.Problem{Status: http.StatusBadGateway, Type: "api_error", Code: string(a.x.Class),
		Message: "cutover: the request asked for a stream, which had begun with comments, but the upstream " + a.up.Name() +
			" responded with something else"})
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
