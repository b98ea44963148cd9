package router

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"cutover/exchange"
	"cutover/upstream"
)

// try calls an upstream, and calls it again where its policy allows that and
// nothing has reached the caller. With hold the answer is read up to its first
// content; good reports whether it is one to serve.
func (c *call) try(ctx context.Context, arm exchange.Arm, hold bool) (a *attempt, good bool) {
	care := c.rt.upstream(arm).Care()
	if care != nil && c.q.Held {
		care.Budget.Request()
	}
	var first time.Time
	for n := 1; ; n++ {
		a = c.begin(ctx, arm, first)
		if n == 1 {
			first = a.begun
		}
		if hold {
			good = a.hold(c.rt.cfg.MinTokensPerSecond)
		} else {
			good = a.resp != nil && !a.up.FallsBackOn(a.resp.StatusCode)
		}
		if good || care == nil || !c.q.Held {
			return a, good
		}
		if c.alive != nil {
			c.alive.consider(nil)
		}
		wait, ok := c.mayRetry(a, care, n, first)
		if !ok {
			return a, false
		}
		a.drop() // a call that waits takes no room at the upstream
		if !pause(ctx, wait) {
			return a, false
		}
		c.note(a.x, "retry", wait)
	}
}

// mayRetry asks the policy and then the budget. There is no retry that the
// caller would not wait for, nor one that could not begin before the upstream's
// own limit on its header is over: the substitute is to have its turn.
func (c *call) mayRetry(a *attempt, care *upstream.Care, n int, first time.Time) (time.Duration, bool) {
	now := time.Now()
	f := upstream.Failure{Attempt: n, Elapsed: now.Sub(c.q.At), Now: now}
	if a.x != nil {
		f.Class, f.Status = a.x.Class, a.x.Status
	}
	if a.resp != nil {
		f.Status, f.Header = a.resp.StatusCode, a.resp.Header
		f.Class = exchange.ClassOfStatus(f.Status)
	}
	if f.Class == exchange.ClassRefused || f.Class == exchange.ClassAborted {
		return 0, false
	}
	f.Deadline = patienceOf(c.q.Header)
	if header := a.up.Timeouts().For(c.q.Facts.Stream).Header; header > 0 {
		if until := first.Sub(c.q.At) + header; f.Deadline <= 0 || until < f.Deadline {
			f.Deadline = until
		}
	}
	wait, ok, _ := care.Retry.Next(f, rand.Float64())
	return wait, ok && care.Budget.Spend()
}

// patienceOf is how long a caller waits for an answer, where its SDK says so;
// 0: it does not.
func patienceOf(h http.Header) time.Duration {
	for _, name := range [...]string{"X-Stainless-Timeout", "X-Stainless-Read-Timeout"} {
		if v := h[name]; len(v) > 0 {
			if s, err := strconv.ParseFloat(v[0], 64); err == nil && s > 0 && s < 24*3600 {
				return time.Duration(s * float64(time.Second))
			}
		}
	}
	return 0
}

// pause waits; false means that the caller is gone.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// note puts a failed attempt on the trail of the request.
func (c *call) note(x *exchange.Exchange, next string, wait time.Duration) {
	step := exchange.Step{
		Upstream: x.Upstream, Class: x.Class, Detail: x.Detail, Status: x.Status, Took: x.Total, Queued: x.Queued, Next: next, Wait: wait,
	}
	if x.UnknownModel() {
		step.Model, step.ModelRule = exchange.Label(x.Model), x.ModelRule
	}
	c.trail = append(c.trail, step)
}

// drop ends an attempt of which nothing has been sent and nothing will be.
func (a *attempt) drop() {
	if a.x == nil {
		a.close(exchange.ClassOfStatus(a.resp.StatusCode), "")
	}
	a.resp = nil
}

// patienceFor is how long a call may wait from now for room at an upstream.
func (c *call) patienceFor(up *upstream.Upstream, now time.Time) time.Duration {
	care := up.Care()
	if care == nil {
		return 0
	}
	if all := patienceOf(c.q.Header); all > 0 {
		return min(care.Wait, max(0, all-now.Sub(c.q.At)))
	}
	return care.Wait
}

// refused is the answer to a caller whose request no upstream may take now.
func refused(why string) problem {
	if why == "breaker" {
		return problem{http.StatusServiceUnavailable, "api_error", "upstream_unavailable",
			"cutover: the upstream has been failing and is given a rest; try again in a few seconds"}
	}
	if why == "model" {
		return problem{http.StatusNotFound, "not_found_error", "model_not_found",
			"cutover: the upstream's model map is strict and has no name for this model"}
	}
	return problem{http.StatusTooManyRequests, "rate_limit_error", "rate_limit_exceeded",
		"cutover: the limits set for the upstream leave no room for this request; try again in a few seconds"}
}
