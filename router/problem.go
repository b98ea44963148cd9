package router

import (
	"encoding/json"
	"net/http"
	"strings"

	"cutover/exchange"
)

// problem is an error response of the sidecar's own, in the caller's API format,
// so that its SDK raises the right error.
type problem struct {
	status  int
	kind    string // the dialect's error type
	code    string
	message string
}

// problemOf says what a failed call looks like to a caller: a gateway error,
// which SDKs retry by themselves.
func problemOf(class exchange.Class, upstream string) problem {
	switch class {
	case exchange.ClassHeaderTimeout, exchange.ClassFirstToken, exchange.ClassIdle, exchange.ClassTimeout:
		return problem{http.StatusGatewayTimeout, "api_error", string(class),
			"cutover: the upstream " + upstream + " did not respond in time"}
	case exchange.ClassConnect:
		return problem{http.StatusBadGateway, "api_error", string(class),
			"cutover: the upstream " + upstream + " could not be reached"}
	case exchange.ClassTLS:
		return problem{http.StatusBadGateway, "api_error", string(class),
			"cutover: no trusted TLS connection to the upstream " + upstream + " could be established"}
	}
	return problem{http.StatusBadGateway, "api_error", string(class),
		"cutover: the upstream " + upstream + " closed the connection before it responded"}
}

// notSentProblem is the response to a request that was not sent to any upstream;
// why is the exchange's detail.
func notSentProblem(why string) problem {
	switch why {
	case "breaker":
		return problem{http.StatusServiceUnavailable, "api_error", "upstream_unavailable",
			"cutover: the upstream keeps failing and its circuit breaker is open; retry in a few seconds"}
	case "model":
		return problem{http.StatusNotFound, "not_found_error", "model_not_found",
			"cutover: the upstream's model map is strict and has no name for this model"}
	}
	return problem{http.StatusTooManyRequests, "rate_limit_error", "rate_limit_exceeded",
		"cutover: the limits set for the upstream leave no capacity for this request; retry in a few seconds"}
}

var tooLarge = problem{http.StatusRequestEntityTooLarge, "invalid_request_error", "request_too_large",
	"cutover: the request body is larger than server.max_body allows"}

var tooSlow = problem{http.StatusRequestTimeout, "invalid_request_error", "request_timeout",
	"cutover: the request body did not arrive in time"}

// speaksAnthropic tells the dialect of a caller whose endpoint is shared.
func speaksAnthropic(q *exchange.Request) bool {
	switch q.Endpoint.Dialect {
	case exchange.AnthropicMessages, exchange.AnthropicCount:
		return true
	case exchange.DialectNone:
		return strings.HasPrefix(q.Path, "/v1/messages") || len(q.Header["Anthropic-Version"]) > 0
	}
	return false
}

// body is the problem in the caller's dialect.
func (p problem) body(q *exchange.Request) []byte {
	var v any
	if speaksAnthropic(q) {
		kind := p.kind
		if p.status == http.StatusRequestEntityTooLarge {
			kind = "request_too_large"
		}
		v = map[string]any{"type": "error", "error": map[string]any{"type": kind, "message": p.message}}
	} else {
		v = map[string]any{"error": map[string]any{"message": p.message, "type": p.kind, "param": nil, "code": p.code}}
	}
	out, err := json.Marshal(v)
	if err != nil {
		return []byte(`{}`) // maps of strings always encode
	}
	return append(out, '\n')
}
