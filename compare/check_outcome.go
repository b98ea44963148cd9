package compare

import "cutover/exchange"

// checkOutcome notes failed calls, by their class. An abort by the caller and a
// call that cutover did not send are not failures.
func (c *comparison) checkOutcome() {
	p, r := &c.sides[0], &c.sides[1]
	for i := range c.sides {
		if s := &c.sides[i]; s.x != nil && s.arm.Failed() {
			c.addTrait(s, outcomeCode(s.x))
		}
	}
	if p.x != nil && r.x != nil && p.arm.Failed() && r.arm.Failed() && p.x.Class != r.x.Class {
		c.addFinding(nil, CodeOutcomeOther, "")
	}
}

// outcomeCode is the code of a failed call. A model that a side does not have is
// a mistake in its model map and has a code of its own.
func outcomeCode(x *exchange.Exchange) string {
	if x.UnknownModel() {
		return CodeUnknownModel
	}
	return codeOutcome + label(string(x.Class))
}
