package router

import (
	"context"
	"time"

	"cutover/exchange"
	"cutover/upstream"
)

// Hedge says when a second provider is called because the first has no output
// yet. The first with output serves, the other is cancelled. Each hedged
// request costs money, so a budget bounds them. The zero value never hedges.
type Hedge struct {
	Delay   time.Duration         // 0: Latency says
	Latency *LatencyTracker       // of the first provider; nil: Delay says
	Budget  *upstream.RetryBudget // nil: unbounded
}

// covers reports whether calls to an arm are hedged: the relay's are, the
// reference's responses are not replaced.
func (h *Hedge) covers(arm exchange.Arm) bool {
	return arm == exchange.Relay && (h.Delay > 0 || h.Latency != nil)
}

// delay is how long a call to a model may go without output before the second
// begins; 0: for ever.
func (h *Hedge) delay(model string, stream bool, now time.Time) time.Duration {
	if h.Latency == nil {
		return h.Delay
	}
	return h.Latency.Delay(model, stream, now)
}

// observe records how long a first choice took to its first output. A failure
// says nothing about that; an attempt that the caller broke off took at least
// so long.
func (h *Hedge) observe(q *exchange.Request, a *attempt) {
	now := time.Now()
	switch {
	case a.firstOutput > 0:
		h.Latency.Observe(a.model.Name, q.Facts.Stream, a.firstOutput, now)
	case a.x != nil && a.x.Class == exchange.ClassAborted:
		h.Latency.Exceeded(a.model.Name, q.Facts.Stream, a.x.Total, now)
	}
}

// hedgeDetail marks an attempt that was slower than its hedge.
const hedgeDetail = "hedge"

// race is one hedged request: a call to arm, and one to next as well when arm
// has no output after the delay.
type race struct {
	c         *call
	arm, next exchange.Arm
}

// contender is one of the two attempts, when it has output or has failed.
type contender struct {
	a    *attempt
	good bool
	tale story // its attempts that were retried
}

// run returns the attempt to deliver. The loser is cancelled and ends in the
// background. Where both lose, the caller gets what next has said, as it came:
// that is the reference's own response, with its status and its Retry-After.
func (h *race) run(delay time.Duration) *attempt {
	budget := h.c.rt.cfg.Hedge.Budget
	budget.AddRequest()
	started := time.Now()
	first, stopFirst := h.start(h.arm, false)
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case r := <-first:
		return h.unhedged(r)
	case <-timer.C:
	}
	if !budget.Spend() {
		h.c.story.hedge = exchange.HedgeNoBudget
		return h.unhedged(<-first)
	}
	second, stopSecond := h.start(h.next, true)
	select {
	case r := <-first:
		return h.firstDone(r, second, stopSecond)
	case r := <-second:
		if r.good {
			stopFirst()
			return h.secondWon(r.a, first, time.Since(started))
		}
		r.a.pauseTimeouts()
		return h.secondFailed(r.a, <-first)
	}
}

// start begins to call an upstream in the background. The first choice has its
// retries, as it has without a race. keepFailed is for the second, whose failure
// may yet be the caller's response.
func (h *race) start(arm exchange.Arm, keepFailed bool) (<-chan contender, context.CancelFunc) {
	ctx, cancel := context.WithCancel(h.c.r.Context())
	out := make(chan contender, 1)
	h.c.background.cancelAtEnd(cancel)
	h.c.background.run(func() {
		var r contender
		if keepFailed {
			r.a = h.c.startAttempt(ctx, arm, attemptOptions{noHints: true})
			r.a.keepFailed = true
			r.good = r.a.holdBack(0) // nobody is there to replace it
		} else {
			r.a, r.good = h.c.callRecorded(ctx, arm, true, &r.tale)
		}
		out <- r
	})
	return out, cancel
}

// unhedged ends a race without a second call: with the first's response, or
// with the fallback's, which is called as it would be without a hedge.
func (h *race) unhedged(first contender) *attempt {
	h.observe(first.a)
	h.c.story.addAll(first.tale)
	if first.good || !h.c.fallBack(first.a) {
		return first.a
	}
	a, _ := h.c.callWithRetries(h.c.r.Context(), h.next, false)
	return a
}

// firstDone ends a race that the first has won or lost while the second is in
// progress.
func (h *race) firstDone(first contender, second <-chan contender, stopSecond context.CancelFunc) *attempt {
	h.observe(first.a)
	h.c.story.addAll(first.tale)
	if first.good {
		h.c.story.hedge = exchange.HedgeLost
	} else if h.c.fallBack(first.a) {
		h.c.story.hedge = exchange.HedgeNeeded
		return (<-second).a
	}
	stopSecond()
	h.c.background.run(func() { (<-second).a.loseRace() })
	return first.a
}

// secondFailed ends a race in which the second has failed, and first came after
// that.
func (h *race) secondFailed(second *attempt, first contender) *attempt {
	h.observe(first.a)
	h.c.story.addAll(first.tale)
	if !first.good && h.c.fallBack(first.a) {
		h.c.story.hedge = exchange.HedgeNeeded
		second.resumeTimeouts()
		return second
	}
	second.discard()
	if first.good {
		h.c.story.hedge = exchange.HedgeFailed
		h.c.story.add(second.x, "hedge", 0)
	}
	return first.a
}

// secondWon ends a race in which the second had output before the first, which
// has been waited for so long.
func (h *race) secondWon(second *attempt, first <-chan contender, waited time.Duration) *attempt {
	c := h.c
	c.story.hedge = exchange.HedgeWon
	c.story.addReplaced(&exchange.Exchange{
		Arm: h.arm, Upstream: c.rt.upstream(h.arm).Name(), Class: exchange.ClassAborted, Detail: hedgeDetail, Total: waited,
	}, "hedge")
	onServed := c.pairing.detach() // the pair is of the provider that was to serve
	c.background.run(func() {
		r := <-first
		if r.good { // it had output at the very same moment
			h.observe(r.a)
		} else if r.a.x.Class == exchange.ClassAborted {
			c.rt.cfg.Hedge.Latency.Exceeded(r.a.model.Name, c.q.Facts.Stream, waited, time.Now())
		}
		r.a.loseRace()
		if onServed != nil {
			onServed(r.a.x)
		}
	})
	return second
}

func (h *race) observe(a *attempt) { h.c.rt.cfg.Hedge.observe(h.c.q, a) }

// pauseTimeouts sets a response aside that may be needed yet; resumeTimeouts
// takes it up again.
func (a *attempt) pauseTimeouts() {
	if a.x == nil {
		a.watch.Pause(time.Now())
	}
}

func (a *attempt) resumeTimeouts() {
	if a.x == nil {
		a.watch.HeaderReceived(time.Now())
	}
}

// loseRace ends an attempt that is not needed any more, whatever its response
// would have been.
func (a *attempt) loseRace() {
	a.closeExchange(exchange.ClassAborted, hedgeDetail)
	a.resp = nil
}
