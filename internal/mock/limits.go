package mock

import (
	"net/http"
	"sync"
	"time"
)

// limits are the rate limits' token buckets by key. A bucket holds a minute's worth and
// refills evenly, as with real providers.
type limits struct {
	mu    sync.Mutex
	byKey map[string]*allowance
}

// allowance is what one key has left.
type allowance struct {
	at       time.Time // when it was last updated
	requests float64
	tokens   float64
}

// quota is the state of the limits for the headers.
type quota struct {
	requests, tokens gauge
}

type gauge struct {
	limit int
	left  int
	reset time.Duration // until it is full again
}

// What the headers say when there is no limit.
const (
	generousRPM = 10_000
	generousTPM = 2_000_000
)

// maxLimitedKeys bounds the buckets, because callers choose the keys.
const maxLimitedKeys = 10_000

// bucket finds the key's allowance and refills it.
func (l *limits) bucket(key string, st *settings, now time.Time) *allowance {
	if l.byKey == nil {
		l.byKey = make(map[string]*allowance)
	}
	a := l.byKey[key]
	if a == nil {
		for old := range l.byKey {
			if len(l.byKey) < maxLimitedKeys {
				break
			}
			delete(l.byKey, old)
		}
		a = &allowance{at: now, requests: float64(st.RPM), tokens: float64(st.TPM)}
		l.byKey[key] = a
	}
	if passed := now.Sub(a.at).Minutes(); passed > 0 {
		a.at = now
		a.requests = min(float64(st.RPM), a.requests+passed*float64(st.RPM))
		a.tokens = min(float64(st.TPM), a.tokens+passed*float64(st.TPM))
	}
	return a
}

// take admits one request of that many tokens; otherwise it returns how long to wait
// and which limit was reached.
func (l *limits) take(key string, st *settings, tokens int, now time.Time) (q quota, wait time.Duration, reached string) {
	q = quota{requests: gauge{limit: generousRPM, left: generousRPM - 1, reset: 6 * time.Millisecond},
		tokens: gauge{limit: generousTPM, left: generousTPM - tokens, reset: time.Duration(tokens) * time.Minute / generousTPM}}
	if st.RPM == 0 && st.TPM == 0 {
		return q, 0, ""
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.bucket(key, st, now)
	switch {
	case st.RPM > 0 && a.requests < 1:
		wait, reached = minutes((1-a.requests)/float64(st.RPM)), "requests"
	case st.TPM > 0 && a.tokens < float64(tokens):
		wait, reached = minutes((float64(tokens)-a.tokens)/float64(st.TPM)), "tokens"
	default:
		a.requests--
		a.tokens -= float64(tokens)
	}
	if st.RPM > 0 {
		q.requests = gaugeOf(st.RPM, a.requests)
	}
	if st.TPM > 0 {
		q.tokens = gaugeOf(st.TPM, a.tokens)
	}
	return q, wait, reached
}

// spend takes the tokens of a response from the key's allowance, which may become
// negative.
func (l *limits) spend(key string, st *settings, tokens int, now time.Time) {
	if st.TPM == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bucket(key, st, now).tokens -= float64(tokens)
}

func minutes(m float64) time.Duration { return time.Duration(m * float64(time.Minute)) }

func gaugeOf(limit int, left float64) gauge {
	return gauge{limit: limit, left: max(int(left), 0), reset: minutes((float64(limit) - left) / float64(limit))}
}

// withinLimits checks the rate limits; false after sending an error.
func (c *call) withinLimits() bool {
	if c.ask == nil {
		return true
	}
	var wait time.Duration
	var reached string
	c.quota, wait, reached = c.s.limits.take(c.key(), c.settings, c.ask.inputTokens, c.at)
	if reached == "" {
		return true
	}
	c.fail(&problem{status: http.StatusTooManyRequests, kind: c.limitType(reached), code: "rate_limit_exceeded", retry: wait,
		message: "Rate limit reached for " + reached + " per minute. Please try again in " + wait.Round(time.Millisecond).String() + "."})
	return false
}

func (c *call) limitType(reached string) string {
	if c.anthropic {
		return ""
	}
	return reached
}
