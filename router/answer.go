package router

import (
	"encoding/json"
	"net/http"
	"strings"

	"cutover/exchange"
)

// problem is an answer that the sidecar gives in its own name, in the words of
// the dialect that the caller speaks, so that its SDK raises the right error.
type problem struct {
	status  int
	kind    string // the dialect's error type
	code    string
	message string
}

// problemOf says what a failed call looks like to a caller. Gateway errors are
// ones that SDKs retry by themselves.
func problemOf(class exchange.Class, upstream string) problem {
	switch class {
	case exchange.ClassHeaderTimeout, exchange.ClassFirstToken, exchange.ClassIdle, exchange.ClassTimeout:
		return problem{http.StatusGatewayTimeout, "api_error", string(class),
			"cutover: the upstream " + upstream + " did not answer in time"}
	case exchange.ClassConnect:
		return problem{http.StatusBadGateway, "api_error", string(class),
			"cutover: the upstream " + upstream + " could not be reached"}
	case exchange.ClassTLS:
		return problem{http.StatusBadGateway, "api_error", string(class),
			"cutover: no trusted TLS connection to the upstream " + upstream + " could be made"}
	}
	return problem{http.StatusBadGateway, "api_error", string(class),
		"cutover: the upstream " + upstream + " broke the connection before it answered"}
}

var tooLarge = problem{http.StatusRequestEntityTooLarge, "invalid_request_error", "request_too_large",
	"cutover: the request body is larger than server.max_body allows"}

var tooSlow = problem{http.StatusRequestTimeout, "invalid_request_error", "request_timeout",
	"cutover: the request body did not come to its end in time"}

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
