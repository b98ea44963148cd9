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

// callWithRetries calls an upstream, and calls it again where its retry policy allows that
// and nothing has reached the caller. With hold the response is held back until
// its first output; good reports whether it is one to serve.
func (c *call) callWithRetries(ctx context.Context, arm exchange.Arm, hold bool) (a *attempt, good bool) {
	return c.callRecorded(ctx, arm, hold, &c.story)
}

// callRecorded is callWithRetries that records the attempts that failed in a
// story of its own.
func (c *call) callRecorded(ctx context.Context, arm exchange.Arm, hold bool, record *story) (a *attempt, good bool) {
	policies := c.rt.upstream(arm).Policies()
	if policies != nil && c.q.Held {
		policies.Budget.AddRequest()
	}
	// What a response that may be replaced hints at is not the caller's yet.
	o := attemptOptions{replaceable: hold, noHints: hold || policies != nil && policies.Retry.Attempts > 1 && c.q.Held}
	for n := 1; ; n++ {
		a = c.startAttempt(ctx, arm, o)
		if n == 1 {
			o.firstStarted = a.started
		}
		if hold {
			good = a.holdBack(c.rt.cfg.MinTokensPerSecond)
		} else {
			good = a.resp != nil && !a.up.FallsBackOn(a.resp.StatusCode) && !a.rejectStatus()
		}
		if good || policies == nil || !c.q.Held {
			return a, good
		}
		if c.caller.comments != nil {
			c.caller.comments.setPending(nil)
		}
		wait, ok := a.mayRetry(c.q, policies, n, o.firstStarted)
		if !ok {
			return a, false
		}
		a.discard() // an attempt that waits for its retry takes no capacity at the upstream
		if !sleep(ctx, wait) {
			return a, false
		}
		record.add(a.x, "retry", wait)
	}
}

// mayRetry asks the retry policy, then the budget, whether a failed attempt, the
// nth, is made again, and after how long. There is no retry that the caller
// would not wait for, nor one that could not begin before the upstream's header
// timeout is over: the fallback is to have its turn.
func (a *attempt) mayRetry(q *exchange.Request, policies *upstream.Policies, n int, firstStarted time.Time) (time.Duration, bool) {
	now := time.Now()
	f := upstream.Failure{Attempt: n, Elapsed: now.Sub(q.At), Now: now}
	if a.x != nil {
		f.Class, f.Status = a.x.Class, a.x.Status
	}
	if a.resp != nil {
		f.Status, f.Header = a.resp.StatusCode, a.resp.Header
		f.Class = exchange.ClassOfStatus(f.Status)
	}
	if f.Class == exchange.ClassNotSent || f.Class == exchange.ClassAborted {
		return 0, false
	}
	f.Deadline = clientTimeout(q.Header)
	if header := a.up.Timeouts().For(q.Facts.Stream).Header; header > 0 {
		if until := firstStarted.Sub(q.At) + header; f.Deadline <= 0 || until < f.Deadline {
			f.Deadline = until
		}
	}
	wait, ok, _ := policies.Retry.Next(f, rand.Float64())
	return wait, ok && policies.Budget.Spend()
}

// queueTimeout is how long an attempt may wait from now for capacity at an
// upstream. It ends somewhat before outputTimeout does, which would hide that it
// was capacity that was missing.
func queueTimeout(up *upstream.Upstream, q *exchange.Request, o attemptOptions, now time.Time) time.Duration {
	policies := up.Policies()
	if policies == nil {
		return 0
	}
	if total := clientTimeout(q.Header); total > 0 {
		left := total - now.Sub(q.At)
		if o.replaceable {
			left -= fallbackTime(total) + total/20
		}
		return min(policies.QueueTimeout, max(0, left))
	}
	return policies.QueueTimeout
}

// clientTimeout is how long a caller waits for a response, where its SDK says
// so; 0: it does not.
func clientTimeout(h http.Header) time.Duration {
	for _, name := range [...]string{"X-Stainless-Timeout", "X-Stainless-Read-Timeout"} {
		if v := h[name]; len(v) > 0 {
			if s, err := strconv.ParseFloat(v[0], 64); err == nil && s > 0 && s < 24*3600 {
				return time.Duration(s * float64(time.Second))
			}
		}
	}
	return 0
}

// outputTimeout is how long after its first attempt at an upstream a call may go
// without output, so that another can still serve its caller in time; 0: for
// ever, or for as long as the upstream's own limits say.
func outputTimeout(q *exchange.Request, o attemptOptions) time.Duration {
	total := clientTimeout(q.Header)
	if !o.replaceable || total <= 0 {
		return 0
	}
	return max(total-fallbackTime(total)-o.firstStarted.Sub(q.At), time.Millisecond)
}

// fallbackTime is how much of a caller's timeout is left to a fallback: a
// quarter, but not more than it takes.
func fallbackTime(total time.Duration) time.Duration { return min(total/4, 30*time.Second) }

// sleep waits; false means that the caller is gone.
func sleep(ctx context.Context, d time.Duration) bool {
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
