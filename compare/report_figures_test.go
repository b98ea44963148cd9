package compare_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"cutover/compare"
	"cutover/compare/stats"
	"cutover/exchange"
	"cutover/internal/millis"
)

// asked is a report's answer to one question about a tally, by default margins:
// failures and faults 1 point, times a tenth, noise .02, all at alpha .05.
func asked(t *testing.T, key string, tally compare.Aggregate) compare.Question {
	t.Helper()
	r := reportOf(tally)
	for _, q := range r.Questions {
		if q.Key == key {
			return q
		}
	}
	t.Fatalf("no question %q", key)
	return compare.Question{}
}

func reportOf(tally compare.Aggregate) compare.Report {
	return compare.NewReport(&compare.Summary{All: tally}, compare.ReportOptions{})
}

// ratio is a log-ratio of n pairs.
func ratio(n uint64, mean, deviation float64) stats.LogRatio {
	return stats.LogRatio{Moments: moments(n, mean, deviation)}
}

// Failures and faults: promoted at ln E >= ln 20 = 2.9957, which 594 pairs
// without any reach (3.0003) and 593 do not (2.9923); harmful at ln (5 / .05) =
// 4.6052 (five ways to stop share alpha), which 12 of 102 reach (5.2123) and 11
// of 101 do not (4.6023).
func TestBarsOfTheQuestionsOnFailuresAndFaults(t *testing.T) {
	for _, c := range []struct {
		d    stats.Discordance
		want compare.Answer
	}{
		{stats.Discordance{Zero: 593}, compare.Unknown},
		{stats.Discordance{Zero: 594}, compare.Yes},
		{stats.Discordance{Zero: 90, Plus: 11}, compare.Unknown},
		{stats.Discordance{Zero: 90, Plus: 12}, compare.No},
		{stats.Discordance{Zero: 90, Minus: 12}, compare.Yes},
	} {
		for key, tally := range map[string]compare.Aggregate{
			"errors":   {Pairs: c.d.N(), Errors: c.d},
			"findings": {Pairs: c.d.N(), Faults: c.d},
		} {
			if got := asked(t, key, tally); got.Answer != c.want {
				t.Errorf("%s of %+v: %q, want %q", key, c.d, got.Answer, c.want)
			}
		}
	}
}

// An outage is a reason to stop though nothing bets on bursts: 20 pairs, and
// more than 1 point of all.
func TestAnOutageAnswersTheQuestionOnFailures(t *testing.T) {
	down := stats.Discordance{Zero: 1000, Skipped: 30, BurstPlus: 30}
	if got := asked(t, "errors", compare.Aggregate{Pairs: 1030, Errors: down}); got.Answer != compare.No || !strings.Contains(got.Why,
		"in 30 pairs") {
		t.Errorf("%+v", got)
	}
	short := stats.Discordance{Zero: 3000, Skipped: 30, BurstPlus: 30}
	if got := asked(t, "errors", compare.Aggregate{Pairs: 3030, Errors: short}); got.Answer != compare.Yes {
		t.Errorf("30 of 3,030 are no outage: %+v", got)
	}
}

// Times: at 100 pairs of deviation .1 the boundary is .0367907 at .05 and
// .0413393 at .05 / 5; the margin is ln 1.1 = .0953102.
func TestBarsOfTheQuestionsOnTimes(t *testing.T) {
	for _, c := range []struct {
		l    stats.LogRatio
		want compare.Answer
	}{
		{ratio(100, .0584, .1), compare.Yes},     // .0584 + .0367907 < .0953102
		{ratio(100, .0587, .1), compare.Unknown}, // .0587 + .0367907 > .0953102
		{ratio(100, .1364, .1), compare.Unknown}, // .1364 - .0413393 < .0953102
		{ratio(100, .1369, .1), compare.No},      // .1369 - .0413393 > .0953102
		{ratio(99, -1, 0), compare.Unknown},
		{ratio(99, 1, 0), compare.Unknown},
		{ratio(100, -1, 0), compare.Yes},
		{ratio(100, 1, 0), compare.No},
	} {
		for key, tally := range map[string]compare.Aggregate{
			"ttft": {Pairs: c.l.N, TTFT: c.l}, "total": {Pairs: c.l.N, Total: c.l},
		} {
			if got := asked(t, key, tally); got.Answer != c.want {
				t.Errorf("%s, %d pairs, mean %v: %q, want %q", key, c.l.N, c.l.Mean(), got.Answer, c.want)
			}
		}
	}
}

// Answers' distance: the margin is .02, and the boundary at 400 triples of
// deviation .1 is .0144301.
func TestBarsOfTheQuestionOnNoise(t *testing.T) {
	for mean, want := range map[float64]compare.Answer{.0055: compare.Yes, .0057: compare.Unknown, .0146: compare.No} {
		got := asked(t, "noise", compare.Aggregate{Pairs: 400, Noise: compare.NoiseAggregate{Excess: moments(400, mean, .1)}})
		if got.Answer != want {
			t.Errorf("excess %v: %q, want %q", mean, got.Answer, want)
		}
	}
}

// A bill is a reason to stop when it is shown to be over 5 % higher: at 100
// pairs of deviation .1 from a mean of ln 1.05 + .0413393 = .0901295 on.
func TestBillsThatStop(t *testing.T) {
	for _, c := range []struct {
		l    stats.LogRatio
		want bool
	}{{ratio(100, .0899, .1), false}, {ratio(100, .0904, .1), true}, {ratio(99, .5, 0), false}, {ratio(100, .05, 0), true},
		{ratio(100, .04, 0), false}} {
		for name, tally := range map[string]compare.Aggregate{"input": {Pairs: c.l.N, Input: c.l}, "output": {Pairs: c.l.N, Output: c.l}} {
			if got := reportOf(tally).Conclusion; (got.Answer == compare.Stop) != c.want || c.want && !strings.Contains(got.Sentence,
				name+" tokens") {
				t.Errorf("%s, %d pairs, mean %v: %+v, want stop %v", name, c.l.N, c.l.Mean(), got, c.want)
			}
		}
	}
}

// A code of findings is raised at ln E >= ln (64 / .05) = 7.1546, since 64
// codes are looked at: 16 pairs of the relay's alone (7.7305), not 15 (7.0924),
// and 25 when the primary has 3 (24 bring 6.7078).
func TestBarOfSignificantFindings(t *testing.T) {
	for _, c := range []struct {
		tally compare.CodeCounts
		want  bool
	}{
		{compare.CodeCounts{Relay: 15}, false},
		{compare.CodeCounts{Relay: 16}, true},
		{compare.CodeCounts{Relay: 24, Primary: 3}, false},
		{compare.CodeCounts{Relay: 25, Primary: 3}, true},
		{compare.CodeCounts{Primary: 50}, false},
		{compare.CodeCounts{Pair: 50}, false},
		{compare.CodeCounts{Relay: 30, BurstRelay: 15}, false}, // those in bursts are no evidence
		{compare.CodeCounts{Relay: 31, BurstRelay: 15}, true},
		{compare.CodeCounts{Relay: 16, Primary: 40, BurstPrimary: 40}, true},
	} {
		if got := c.tally.Significant(.05); got != c.want {
			t.Errorf("%+v is raised: %v, want %v (ln E is %v)", c.tally, got, c.want, c.tally.LogE())
		}
	}
}

// Which findings stop: raised ones that callers notice. Failed calls have a
// question of their own.
func TestFindingsThatStop(t *testing.T) {
	for code, want := range map[string]compare.Answer{
		compare.CodeToolSchema:       compare.No,  // critical
		compare.CodeTruncated:        compare.No,  // major
		compare.CodeShort:            compare.Yes, // minor
		compare.CodeCost:             compare.Yes, // worth knowing
		"outcome.server_error":       compare.Yes,
		"conformance.json":           compare.No,
		compare.CodeStructureMissing: compare.Yes,
	} {
		tally := compare.Aggregate{
			Pairs: 1000, Faults: stats.Discordance{Zero: 1000},
			Codes: map[compare.Code]compare.CodeCounts{{Code: code}: {Relay: 20}},
		}
		if got := asked(t, "findings", tally); got.Answer != want {
			t.Errorf("%s, raised: %q, want %q", code, got.Answer, want)
		}
	}
}

// How many more pairs an answer takes, to one digit: without any failure 820
// pairs in all from 500 on, so 320 more; what takes over a million is not told.
func TestPairsStillAskedFor(t *testing.T) {
	for _, c := range []struct {
		d    stats.Discordance
		want float64
	}{
		{stats.Discordance{Zero: 200}, 800}, // 934 in all
		{stats.Discordance{Zero: 400}, 500}, // 852
		{stats.Discordance{Zero: 500}, 400}, // 820
		{stats.Discordance{Zero: 550}, 300}, // 810
	} {
		got := asked(t, "errors", compare.Aggregate{Pairs: c.d.N(), Errors: c.d})
		if got.PairsNeeded == nil || *got.PairsNeeded != c.want {
			t.Errorf("%+v: %v, want %v", c.d, got.PairsNeeded, c.want)
		}
	}
	long := stats.Discordance{Minus: 40, Zero: 900, Plus: 49} // 1,118,895
	if got := asked(t, "errors", compare.Aggregate{Pairs: 989, Errors: long}); got.PairsNeeded != nil || !strings.Contains(got.Why,
		"not expected to settle") {
		t.Errorf("over a million: %+v", got)
	}
}

// passing is a tally of which every question is answered yes.
func passing() compare.Aggregate {
	equal := stats.Discordance{Zero: 5000}
	return compare.Aggregate{
		Pairs: 5000, Outcomes: map[compare.Outcome]uint64{compare.Both: 5000}, Errors: equal, Faults: equal,
		TTFT: ratio(5000, 0, .1), Total: ratio(5000, 0, .1), Noise: compare.NoiseAggregate{Excess: moments(5000, 0, .1)},
	}
}

// The verdict for each thing that is not as it should be.
func TestConclusions(t *testing.T) {
	far, open, bad := compare.NoiseAggregate{Excess: moments(5000, .1, .1)}, stats.Discordance{Zero: 50}, stats.Discordance{Zero: 90, Plus: 12}
	for _, c := range []struct {
		name   string
		change func(*compare.Aggregate)
		want   compare.Recommendation
		said   string
	}{
		{"all is shown", func(*compare.Aggregate) {}, compare.Go, "Go: over 5000 pairs"},
		{"no pairs, though requests", func(t *compare.Aggregate) { t.Pairs = 0 }, compare.NoData, "No data"},
		{"failures are open", func(t *compare.Aggregate) { t.Errors = open }, compare.Wait, "1 of 5 questions"},
		{"faults are open", func(t *compare.Aggregate) { t.Faults = open }, compare.Wait, "1 of 5 questions"},
		{"the first token is open", func(t *compare.Aggregate) { t.TTFT = ratio(50, 0, .1) }, compare.Wait, "1 of 5 questions"},
		{"the whole is open", func(t *compare.Aggregate) { t.Total = ratio(50, 0, .1) }, compare.Wait, "1 of 5 questions"},
		{"noise is open", func(t *compare.Aggregate) { t.Noise = compare.NoiseAggregate{} }, compare.Wait, "still open"},
		{"answers differ", func(t *compare.Aggregate) { t.Noise = far }, compare.Review, "responses differ"},
		{"answers differ, failures are open", func(t *compare.Aggregate) { t.Noise, t.Errors = far, open }, compare.Review,
			"Questions still open: 1 of 5"},
		{"fails", func(t *compare.Aggregate) { t.Errors = bad }, compare.Stop, "fails more often"},
		{"has faults", func(t *compare.Aggregate) { t.Faults = bad }, compare.Stop, "more faults"},
		{"slow to speak", func(t *compare.Aggregate) { t.TTFT = ratio(5000, .5, .1) }, compare.Stop, "slower to send the first token"},
		{"slow to end", func(t *compare.Aggregate) { t.Total = ratio(5000, .5, .1) }, compare.Stop, "slower to complete the response"},
		{"bills more", func(t *compare.Aggregate) { t.Input = ratio(5000, .5, .1) }, compare.Stop, "input tokens"},
		{"fails and is slow", func(t *compare.Aggregate) { t.Errors, t.TTFT = bad, ratio(5000, .5, .1) }, compare.Stop, "fails more often"},
	} {
		tally := passing()
		c.change(&tally)
		if got := reportOf(tally).Conclusion; got.Answer != c.want || !strings.Contains(got.Sentence, c.said) {
			t.Errorf("%s: %+v, want %s with %q", c.name, got, c.want, c.said)
		}
	}
}

// What stands behind each figure of the table.
func TestRowsAndTheirDenominators(t *testing.T) {
	tally := compare.Aggregate{
		Pairs: 200, Errors: stats.Discordance{Minus: 2, Zero: 190, Plus: 8},
		Codes: map[compare.Code]compare.CodeCounts{{Code: compare.CodeRefusal}: {Relay: 12, Primary: 2}},
		Primary: compare.ArmAggregate{
			Calls: 250, Errors: 10, Usable: 100, Traits: map[string]uint64{compare.CodeRefusal: 5},
			ToolResponses: 50, ToolBad: 5, JSONAsked: 40, JSONBad: 2, Priced: 20, PricedTokens: 4000, Cost: 10e9,
		},
		Relay: compare.ArmAggregate{
			Calls: 200, Errors: 16, Usable: 120, Traits: map[string]uint64{compare.CodeRefusal: 15},
			ToolResponses: 60, ToolBad: 12, JSONAsked: 40, JSONBad: 4, Priced: 10, PricedTokens: 3000, Cost: 6e9,
		},
	}
	rows := map[string]compare.Row{}
	for _, row := range reportOf(tally).Rows {
		rows[row.Key] = row
	}
	for _, c := range []struct {
		key                        string
		primary, relay, difference float64
		primaryN, relayN           uint64
	}{
		{"errors", .04, .08, .03, 250, 200},             // of calls; (8 - 2) / 200, paired
		{compare.CodeRefusal, .05, .125, .05, 100, 120}, // of usable answers; (12 - 2) / 200, paired
		{"tools_valid", .9, .8, -.1, 50, 60},            // of answers that call tools
		{"json_valid", .95, .9, -.05, 40, 40},           // of answers that were to be JSON
		{"cost", .5, .6, 1.2, 20, 10},                   // dollars a call
		{"cost_tokens", 2500, 2000, .8, 20, 10},         // dollars a million tokens
	} {
		row, ok := rows[c.key]
		if !ok || row.Primary == nil || row.Relay == nil || row.Difference == nil {
			t.Errorf("%s: %+v", c.key, row)
			continue
		}
		near(t, c.key+", primary", *row.Primary, c.primary, 1e-9)
		near(t, c.key+", relay", *row.Relay, c.relay, 1e-9)
		near(t, c.key+", difference", *row.Difference, c.difference, 1e-9)
		if row.PrimaryN != c.primaryN || row.RelayN != c.relayN {
			t.Errorf("%s: of %d and %d, want %d and %d", c.key, row.PrimaryN, row.RelayN, c.primaryN, c.relayN)
		}
	}
	for key, want := range map[string]stats.Interval{
		"errors":            tally.Errors.Interval(.05),
		compare.CodeRefusal: stats.Discordance{Minus: 2, Zero: 186, Plus: 12}.Interval(.05),
		"tools_valid":       stats.DifferenceInterval(45, 50, 48, 60, .05),
		"json_valid":        stats.DifferenceInterval(38, 40, 36, 40, .05),
	} {
		if got := rows[key].Interval; got == nil || *got != want {
			t.Errorf("%s: interval %v, want %v", key, got, want)
		}
	}
}

// The p95 is the p95, and ratios are relay / primary.
func TestRowsOfTimes(t *testing.T) {
	var tally compare.Aggregate
	for i := range 1000 {
		tally.Primary.TTFT.Add(float64(i + 1))
		tally.Relay.TTFT.Add(float64(2*i + 2))
		tally.Primary.Rate.Add(100)
		tally.Relay.Rate.Add(50)
	}
	tally.Rate = ratio(1000, -math.Ln2, .1)
	tally.TTFT = ratio(1000, math.Ln2, .1)
	rows := map[string]compare.Row{}
	for _, row := range reportOf(tally).Rows {
		rows[row.Key] = row
	}
	for key, want := range map[string]float64{"ttft_p50": 500, "ttft_p95": 950, "ttft_p99": 990} {
		row := rows[key]
		if row.Primary == nil || math.Abs(*row.Primary/want-1) > .011 || math.Abs(*row.Relay/want/2-1) > .011 ||
			math.Abs(*row.Difference/2-1) > .021 {
			t.Errorf("%s: %+v, want about %v, twice that, and a ratio of 2", key, row, want)
		}
	}
	for key, want := range map[string]int{"ttft_mean": -1, "rate_mean": -1} {
		if row := rows[key]; row.Sense() != want {
			t.Errorf("%s: sense %d, want %d: twice as slow is worse: %+v", key, row.Sense(), want, row)
		}
	}
}

// Shares are even at 0, ratios at 1; more may be better, worse or neither.
func TestSenseOfAnInterval(t *testing.T) {
	for _, c := range []struct {
		row  compare.Row
		want int
	}{
		{compare.Row{Unit: compare.UnitShare, Interval: &stats.Interval{Low: .01, High: .02}}, -1},
		{compare.Row{Unit: compare.UnitShare, Interval: &stats.Interval{Low: -.02, High: -.01}}, 1},
		{compare.Row{Unit: compare.UnitShare, Interval: &stats.Interval{Low: -.01, High: .02}}, 0},
		{compare.Row{Unit: compare.UnitShare, Interval: &stats.Interval{Low: 0, High: .02}}, 0},
		{compare.Row{Unit: compare.UnitShare, MoreIsBetter: true, Interval: &stats.Interval{Low: .01, High: .02}}, 1},
		{compare.Row{Unit: compare.UnitMillis, Interval: &stats.Interval{Low: 1.1, High: 2}}, -1},
		{compare.Row{Unit: compare.UnitMillis, Interval: &stats.Interval{Low: .5, High: .9}}, 1},
		{compare.Row{Unit: compare.UnitMillis, Interval: &stats.Interval{Low: .9, High: 1.1}}, 0},
		{compare.Row{Unit: compare.UnitRate, MoreIsBetter: true, Interval: &stats.Interval{Low: .5, High: .9}}, -1},
		{compare.Row{Interval: &stats.Interval{Low: 1.1, High: 2}}, -1}, // a plain ratio
		{compare.Row{Neutral: true, Interval: &stats.Interval{Low: 1.1, High: 2}}, 0},
		{compare.Row{Unit: compare.UnitMillis}, 0},
	} {
		if got := c.row.Sense(); got != c.want {
			t.Errorf("%+v in %+v: %d, want %d", c.row, c.row.Interval, got, c.want)
		}
	}
}

// 2 * both / (2 * both + primary only + relay only).
func TestF1OfToolCalls(t *testing.T) {
	f1, ok := compare.ToolCounts{Both: 6, PrimaryOnly: 2, RelayOnly: 1, Neither: 50}.F1()
	if near(t, "F1 of 6, 2, 1", f1, .8, 1e-12); !ok {
		t.Error("not known")
	}
	if _, ok := (compare.ToolCounts{Neither: 50}).F1(); ok {
		t.Error("nobody called a tool, and F1 is known")
	}
}

// Raised before others, then by severity, then by how often; a share is of all
// pairs. Groups with the most pairs come first.
func TestOrderOfFindingsAndGroups(t *testing.T) {
	s := compare.Summary{All: compare.Aggregate{Pairs: 400, Codes: map[compare.Code]compare.CodeCounts{
		{Code: compare.CodeShort}:      {Relay: 40}, // minor, raised
		{Code: compare.CodeTruncated}:  {Relay: 8},  // major
		{Code: compare.CodeLoop}:       {Relay: 9},  // major
		{Code: compare.CodeToolSchema}: {Relay: 2, Primary: 2},
		{Code: compare.CodeCost}:       {Relay: 10},
		{Code: compare.CodeRefusal}:    {Primary: 100}, // only the primary's: worth knowing
	}}, Groups: map[compare.Group]*compare.Aggregate{
		{Model: "a"}: {Pairs: 3}, {Model: "b"}: {Pairs: 5}, {Model: "c"}: {Pairs: 4},
	}}
	r := compare.NewReport(&s, compare.ReportOptions{})
	var got []string
	for _, f := range r.Findings {
		got = append(got, f.Code)
	}
	want := "[text.short tools.schema text.loop text.truncated cost.higher text.refusal]"
	if fmt.Sprint(got) != want {
		t.Errorf("findings %v, want %s", got, want)
	}
	if f := r.Findings[0]; f.Share != .1 || !f.Significant {
		t.Errorf("40 of 400 pairs: %+v", f)
	}
	if fmt.Sprint(r.Groups[0].Model, r.Groups[1].Model, r.Groups[2].Model) != "bca" {
		t.Errorf("groups: %+v", r.Groups)
	}
}

// The rate is that of the gaps between requests: 61 requests in an hour are 60
// an hour. A month is 30.44 days.
func TestSavingNeedsAMinute(t *testing.T) {
	tally := func(span time.Duration) compare.Aggregate {
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		return compare.Aggregate{
			First: at, Last: at.Add(span), Outcomes: map[compare.Outcome]uint64{compare.Both: 61},
			Primary: compare.ArmAggregate{Priced: 61, Cost: 61e9}, Relay: compare.ArmAggregate{Priced: 61, Cost: 122e8},
		}
	}
	if v := reportOf(tally(59 * time.Second)).Saving; v != nil {
		t.Errorf("from 59 seconds: %+v", v)
	}
	v := reportOf(tally(time.Hour)).Saving
	if v == nil {
		t.Fatal("from an hour: nothing")
	}
	near(t, "calls a month", v.CallsPerMonth, 60*24*30.44, 1e-6)
	near(t, "saved a month at $.8 a call", v.PerMonth, .8*60*24*30.44, 1e-3)
}

// What each call and each pair of calls counts for.
func TestWhatIsEvidence(t *testing.T) {
	ok := compare.ArmResult{
		Called: true, Status: 200, TTFT: millis.Duration(time.Second), Total: millis.Duration(2 * time.Second),
		TextBytes: 10, UsageKnown: true, InputTokens: 10,
	}
	with := func(class exchange.Class) compare.ArmResult {
		a := ok
		a.Class = class
		return a
	}
	failed, aborted, unsent := with(exchange.ClassServer), with(exchange.ClassAborted), with(exchange.ClassNotSent)
	for _, c := range []struct {
		name           string
		primary, relay compare.ArmResult
		burst          bool
		errors         stats.Discordance
		faults, times  uint64 // pairs
	}{
		{"both good", ok, ok, false, stats.Discordance{Zero: 1}, 1, 1},
		{"both failed", failed, failed, false, stats.Discordance{Zero: 1}, 0, 0},
		{"the relay failed", ok, failed, false, stats.Discordance{Plus: 1}, 0, 0},
		{"the primary failed", failed, ok, false, stats.Discordance{Minus: 1}, 0, 0},
		{"the caller left", aborted, ok, false, stats.Discordance{}, 0, 0},
		{"the relay's was broken off", ok, aborted, false, stats.Discordance{}, 0, 0},
		{"not sent", ok, unsent, false, stats.Discordance{}, 0, 0},
		{"the relay failed in a burst", ok, failed, true, stats.Discordance{Skipped: 1, BurstPlus: 1}, 0, 0},
		{"both good in a burst", ok, ok, true, stats.Discordance{Skipped: 1}, 1, 1},
		{"no call to the relay", ok, compare.ArmResult{}, false, stats.Discordance{}, 0, 0},
	} {
		var s compare.Summary
		s.Add(compare.Result{Primary: c.primary, Relay: c.relay, Burst: c.burst})
		if got := s.All; got.Errors != c.errors || got.Faults.N() != c.faults || got.TTFT.N != c.times || got.Total.N != c.times ||
			got.Length.N != c.times || got.Input.N != c.times {
			t.Errorf("%s: errors %+v, %d faults, %d %d %d %d times", c.name, got.Errors, got.Faults.N(), got.TTFT.N, got.Total.N,
				got.Length.N, got.Input.N)
		}
		usable := 0
		if c.primary.OK() {
			usable++
		}
		if got := s.All.Primary; int(got.Usable) != usable || got.TTFT.N() != usable {
			t.Errorf("%s: %d usable answers of the primary's with %d times, want %d", c.name, got.Usable, got.TTFT.N(), usable)
		}
	}
	one := ok
	one.UsageKnown = false
	var s compare.Summary
	s.Add(compare.Result{Primary: ok, Relay: one})
	if s.All.Input.N != 0 {
		t.Error("input tokens are compared where one side does not tell them")
	}
}

// Whose fault is whose, and in which direction the ratios go.
func TestSidesOfEvidence(t *testing.T) {
	arm := func(ttft time.Duration, bytes int) compare.ArmResult {
		return compare.ArmResult{Called: true, Status: 200, TTFT: millis.Duration(ttft), Total: millis.Duration(2 * ttft), TextBytes: bytes}
	}
	var s compare.Summary
	s.Add(compare.Result{
		Primary: arm(time.Second, 100), Relay: arm(2*time.Second, 50),
		Findings: []compare.Finding{{Code: compare.CodeToolSchema, Arm: "relay", Severity: compare.Critical}},
	})
	if got := s.All.Faults; got != (stats.Discordance{Plus: 1}) {
		t.Errorf("a fault of the relay's: %+v", got)
	}
	near(t, "first token", s.All.TTFT.Mean(), math.Ln2, 1e-6)
	near(t, "whole", s.All.Total.Mean(), math.Ln2, 1e-6)
	near(t, "length", s.All.Length.Mean(), -math.Ln2, 1e-6)
}

// Answers that call tools, and those that were to be JSON, are counted apart.
func TestToolsAndJSONAreCountedApart(t *testing.T) {
	arm := func(calls int, json bool, traits ...string) compare.ArmResult {
		return compare.ArmResult{Called: true, Status: 200, ToolCalls: calls, JSONAsked: json, Traits: traits}
	}
	var s compare.Summary
	for _, a := range []compare.ArmResult{
		arm(1, false), arm(2, false, compare.CodeToolSchema), arm(0, false), arm(0, true, compare.CodeJSONInvalid), arm(0, true),
		arm(1, true, compare.CodeJSONSchema), arm(0, false, compare.CodeRefusal),
	} {
		s.Add(compare.Result{Relay: a})
	}
	if got := s.All.Relay; got.ToolResponses != 3 || got.ToolBad != 1 || got.JSONAsked != 3 || got.JSONBad != 2 {
		t.Errorf("tools %d of %d, JSON %d of %d; want 1 of 3 and 2 of 3", got.ToolBad, got.ToolResponses, got.JSONBad, got.JSONAsked)
	}
}

// In bursts only failed calls are no evidence. The example is one that people
// can look at, the relay's before the primary's.
func TestFindingsInBurstsAndTheirExamples(t *testing.T) {
	found := func(id, code, arm string, burst, sampled bool) compare.Result {
		return compare.Result{
			ID: id, Primary: compare.ArmResult{Called: true}, Relay: compare.ArmResult{Called: true}, Burst: burst, Sampled: sampled,
			Findings: []compare.Finding{{Code: code, Arm: arm}},
		}
	}
	var a, b compare.Summary
	a.Add(found("9", "outcome.server_error", "relay", true, false))
	a.Add(found("1", "outcome.server_error", "primary", true, true))
	b.Add(found("2", "outcome.server_error", "relay", true, true))
	b.Add(found("7", "text.loop", "relay", true, false))
	a.Merge(b)
	if got, want := a.All.Codes[compare.Code{Code: "outcome.server_error"}],
		(compare.CodeCounts{Relay: 2, Primary: 1, BurstRelay: 2, BurstPrimary: 1, Example: "2", Rank: 3}); got != want {
		t.Errorf("failed calls: %+v, want %+v", got, want)
	}
	if got := a.All.Codes[compare.Code{Code: "text.loop"}]; got.BurstRelay != 0 || got.Relay != 1 {
		t.Errorf("a loop in a burst: %+v", got)
	}
}

// Callers who make names up don't fill memory: 500 codes and 300 groups, and
// one more for the rest.
func TestNamesAreBounded(t *testing.T) {
	var s compare.Summary
	for i := range 2000 {
		s.Add(compare.Result{
			Model: fmt.Sprint("m", i), Primary: compare.ArmResult{Called: true}, Relay: compare.ArmResult{Called: true},
			Findings: []compare.Finding{{Code: compare.CodeStructureMissing, Path: fmt.Sprint("p", i), Arm: "relay"}},
		})
	}
	if len(s.Groups) != 301 || len(s.All.Codes) != 501 {
		t.Errorf("%d groups and %d codes, want 301 and 501", len(s.Groups), len(s.All.Codes))
	}
}
