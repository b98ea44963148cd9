package compare

import (
	"slices"
	"strings"

	"cutover/exchange"
)

// maxFindings bounds the findings of one pair; an answer made to annoy could
// cause any number.
const maxFindings = 32

// comparison is what the checks of one pair work on.
type comparison struct {
	request *exchange.Request // never nil
	result  *Result
	options *Options
	sides   [2]side // by exchange.Arm
	schemas requestSchemas
}

// side is one provider's answer while it is checked.
type side struct {
	name string
	x    *exchange.Exchange // nil when its call was not made
	arm  *ArmResult
}

// usable reports whether the answer's contents can be compared. A stream that
// lacks only its last event counts: callers' libraries take it for complete.
func (s *side) usable() bool {
	return s.x != nil && (s.x.Class == exchange.ClassNone || s.x.Class == exchange.ClassUnfinished)
}

// check runs all the checks.
func (c *comparison) check() {
	c.checkOutcome()
	p, r := &c.sides[exchange.Primary], &c.sides[exchange.Relay]
	for i := range c.sides {
		if s := &c.sides[i]; s.usable() {
			c.checkConformance(s)
			c.checkModel(s)
			if textKept(&s.x.Completion) {
				c.checkAnswer(s)
			}
		}
	}
	if p.usable() && r.usable() {
		c.checkStructure()
		c.checkUsage()
		c.checkBill()
		c.checkLatency()
		c.checkCost()
		if textKept(&p.x.Completion) && textKept(&r.x.Completion) {
			c.compareContents()
		}
	}
	c.traitFindings()
}

// checkAnswer looks at what one answer says, by itself.
func (c *comparison) checkAnswer(s *side) {
	c.checkEmpty(s)
	c.checkTruncation(s)
	c.checkRefusal(s)
	c.checkLoop(s)
	c.checkTools(s)
	c.checkJSON(s)
}

// trait notes that something is so about one answer. Traits are counted for
// either side; where only one side has it, and the other could have had it, it
// becomes a finding.
func (c *comparison) trait(s *side, code string) {
	if len(s.arm.Traits) < maxFindings && !slices.Contains(s.arm.Traits, code) {
		s.arm.Traits = append(s.arm.Traits, code)
	}
}

// find adds a finding about one side, or about the pair when s is nil.
func (c *comparison) find(s *side, code, path string) {
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
		// What an answer says can't be held against a side whose peer said
		// nothing; a call that failed is a finding as soon as the other was
		// made and did not fail.
		if strings.HasPrefix(code, codeOutcome) {
			if other.x != nil && !other.arm.Failed() && other.x.Class != exchange.ClassAborted && other.x.Class != exchange.ClassNotSent {
				c.findOutcome(s, code)
			}
			continue
		}
		if s.usable() && other.usable() {
			c.find(s, code, "")
		}
	}
}
