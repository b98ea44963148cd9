package limit_test

import (
	"net/http"
	"testing"
	"time"

	"cutover/upstream/limit"
)

// Milliseconds before seconds, seconds or a date; what is over is no wait.
func TestRetryAfterByItsForms(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		after, ms string
		want      time.Duration
		ok        bool
	}{
		{"", "", 0, false},
		{"2", "", 2 * time.Second, true},
		{"1.5", "", 1500 * time.Millisecond, true},
		{"0", "", 0, true},
		{"-1", "", 0, false},
		{"2", "100", 100 * time.Millisecond, true},
		{"2", "soon", 2 * time.Second, true},
		{"soon", "", 0, false},
		{"Sun, 01 Mar 2026 12:00:10 GMT", "", 10 * time.Second, true},
		{"Sun, 01 Mar 2026 11:00:00 GMT", "", 0, true},
	} {
		h := http.Header{}
		if c.after != "" {
			h.Set("Retry-After", c.after)
		}
		if c.ms != "" {
			h.Set("Retry-After-Ms", c.ms)
		}
		if got, ok := limit.RetryAfter(h, now); got != c.want || ok != c.ok {
			t.Errorf("%q, %q: %v, %v, want %v, %v", c.after, c.ms, got, ok, c.want, c.ok)
		}
	}
}
