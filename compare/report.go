package compare

import (
	"time"

	"cutover/compare/stats"
)

// Report is a Summary in the form in which people review it: as data, for JSON
// and for the renderers. Everything in it is cutover's own words, figures and
// labels.
type Report struct {
	Made     time.Time          `json:"made,omitzero"`
	Scope    Scope              `json:"scope,omitzero"`
	Verdict  Verdict            `json:"verdict"`
	First    time.Time          `json:"first,omitzero"` // earliest and latest request
	Last     time.Time          `json:"last,omitzero"`
	Requests uint64             `json:"requests"` // offered to the mirror
	Outcomes map[Outcome]uint64 `json:"outcomes"`
	Reasons  map[string]uint64  `json:"reasons,omitempty"` // of Skipped and Dropped
	Pairs    uint64             `json:"pairs"`             // both providers were called
	Checked  uint64             `json:"checked"`           // contents compared

	Questions []Question `json:"questions"`
	Rows      []Row      `json:"rows"` // both arms side by side
	Saving    *Saving    `json:"saving,omitempty"`
	Contents  Contents   `json:"contents"`
	Noise     Noise      `json:"noise"`
	Findings  []Found    `json:"findings"` // worst and most frequent first
	Groups    []GroupRow `json:"groups"`   // most pairs first
	Curves    []Curve    `json:"curves"`   // for charts

	Alpha float64 `json:"alpha"` // error probability of each interval and answer
}

// Scope is what a report was restricted to; the zero value is everything.
type Scope struct {
	Since    time.Time `json:"since,omitzero"`
	Model    string    `json:"model,omitempty"`
	Endpoint string    `json:"endpoint,omitempty"`
}

// Judgement is a report's one word.
type Judgement string

// The judgements. NoData is not the zero value's name by accident: no evidence
// is never success and never failure.
const (
	NoData Judgement = "no data" // nothing was compared
	Wait   Judgement = "wait"    // something that must be known is not yet known
	Stop   Judgement = "stop"    // the relay is shown to be worse
	Review Judgement = "review"  // not worse in what can be measured, but answers differ
	Go     Judgement = "go"      // all that was asked is shown
)

// Verdict is a report's first line.
type Verdict struct {
	Judgement Judgement `json:"judgement"`
	Sentence  string    `json:"sentence"`
	Reasons   []string  `json:"reasons,omitempty"` // sentences
}

// Question is one thing that must be known before a cutover.
type Question struct {
	Key    string `json:"key"`
	Text   string `json:"text"` // so put that Yes is good
	Answer Answer `json:"answer"`
	Why    string `json:"why"` // a sentence with the figures
	// PairsNeeded is about how many more pairs the answer takes, if things go
	// on as they are; nil when it can't be told or is not needed.
	PairsNeeded *float64 `json:"pairs_needed,omitempty"`
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
	UnitBytes    Unit = "bytes"
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
	// Difference is relay minus primary for shares, and relay divided by
	// primary for everything else; Interval is where the truth of it is.
	Difference *float64        `json:"difference"`
	Interval   *stats.Interval `json:"interval"`
	// MoreIsBetter tells which way the figure should go.
	MoreIsBetter bool `json:"more_is_better,omitempty"`
	// Neutral figures are neither better nor worse when they differ.
	Neutral bool `json:"neutral,omitempty"`
	// Unsure says why there is no interval, where that is not for want of
	// pairs at all.
	Unsure string `json:"unsure,omitempty"`
}

// Sense is -1 when the interval shows the relay to be worse, +1 when it shows
// it to be better, and 0 when it shows neither.
func (r *Row) Sense() int {
	if r.Interval == nil || r.Neutral {
		return 0
	}
	even := 1.
	if r.Unit == UnitShare {
		even = 0
	}
	sign := -1
	if r.MoreIsBetter {
		sign = 1
	}
	switch {
	case r.Interval.Low > even:
		return sign
	case r.Interval.High < even:
		return -sign
	}
	return 0
}

// Saving is what the relay would save.
type Saving struct {
	PrimaryPerMonth float64 `json:"primary_per_month"` // dollars
	RelayPerMonth   float64 `json:"relay_per_month"`
	PerMonth        float64 `json:"per_month"`
	CallsPerMonth   float64 `json:"calls_per_month"`
	Basis           string  `json:"basis"` // a sentence
}

// Contents sums up how alike the answers were.
type Contents struct {
	Similarity *float64  `json:"similarity"`  // mean over Checked
	TextEqual  *float64  `json:"text_equal"`  // share of Checked
	ToolsEqual *float64  `json:"tools_equal"` // share of Checked
	ToolF1     *float64  `json:"tool_f1"`     // of "calls a tool or not", the primary's choice taken for right
	Alike      Histogram `json:"alike"`       // pairs by similarity
}

// Noise compares the relay's distance with the primary's distance to itself.
type Noise struct {
	Triples  uint64          `json:"triples"`
	Self     float64         `json:"self"`     // mean distance of the primary to itself
	Excess   float64         `json:"excess"`   // how much farther the relay is, mean
	Interval *stats.Interval `json:"interval"` // of Excess; nil below stats.MinMoments triples
	LogE     float64         `json:"log_e"`    // of the sign test
	Differs  Answer          `json:"differs"`
	// PairsNeeded is about how many more triples an answer takes.
	PairsNeeded *float64 `json:"pairs_needed,omitempty"`
	Sentence    string   `json:"sentence"`
}

// Found is a code of findings, summed up.
type Found struct {
	Code     string   `json:"code"`
	Path     string   `json:"path,omitempty"`
	Severity Severity `json:"severity"` // of the relay's
	Sentence string   `json:"sentence"`
	Relay    uint64   `json:"relay"`   // pairs where it is the relay's
	Primary  uint64   `json:"primary"` // pairs where it is the primary's
	Pair     uint64   `json:"pair"`    // pairs where it is about both
	Share    float64  `json:"share"`   // of all pairs
	// Raised says that the relay is shown to have it more often than the
	// primary; without it the counts may be chance.
	Raised  bool   `json:"raised"`
	Example string `json:"example"` // id of a pair
}

// GroupRow is one endpoint, model and mode.
type GroupRow struct {
	Endpoint      string   `json:"endpoint"`
	Model         string   `json:"model"`
	Stream        bool     `json:"stream"`
	Pairs         uint64   `json:"pairs"`
	PrimaryErrors *float64 `json:"primary_errors"`
	RelayErrors   *float64 `json:"relay_errors"`
	PrimaryTTFT   *float64 `json:"primary_ttft_p50"` // milliseconds
	RelayTTFT     *float64 `json:"relay_ttft_p50"`
	PrimaryTotal  *float64 `json:"primary_total_p50"`
	RelayTotal    *float64 `json:"relay_total_p50"`
	Similarity    *float64 `json:"similarity"`
}

// Curve is the distribution of a figure on both sides: the values at the
// Quantiles.
type Curve struct {
	Key       string    `json:"key"`
	Name      string    `json:"name"`
	Unit      Unit      `json:"unit"`
	Quantiles []float64 `json:"quantiles"`
	Primary   []float64 `json:"primary"`
	Relay     []float64 `json:"relay"`
}

// Percent is the share of pairs in per cent.
func (f Found) Percent() float64 { return f.Share * 100 }
