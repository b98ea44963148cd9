package upstream

import (
	"context"
	"errors"
	"net/http"
	"time"

	"cutover/exchange"
)

// Care is what stands before the calls of an upstream, and learns from them.
// Served calls and mirrored ones share it: the provider counts them together.
// Nil parts, and a nil Care, ask for nothing.
type Care struct {
	Limiter *Limiter
	Breaker *Breaker
	Keys    *Keys
	Retry   RetryPolicy
	Budget  *RetryBudget
	Wait    time.Duration // how long a served call may wait for room
}

// Run keeps the parts up to date until ctx is done.
func (c *Care) Run(ctx context.Context) error {
	if c == nil {
		<-ctx.Done()
		return nil
	}
	parts := make(chan error, 2)
	running := 0
	if c.Limiter != nil {
		running++
		go func() { parts <- c.Limiter.Run(ctx) }()
	}
	if c.Keys != nil {
		running++
		go func() { parts <- c.Keys.Run(ctx) }()
	}
	var err error
	for range running { // both end with ctx
		err = errors.Join(err, <-parts)
	}
	if running == 0 {
		<-ctx.Done()
	}
	return err
}

// ErrOpen is returned for a call that the circuit breaker refuses.
var ErrOpen = errors.New("upstream: the circuit breaker is open")

// Permit is the leave to make one call. Leave must be called once, when the
// call has ended. The zero Permit is of a call that nobody watches.
type Permit struct {
	care   *Care
	model  string
	lease  Lease
	prompt int // tokens of the request alone, estimated
	pass   Pass
	key    Key
	ours   bool // the key, and so the provider's limits, are ours and not the caller's
}

// Enter asks the breaker and the limits for leave to make a call with a body of
// so many bytes. It waits for room at most as long as wait. The error is
// ErrOpen, a *LimitError, or the cause of ctx's end.
func (u *Upstream) Enter(ctx context.Context, q *exchange.Request, model string, wait time.Duration) (p Permit, err error) {
	c := u.cfg.Care
	if c == nil {
		return p, nil
	}
	now := time.Now()
	pass, ok := c.Breaker.Allow(model, now)
	if !ok {
		return p, ErrOpen
	}
	p = Permit{care: c, model: model, pass: pass, ours: u.cfg.Auth.Kind != Passthrough, prompt: EstimateTokens(len(q.Body), 0)}
	if c.Limiter != nil {
		p.lease, err = c.Limiter.Take(ctx, model, EstimateTokens(len(q.Body), q.Facts.MaxTokens), wait)
		if err != nil {
			pass.Report(exchange.ClassAborted, 0, now) // says nothing of the upstream
			return Permit{}, err
		}
	}
	if c.Keys != nil {
		p.key, _ = c.Keys.Pick(now)
	}
	return p, nil
}

// EnterShadow is Enter for a mirrored copy: it never waits, so that it does not
// stand in a served call's way, and it asks no breaker: how often a provider
// fails is what the mirror is there to see.
func (u *Upstream) EnterShadow(q *exchange.Request, model string) (p Permit, err error) {
	c := u.cfg.Care
	if c == nil {
		return p, nil
	}
	p = Permit{care: c, model: model, ours: u.cfg.Auth.Kind != Passthrough, prompt: EstimateTokens(len(q.Body), 0)}
	if c.Limiter != nil {
		if p.lease, err = c.Limiter.TryTake(model, EstimateTokens(len(q.Body), q.Facts.MaxTokens)); err != nil {
			return Permit{}, err
		}
	}
	if c.Keys != nil {
		p.key, _ = c.Keys.Pick(time.Now())
	}
	return p, nil
}

// Queued is how long the call waited for room within the limits; 0: not at all.
func (p *Permit) Queued() time.Duration { return p.lease.queued }

// Header tells what the answer's header says of the provider's own limits, when
// it comes: at the end of a long stream it would be stale.
func (p *Permit) Header(status int, h http.Header, now time.Time) {
	if p.care != nil && p.care.Limiter != nil && p.ours {
		p.care.Limiter.Learn(p.model, status, h, now)
	}
}

// Leave tells how the call ended.
func (p *Permit) Leave(x *exchange.Exchange, now time.Time) {
	c := p.care
	if c == nil {
		return
	}
	p.care = nil
	took := x.Total
	if x.TTFT > 0 {
		took = x.TTFT
	}
	class := x.Class
	if x.Whole() {
		class = exchange.ClassNone // a provider that never says [DONE] is not down
	}
	p.pass.Report(p.blame(class), took, now)
	if c.Limiter != nil {
		p.settle(x)
		p.lease.Release()
	}
	if c.Keys != nil {
		code := x.Completion.ErrorCode
		if !noQuota(code) { // some say it in the one, some in the other
			code = x.Completion.ErrorType
		}
		c.Keys.Report(p.key, x.Status, code, now)
	}
}

// blame is the class of a failure as the breaker should see it. A caller's key
// that is refused is the caller's matter; ours is refused for all callers.
func (p *Permit) blame(class exchange.Class) exchange.Class {
	if p.ours && (class == exchange.ClassAuth || class == exchange.ClassPayment) {
		return exchange.ClassServer
	}
	return class
}

// settle corrects the estimate of a call that has ended. Few answers that are
// streamed, cut or refused say what they used, and the longest answer that a
// request allows is mostly far from what came: left in force it would starve
// the calls that follow.
func (p *Permit) settle(x *exchange.Exchange) {
	used := x.Usage
	seen := max(x.Events, x.Completion.TextBytes/4)
	switch {
	case x.Status == 0 && neverSent(x.Class):
		p.lease.Cancel()
		return
	case used.Known:
		if x.Class != exchange.ClassNone { // cut: the last count never came
			used.OutputTokens = max(used.OutputTokens, seen)
		}
	case x.Status >= 400:
		used.Known = true // an error costs a request, and no tokens
	case x.Class != exchange.ClassNone || x.Streamed:
		used = exchange.Usage{Known: true, InputTokens: p.lease.atMost(p.prompt), OutputTokens: seen}
	}
	p.lease.Settle(used)
}

// neverSent reports whether a call that ended so without an answer's header
// was never seen by the provider.
func neverSent(c exchange.Class) bool {
	return c == exchange.ClassConnect || c == exchange.ClassTLS || c == exchange.ClassNotSent
}

// Refusal says, in a word for logs and headers, why a call was not made; ""
// when err is no refusal.
func Refusal(err error) string {
	var limit *LimitError
	switch {
	case errors.Is(err, ErrOpen):
		return "breaker"
	case errors.As(err, &limit):
		return "limit-" + limit.Limit.String()
	case errors.Is(err, ErrModel):
		return "model"
	}
	return ""
}
