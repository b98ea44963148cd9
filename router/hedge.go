package router

import (
	"context"
	"time"

	"cutover/exchange"
	"cutover/upstream"
)

// Hedge says when a second provider is called while the first is still silent.
// The first to speak serves, the other is cancelled. Every such call costs
// money, so it is bounded by a budget.
type Hedge struct {
	Delay  time.Duration         // 0: never
	Budget *upstream.RetryBudget // nil: without bound
}

// After is how long an arm may be silent before it gets company; 0: for ever.
// What the relay serves is hedged; the reference's answers are not replaced.
func (h *Hedge) After(arm exchange.Arm) time.Duration {
	if arm != exchange.Relay {
		return 0
	}
	return h.Delay
}

// racer is one of two calls under way.
type racer struct {
	a    *attempt
	good bool
}

// race calls arm, and next as well when arm has not spoken in time. It returns
// the attempt to serve. The loser is cancelled and ends in the background, which
// close waits for.
func (c *call) race(arm, next exchange.Arm) *attempt {
	c.racing = true
	c.rt.cfg.Hedge.Budget.Request()
	first, stopFirst := c.start(arm)
	timer := time.NewTimer(c.rt.cfg.Hedge.After(arm))
	defer timer.Stop()
	select {
	case r := <-first:
		return c.settle(r, arm, next, nil, nil)
	case <-timer.C:
	}
	if !c.rt.cfg.Hedge.Budget.Spend() {
		return c.settle(<-first, arm, next, nil, nil)
	}
	second, stopSecond := c.start(next)
	select {
	case r := <-first:
		return c.settle(r, arm, next, second, stopSecond)
	case r := <-second:
		if !r.good { // the substitute failed first: the first choice is all there is
			r.a.drop()
			c.note(r.a.x, "hedge", 0)
			return c.settle(<-first, arm, arm, nil, nil)
		}
		stopFirst()
		c.reap(first, true)
		slow := &exchange.Exchange{Arm: arm, Upstream: c.rt.upstream(arm).Name(), Class: exchange.ClassRefused, Detail: "hedge"}
		c.fallback = slow
		c.note(slow, "hedge", 0)
		return r.a
	}
}

// start begins a call in a goroutine of its own, which close waits for.
func (c *call) start(arm exchange.Arm) (<-chan racer, context.CancelFunc) {
	ctx, cancel := context.WithCancel(c.r.Context())
	out := make(chan racer, 1)
	c.cancels = append(c.cancels, cancel)
	c.others.Go(func() {
		a, good := c.tryOnce(ctx, arm)
		out <- racer{a, good}
	})
	return out, cancel
}

// settle takes the first choice's end: its answer, or the substitute's, which
// may be under way already.
func (c *call) settle(r racer, arm, next exchange.Arm, second <-chan racer, stop context.CancelFunc) *attempt {
	if r.good {
		if second != nil {
			stop()
			c.reap(second, false)
		}
		return r.a
	}
	r.a.drop()
	c.hand(r.a.x)
	if c.r.Context().Err() != nil || arm == next {
		if second != nil {
			stop()
			c.reap(second, false)
		}
		return r.a
	}
	c.fallback = r.a.x
	c.note(r.a.x, "fallback", 0)
	if second != nil {
		r := <-second
		if !r.good {
			r.a.drop()
		}
		return r.a
	}
	return c.begin(c.r.Context(), next)
}

// reap takes a cancelled call's end. first says that it was the one of the pair.
func (c *call) reap(from <-chan racer, first bool) {
	served := c.served
	if first {
		c.served = nil
	}
	c.others.Go(func() {
		r := <-from
		r.a.drop()
		if first && served != nil {
			served(r.a.x)
		}
	})
}

// tryOnce is an attempt without retries: in a race there is no time for them.
func (c *call) tryOnce(ctx context.Context, arm exchange.Arm) (*attempt, bool) {
	a := c.begin(ctx, arm)
	return a, a.hold(c.rt.cfg.MinTokensPerSecond)
}
