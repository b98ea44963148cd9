package router

import (
	"context"
	"time"

	"cutover/exchange"
	"cutover/upstream"
)

// Hedge says when a second provider is called while the first is still silent.
// The first to speak serves, the other is cancelled. Every such call costs
// money, so it is bounded by a budget. The zero value never hedges.
type Hedge struct {
	Delay  time.Duration         // 0: Pace says
	Pace   *Pace                 // the first's own; nil: Delay says
	Budget *upstream.RetryBudget // nil: without bound
}

// covers reports whether calls of an arm are hedged: what the relay serves is,
// the reference's answers are not replaced.
func (h *Hedge) covers(arm exchange.Arm) bool {
	return arm == exchange.Relay && (h.Delay > 0 || h.Pace != nil)
}

// after is how long a call to a model may be silent before it gets company;
// 0: for ever.
func (h *Hedge) after(model string, stream bool, now time.Time) time.Duration {
	if h.Pace == nil {
		return h.Delay
	}
	return h.Pace.Delay(model, stream, now)
}

// hedgeDetail marks a call that was too slow for its hedge.
const hedgeDetail = "hedge"

// racer is one of two calls under way.
type racer struct {
	a    *attempt
	good bool
}

// race calls arm, and next as well when arm has not spoken after the delay. It
// returns the attempt to serve. The loser is cancelled and ends in the
// background, which close waits for. Where both lose, the caller gets what next
// has said, as it came: that is the reference's own answer, with its status and
// its Retry-After.
func (c *call) race(arm, next exchange.Arm, delay time.Duration) *attempt {
	c.racing = true
	c.rt.cfg.Hedge.Budget.Request()
	begun := time.Now()
	first, stopFirst := c.start(arm, false)
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case r := <-first:
		return c.alone(r, next)
	case <-timer.C:
	}
	if !c.rt.cfg.Hedge.Budget.Spend() {
		c.hedge = exchange.HedgeNoBudget
		return c.alone(<-first, next)
	}
	second, stopSecond := c.start(next, true)
	select {
	case r := <-first:
		return c.firstEnded(r, second, stopSecond)
	case r := <-second:
		if r.good {
			stopFirst()
			return c.won(r.a, arm, first, time.Since(begun))
		}
		r.a.park()
		return c.firstAfter(<-first, r.a)
	}
}

// start begins a call in a goroutine of its own, which close waits for. There
// are no retries: in a race there is no time for them. A call whose failure may
// yet be the caller's answer keeps it.
func (c *call) start(arm exchange.Arm, keep bool) (<-chan racer, context.CancelFunc) {
	ctx, cancel := context.WithCancel(c.r.Context())
	out := make(chan racer, 1)
	c.cancels = append(c.cancels, cancel)
	c.others.Go(func() {
		a := c.begin(ctx, arm, time.Time{})
		a.keep = keep
		rate := c.rt.cfg.MinTokensPerSecond
		if keep {
			rate = 0 // nobody is there to replace it
		}
		out <- racer{a, a.hold(rate)}
	})
	return out, cancel
}

// alone takes the end of a first choice that had no company: its answer, or the
// substitute's, which is called as without a hedge.
func (c *call) alone(r racer, next exchange.Arm) *attempt {
	c.racing = false
	c.timed(r.a)
	if r.good || !c.replaced(r.a) {
		return r.a
	}
	a, _ := c.try(c.r.Context(), next, false)
	return a
}

// firstEnded takes the end of a first choice while the second is under way.
func (c *call) firstEnded(r racer, second <-chan racer, stop context.CancelFunc) *attempt {
	c.timed(r.a)
	if r.good {
		c.hedge = exchange.HedgeLost
	} else if c.replaced(r.a) {
		c.hedge = exchange.HedgeNeeded
		return (<-second).a
	}
	stop()
	c.reap(second, func(r racer) { r.a.lose() })
	return r.a
}

// firstAfter takes the end of a first choice whose substitute has failed.
func (c *call) firstAfter(r racer, failed *attempt) *attempt {
	c.timed(r.a)
	if !r.good && c.replaced(r.a) {
		c.hedge = exchange.HedgeNeeded
		failed.unpark()
		return failed
	}
	failed.drop()
	if r.good {
		c.hedge = exchange.HedgeFailed
		c.note(failed.x, "hedge", 0)
	}
	return r.a
}

// won serves what the second has said before the first spoke.
func (c *call) won(a *attempt, arm exchange.Arm, first <-chan racer, passed time.Duration) *attempt {
	slow := &exchange.Exchange{
		Arm: arm, Upstream: c.rt.upstream(arm).Name(), Class: exchange.ClassAborted, Detail: hedgeDetail, Total: passed,
	}
	c.hedge, c.fallback = exchange.HedgeWon, slow
	c.note(slow, "hedge", 0)
	served := c.served // the pair is of the provider that was to serve
	c.served = nil
	c.reap(first, func(r racer) {
		if r.good { // it spoke in the very moment
			c.timed(r.a)
		} else if r.a.x.Class == exchange.ClassAborted {
			c.rt.cfg.Hedge.Pace.Exceeded(r.a.model.Name, c.q.Facts.Stream, passed, time.Now())
		}
		r.a.lose()
		if served != nil {
			served(r.a.x)
		}
	})
	return a
}

// reap takes a cancelled call's end in the background.
func (c *call) reap(from <-chan racer, end func(racer)) {
	c.others.Go(func() { end(<-from) })
}

// timed tells the pace how long a call took to speak. What failed says nothing
// of that; one that the caller broke off took at least so long.
func (c *call) timed(a *attempt) {
	pace, now := c.rt.cfg.Hedge.Pace, time.Now()
	switch {
	case a.spoke > 0:
		pace.Observe(a.model.Name, c.q.Facts.Stream, a.spoke, now)
	case a.x != nil && a.x.Class == exchange.ClassAborted:
		pace.Exceeded(a.model.Name, c.q.Facts.Stream, a.x.Total, now)
	}
}

// askedOf is the name of the request's model at an upstream.
func (c *call) askedOf(arm exchange.Arm) string {
	return c.rt.upstream(arm).Model(c.q).Name
}

// park puts an answer aside that may be needed yet; unpark takes it up again.
func (a *attempt) park() {
	if a.x == nil {
		a.watch.Park(time.Now())
	}
}

func (a *attempt) unpark() {
	if a.x == nil {
		a.watch.Header(time.Now())
	}
}

// lose ends an attempt that is not needed any more, whatever it would have said.
func (a *attempt) lose() {
	a.close(exchange.ClassAborted, hedgeDetail)
	a.resp = nil
}
