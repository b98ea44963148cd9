package compare

import (
	"fmt"
	"time"

	"cutover/exchange"
)

// Report is a Summary in the form in which people review it: as data, for JSON
// and for the renderers. Everything in it is cutover's own words, figures and
// labels.
type Report struct {
	Made     time.Time          `json:"made"`
	Scope    Scope              `json:"scope"`
	First    time.Time          `json:"first,omitzero"`
	Last     time.Time          `json:"last,omitzero"`
	Requests uint64             `json:"requests"` // offered to the mirror
	Outcomes map[Outcome]uint64 `json:"outcomes"`
	Reasons  map[string]uint64  `json:"reasons,omitempty"`
	Pairs    uint64             `json:"pairs"`   // both providers were called
	Checked  uint64             `json:"checked"` // contents compared
	Rows     []Row              `json:"rows"`    // both arms side by side
	Contents Contents           `json:"contents"`
}

// Scope is what a report was restricted to; the zero value is everything.
type Scope struct {
	Since    time.Time `json:"since,omitzero"`
	Model    string    `json:"model,omitempty"`
	Endpoint string    `json:"endpoint,omitempty"`
}

// Unit is how a Row's figures read.
type Unit string

// The units.
const (
	UnitShare    Unit = "share"    // 0.01 is 1 %
	UnitMillis   Unit = "ms"       // milliseconds
	UnitRate     Unit = "tokens/s" // tokens per second
	UnitDollars  Unit = "usd"
	UnitTokens   Unit = "tokens"
	UnitCount    Unit = "count"
	UnitFraction Unit = "fraction" // in [0,1], not a percentage
)

// Row is one figure of both providers beside each other. Primary and Relay are
// nil when there is nothing to tell it from.
type Row struct {
	Key     string   `json:"key"` // "errors", "ttft_p50", ...
	Name    string   `json:"name"`
	Unit    Unit     `json:"unit"`
	Primary *float64 `json:"primary"`
	Relay   *float64 `json:"relay"`
	// PrimaryN and RelayN are how many observations stand behind each side.
	PrimaryN uint64 `json:"primary_n"`
	RelayN   uint64 `json:"relay_n"`
}

// Contents sums up how alike the answers were.
type Contents struct {
	Similarity *float64 `json:"similarity"`  // mean over Checked
	TextEqual  *float64 `json:"text_equal"`  // share of Checked
	ToolsEqual *float64 `json:"tools_equal"` // share of Checked
}

// NewReport makes a report of a summary. now is when it is made; nothing but
// Report.Made depends on it.
func NewReport(s *Summary, scope Scope, now time.Time) Report {
	t := &s.All
	r := Report{
		Made: now, Scope: scope, First: s.First, Last: s.Last,
		Requests: s.Requests(), Outcomes: s.Outcomes, Reasons: s.Reasons,
		Pairs: t.Pairs, Checked: t.Checked,
	}
	r.Rows = append(r.Rows, Row{
		Key: "errors", Name: "errors", Unit: UnitShare,
		Primary: share(t.Primary.Errors, t.Primary.Calls), PrimaryN: t.Primary.Calls,
		Relay: share(t.Relay.Errors, t.Relay.Calls), RelayN: t.Relay.Calls,
	})
	for _, d := range []struct {
		key, name string
		unit      Unit
		sketch    func(*ArmTally) *Sketch
	}{
		{"ttft", "first token", UnitMillis, func(a *ArmTally) *Sketch { return &a.TTFT }},
		{"total", "whole answer", UnitMillis, func(a *ArmTally) *Sketch { return &a.Total }},
		{"rate", "stream speed", UnitRate, func(a *ArmTally) *Sketch { return &a.Rate }},
	} {
		for _, q := range []float64{.5, .95, .99} {
			r.Rows = append(r.Rows, quantileRow(d.key, d.name, d.unit, q, d.sketch(&t.Primary), d.sketch(&t.Relay)))
		}
	}
	r.Rows = append(r.Rows, perCallRow("cost", "cost per call", t, func(a *ArmTally) (float64, uint64) { return a.Cost.Float(), a.Priced }))
	r.Contents = Contents{TextEqual: share(t.TextEqual, t.Checked), ToolsEqual: share(t.ToolsEqual, t.Checked)}
	if t.Checked > 0 {
		mean := t.MeanSimilarity()
		r.Contents.Similarity = &mean
	}
	return r
}

// quantileRow reads one quantile of both sides.
func quantileRow(key, name string, unit Unit, q float64, primary, relay *Sketch) Row {
	p := int(q*100 + .5)
	return Row{
		Key: fmt.Sprintf("%s_p%d", key, p), Name: fmt.Sprintf("%s p%d", name, p), Unit: unit,
		Primary: quantile(primary, q), PrimaryN: uint64(primary.N()),
		Relay: quantile(relay, q), RelayN: uint64(relay.N()),
	}
}

// perCallRow is a sum of dollars divided by the calls that it is known for.
func perCallRow(key, name string, t *Tally, sum func(*ArmTally) (float64, uint64)) Row {
	row := Row{Key: key, Name: name, Unit: UnitDollars}
	for _, arm := range []exchange.Arm{exchange.Primary, exchange.Relay} {
		value, n := &row.Primary, &row.PrimaryN
		tally := &t.Primary
		if arm == exchange.Relay {
			value, n, tally = &row.Relay, &row.RelayN, &t.Relay
		}
		total, calls := sum(tally)
		*n = calls
		if calls > 0 {
			mean := total / float64(calls)
			*value = &mean
		}
	}
	return row
}

func quantile(s *Sketch, q float64) *float64 {
	if s.N() == 0 {
		return nil
	}
	v := s.Quantile(q)
	return &v
}

// share is part of whole; nil when there is no whole.
func share(part, whole uint64) *float64 {
	if whole == 0 {
		return nil
	}
	v := float64(part) / float64(whole)
	return &v
}
