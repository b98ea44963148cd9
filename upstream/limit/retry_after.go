package limit

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// RetryAfter is how long a response asks to wait: retry-after-ms, which is more
// precise, takes precedence over Retry-After, which is seconds or a date (RFC
// 9110, section 10.2.3). A date in the past is 0, and ok.
func RetryAfter(h http.Header, now time.Time) (wait time.Duration, ok bool) {
	if v := header(h, "Retry-After-Ms"); v != "" {
		if ms, err := strconv.ParseFloat(v, 64); err == nil && ms >= 0 {
			return seconds(ms / 1000), true
		}
	}
	v := header(h, "Retry-After")
	if v == "" {
		return 0, false
	}
	if s, err := strconv.ParseFloat(v, 64); err == nil {
		return seconds(s), s >= 0
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(0, at.Sub(now)), true
	}
	return 0, false
}

// seconds is a duration of at most a year; NaN and negative numbers are 0.
func seconds(s float64) time.Duration {
	const year = 365 * 24 * 3600
	if !(s > 0) {
		return 0
	}
	return time.Duration(min(s, year) * float64(time.Second))
}

// header is the first value of a header by its canonical name.
func header(h http.Header, name string) string {
	if v := h[name]; len(v) > 0 {
		return strings.TrimSpace(v[0])
	}
	return ""
}
