package compare

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"cutover/compare/stats"
)

// ReportOptions say what a report is about and by what it decides.
type ReportOptions struct {
	Scope    Scope
	Now      time.Time // when the report is made; only Report.Made depends on it
	Criteria Criteria
}

// NewReport makes a report of a summary.
func NewReport(s *Summary, o ReportOptions) Report {
	c := o.Criteria.withDefaults()
	a := &s.All
	r := Report{
		Made: o.Now, Scope: o.Scope, First: a.First, Last: a.Last,
		Requests: a.Requests(), Outcomes: a.Outcomes, Reasons: a.Reasons,
		Pairs: a.Pairs, Checked: a.Checked, Alpha: c.Alpha,
		Rows: rows(a, c.Alpha), Saving: saving(a), Contents: contents(a),
		Noise: noise(&a.Noise, c), Findings: summarizeFindings(a, c.Alpha), Groups: groups(s), Curves: curves(a),
	}
	if r.Outcomes == nil {
		r.Outcomes = map[Outcome]uint64{} // in JSON an object, not null
	}
	r.Questions = questions(a, &r, c)
	r.Conclusion = conclude(a, &r, c)
	return r
}

func contents(t *Aggregate) Contents {
	c := Contents{
		TextEqual: share(t.TextEqual, t.Checked), ToolsEqual: share(t.ToolsEqual, t.Checked),
		SimilarityHistogram: t.SimilarityHistogram,
	}
	if t.Checked > 0 {
		c.Similarity = ref(t.MeanSimilarity())
	}
	if f1, ok := t.Tools.F1(); ok {
		c.ToolF1 = ref(f1)
	}
	return c
}

// noise compares the relay's distance with the primary's own variation.
func noise(a *NoiseAggregate, c Criteria) Noise {
	n := Noise{
		Triples: a.Excess.N, Self: a.MeanSelf(), Excess: a.Excess.Mean(),
		LogE: stats.SignLogE(a.Wins, a.Losses), Differs: a.Differs(c.NoiseMargin, c.Alpha),
	}
	if i, ok := a.Excess.Interval(c.Alpha); ok {
		n.Interval = &i
	}
	if n.Triples == 0 {
		n.Sentence = "Not measured: no request was sent to the primary twice. Set the flag noise-percentage above 0."
		return n
	}
	n.Sentence = fmt.Sprintf("The primary's own responses differ from each other by %.3f; ", n.Self)
	switch n.Differs {
	case Yes:
		n.Sentence += fmt.Sprintf("the relay's differ by %.3f more (%d triples).", n.Excess, n.Triples)
	case No:
		n.Sentence += fmt.Sprintf("the relay's differ by at most %.3f more (%d triples).", c.NoiseMargin, n.Triples)
	default:
		n.Sentence += fmt.Sprintf("the relay's seem to differ by %.3f more (%d triples).", n.Excess, n.Triples)
		if total, ok := a.Excess.PairsToShowBelow(c.NoiseMargin, c.Alpha); ok {
			n.PairsNeeded = ref(roundUp(max(1, total-float64(n.Triples))))
			n.Sentence += fmt.Sprintf(" About %s more triples needed.", formatCount(*n.PairsNeeded))
		}
	}
	return n
}

// summarizeFindings lists the codes of findings: significant ones first, then by
// severity and frequency.
func summarizeFindings(a *Aggregate, alpha float64) []FindingSummary {
	out := make([]FindingSummary, 0, len(a.Codes))
	for code, c := range a.Codes {
		arm := armRelay
		if c.Relay == 0 {
			arm = ""
			if c.Pair == 0 {
				arm = armPrimary
			}
		}
		f := newFinding(code.Code, arm, code.Path)
		out = append(out, FindingSummary{
			Code: code.Code, Path: code.Path, Severity: f.Severity, Sentence: f.Sentence,
			Relay: c.Relay, Primary: c.Primary, Pair: c.Pair,
			Share:       float64(c.N()) / float64(max(a.Pairs, c.N(), 1)),
			Significant: c.Significant(alpha), Example: c.Example,
		})
	}
	slices.SortFunc(out, func(a, b FindingSummary) int {
		return cmp.Or(
			-compareBool(a.Significant, b.Significant), -cmp.Compare(a.Severity, b.Severity),
			-cmp.Compare(a.Relay+a.Pair, b.Relay+b.Pair), -cmp.Compare(a.Primary, b.Primary),
			cmp.Compare(a.Code, b.Code), cmp.Compare(a.Path, b.Path),
		)
	})
	return out
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

func groups(s *Summary) []GroupRow {
	out := make([]GroupRow, 0, len(s.Groups))
	for g, t := range s.Groups {
		row := GroupRow{
			Endpoint: g.Endpoint, Model: g.Model, Stream: g.Stream, Pairs: t.Pairs,
			PrimaryErrors: share(t.Primary.Errors, t.Primary.Calls), RelayErrors: share(t.Relay.Errors, t.Relay.Calls),
			PrimaryTTFT: quantile(&t.Primary.TTFT, .5), RelayTTFT: quantile(&t.Relay.TTFT, .5),
			PrimaryTotal: quantile(&t.Primary.Total, .5), RelayTotal: quantile(&t.Relay.Total, .5),
		}
		if t.Checked > 0 {
			row.Similarity = ref(t.MeanSimilarity())
		}
		out = append(out, row)
	}
	slices.SortFunc(out, func(a, b GroupRow) int {
		return cmp.Or(
			-cmp.Compare(a.Pairs, b.Pairs), cmp.Compare(a.Endpoint, b.Endpoint),
			cmp.Compare(a.Model, b.Model), compareBool(a.Stream, b.Stream),
		)
	})
	return out
}

// curves reads the distributions that the charts show.
func curves(t *Aggregate) []Curve {
	out := []Curve{}
	for _, d := range distributions() {
		p, r := d.of(&t.Primary), d.of(&t.Relay)
		if p.N() == 0 || r.N() == 0 {
			continue
		}
		c := Curve{Key: d.key, Name: d.name, Unit: d.unit}
		for q := 1; q <= 99; q += 2 {
			c.Quantiles = append(c.Quantiles, float64(q)/100)
			c.Primary = append(c.Primary, p.Quantile(float64(q)/100))
			c.Relay = append(c.Relay, r.Quantile(float64(q)/100))
		}
		out = append(out, c)
	}
	return out
}

// month is the mean length of a month.
const month = time.Duration(30.44 * 24 * float64(time.Hour))

// saving extrapolates both sides' costs to a month. It is nil without prices on
// both sides, or when the time span is too short to extrapolate from.
func saving(t *Aggregate) *Saving {
	p, r := &t.Primary, &t.Relay
	span := t.Last.Sub(t.First)
	if p.Priced == 0 || r.Priced == 0 || span < time.Minute || t.Requests() < 2 {
		return nil
	}
	calls := float64(t.Requests()-1) * float64(month) / float64(span)
	v := &Saving{
		CallsPerMonth:   calls,
		PrimaryPerMonth: p.Cost.Float() / float64(p.Priced) * calls,
		RelayPerMonth:   r.Cost.Float() / float64(r.Priced) * calls,
		Basis: fmt.Sprintf("Extrapolated from %d mirrored requests in %s and the costs of %d and %d responses; "+
			"requests that were not mirrored come on top.",
			t.Requests(), span.Round(time.Second), p.Priced, r.Priced),
	}
	v.PerMonth = v.PrimaryPerMonth - v.RelayPerMonth
	return v
}

func ref(x float64) *float64 { return &x }

func quantile(s *stats.Sketch, q float64) *float64 {
	if s.N() == 0 {
		return nil
	}
	return ref(s.Quantile(q))
}

// share is part of whole; nil when there is no whole.
func share(part, whole uint64) *float64 {
	if whole == 0 {
		return nil
	}
	return ref(float64(part) / float64(whole))
}
