package mock

import (
	"net/http"
	"time"
)

// requestID is the id of this response in the dialect's form.
func (c *call) requestID() string {
	if c.anthropic {
		return "req_" + newID(c.id, maxSlots+1)
	}
	return "req_" + newID(c.id, maxSlots+1) + newID(c.id, maxSlots+2)[:8]
}

// header sets the headers of every response. Names are in canonical form, so they can
// be assigned directly.
func (c *call) header() {
	h := c.w.Header()
	h["Server"] = []string{c.Name}
	if c.anthropic {
		h["Request-Id"] = []string{c.requestID()}
		h["Anthropic-Organization-Id"] = []string{"org_mock"}
	} else {
		h["X-Request-Id"] = []string{c.requestID()}
		h["Openai-Organization"] = []string{"org-mock"}
		h["Openai-Version"] = []string{"2020-10-01"}
		h["Openai-Processing-Ms"] = []string{itoa(time.Since(c.at).Milliseconds())}
	}
	c.limitHeaders(h)
}

// limitHeaders sets the headers with the remaining rate limits. Without limits they
// are those of a generous account.
func (c *call) limitHeaders(h http.Header) {
	if c.ask == nil {
		return
	}
	q := c.quota
	if c.anthropic {
		reset := func(d time.Duration) []string {
			return []string{c.at.Add(d).UTC().Format(time.RFC3339)}
		}
		h["Anthropic-Ratelimit-Requests-Limit"] = []string{itoa(q.requests.limit)}
		h["Anthropic-Ratelimit-Requests-Remaining"] = []string{itoa(q.requests.left)}
		h["Anthropic-Ratelimit-Requests-Reset"] = reset(q.requests.reset)
		h["Anthropic-Ratelimit-Tokens-Limit"] = []string{itoa(q.tokens.limit)}
		h["Anthropic-Ratelimit-Tokens-Remaining"] = []string{itoa(q.tokens.left)}
		h["Anthropic-Ratelimit-Tokens-Reset"] = reset(q.tokens.reset)
		return
	}
	h["X-Ratelimit-Limit-Requests"] = []string{itoa(q.requests.limit)}
	h["X-Ratelimit-Remaining-Requests"] = []string{itoa(q.requests.left)}
	h["X-Ratelimit-Reset-Requests"] = []string{q.requests.reset.Round(time.Millisecond).String()}
	h["X-Ratelimit-Limit-Tokens"] = []string{itoa(q.tokens.limit)}
	h["X-Ratelimit-Remaining-Tokens"] = []string{itoa(q.tokens.left)}
	h["X-Ratelimit-Reset-Tokens"] = []string{q.tokens.reset.Round(time.Millisecond).String()}
}
