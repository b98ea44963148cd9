package compare

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"cutover/compare/stats"
)

// ReportOptions say what a report is about and what it asks. Zero fields take
// the defaults.
type ReportOptions struct {
	Scope         Scope
	Now           time.Time // when it is made; nothing but Report.Made depends on it
	Alpha         float64   // error probability of each interval and answer; .05
	ErrorMargin   float64   // how much more often the relay may fail; .01
	LatencyMargin float64   // how much slower it may be; .1 is a tenth
	NoiseMargin   float64   // how much farther its answers may be; .02
}

func (o ReportOptions) withDefaults() ReportOptions {
	if o.Alpha <= 0 {
		o.Alpha = .05
	}
	if o.ErrorMargin <= 0 {
		o.ErrorMargin = .01
	}
	if o.LatencyMargin <= 0 {
		o.LatencyMargin = .1
	}
	if o.NoiseMargin <= 0 {
		o.NoiseMargin = .02
	}
	return o
}

// NewReport makes a report of a summary.
func NewReport(s *Summary, o ReportOptions) Report {
	o = o.withDefaults()
	t := &s.All
	r := Report{
		Made: o.Now, Scope: o.Scope, First: t.First, Last: t.Last,
		Requests: t.Requests(), Outcomes: t.Outcomes, Reasons: t.Reasons,
		Pairs: t.Pairs, Checked: t.Checked, Alpha: o.Alpha,
		Rows: rows(t, o.Alpha), Saving: saving(t), Contents: contents(t),
		Noise: noise(&t.Noise, o), Findings: found(t, o.Alpha), Groups: groups(s), Curves: curves(t),
	}
	r.Questions = questions(t, &r, o)
	r.Verdict = verdict(t, &r, o)
	return r
}

func contents(t *Tally) Contents {
	c := Contents{TextEqual: share(t.TextEqual, t.Checked), ToolsEqual: share(t.ToolsEqual, t.Checked), Alike: t.Alike}
	if t.Checked > 0 {
		c.Similarity = ref(t.MeanSimilarity())
	}
	if f1, ok := t.Tools.F1(); ok {
		c.ToolF1 = ref(f1)
	}
	return c
}

// noise judges the relay's distance against the primary's own.
func noise(t *NoiseTally, o ReportOptions) Noise {
	n := Noise{
		Triples: t.Excess.N, Self: t.MeanSelf(), Excess: t.Excess.Mean(),
		LogE: stats.SignLogE(t.Wins, t.Losses), Differs: t.Differs(o.NoiseMargin, o.Alpha),
	}
	if i, ok := t.Excess.Interval(o.Alpha); ok {
		n.Interval = &i
	}
	switch {
	case n.Triples == 0:
		n.Sentence = "Not measured: no request was sent to the primary twice. Set the flag noise-percentage above 0."
	case n.Differs == Yes:
		n.Sentence = fmt.Sprintf("The primary's answers are %.3f apart from each other, the relay's are %.3f farther (%d triples).", n.Self, n.Excess, n.Triples)
	case n.Differs == No:
		n.Sentence = fmt.Sprintf("The primary's answers are %.3f apart from each other, and the relay's are at most %.3f farther (%d triples).", n.Self, o.NoiseMargin, n.Triples)
	default:
		n.Sentence = fmt.Sprintf("The primary's answers are %.3f apart from each other, the relay's seem %.3f farther (%d triples).", n.Self, n.Excess, n.Triples)
		if all, ok := t.Excess.PairsToShowBelow(o.NoiseMargin, o.Alpha); ok {
			n.PairsNeeded = ref(rough(max(1, all-float64(n.Triples))))
			n.Sentence += fmt.Sprintf(" About %s more will tell.", count(*n.PairsNeeded))
		}
	}
	return n
}

// found lists the codes, worst first: raised before others, then by severity
// and frequency.
func found(t *Tally, alpha float64) []Found {
	out := make([]Found, 0, len(t.Codes))
	for code, c := range t.Codes {
		arm := armRelay
		if c.Relay == 0 {
			arm = ""
			if c.Pair == 0 {
				arm = armPrimary
			}
		}
		f := newFinding(code.Code, arm, code.Path)
		out = append(out, Found{
			Code: code.Code, Path: code.Path, Severity: f.Severity, Sentence: f.Sentence,
			Relay: c.Relay, Primary: c.Primary, Pair: c.Pair,
			Share:  float64(c.N()) / float64(max(t.Pairs, c.N(), 1)),
			Raised: c.Raised(alpha), Example: c.Example,
		})
	}
	slices.SortFunc(out, func(a, b Found) int {
		return cmp.Or(
			-compareBool(a.Raised, b.Raised), -cmp.Compare(a.Severity, b.Severity),
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
		return cmp.Or(-cmp.Compare(a.Pairs, b.Pairs), cmp.Compare(a.Endpoint, b.Endpoint), cmp.Compare(a.Model, b.Model), compareBool(a.Stream, b.Stream))
	})
	return out
}

// curves reads the distributions that charts show.
func curves(t *Tally) []Curve {
	var out []Curve
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

// month is a mean month.
const month = time.Duration(30.44 * 24 * float64(time.Hour))

// saving extrapolates both sides' costs; nil without prices on both sides or
// with too short a time to tell the traffic from.
func saving(t *Tally) *Saving {
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
		Basis:           fmt.Sprintf("At the rate of the %d mirrored requests seen in %s and the costs of %d and %d answers; what was not mirrored comes on top.", t.Requests(), span.Round(time.Second), p.Priced, r.Priced),
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
