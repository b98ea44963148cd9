package limit

import (
	"net/http"
	"strconv"
	"time"
)

// rateHeader is one of the provider's buckets.
type rateHeader struct {
	limit     int64         // 0: not given
	remaining int64         // units left
	reset     time.Duration // until the bucket is full again
}

// emptyPause is how long an empty bucket takes to refill by a tenth.
func (r rateHeader) emptyPause() time.Duration {
	if r.limit > 0 {
		return r.reset / 10
	}
	return r.reset
}

func requestRate(h http.Header, at time.Time) (rateHeader, bool) {
	r, ok := parseRate(h, at, "X-Ratelimit-Limit-Requests", "X-Ratelimit-Remaining-Requests", "X-Ratelimit-Reset-Requests")
	if ok {
		return r, true
	}
	return anthropicRate(h, at, "Requests")
}

func tokenRate(h http.Header, at time.Time) (rateHeader, bool) {
	r, ok := parseRate(h, at, "X-Ratelimit-Limit-Tokens", "X-Ratelimit-Remaining-Tokens", "X-Ratelimit-Reset-Tokens")
	if ok {
		return r, true
	}
	return anthropicRate(h, at, "Tokens")
}

func anthropicRate(h http.Header, at time.Time, what string) (rateHeader, bool) {
	name := "Anthropic-Ratelimit-" + what
	return parseRate(h, at, name+"-Limit", name+"-Remaining", name+"-Reset")
}

// requestedPause is how long to send nothing at all: the provider asks for it, or
// one kind of tokens is used up.
func requestedPause(status int, h http.Header, at time.Time) time.Duration {
	var wait time.Duration
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable || status == 529 {
		wait, _ = RetryAfter(h, at)
	}
	for _, what := range [...]string{"Input-Tokens", "Output-Tokens"} {
		if r, ok := anthropicRate(h, at, what); ok && r.remaining == 0 {
			wait = max(wait, r.emptyPause())
		}
	}
	return wait
}

// maxHeaderUnits caps the number of units in a header: larger ones would overflow.
const maxHeaderUnits = 1 << 40

// parseRate reads three headers by their canonical names. It needs remaining and
// reset.
func parseRate(h http.Header, at time.Time, limit, remaining, reset string) (r rateHeader, ok bool) {
	left := header(h, remaining)
	if left == "" {
		return r, false
	}
	n, err := strconv.ParseInt(left, 10, 64)
	if err != nil {
		return r, false
	}
	r.remaining = min(max(0, n), maxHeaderUnits)
	if n, err := strconv.ParseInt(header(h, limit), 10, 64); err == nil {
		r.limit = min(max(0, n), maxHeaderUnits)
	}
	r.reset, ok = parseReset(header(h, reset), at)
	return r, ok
}

// parseReset reads "1s", "6m0s", "120ms", a number of seconds, a Unix time in
// seconds or milliseconds, or an RFC 3339 date.
func parseReset(v string, at time.Time) (time.Duration, bool) {
	const day = 24 * time.Hour
	if v == "" {
		return 0, false
	}
	if d, err := time.ParseDuration(v); err == nil {
		return min(max(0, d), day), true
	}
	if s, err := strconv.ParseFloat(v, 64); err == nil {
		switch {
		case s > 1e12: // milliseconds
			s = s/1000 - float64(at.UnixMilli())/1000
		case s > 1e9:
			s -= float64(at.UnixMilli()) / 1000
		}
		return min(seconds(s), day), true
	}
	if t, err := time.Parse(time.RFC3339, v); err == nil {
		return min(max(0, t.Sub(at)), day), true
	}
	return 0, false
}
