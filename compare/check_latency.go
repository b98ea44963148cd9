package compare

import (
	"time"

	"cutover/exchange"
)

// checkLatency notes a side that was much slower. Single calls vary; the report's
// intervals show what is systematic.
func (c *comparison) checkLatency() {
	p, r := &c.sides[exchange.Primary], &c.sides[exchange.Relay]
	c.slower(p, r, CodeSlowFirst, 500*time.Millisecond, func(a *ArmResult) time.Duration { return time.Duration(a.TTFT) })
	c.slower(p, r, CodeSlowTotal, 2*time.Second, func(a *ArmResult) time.Duration { return time.Duration(a.Total) })
}

func (c *comparison) slower(p, r *side, code string, least time.Duration, of func(*ArmResult) time.Duration) {
	a, b := of(p.arm), of(r.arm)
	if a <= 0 || b <= 0 {
		return
	}
	switch {
	case b > 3*a && b-a >= least:
		c.addTrait(r, code)
	case a > 3*b && a-b >= least:
		c.addTrait(p, code)
	}
}

// checkCost notes a response that costs more from the relay. That the primary
// costs more is expected.
func (c *comparison) checkCost() {
	p, r := c.sides[exchange.Primary].arm, &c.sides[exchange.Relay]
	if p.CostKnown && r.arm.CostKnown && r.arm.CostUSD > p.CostUSD*1.05 {
		c.addTrait(r, CodeCost)
	}
}
