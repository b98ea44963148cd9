package ramp

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cutover/compare"
)

func report(pairs uint64, answer compare.Recommendation, answers ...compare.Answer) *compare.Report {
	r := &compare.Report{Pairs: pairs, Conclusion: compare.Conclusion{Answer: answer, Sentence: "the conclusion"}}
	for _, a := range answers {
		r.Questions = append(r.Questions, compare.Question{Text: "good?", Answer: a})
	}
	return r
}

func TestJudge(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	old := now.Add(-48 * time.Hour)
	for _, row := range []struct {
		name   string
		e      Evidence
		want   Action
		weight float64
		why    string
	}{
		{"nothing known", Evidence{Weight: 5, Since: old}, Hold, 5, "No pair"},
		{"no pairs", Evidence{Weight: 5, Since: old, Report: report(0, compare.NoData)}, Hold, 5, "No pair"},
		{"all gates pass", Evidence{Weight: 5, Since: old, Report: report(5000, compare.Go, compare.Yes, compare.Yes)}, Advance, 25,
			"the conclusion"},
		{"mirroring alone", Evidence{Weight: 0, Since: old, Report: report(5000, compare.Go, compare.Yes)}, Advance, 1, ""},
		{"a weight between two steps", Evidence{Weight: 30, Since: old, Report: report(5000, compare.Go, compare.Yes)}, Advance, 50, ""},
		{"one gate is open", Evidence{Weight: 5, Since: old, Report: report(5000, compare.Wait, compare.Yes, compare.Unknown)}, Hold, 5, "good?"},
		{"one gate says no", Evidence{Weight: 5, Since: old, Report: report(5000, compare.Review, compare.Yes, compare.No)}, Hold, 5, "good?"},
		{"too few pairs", Evidence{Weight: 5, Since: old, Report: report(10, compare.Go, compare.Yes)}, Hold, 5, "the step needs 600"},
		{"not soaked", Evidence{Weight: 5, Since: now.Add(-time.Hour), Report: report(5000, compare.Go, compare.Yes)}, Hold, 5, "another 3h0m0s"},
		{"a clock that went back", Evidence{Weight: 5, Since: now.Add(time.Hour), Report: report(5000, compare.Go, compare.Yes)}, Hold, 5,
			"soak"},
		{"worse", Evidence{Weight: 50, Since: now, Report: report(10, compare.Stop, compare.No)}, Rollback, 0, "the conclusion"},
		{"at the end", Evidence{Weight: 100, Since: old, Report: report(5000, compare.Go, compare.Yes)}, Hold, 100, "last step"},
	} {
		got := Judge(DefaultPlan(), row.e, now)
		if got.Action != row.want || got.Weight != row.weight || !strings.Contains(strings.Join(got.Reasons, " "), row.why) ||
			len(got.Reasons) == 0 {
			t.Errorf("%s: %+v, want %s at %v because of %q", row.name, got, row.want, row.weight, row.why)
		}
	}
}

// TestJudgeNeverMovesWithoutAllGates is the rule for any evidence.
func TestJudgeNeverMovesWithoutAllGates(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		answers := rapid.SliceOfN(rapid.SampledFrom([]compare.Answer{compare.Yes, compare.No, compare.Unknown}), 1, 5).Draw(t, "answers")
		weight := rapid.Float64Range(0, 100).Draw(t, "weight")
		e := Evidence{
			Weight: weight, Since: now.Add(-time.Duration(rapid.Int64Range(-10, 100).Draw(t, "hours")) * time.Hour),
			Report: report(rapid.Uint64Range(0, 2000).Draw(t, "pairs"),
				rapid.SampledFrom([]compare.Recommendation{compare.Go, compare.Review, compare.Wait, compare.Stop}).Draw(t, "conclusion"), answers...),
		}
		got := Judge(DefaultPlan(), e, now)
		switch got.Action {
		case Advance:
			for _, a := range answers {
				if a != compare.Yes {
					t.Fatalf("advanced past %v", answers)
				}
			}
			if got.Weight <= weight || e.Report.Conclusion.Answer == compare.Stop {
				t.Fatalf("advanced from %v to %v", weight, got.Weight)
			}
		case Rollback:
			if got.Weight != 0 || e.Report.Conclusion.Answer != compare.Stop {
				t.Fatalf("rolled back to %v", got.Weight)
			}
		case Hold:
			if got.Weight != weight {
				t.Fatalf("held %v at %v", weight, got.Weight)
			}
		}
	})
}

func TestPlans(t *testing.T) {
	t.Parallel()
	if err := DefaultPlan().Validate(); err != nil {
		t.Error(err)
	}
	for _, p := range []Plan{{}, {[]Step{{Weight: 101}}}, {[]Step{{Weight: -1}}}, {[]Step{{Weight: 5}, {Weight: 5}}},
		{[]Step{{Weight: 5, Soak: -1}}}} {
		if p.Validate() == nil {
			t.Errorf("%+v is valid", p)
		}
	}
	if (Verdict{}).Action != Hold {
		t.Error("the zero verdict is not to hold")
	}
}
