package limit

import (
	"math"
	"net/http"
	"sync/atomic"
	"time"
)

// providerLimits is what a provider's headers report about one model: providers
// have separate limits for each model or family of models.
type providerLimits struct {
	requests, tokens atomic.Pointer[providerBucket]
	pausedUntil      atomic.Int64
}

// providerBucket is the provider's own bucket, as its latest response describes it.
type providerBucket struct {
	gcra
	units int64 // capacity of the bucket
	until int64 // when the description expires
}

func (b *providerBucket) waitTime(now, n int64) time.Duration {
	if b == nil || now >= b.until {
		return 0
	}
	return min(b.gcra.waitTime(now, min(n, b.units)), time.Duration(b.until-now))
}

func (b *providerBucket) charge(now, n int64) {
	if b != nil && now < b.until {
		b.gcra.charge(now, min(n, b.units))
	}
}

// waitTime is how long the provider's limits hold a call back. On nil it is 0.
func (p *providerLimits) waitTime(now, cost int64) time.Duration {
	if p == nil {
		return 0
	}
	paused := time.Duration(p.pausedUntil.Load() - now)
	return max(paused, p.requests.Load().waitTime(now, 1), p.tokens.Load().waitTime(now, cost), 0)
}

func (p *providerLimits) charge(now, cost int64) {
	if p != nil {
		p.requests.Load().charge(now, 1)
		p.tokens.Load().charge(now, cost)
	}
}

// pauseUntil holds the model back until a time, unless it is held back for
// longer already.
func (p *providerLimits) pauseUntil(until int64) {
	for {
		old := p.pausedUntil.Load()
		if old >= until || p.pausedUntil.CompareAndSwap(old, until) {
			return
		}
	}
}

// ObserveHeaders takes in what a response's headers report about the provider's
// own limits: x-ratelimit-{limit,remaining,reset}-{requests,tokens} (OpenAI and
// most relays), anthropic-ratelimit-{requests,tokens,...}-{limit,remaining,reset},
// and with status 429, 503 or 529 retry-after-ms and Retry-After. Call it only
// for calls with our own key: with the caller's key the limits are the caller's.
func (l *Limiter) ObserveHeaders(model string, status int, h http.Header, at time.Time) {
	if l == nil {
		return
	}
	now := l.now()
	if r, ok := requestRate(h, at); ok {
		l.providers.Get(model, time.Duration(now)).requests.Store(newProviderBucket(r, now))
	}
	if r, ok := tokenRate(h, at); ok {
		l.providers.Get(model, time.Duration(now)).tokens.Store(newProviderBucket(r, now))
	}
	if wait := requestedPause(status, h, at); wait > 0 {
		l.providers.Get(model, time.Duration(now)).pauseUntil(now + int64(min(wait, maxPause)))
	}
}

// newProviderBucket returns nil if the header holds no call back.
func newProviderBucket(r rateHeader, now int64) *providerBucket {
	if r.reset <= 0 || r.limit > 0 && r.remaining >= r.limit || r.limit <= 0 && r.remaining > 0 {
		return nil
	}
	units := max(1, r.limit)
	b := &providerBucket{units: units, until: now + int64(min(r.reset, maxPause))}
	b.interval = max(1, int64(r.reset)/(units-r.remaining))
	if b.interval > math.MaxInt64/4/units {
		return nil // nearly all of the limit is still unused
	}
	b.capacity = units * b.interval
	// It holds what remains; the rest comes back by the reset.
	b.fullAt.Store(now + (units-r.remaining)*b.interval)
	return b
}
