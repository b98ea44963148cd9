package compare

import (
	"slices"
	"strings"

	"cutover/exchange"
)

// maxFindings bounds the findings of one pair, of which a hostile response could
// cause any number.
const maxFindings = 32

// comparison is what the checks of one pair work on.
type comparison struct {
	request *exchange.Request // never nil
	result  *Result
	options *Options
	sides   [2]side // by exchange.Arm
	schemas requestSchemas
	over    bool // see expired
}

// expired reports whether the rest of the checks must be left out, and notes it
// once.
func (c *comparison) expired() bool {
	if !c.over && c.options.Expired != nil && c.options.Expired() {
		c.over = true
		c.addFinding(nil, CodeIncomplete, "")
	}
	return c.over
}

// side is one provider's response while it is checked.
type side struct {
	name string
	x    *exchange.Exchange // nil when its call was not made
	arm  *ArmResult
}

// usable reports whether the response's contents can be compared: those of a
// failed call can't.
func (s *side) usable() bool { return s.x != nil && s.x.OK() }

// check runs all the checks.
func (c *comparison) check() {
	c.checkOutcome()
	p, r := &c.sides[exchange.Primary], &c.sides[exchange.Relay]
	for i := range c.sides {
		s := &c.sides[i]
		if s.x != nil {
			c.checkFaults(s)
		}
		if s.usable() && !c.expired() {
			c.checkConformance(s)
			c.checkModel(s)
			if textKept(&s.x.Completion) {
				c.checkResponse(s)
			}
		}
	}
	if p.usable() && r.usable() {
		c.checkUsage()
		c.checkLatency()
		c.checkCost()
		if !c.expired() {
			c.checkStructure()
		}
		if !c.expired() {
			c.checkBill()
		}
		if !c.expired() && textKept(&p.x.Completion) && textKept(&r.x.Completion) {
			c.compareContents()
		}
	}
	c.traitFindings()
}

// checkResponse checks the contents of one response by itself.
func (c *comparison) checkResponse(s *side) {
	c.checkEmpty(s)
	c.checkTruncation(s)
	c.checkRefusal(s)
	c.checkLoop(s)
	if !c.expired() {
		c.checkTools(s)
	}
	if !c.expired() {
		c.checkJSON(s)
	}
}

// addTrait notes a trait of one response. Traits are counted for both sides; one
// that only one side has, and the other could have had, becomes a finding.
func (c *comparison) addTrait(s *side, code string) {
	if len(s.arm.Traits) < maxFindings && !slices.Contains(s.arm.Traits, code) {
		s.arm.Traits = append(s.arm.Traits, code)
	}
}

// addFinding adds a finding about one side, or about the pair when s is nil.
func (c *comparison) addFinding(s *side, code, path string) {
	if len(c.result.Findings) >= maxFindings {
		return
	}
	arm := ""
	if s != nil {
		arm = s.name
	}
	c.result.Findings = append(c.result.Findings, newFinding(code, arm, path))
}

// traitFindings makes findings of the traits that only one side has.
func (c *comparison) traitFindings() {
	p, r := &c.sides[exchange.Primary], &c.sides[exchange.Relay]
	c.oneSided(r, p)
	c.oneSided(p, r)
}

func (c *comparison) oneSided(s, other *side) {
	for _, code := range s.arm.Traits {
		if slices.Contains(other.arm.Traits, code) {
			continue
		}
		// Contents can't be compared with those of a failed call. A failed call
		// is a finding as soon as the other call was made and did not fail.
		if strings.HasPrefix(code, codeOutcome) {
			if other.x != nil && !other.arm.Failed() && other.x.Class != exchange.ClassAborted && other.x.Class != exchange.ClassNotSent {
				c.findOutcome(s, code)
			}
			continue
		}
		if other.usable() && (s.usable() || s.x != nil && strings.HasPrefix(code, codeConformance)) {
			c.addFinding(s, code, "")
		}
	}
}
