package compare

import "cutover/exchange"

// checkOutcome notes failed calls, by their class. A caller who went away and
// a call that cutover did not send are no failures.
func (c *comparison) checkOutcome() {
	p, r := &c.sides[0], &c.sides[1]
	for i := range c.sides {
		if s := &c.sides[i]; s.x != nil && s.arm.Failed() {
			c.trait(s, outcomeCode(s.x))
		}
	}
	if p.x != nil && r.x != nil && p.arm.Failed() && r.arm.Failed() && p.x.Class != r.x.Class {
		c.find(nil, CodeOutcomeOther, "")
	}
}

// outcomeCode is the code of a failed call. A model that a side does not have
// is a mistake in its map, and has a code of its own.
func outcomeCode(x *exchange.Exchange) string {
	if x.UnknownModel() {
		return CodeUnknownModel
	}
	return codeOutcome + label(string(x.Class))
}
