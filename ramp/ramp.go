// Package ramp says when callers may be moved on to the relay, and when they
// must go back: a Plan of Steps, and a pure Judge over what the comparisons
// have found. It decides; acting on a Judgement is a flip of relay-percentage
// like any other.
package ramp

import (
	"errors"
	"fmt"
	"time"

	"cutover/compare"
)

// Verdict is what to do with the relay's share of the callers. Hold is the zero
// value: without evidence nothing moves.
type Verdict uint8

// The verdicts.
const (
	Hold Verdict = iota
	Advance
	Rollback
)

// String returns "hold", "advance" or "rollback".
func (v Verdict) String() string {
	switch v {
	case Advance:
		return "advance"
	case Rollback:
		return "rollback"
	}
	return "hold"
}

// MarshalText writes the verdict's name, for JSON.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// Step is one share of the callers on the way, and what it takes to leave it.
type Step struct {
	Weight   float64       `json:"weight"`    // percent of the callers that the relay serves
	Soak     time.Duration `json:"soak_ns"`   // least time at this weight: counting can't rule out rare outages
	MinPairs uint64        `json:"min_pairs"` // least number of pairs compared
}

// Plan is the way from nothing to everything, by rising weights.
type Plan struct {
	Steps []Step `json:"steps"`
}

// DefaultPlan begins with mirroring alone and ends with all callers.
func DefaultPlan() Plan {
	return Plan{Steps: []Step{
		{0, time.Hour, 600}, {1, time.Hour, 600}, {5, 4 * time.Hour, 600},
		{25, 24 * time.Hour, 600}, {50, 24 * time.Hour, 600}, {100, 0, 0},
	}}
}

// Validate reports the first step that makes no sense.
func (p Plan) Validate() error {
	if len(p.Steps) == 0 {
		return errors.New("ramp: a plan needs a step")
	}
	for i, s := range p.Steps {
		switch {
		case !(s.Weight >= 0 && s.Weight <= 100):
			return fmt.Errorf("ramp: step %d: weight %v: give a percentage from 0 to 100", i+1, s.Weight)
		case s.Soak < 0:
			return fmt.Errorf("ramp: step %d: soak %v: must not be negative", i+1, s.Soak)
		case i > 0 && s.Weight <= p.Steps[i-1].Weight:
			return fmt.Errorf("ramp: step %d: weight %v: must be above the %v before it", i+1, s.Weight, p.Steps[i-1].Weight)
		}
	}
	return nil
}

// at is the index of the step that a weight is at: the last one not above it.
func (p Plan) at(weight float64) int {
	i := 0
	for k, s := range p.Steps {
		if s.Weight <= weight {
			i = k
		}
	}
	return i
}

// Evidence is what a judgement is made of.
type Evidence struct {
	Weight float64         // relay-percentage in force
	Since  time.Time       // when it came into force
	Report *compare.Report // of the pairs since then; nil: there are none
}

// Judgement is a verdict with the weight that it means and why.
type Judgement struct {
	Verdict Verdict  `json:"verdict"`
	Weight  float64  `json:"weight"` // what relay-percentage should be
	Reasons []string `json:"reasons"`
}

// Judge says what to do. It rolls back as soon as one gate has fired, and
// advances only when every gate has passed, enough pairs were compared and the
// step has soaked. No data is a reason to hold, never a success or a failure.
func Judge(p Plan, e Evidence, now time.Time) Judgement {
	step := p.Steps[p.at(e.Weight)]
	hold := Judgement{Verdict: Hold, Weight: e.Weight}
	if e.Report == nil || e.Report.Pairs == 0 {
		hold.Reasons = []string{"No pair of answers has been compared at this weight."}
		return hold
	}
	if e.Report.Verdict.Judgement == compare.Stop {
		return Judgement{Rollback, 0, append([]string{e.Report.Verdict.Sentence}, e.Report.Verdict.Reasons...)}
	}
	for _, gate := range e.Report.Questions {
		if gate.Answer != compare.Yes {
			hold.Reasons = append(hold.Reasons, gate.Text+" "+gate.Why)
		}
	}
	if e.Report.Pairs < step.MinPairs {
		hold.Reasons = append(hold.Reasons, fmt.Sprintf("%d pairs are compared, the step asks for %d.", e.Report.Pairs, step.MinPairs))
	}
	if rest := step.Soak - now.Sub(e.Since); rest > 0 {
		hold.Reasons = append(hold.Reasons, fmt.Sprintf("The step soaks for another %s.", rest.Round(time.Second)))
	}
	next := p.at(e.Weight) + 1
	switch {
	case len(hold.Reasons) > 0:
		return hold
	case next == len(p.Steps):
		hold.Reasons = []string{"The plan's last step is reached."}
		return hold
	}
	return Judgement{Advance, p.Steps[next].Weight, []string{e.Report.Verdict.Sentence}}
}
