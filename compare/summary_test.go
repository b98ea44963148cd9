package compare

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cutover/compare/stats"
	"cutover/exchange"
	"cutover/internal/millis"
)

// drawResult makes any result that Compare could.
func drawResult(t *rapid.T) Result {
	arm := func(name string) ArmResult {
		a := ArmResult{
			Called: rapid.Bool().Draw(t, name+" called"), Status: 200,
			Class:    rapid.SampledFrom([]exchange.Class{"", "", "", exchange.ClassServer, exchange.ClassAborted}).Draw(t, name+" class"),
			TTFT:     millis.Duration(rapid.Int64Range(0, 1e10).Draw(t, name+" ttft")),
			Streamed: true, UsageKnown: rapid.Bool().Draw(t, name+" usage"),
			OutputTokens: rapid.IntRange(0, 5000).Draw(t, name+" out"), InputTokens: rapid.IntRange(0, 5000).Draw(t, name+" in"),
			TextBytes: rapid.IntRange(0, 9000).Draw(t, name+" bytes"), ToolCalls: rapid.IntRange(0, 2).Draw(t, name+" calls"),
			CostKnown: rapid.Bool().Draw(t, name+" priced"), CostUSD: rapid.Float64Range(0, .3).Draw(t, name+" cost"),
			Traits: rapid.SampledFrom([][]string{nil, nil, {CodeRefusal}, {CodeToolJSON, CodeLoop}}).Draw(t, name+" traits"),
		}
		a.Total = a.TTFT + millis.Duration(rapid.Int64Range(0, 1e10).Draw(t, name+" rest"))
		if a.OutputTokens > 0 && a.TextBytes > 0 {
			a.TokensPerByte = float64(a.OutputTokens) / float64(a.TextBytes)
		}
		return a
	}
	r := Result{
		ID:       rapid.StringMatching(`[0-9A-Z]{8}`).Draw(t, "id"),
		At:       testStart.Add(time.Duration(rapid.IntRange(0, 1e6).Draw(t, "at")) * time.Second),
		Endpoint: rapid.SampledFrom([]string{"chat/completions", "messages"}).Draw(t, "endpoint"),
		Model:    rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "model"), Stream: rapid.Bool().Draw(t, "stream"),
		Outcome: rapid.SampledFrom([]Outcome{Both, Both, Skipped, Aborted}).Draw(t, "outcome"),
		Why:     rapid.SampledFrom([]string{"", "rate"}).Draw(t, "why"),
		Primary: arm("primary"), Relay: arm("relay"), Tools: rapid.Bool().Draw(t, "tools"), Burst: rapid.Bool().Draw(t, "burst"),
		Checked: rapid.Bool().Draw(t, "checked"), Similarity: rapid.Float64Range(0, 1).Draw(t, "similarity"),
	}
	for _, code := range rapid.SliceOfN(rapid.SampledFrom([]string{CodeRefusal, CodeLoop, CodeStructureType}), 0, 3).Draw(t, "findings") {
		r.Findings = append(r.Findings, newFinding(code, rapid.SampledFrom([]string{"", "relay", "primary"}).Draw(t, "arm"), ""))
	}
	if rapid.Bool().Draw(t, "triple") {
		r.Noise = &Triple{rapid.Float64Range(0, 1).Draw(t, "self"), rapid.Float64Range(0, 1).Draw(t, "to relay"),
			rapid.Float64Range(0, 1).Draw(t, "again")}
	}
	return r
}

// figures is everything that a summary says, in one form for equal summaries.
func figures(t *rapid.T, s *Summary) string {
	b, err := json.Marshal(NewReport(s, ReportOptions{}))
	if err != nil {
		t.Fatal(err)
	}
	plain := *s
	strip := func(tally *Aggregate) Aggregate {
		c := *tally
		for _, a := range []*ArmAggregate{&c.Primary, &c.Relay} {
			// The library's own encoding depends on how its bins were
			// allotted; the report above has read the quantiles.
			a.TTFB, a.TTFT, a.Total, a.Gap, a.Rate = stats.Sketch{}, stats.Sketch{}, stats.Sketch{}, stats.Sketch{}, stats.Sketch{}
		}
		return c
	}
	plain.All = strip(&s.All)
	plain.Groups = map[Group]*Aggregate{}
	for g, tally := range s.Groups {
		c := strip(tally)
		plain.Groups[g] = &c
	}
	rest, err := json.Marshal(plain)
	if err != nil {
		t.Fatal(err)
	}
	return string(b) + string(rest)
}

// The figures must be the same whether one sidecar saw all pairs or many saw a
// share each, in whatever order their summaries arrive.
func TestSummariesMerge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		results := rapid.SliceOfN(rapid.Custom(drawResult), 0, 12).Draw(t, "results")
		var whole Summary
		for _, r := range results {
			whole.Add(r)
		}
		want := figures(t, &whole)
		shares := make([]Summary, rapid.IntRange(1, 4).Draw(t, "sidecars"))
		for _, i := range rapid.Permutation(indexes(len(results))).Draw(t, "order") {
			shares[rapid.IntRange(0, len(shares)-1).Draw(t, "sidecar")].Add(results[i])
		}
		var left, right Summary
		for _, s := range shares {
			left.Merge(s)
		}
		slices.Reverse(shares)
		for _, s := range shares { // grouped the other way round
			next := Summary{}
			next.Merge(s)
			next.Merge(right)
			right = next
		}
		if got := figures(t, &left); got != want {
			t.Fatalf("merged:\n%s\nwhole:\n%s", got, want)
		}
		if got := figures(t, &right); got != want {
			t.Fatalf("merged in another order:\n%s\nwhole:\n%s", got, want)
		}
	})
}

func indexes(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// A summary that was sent through JSON must merge as before.
func TestSummariesSurviveJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s, back Summary
		for _, r := range rapid.SliceOfN(rapid.Custom(drawResult), 0, 6).Draw(t, "results") {
			s.Add(r)
		}
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		d := json.NewDecoder(bytes.NewReader(b))
		d.DisallowUnknownFields()
		if err := d.Decode(&back); err != nil {
			t.Fatal(err)
		}
		s.Merge(s)
		twin := back
		back.Merge(twin)
		if got, want := figures(t, &back), figures(t, &s); got != want {
			t.Fatalf("got\n%s\nwant\n%s", got, want)
		}
	})
}

// Merging must not tie two summaries together.
func TestMergedSummariesShareNothing(t *testing.T) {
	r := Compare(chatPair("I'm sorry, but I can't help.", "Yes."), Options{})
	var a, b Summary
	a.Add(r)
	b.Merge(a)
	before, _ := json.Marshal(a)
	b.Add(r)
	b.Merge(b)
	if after, _ := json.Marshal(a); string(after) != string(before) {
		t.Errorf("a changed with b:\n%s\n%s", before, after)
	}
}

func TestSummaryCounts(t *testing.T) {
	var s Summary
	pair := func(change func(p *Pair)) {
		p := chatPair("one two", "one two")
		change(&p)
		s.Add(Compare(p, Options{RelayPrices: Prices{"default": {Input: 1, Output: 1}}}))
	}
	pair(func(*Pair) {})
	pair(func(p *Pair) { p.Relay = failed(exchange.Relay, exchange.ClassServer, 500) })
	pair(func(p *Pair) { p.Relay = failed(exchange.Relay, exchange.ClassAborted, 200); p.Outcome = Aborted })
	pair(func(p *Pair) { p.Primary, p.Relay, p.Outcome, p.Why = nil, nil, Dropped, "concurrency" })
	pair(func(p *Pair) { p.Request.Facts.Model = "o3"; p.Relay.Completion.Text = "three four" })
	if s.All.Requests() != 5 || s.All.Outcomes[Both] != 3 || s.All.Reasons["concurrency"] != 1 || s.All.Pairs != 4 || len(s.Groups) != 2 {
		t.Errorf("%+v", s)
	}
	if part := s.Within(Scope{Model: "o3", Endpoint: "chat/completions"}); part.All.Pairs != 1 || part.All.Requests() != 1 ||
		len(part.Groups) != 1 {
		t.Errorf("one model: %+v", part)
	}
	if s.All.Relay.Errors != 1 || s.All.Errors != (stats.Discordance{Zero: 2, Plus: 1}) {
		t.Errorf("errors: %+v, paired %+v", s.All.Relay.Errors, s.All.Errors)
	}
	if s.All.Checked != 2 || s.All.TextEqual != 1 || s.All.MeanSimilarity() != .5 || s.All.SimilarityHistogram[0] != 1 ||
		s.All.SimilarityHistogram[19] != 1 {
		t.Errorf("contents: %+v", s.All)
	}
	if got := s.All.Relay.Cost.Float(); math.Abs(got-2*151e-6) > 1e-12 {
		t.Errorf("cost %v", got)
	}
	if c := s.All.Codes[Code{Code: "outcome.server_error"}]; c.Relay != 1 || c.Example != "01JTEST" {
		t.Errorf("codes: %+v", s.All.Codes)
	}
}

func TestNamesThatCallersMakeUpAreBounded(t *testing.T) {
	var s Summary
	for i := range 3 * maxGroups {
		p := chatPair("a", "b")
		p.Request.Facts.Model = fmt.Sprint("m", i)
		r := Compare(p, Options{})
		r.Findings = append(r.Findings, newFinding(CodeStructureMissing, "relay", fmt.Sprint("path", i)))
		s.Add(r)
	}
	if len(s.Groups) > maxGroups+1 || len(s.All.Codes) > maxCodes+1 || s.Groups[otherGroup].Pairs == 0 {
		t.Errorf("%d groups, %d codes", len(s.Groups), len(s.All.Codes))
	}
}

func BenchmarkSummaryAdd(b *testing.B) {
	r := Compare(chatPair(prose(200, 1), prose(200, 2)), Options{})
	var s Summary
	for b.Loop() {
		s.Add(r)
	}
}

func TestDiffersFromItself(t *testing.T) {
	var same, other NoiseAggregate
	for i := range 300 {
		d := .6 + .1*math.Sin(float64(i))
		e := .6 + .1*math.Sin(float64(i)*1.7)
		f := .6 + .1*math.Sin(float64(i)*2.9)
		same.Add(Triple{Self: d, Relay: e, Again: f})
		other.Add(Triple{Self: d, Relay: e + .15, Again: f + .15})
		if i == 3 && (same.Differs(.02, .05) != Unknown || other.Differs(.02, .05) != Unknown) {
			t.Error("four triples are enough")
		}
	}
	for range 40 {
		same.Merge(same)
		if same.Excess.N > 1e5 {
			break
		}
	}
	if got := same.Differs(.02, .05); got != No {
		t.Errorf("the same: %s (%v ± %v)", got, same.Excess.Mean(), same.Excess.Radius(.05))
	}
	if got := other.Differs(.02, .05); got != Yes {
		t.Errorf("another: %s", got)
	}
	p := chatPair("a b c d", "a b x y")
	p.Rerun = answer(exchange.Primary, "a b c e")
	r := Compare(p, Options{})
	if r.Noise == nil || math.Abs(r.Noise.Self-.4) > 1e-9 || math.Abs(r.Noise.Relay-2./3) > 1e-9 {
		t.Errorf("%+v", r.Noise)
	}
	p.Rerun = failed(exchange.Primary, exchange.ClassServer, 500)
	if r := Compare(p, Options{}); r.Noise != nil {
		t.Error("a failed second call makes a triple")
	}
}
