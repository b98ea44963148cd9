package main

import "slices"

// sampling is which pairs are mirrored, and which are kept for people to look
// at.
func sampling() []Mutant {
	return slices.Concat(
		in("compare/sample.go", "",
			mistake{"time beats severity", "uint64(r.attention())<<33 | at", "at<<3 | uint64(r.attention())"},
			mistake{"the primary's faults are worth a look", "if f.Arm != armPrimary {\n\t\t\tworst", "if f.Arm != armRelay {\n\t\t\tworst"},
			mistake{"the light ones are kept", "worst = max(worst, int(f.Severity))", "worst = int(f.Severity)"},
			mistake{"scores that a float64 can't hold", "mix(h.Sum64()) >> 11", "mix(h.Sum64())"},
			mistake{"a tenth of a text is kept", "const maxSampleText = 256 << 10", "const maxSampleText = 25 << 10"},
		),
		in("internal/store/sampler.go", "Sampl|sampl",
			mistake{"frequent trouble crowds out the rest", "codeFirst = 20", "codeFirst = 2000"},
			mistake{"trouble is sampled once an hour", "codeEvery = time.Minute", "codeEvery = time.Hour"},
			mistake{"the first codes fill memory", "!known && len(s.codes) >= maxCodes", "!known && len(s.codes) < 0"},
			mistake{"the reservoir is half as large", "o.PerClass = 200", "o.PerClass = 100"},
			mistake{"twenty samples a second", "o.perSecond = 2\n", "o.perSecond = 20\n"},
			mistake{"the lowest scores are kept", "if score <= s.reservoir[0] {", "if score >= s.reservoir[0] {"},
			mistake{"the primary's trouble is sampled", `f.Arm == "primary" || f.Severity < compare.Minor`, `f.Severity < compare.Minor`},
			mistake{"differences that nobody notices are rare", "f.Severity < compare.Minor", "f.Severity < compare.Info"},
			mistake{"light trouble is not rare", "f.Severity < compare.Minor", "f.Severity < compare.Major"},
			mistake{"requests that called nobody are sampled", "if !r.Primary.Called && !r.Relay.Called {",
				"if !r.Primary.Called && r.Relay.Called {"},
		),
		in("shadow/pair.go", "",
			mistake{"the shadow request goes to who serves", "m.targets[q.Route.Serve.Other()]", "m.targets[q.Route.Serve]"},
			mistake{"every request is sent to the primary twice", "if !p.q.Route.Noise {", "if p.q.Route.Noise {"},
			mistake{"the second call goes to the relay", "target: m.targets[exchange.Primary], into: &p.rerun",
				"target: m.targets[exchange.Relay], into: &p.rerun"},
			mistake{"the sides of a pair are swapped", "if out.Served == exchange.Primary {", "if out.Served == exchange.Relay {"},
			mistake{"an aborted call is a pair", "case p.served.Class == exchange.ClassAborted:", "case p.served.Class == exchange.ClassConnect:"},
			mistake{"what is skipped is counted as dropped", "m.counts.add(compare.Skipped, why)", "m.counts.add(compare.Dropped, why)"},
		),
		in("shadow/mirror.go", "",
			mistake{"every pair is diffed", "o.Diff = p.Outcome == compare.Both && m.diffs.Allow()", "o.Diff = p.Outcome == compare.Both"},
			mistake{"exactly as many calls as allowed are too many", "m.inFlight.Add(1) > int64(m.cfg.MaxConcurrency)",
				"m.inFlight.Add(1) >= int64(m.cfg.MaxConcurrency)"},
			mistake{"a call refused for its bytes keeps its place", "m.held.Add(-bytes)\n\t\tm.release()\n\t\treturn dropBytes",
				"m.held.Add(-bytes)\n\t\treturn dropBytes"},
			mistake{"bytes that were refused stay held", "m.held.Add(-bytes)\n\t\tm.release()\n\t\treturn dropBytes",
				"m.release()\n\t\treturn dropBytes"},
			mistake{"bursts of ten seconds", "rate.Limit(n), max(1, int(n))", "rate.Limit(n), max(1, int(10*n))"},
			mistake{"one call more than allowed", "rate.Limit(n), max(1, int(n))", "rate.Limit(n), 1+int(n)"},
			mistake{"ten times as many calls", "&c.MaxConcurrency, 256)", "&c.MaxConcurrency, 2560)"},
			mistake{"a tenth of the memory", "&c.MaxBytes, 256<<20)", "&c.MaxBytes, 25<<20)"},
		),
	)
}
