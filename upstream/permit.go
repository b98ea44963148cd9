package upstream

import (
	"context"
	"errors"
	"net/http"
	"time"

	"cutover/exchange"
	"cutover/upstream/limit"
)

// ErrCircuitOpen is returned for a call that the circuit breaker refuses.
var ErrCircuitOpen = errors.New("upstream: the circuit breaker is open")

// Permit is the permission to make one call. Release must be called once, when
// the call has ended. The zero Permit is for calls without policies.
type Permit struct {
	policies     *Policies
	model        string
	lease        limit.Lease
	promptTokens int // estimated, of the request alone
	admission    Admission
	key          Key
	ownKey       bool // the key, and so the provider's limits, are ours and not the caller's
}

// Acquire asks the breaker and the limiter for permission to make a call. It
// waits for the limiter at most timeout. The error is ErrCircuitOpen, a
// *limit.Error, or the cause of ctx's end.
func (u *Upstream) Acquire(ctx context.Context, q *exchange.Request, model string, timeout time.Duration) (p Permit, err error) {
	c := u.cfg.Policies
	if c == nil {
		return p, nil
	}
	now := time.Now()
	admission, ok := c.Breaker.Allow(model, now)
	if !ok {
		return p, ErrCircuitOpen
	}
	p = u.newPermit(q, model)
	p.admission = admission
	if c.Limiter != nil {
		p.lease, err = c.Limiter.Acquire(ctx, model, limit.EstimateTokens(len(q.Body), q.Facts.MaxTokens), timeout)
		if err != nil {
			admission.Report(exchange.ClassAborted, 0, now) // says nothing about the upstream
			return Permit{}, err
		}
	}
	if c.Keys != nil {
		p.key, _ = c.Keys.Pick(now)
	}
	return p, nil
}

// AcquireShadow is Acquire for a shadow request. It never waits, so that it does
// not get in the way of served calls, and it does not ask the breaker: how often
// a provider fails is what the mirror is there to see.
func (u *Upstream) AcquireShadow(q *exchange.Request, model string) (p Permit, err error) {
	c := u.cfg.Policies
	if c == nil {
		return p, nil
	}
	p = u.newPermit(q, model)
	if c.Limiter != nil {
		p.lease, err = c.Limiter.TryAcquire(model, limit.EstimateTokens(len(q.Body), q.Facts.MaxTokens))
		if err != nil {
			return Permit{}, err
		}
	}
	if c.Keys != nil {
		p.key, _ = c.Keys.Pick(time.Now())
	}
	return p, nil
}

func (u *Upstream) newPermit(q *exchange.Request, model string) Permit {
	return Permit{
		policies: u.cfg.Policies, model: model, ownKey: u.cfg.Auth.Kind != Passthrough,
		promptTokens: limit.EstimateTokens(len(q.Body), 0),
	}
}

// Queued is how long the call waited for the limiter; 0: not at all.
func (p *Permit) Queued() time.Duration { return p.lease.Queued() }

// ObserveHeaders takes in what a response's header says about the provider's own
// limits. Call it when the header arrives: at the end of a long stream it would
// be stale.
func (p *Permit) ObserveHeaders(status int, h http.Header, now time.Time) {
	if p.policies != nil && p.policies.Limiter != nil && p.ownKey {
		p.policies.Limiter.ObserveHeaders(p.model, status, h, now)
	}
}

// Release reports how the call ended.
func (p *Permit) Release(x *exchange.Exchange, now time.Time) {
	c := p.policies
	if c == nil {
		return
	}
	p.policies = nil
	took := x.Total
	if x.TTFT > 0 {
		took = x.TTFT
	}
	p.admission.Report(p.breakerClass(x.Class), took, now)
	if c.Limiter != nil {
		p.settleTokens(x)
		p.lease.Release()
	}
	if c.Keys != nil {
		code := x.Completion.ErrorCode
		if !isQuotaError(code) { // some providers put it into the code, some into the type
			code = x.Completion.ErrorType
		}
		c.Keys.Report(p.key, x.Status, code, now)
	}
}

// breakerClass is the class of a failure as the breaker should see it. A refused
// caller's key concerns that caller alone; ours is refused for all callers.
func (p *Permit) breakerClass(class exchange.Class) exchange.Class {
	if p.ownKey && (class == exchange.ClassAuth || class == exchange.ClassPayment) {
		return exchange.ClassServer
	}
	return class
}

// settleTokens corrects the estimate of a call that has ended. Few responses that
// are streamed, cut off or refused report their usage, and the longest completion
// that a request allows is usually far from what came: left in force, that
// estimate would starve the calls that follow.
func (p *Permit) settleTokens(x *exchange.Exchange) {
	used := x.Usage
	seen := max(x.Events, x.Completion.TextBytes/4)
	switch {
	case x.Status == 0 && neverSent(x.Class):
		p.lease.Cancel()
		return
	case used.Known:
		if x.Class != exchange.ClassNone { // cut off: the last count never came
			used.OutputTokens = max(used.OutputTokens, seen)
		}
	case x.Status >= 400:
		used.Known = true // an error costs a request, and no tokens
	case x.Class != exchange.ClassNone || x.Streamed:
		used = exchange.Usage{Known: true, InputTokens: min(p.promptTokens, p.lease.Charged()), OutputTokens: seen}
	}
	p.lease.SettleTokens(used)
}

// neverSent reports whether the provider never saw a call that ended like this
// and without a response header.
func neverSent(c exchange.Class) bool {
	return c == exchange.ClassConnect || c == exchange.ClassTLS || c == exchange.ClassNotSent
}

// RetryAfter is how long it takes until a call that was refused with err may be
// made; 0: that is not known.
func (u *Upstream) RetryAfter(err error, model string, now time.Time) time.Duration {
	var over *limit.Error
	switch {
	case errors.Is(err, ErrCircuitOpen):
		return u.cfg.Policies.Breaker.OpenFor(model, now)
	case errors.As(err, &over):
		return over.After
	}
	return 0
}

// RefusalReason says in one word, for logs and headers, which policy kept a call
// from being made; "" if err is no refusal.
func RefusalReason(err error) string {
	var over *limit.Error
	switch {
	case errors.Is(err, ErrCircuitOpen):
		return "breaker"
	case errors.As(err, &over):
		return "limit_" + over.Kind.String()
	case errors.Is(err, ErrModel):
		return "model"
	case errors.Is(err, ErrPath):
		return "path"
	}
	return ""
}
