package mock

import (
	"net/http"
	"strings"
	"time"
)

// problem is an error response, in either dialect.
type problem struct {
	status  int
	message string
	kind    string // the error's type; by status and dialect when empty
	code    string // OpenAI only; null when empty
	param   string // OpenAI only; null when empty
	retry   time.Duration
}

func badRequest(param, message string) *problem {
	return &problem{status: http.StatusBadRequest, param: param, message: message}
}

func notFound(message string) *problem {
	return &problem{status: http.StatusNotFound, message: message}
}

func unknownModel(model string, anthropic bool) *problem {
	if anthropic {
		return notFound("model: " + model)
	}
	p := notFound("The model `" + model + "` does not exist or you do not have access to it.")
	p.code = "model_not_found"
	return p
}

// openAIType is the type of an OpenAI error by its status.
func openAIType(status int) string {
	switch {
	case status == http.StatusTooManyRequests:
		return "requests"
	case status == http.StatusForbidden:
		return "request_forbidden"
	case status >= 500:
		return "server_error"
	}
	return "invalid_request_error"
}

// anthropicType is the type of an Anthropic error by its status.
func anthropicType(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "authentication_error"
	case http.StatusPaymentRequired:
		return "billing_error"
	case http.StatusForbidden:
		return "permission_error"
	case http.StatusNotFound:
		return "not_found_error"
	case http.StatusRequestEntityTooLarge:
		return "request_too_large"
	case http.StatusTooManyRequests:
		return "rate_limit_error"
	case http.StatusGatewayTimeout:
		return "timeout_error"
	case 529:
		return "overloaded_error"
	}
	if status >= 500 {
		return "api_error"
	}
	return "invalid_request_error"
}

// statusProblem is the error for a fault with this status.
func statusProblem(status int) *problem {
	p := &problem{status: status}
	switch status {
	case http.StatusBadRequest:
		p.message = "The request could not be understood."
	case http.StatusUnauthorized:
		p.message, p.code = "Incorrect API key provided.", "invalid_api_key"
	case http.StatusForbidden:
		p.message = "You are not allowed to use this resource."
	case http.StatusNotFound:
		p.message = "The requested resource was not found."
	case http.StatusRequestTimeout:
		p.message = "The request took too long to arrive."
	case http.StatusConflict:
		p.message = "The resource is being changed by another request."
	case http.StatusTooManyRequests:
		p.message, p.code = "Rate limit reached. Please try again later.", "rate_limit_exceeded"
	case http.StatusServiceUnavailable, 529:
		p.message, p.code = "The model is currently overloaded. Please try again later.", "overloaded"
	case http.StatusBadGateway:
		p.message = "Bad gateway."
	case http.StatusGatewayTimeout:
		p.message = "The upstream did not respond in time."
	default:
		p.message = orElse(http.StatusText(status), "The request failed") + "."
		if status >= 500 {
			p.message = "The server had an error while processing your request. Sorry about that!"
		}
	}
	return p
}

// errorBody is the error in the dialect's shape, as the value of JSON.
func (c *call) errorBody(p *problem) obj {
	if c.anthropic {
		return obj{"type": "error", "error": obj{"type": orElse(p.kind, anthropicType(p.status)), "message": p.message},
			"request_id": c.requestID()}
	}
	return obj{"error": obj{"message": p.message, "type": orElse(p.kind, openAIType(p.status)),
		"param": orNull(p.param), "code": orNull(p.code)}}
}

// orNull is the string, or JSON's null for an empty one.
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// fail sends an error.
func (c *call) fail(p *problem) {
	h := c.w.Header()
	switch p.status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, 529:
		wait := orElse(p.retry, orElse(c.RetryAfter, time.Second))
		seconds := int64((wait + time.Second - 1) / time.Second)
		h["Retry-After"] = []string{itoa(seconds)}
		if !c.anthropic {
			h["Retry-After-Ms"] = []string{itoa(int64(wait / time.Millisecond))}
		}
	}
	c.header()
	c.send(p.status, "application/json", encode(c.errorBody(p)))
}

// failUnknown sends the error for an unknown path or method.
func (c *call) failUnknown() {
	if c.route.handle != nil {
		c.fail(&problem{status: http.StatusMethodNotAllowed, message: "Not allowed to " + c.r.Method + " on " + c.entry.Path + "."})
		return
	}
	if c.anthropic {
		c.fail(notFound("Not found"))
		return
	}
	c.fail(notFound("Invalid URL (" + c.r.Method + " " + strings.ToValidUTF8(c.entry.Path, "?") + ")"))
}
