package main

// rollout is when callers are moved on to the relay, and when they go back.
func rollout() []Mutant {
	return in("ramp/ramp.go", "",
		mistake{"the first step has no pairs", "{0, millis.Duration(time.Hour), 600}", "{0, millis.Duration(time.Hour), 0}"},
		mistake{"the first step does not soak", "{0, millis.Duration(time.Hour), 600}", "{0, 0, 600}"},
		mistake{"the second step is ten times as wide", "{1, millis.Duration(time.Hour), 600}", "{10, millis.Duration(time.Hour), 600}"},
		mistake{"the third step soaks for minutes", "{5, millis.Duration(4 * time.Hour), 600}", "{5, millis.Duration(4 * time.Minute), 600}"},
		mistake{"half of the callers for an hour", "{50, millis.Duration(24 * time.Hour), 600}", "{50, millis.Duration(time.Hour), 600}"},
		mistake{"a weight above 100 % is a plan", "s.Weight <= 100)", "s.Weight <= 1000)"},
		mistake{"a plan may stay where it is", "s.Weight <= p.Steps[i-1].Weight", "s.Weight < p.Steps[i-1].Weight"},
		mistake{"between two steps the next one counts", "if s.Weight <= weight {", "if s.Weight < weight {"},
		mistake{"no evidence is success", "e.Report == nil || e.Report.Pairs == 0", "e.Report == nil"},
		mistake{"review rolls back", "c.Answer == compare.Stop", "c.Answer != compare.Go"},
		mistake{"roll-back by one step only", "return Verdict{Rollback, 0,", "return Verdict{Rollback, e.Weight / 2,"},
		mistake{"not yet known is as good as yes", "if q.Answer != compare.Yes {", "if q.Answer == compare.No {"},
		mistake{"one pair too few is enough", "e.Report.Pairs < step.MinPairs", "e.Report.Pairs+1 < step.MinPairs"},
		mistake{"exactly enough pairs are too few", "e.Report.Pairs < step.MinPairs", "e.Report.Pairs <= step.MinPairs"},
		mistake{"soaks one second less", "rest > 0 {", "rest > time.Second {"},
		mistake{"exactly the soak is too short", "rest > 0 {", "rest >= 0 {"},
		mistake{"advances two steps at once", "next := p.indexOf(e.Weight) + 1", "next := min(p.at(e.Weight)+2, len(p.Steps))"},
	)
}
