package ramp_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"cutover/compare"
	"cutover/ramp"
)

// The way that callers take unless somebody plans another: mirroring alone for
// an hour, 1 % for an hour, 5 % for four, a quarter and a half for a day each,
// then everybody. Each step compares 600 pairs: so many without any failure show
// a relay to be within 1 point (ln E 3.0003 at 594, where ln 20 = 2.9957).
func TestTheDefaultPlan(t *testing.T) {
	want := "[{0 1h0m0s 600} {1 1h0m0s 600} {5 4h0m0s 600} {25 24h0m0s 600} {50 24h0m0s 600} {100 0s 0}]"
	if got := fmt.Sprint(ramp.DefaultPlan().Steps); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// Which plans are none.
func TestPlansThatMakeNoSense(t *testing.T) {
	for steps, want := range map[*[]ramp.Step]string{
		{}:                              "needs a step",
		{{Weight: -.1}}:                 "from 0 to 100",
		{{Weight: 100.1}}:               "from 0 to 100",
		{{Weight: 5}, {Weight: 5}}:      "must be above",
		{{Weight: 5}, {Weight: 4}}:      "must be above",
		{{Weight: 5, Soak: -1}}:         "must not be negative",
		{{Weight: 0}, {Weight: 100}}:    "",
		{{Weight: .01}, {Weight: .011}}: "",
	} {
		err := ramp.Plan{Steps: *steps}.Validate()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", *steps, err, want)
		}
	}
}

// ready is evidence on which the default plan's step at 5 % ends: 600 pairs,
// four hours, every gate passed.
func ready(change func(*ramp.Evidence, *compare.Report)) (ramp.Evidence, time.Time) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	report := &compare.Report{
		Pairs: 600, Conclusion: compare.Conclusion{Answer: compare.Go, Sentence: "Go."},
		Questions: []compare.Question{{Key: "errors", Answer: compare.Yes}, {Key: "ttft", Answer: compare.Yes},
			{Key: "noise", Answer: compare.Yes}},
	}
	e := ramp.Evidence{Weight: 5, Since: now.Add(-4 * time.Hour), Report: report}
	change(&e, report)
	return e, now
}

// One step before and one behind every bound of a step, and what each of the
// report's conclusions leads to.
func TestWhatEndsAStep(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*ramp.Evidence, *compare.Report)
		want   ramp.Action
		weight float64
	}{
		{"all is there", func(*ramp.Evidence, *compare.Report) {}, ramp.Advance, 25},
		{"599 pairs of 600", func(_ *ramp.Evidence, r *compare.Report) { r.Pairs = 599 }, ramp.Hold, 5},
		{"a nanosecond of four hours is missing", func(e *ramp.Evidence, _ *compare.Report) { e.Since = e.Since.Add(1) }, ramp.Hold, 5},
		{"no pairs", func(_ *ramp.Evidence, r *compare.Report) { r.Pairs = 0 }, ramp.Hold, 5},
		{"no report", func(e *ramp.Evidence, _ *compare.Report) { e.Report = nil }, ramp.Hold, 5},
		{"a gate is open", func(_ *ramp.Evidence, r *compare.Report) { r.Questions[1].Answer = compare.Unknown }, ramp.Hold, 5},
		{"a gate is shut", func(_ *ramp.Evidence, r *compare.Report) { r.Questions[2].Answer = compare.No }, ramp.Hold, 5},
		{"wait", func(_ *ramp.Evidence, r *compare.Report) {
			r.Conclusion.Answer = compare.Wait
			r.Questions[0].Answer = compare.Unknown
		}, ramp.Hold, 5},
		{"review", func(_ *ramp.Evidence, r *compare.Report) {
			r.Conclusion.Answer = compare.Review
			r.Questions[2].Answer = compare.No
		}, ramp.Hold, 5},
		{"stop", func(_ *ramp.Evidence, r *compare.Report) {
			r.Conclusion.Answer = compare.Stop
			r.Questions[0].Answer = compare.No
		}, ramp.Rollback, 0},
		{"stop, after one pair and no time", func(e *ramp.Evidence, r *compare.Report) {
			r.Pairs, r.Conclusion.Answer, e.Since = 1, compare.Stop, e.Since.Add(4*time.Hour)
		}, ramp.Rollback, 0},
		{"stop at 100 %", func(e *ramp.Evidence, r *compare.Report) { e.Weight, r.Conclusion.Answer = 100, compare.Stop }, ramp.Rollback, 0},
		{"at 100 %", func(e *ramp.Evidence, _ *compare.Report) { e.Weight = 100 }, ramp.Hold, 100},
		{"just below a step", func(e *ramp.Evidence, _ *compare.Report) { e.Weight = 4.99 }, ramp.Advance, 5},
		{"between two steps", func(e *ramp.Evidence, _ *compare.Report) { e.Weight = 7 }, ramp.Advance, 25},
	} {
		e, now := ready(c.change)
		got := ramp.Judge(ramp.DefaultPlan(), e, now)
		if got.Action != c.want || got.Weight != c.weight || len(got.Reasons) == 0 {
			t.Errorf("%s: %s to %v because of %q, want %s to %v", c.name, got.Action, got.Weight, got.Reasons, c.want, c.weight)
		}
	}
}
