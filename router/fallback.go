package router

import "cutover/exchange"

// obtainResponse calls whoever is to serve, and the fallback where that fails and
// nothing has reached the caller yet.
func (c *call) obtainResponse() *attempt {
	arm := c.q.Route.Serve
	next, may := c.fallbackFor(arm)
	hedge := &c.rt.cfg.Hedge
	hedged := may && hedge.covers(arm)
	if hedged {
		if delay := hedge.delay(c.rt.upstream(arm).Model(c.q).Name, c.q.Facts.Stream, c.q.At); delay > 0 {
			h := race{c: c, arm: arm, next: next}
			return h.run(delay)
		}
	}
	a, good := c.callWithRetries(c.r.Context(), arm, may)
	if hedged { // the first calls say how long to wait with later ones
		hedge.observe(c.q, a)
	}
	if good || !may || !c.fallBack(a) {
		return a
	}
	a, _ = c.callWithRetries(c.r.Context(), next, false)
	return a
}

// fallbackFor returns who serves in place of arm if that fails. What the
// reference serves is replaced only where the configuration says so.
func (c *call) fallbackFor(arm exchange.Arm) (exchange.Arm, bool) {
	route := &c.q.Route
	switch {
	case !route.Fallback || !c.q.Held:
		return arm, false
	case route.Reference != arm:
		return route.Reference, route.Reference == exchange.Primary || route.Relay
	case c.rt.cfg.ReplaceReference:
		other := arm.Other()
		return other, other == exchange.Primary || route.Relay
	}
	return arm, false
}

// fallBack gives up on the first choice. The pair gets its failure, as the pair
// is of the provider that was to serve. It reports whether the caller is still
// there to be served by another.
func (c *call) fallBack(a *attempt) bool {
	a.discard()
	c.pairing.deliver(a.x)
	if c.r.Context().Err() != nil {
		return false
	}
	c.story.addReplaced(a.x, "fallback")
	return true
}
