// Package ramp decides when more callers may be moved to the relay, and when they
// must go back: a Plan of Steps, and a pure Judge over what the comparisons
// found. It only decides; acting on a Verdict is a flip of relay-percentage like
// any other.
package ramp

import (
	"errors"
	"fmt"
	"time"

	"cutover/compare"
	"cutover/internal/millis"
)

// Action is what to do with the relay's share of the callers. Hold is the zero
// value: without evidence nothing moves.
type Action uint8

// The actions.
const (
	Hold Action = iota
	Advance
	Rollback
)

// String returns "hold", "advance" or "rollback".
func (a Action) String() string {
	switch a {
	case Advance:
		return "advance"
	case Rollback:
		return "rollback"
	}
	return "hold"
}

// MarshalText writes the action's name, for JSON.
func (a Action) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads an action's name.
func (a *Action) UnmarshalText(b []byte) error {
	for _, known := range []Action{Hold, Advance, Rollback} {
		if string(b) == known.String() {
			*a = known
			return nil
		}
	}
	return fmt.Errorf("ramp: unknown action %.60q: use hold, advance or rollback", b)
}

// Step is one share of the callers, and what it takes to move on from it.
type Step struct {
	Weight   float64         `json:"weight"`    // percent of the callers that the relay serves
	Soak     millis.Duration `json:"soak_ms"`   // minimum time at this weight, since counting pairs can't rule out rare outages
	MinPairs uint64          `json:"min_pairs"` // minimum number of pairs compared at this weight
}

// Plan is the way from no callers to all, by rising weights.
type Plan struct {
	Steps []Step `json:"steps"` // by rising weight
}

// DefaultPlan starts with mirroring alone and ends with all callers.
func DefaultPlan() Plan {
	return Plan{Steps: []Step{
		{0, millis.Duration(time.Hour), 600}, {1, millis.Duration(time.Hour), 600}, {5, millis.Duration(4 * time.Hour), 600},
		{25, millis.Duration(24 * time.Hour), 600}, {50, millis.Duration(24 * time.Hour), 600}, {100, 0, 0},
	}}
}

// Validate reports the first step that is invalid.
func (p Plan) Validate() error {
	if len(p.Steps) == 0 {
		return errors.New("ramp: a plan needs a step")
	}
	for i, s := range p.Steps {
		switch {
		case !(s.Weight >= 0 && s.Weight <= 100):
			return fmt.Errorf("ramp: step %d: weight %v: must be a percentage from 0 to 100", i+1, s.Weight)
		case s.Soak < 0:
			return fmt.Errorf("ramp: step %d: soak %v: must not be negative", i+1, s.Soak)
		case i > 0 && s.Weight <= p.Steps[i-1].Weight:
			return fmt.Errorf("ramp: step %d: weight %v: must be above the previous step's %v", i+1, s.Weight, p.Steps[i-1].Weight)
		}
	}
	return nil
}

// indexOf is the index of the step that a weight is at: the last one not above it.
func (p Plan) indexOf(weight float64) int {
	i := 0
	for k, s := range p.Steps {
		if s.Weight <= weight {
			i = k
		}
	}
	return i
}

// Evidence is what a Verdict is based on.
type Evidence struct {
	Weight float64         // relay-percentage in force
	Since  time.Time       // when it came into force
	Report *compare.Report // on the pairs since then; nil: there are none
}

// Verdict is what to do, and why.
type Verdict struct {
	Action  Action   `json:"action"`
	Weight  float64  `json:"weight"`  // what relay-percentage should be, in percent
	Reasons []string `json:"reasons"` // sentences
}

// Judge decides what to do. It rolls back as soon as the report says stop, and
// advances only when every question is answered with yes, enough pairs were
// compared and the step has soaked. No data is a reason to hold, never a success
// or a failure.
func Judge(p Plan, e Evidence, now time.Time) Verdict {
	step := p.Steps[p.indexOf(e.Weight)]
	hold := Verdict{Action: Hold, Weight: e.Weight}
	if e.Report == nil || e.Report.Pairs == 0 {
		hold.Reasons = []string{"No pair of responses has been compared at this weight."}
		return hold
	}
	if c := e.Report.Conclusion; c.Answer == compare.Stop {
		return Verdict{Rollback, 0, append([]string{c.Sentence}, c.Reasons...)}
	}
	for _, q := range e.Report.Questions {
		if q.Answer != compare.Yes {
			hold.Reasons = append(hold.Reasons, q.Text+" "+q.Why)
		}
	}
	if e.Report.Pairs < step.MinPairs {
		hold.Reasons = append(hold.Reasons, fmt.Sprintf("%d pairs have been compared; the step needs %d.", e.Report.Pairs, step.MinPairs))
	}
	if rest := time.Duration(step.Soak) - now.Sub(e.Since); rest > 0 {
		hold.Reasons = append(hold.Reasons, fmt.Sprintf("The step has to soak for another %s.", rest.Round(time.Second)))
	}
	next := p.indexOf(e.Weight) + 1
	switch {
	case len(hold.Reasons) > 0:
		return hold
	case next == len(p.Steps):
		hold.Reasons = []string{"The plan's last step has been reached."}
		return hold
	}
	return Verdict{Advance, p.Steps[next].Weight, []string{e.Report.Conclusion.Sentence}}
}
