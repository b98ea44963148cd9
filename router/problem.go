package router

import (
	"net/http"

	"cutover/exchange"
)

// problemOf says what a failed call looks like to a caller: a gateway error,
// which SDKs retry by themselves.
func problemOf(class exchange.Class, upstream string) exchange.Problem {
	switch class {
	case exchange.ClassHeaderTimeout, exchange.ClassFirstToken, exchange.ClassIdle, exchange.ClassTimeout:
		return exchange.Problem{Status: http.StatusGatewayTimeout, Type: "api_error", Code: string(class),
			Message: "cutover: the upstream " + upstream + " did not respond in time"}
	case exchange.ClassConnect:
		return exchange.Problem{Status: http.StatusBadGateway, Type: "api_error", Code: string(class),
			Message: "cutover: the upstream " + upstream + " could not be reached"}
	case exchange.ClassTLS:
		return exchange.Problem{Status: http.StatusBadGateway, Type: "api_error", Code: string(class),
			Message: "cutover: no trusted TLS connection to the upstream " + upstream + " could be established"}
	}
	return exchange.Problem{Status: http.StatusBadGateway, Type: "api_error", Code: string(class),
		Message: "cutover: the upstream " + upstream + " closed the connection before it responded"}
}

// notSentProblem is the response to a request that was not sent to any upstream;
// why is the exchange's detail.
func notSentProblem(why string) exchange.Problem {
	switch why {
	case "breaker":
		return exchange.Problem{Status: http.StatusServiceUnavailable, Type: "api_error", Code: "upstream_unavailable",
			Message: "cutover: the upstream keeps failing and its circuit breaker is open; retry in a few seconds"}
	case "model":
		return exchange.Problem{Status: http.StatusNotFound, Type: "not_found_error", Code: "model_not_found",
			Message: "cutover: the upstream's model map is strict and has no name for this model"}
	case "path":
		return exchange.Problem{Status: http.StatusBadRequest, Type: "invalid_request_error", Code: "invalid_path",
			Message: "cutover: the path has a segment \"..\", which could lead out of the upstream's base path"}
	}
	return exchange.Problem{Status: http.StatusTooManyRequests, Type: "rate_limit_error", Code: "rate_limit_exceeded",
		Message: "cutover: the limits set for the upstream leave no capacity for this request; retry in a few seconds"}
}

var tooLarge = exchange.Problem{Status: http.StatusRequestEntityTooLarge, Type: "invalid_request_error", Code: "request_too_large",
	Message: "cutover: the request body is larger than server.max_body allows"}

var tooSlow = exchange.Problem{Status: http.StatusRequestTimeout, Type: "invalid_request_error", Code: "request_timeout",
	Message: "cutover: the request body did not arrive in time"}
