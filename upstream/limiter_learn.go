package upstream

import (
	"math"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// learnt is what a provider's headers say of one model: providers count each
// model, or family of models, for itself.
type learnt struct {
	requests, tokens atomic.Pointer[learntRate]
	paused           atomic.Int64 // until then
}

// learntRate is the provider's own bucket, as its last answer drew it.
type learntRate struct {
	gcra
	units int64 // of the whole bucket
	until int64 // later it is not believed
}

func (r *learntRate) holds(now, n int64) time.Duration {
	if r == nil || now >= r.until {
		return 0
	}
	return min(r.after(now, min(n, r.units)), time.Duration(r.until-now))
}

func (r *learntRate) spend(now, n int64) {
	if r != nil && now < r.until {
		r.charge(now, min(n, r.units))
	}
}

// holds is how long the provider's own limits hold a call back. nil: not at all.
func (t *learnt) holds(now, cost int64) time.Duration {
	if t == nil {
		return 0
	}
	return max(time.Duration(t.paused.Load()-now), t.requests.Load().holds(now, 1), t.tokens.Load().holds(now, cost), 0)
}

func (t *learnt) spend(now, cost int64) {
	if t != nil {
		t.requests.Load().spend(now, 1)
		t.tokens.Load().spend(now, cost)
	}
}

// Learn takes in what an answer's headers say of the provider's own limits:
// x-ratelimit-{limit,remaining,reset}-{requests,tokens} (OpenAI and most
// relays), anthropic-ratelimit-{requests,tokens,...}-{limit,remaining,reset},
// and on 429, 503 and 529 retry-after-ms and Retry-After. Call it where the
// key is our own: with the caller's key, the limits are the caller's.
func (l *Limiter) Learn(model string, status int, h http.Header, at time.Time) {
	if l == nil {
		return
	}
	now := l.now()
	requests, ok := readRate(h, at, "X-Ratelimit-Limit-Requests", "X-Ratelimit-Remaining-Requests", "X-Ratelimit-Reset-Requests")
	if !ok {
		requests, ok = readRate(h, at, "Anthropic-Ratelimit-Requests-Limit", "Anthropic-Ratelimit-Requests-Remaining", "Anthropic-Ratelimit-Requests-Reset")
	}
	if ok {
		l.learnt.get(model).requests.Store(l.rate(requests, now))
	}
	tokens, ok := readRate(h, at, "X-Ratelimit-Limit-Tokens", "X-Ratelimit-Remaining-Tokens", "X-Ratelimit-Reset-Tokens")
	if !ok {
		tokens, ok = readRate(h, at, "Anthropic-Ratelimit-Tokens-Limit", "Anthropic-Ratelimit-Tokens-Remaining", "Anthropic-Ratelimit-Tokens-Reset")
	}
	if ok {
		l.learnt.get(model).tokens.Store(l.rate(tokens, now))
	}
	if wait := pause(status, h, at); wait > 0 {
		l.pause(l.learnt.get(model), now+int64(min(wait, l.o.MaxPause)))
	}
}

// pause is how long nothing may be sent: the provider says so, or one kind of
// tokens is used up.
func pause(status int, h http.Header, at time.Time) time.Duration {
	var wait time.Duration
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable || status == 529 {
		wait, _ = retryAfter(h, at)
	}
	for _, kind := range [...][3]string{
		{"Anthropic-Ratelimit-Input-Tokens-Limit", "Anthropic-Ratelimit-Input-Tokens-Remaining", "Anthropic-Ratelimit-Input-Tokens-Reset"},
		{"Anthropic-Ratelimit-Output-Tokens-Limit", "Anthropic-Ratelimit-Output-Tokens-Remaining", "Anthropic-Ratelimit-Output-Tokens-Reset"},
	} {
		if r, ok := readRate(h, at, kind[0], kind[1], kind[2]); ok && r.remaining == 0 {
			wait = max(wait, r.pauseTime())
		}
	}
	return wait
}

// pause holds a model back until a moment; a later one that stands already
// stays.
func (l *Limiter) pause(t *learnt, until int64) {
	for {
		old := t.paused.Load()
		if old >= until || t.paused.CompareAndSwap(old, until) {
			return
		}
	}
}

// rateHeader is one of the provider's buckets: of limit units (0: not told) so
// many remain, and in reset it is full again.
type rateHeader struct {
	limit, remaining int64
	reset            time.Duration
}

// pauseTime is how long an empty bucket takes to hold a tenth of its size.
func (r rateHeader) pauseTime() time.Duration {
	if r.limit > 0 {
		return r.reset / 10
	}
	return r.reset
}

// rate makes a bucket of it; nil where it holds nobody back.
func (l *Limiter) rate(r rateHeader, now int64) *learntRate {
	if r.reset <= 0 || r.limit > 0 && r.remaining >= r.limit || r.limit <= 0 && r.remaining > 0 {
		return nil
	}
	units := max(1, r.limit)
	out := &learntRate{units: units, until: now + int64(min(r.reset, l.o.MaxPause))}
	out.interval = max(1, int64(r.reset)/(units-r.remaining))
	if out.interval > math.MaxInt64/4/units {
		return nil // all but nothing of it is used
	}
	out.room = units * out.interval
	// It has what remains, and what is missing comes back until the reset.
	out.full.Store(now + (units-r.remaining)*out.interval)
	return out
}

// maxHeaderCount is the largest number of units that a header is believed.
const maxHeaderCount = 1 << 40

func readRate(h http.Header, at time.Time, limit, remaining, reset string) (r rateHeader, ok bool) {
	left := header(h, remaining)
	if left == "" {
		return r, false
	}
	n, err := strconv.ParseInt(left, 10, 64)
	if err != nil {
		return r, false
	}
	r.remaining = min(max(0, n), maxHeaderCount)
	if n, err := strconv.ParseInt(header(h, limit), 10, 64); err == nil {
		r.limit = min(max(0, n), maxHeaderCount)
	}
	r.reset, ok = readReset(header(h, reset), at)
	return r, ok
}

// readReset reads "1s", "6m0s", "120ms", a number of seconds, a Unix time or
// an RFC 3339 date.
func readReset(v string, at time.Time) (time.Duration, bool) {
	if v == "" {
		return 0, false
	}
	if d, err := time.ParseDuration(v); err == nil {
		return min(max(0, d), 24*time.Hour), true
	}
	if s, err := strconv.ParseFloat(v, 64); err == nil {
		switch {
		case s > 1e12: // milliseconds
			s = s/1000 - float64(at.UnixMilli())/1000
		case s > 1e9:
			s -= float64(at.UnixMilli()) / 1000
		}
		return min(seconds(s), 24*time.Hour), true
	}
	if t, err := time.Parse(time.RFC3339, v); err == nil {
		return min(max(0, t.Sub(at)), 24*time.Hour), true
	}
	return 0, false
}
