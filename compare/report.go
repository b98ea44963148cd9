package compare

import (
	"time"

	"cutover/compare/stats"
)

// Report is a Summary as people review it: as data, for JSON and for the
// renderers. It holds figures, labels and cutover's own sentences, and no text
// of a request or a response.
type Report struct {
	Made       time.Time          `json:"made,omitzero"` // when the report was made
	Scope      Scope              `json:"scope,omitzero"`
	Conclusion Conclusion         `json:"conclusion"`
	First      time.Time          `json:"first,omitzero"`    // earliest and latest request
	Last       time.Time          `json:"last,omitzero"`     // latest request
	Requests   uint64             `json:"requests"`          // offered to the mirror
	Outcomes   map[Outcome]uint64 `json:"outcomes"`          // requests by how mirroring them ended
	Reasons    map[string]uint64  `json:"reasons,omitempty"` // of Skipped and Dropped
	// NotMirrored counts the requests that one sidecar, since its start, has
	// offered to no other provider, by reason; nil where no sidecar was asked.
	NotMirrored map[string]uint64 `json:"not_mirrored,omitempty"`
	Pairs       uint64            `json:"pairs"`   // both providers were called
	Checked     uint64            `json:"checked"` // both responses usable, contents compared

	Questions []Question       `json:"questions"` // what has to be answered before a cutover
	Rows      []Row            `json:"rows"`      // both providers side by side
	Saving    *Saving          `json:"saving,omitempty"`
	Contents  Contents         `json:"contents"`
	Noise     Noise            `json:"noise"`
	Findings  []FindingSummary `json:"findings"` // worst and most frequent first
	Groups    []GroupRow       `json:"groups"`   // most pairs first
	Curves    []Curve          `json:"curves"`   // for charts

	Alpha float64 `json:"alpha"` // error probability of each interval and answer, in (0,1)
}

// Scope is what a report was restricted to; the zero value is everything.
type Scope struct {
	Since    time.Time `json:"since,omitzero"`     // only requests since then
	Model    string    `json:"model,omitempty"`    // only requests for this model, as callers name it
	Endpoint string    `json:"endpoint,omitempty"` // only requests to this endpoint
}

// Recommendation is a report's conclusion in one word.
type Recommendation string

// The recommendations. Without evidence the relay has neither passed nor
// failed.
const (
	NoData Recommendation = "no_data" // nothing was compared
	Wait   Recommendation = "wait"    // a question is still open
	Stop   Recommendation = "stop"    // the relay is shown to be worse
	Review Recommendation = "review"  // not worse in anything measured, but responses differ
	Go     Recommendation = "go"      // every question is answered in the relay's favour
)

// Conclusion is what a report comes to.
type Conclusion struct {
	Answer   Recommendation `json:"answer"`
	Sentence string         `json:"sentence"`          // the report's first line
	Reasons  []string       `json:"reasons,omitempty"` // sentences
}

// Question is a question to be answered before a cutover.
type Question struct {
	Key    string `json:"key"`  // "errors", "ttft", "total", "findings" or "noise"
	Text   string `json:"text"` // worded so that Yes is good for the relay
	Answer Answer `json:"answer"`
	Why    string `json:"why"` // a sentence with the figures
	// PairsNeeded is roughly how many more pairs the answer takes, if things go
	// on as they are; nil when that is unknown or the question is answered.
	PairsNeeded *float64 `json:"pairs_needed,omitempty"`
}

// Unit is the unit of a Row's figures.
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
	UnitRatio    Unit = "ratio"    // relay divided by primary; there is no figure of either side
)

// Row is one figure of both providers side by side. Primary and Relay are nil
// when the figure is unknown.
type Row struct {
	Key     string   `json:"key"`  // "errors", "ttft_p50", ...
	Name    string   `json:"name"` // for people
	Unit    Unit     `json:"unit"`
	Primary *float64 `json:"primary"` // the primary's figure
	Relay   *float64 `json:"relay"`   // the relay's figure
	// PrimaryN and RelayN are the numbers of observations behind each figure.
	PrimaryN uint64 `json:"primary_n"`
	RelayN   uint64 `json:"relay_n"` // number of observations behind the relay's figure
	// Difference is relay minus primary for shares, and relay divided by
	// primary for everything else; Interval is its confidence interval.
	Difference *float64        `json:"difference"`
	Interval   *stats.Interval `json:"interval"` // the confidence interval of Difference
	// MoreIsBetter says that a higher figure is better.
	MoreIsBetter bool `json:"more_is_better,omitempty"`
	// Neutral figures are neither better nor worse when they differ.
	Neutral bool `json:"neutral,omitempty"`
	// Unsure says why there is no interval although there are pairs.
	Unsure string `json:"unsure,omitempty"`
}

// Sense is -1 when the interval shows that the relay is worse, +1 when it shows
// that it is better, and 0 otherwise.
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
	PrimaryPerMonth float64 `json:"primary_per_month_usd"` // dollars
	RelayPerMonth   float64 `json:"relay_per_month_usd"`   // dollars
	PerMonth        float64 `json:"per_month_usd"`         // dollars that the relay saves; negative: it costs more
	CallsPerMonth   float64 `json:"calls_per_month"`       // at the rate of the pairs compared
	Basis           string  `json:"basis"`                 // a sentence
}

// Contents sums up how similar the responses were.
type Contents struct {
	Similarity          *float64  `json:"similarity"`           // mean over Checked
	TextEqual           *float64  `json:"text_equal"`           // share of Checked
	ToolsEqual          *float64  `json:"tools_equal"`          // share of Checked
	ToolF1              *float64  `json:"tool_f1"`              // of "calls a tool or not", taking the primary's choice as correct
	SimilarityHistogram Histogram `json:"similarity_histogram"` // pairs by similarity
}

// Noise compares the relay's distance from the primary with the primary's own
// run-to-run variation. Distances are in [0,1].
type Noise struct {
	Triples  uint64          `json:"triples"`  // pairs for which the primary was called twice
	Self     float64         `json:"self"`     // mean distance between two responses of the primary
	Excess   float64         `json:"excess"`   // mean of how much farther away the relay is
	Interval *stats.Interval `json:"interval"` // of Excess; nil below stats.MinMoments triples
	LogE     float64         `json:"log_e"`    // of the sign test
	Differs  Answer          `json:"differs"`
	// PairsNeeded is roughly how many more triples an answer takes.
	PairsNeeded *float64 `json:"pairs_needed,omitempty"`
	Sentence    string   `json:"sentence"` // for people
}

// FindingSummary sums up the findings with one code and path.
type FindingSummary struct {
	Code     string   `json:"code"`           // one of those in docs/reference.md
	Path     string   `json:"path,omitempty"` // path in the response, or the model, where the check has one
	Severity Severity `json:"severity"`       // when it is the relay's
	Sentence string   `json:"sentence"`       // for people
	Relay    uint64   `json:"relay"`          // pairs where it is the relay's
	Primary  uint64   `json:"primary"`        // pairs where it is the primary's
	Pair     uint64   `json:"pair"`           // pairs where it is about both
	Share    float64  `json:"share"`          // of all pairs
	// Significant says that the relay has it more often than the primary;
	// otherwise the difference may be chance.
	Significant bool   `json:"significant"`
	Example     string `json:"example"` // id of a pair
}

// GroupRow holds the figures of one endpoint, model and mode.
type GroupRow struct {
	Endpoint      string   `json:"endpoint"`             // its name, such as "chat.completions"
	Model         string   `json:"model"`                // as callers name it
	Stream        bool     `json:"stream"`               // whether callers asked for a stream
	Pairs         uint64   `json:"pairs"`                // number of pairs
	PrimaryErrors *float64 `json:"primary_errors"`       // share of failed calls, in [0,1]
	RelayErrors   *float64 `json:"relay_errors"`         // share of failed calls, in [0,1]
	PrimaryTTFT   *float64 `json:"primary_ttft_p50_ms"`  // milliseconds
	RelayTTFT     *float64 `json:"relay_ttft_p50_ms"`    // milliseconds
	PrimaryTotal  *float64 `json:"primary_total_p50_ms"` // milliseconds
	RelayTotal    *float64 `json:"relay_total_p50_ms"`   // milliseconds
	Similarity    *float64 `json:"similarity"`           // mean, in [0,1]
}

// Curve is the distribution of a figure on both sides: its values at the
// Quantiles.
type Curve struct {
	Key       string    `json:"key"`  // "ttft", "total", ...
	Name      string    `json:"name"` // for people
	Unit      Unit      `json:"unit"`
	Quantiles []float64 `json:"quantiles"` // in [0,1], ascending
	Primary   []float64 `json:"primary"`   // the primary's values at the quantiles
	Relay     []float64 `json:"relay"`     // the relay's values at the quantiles
}

// Percent is the share of pairs in percent.
func (f FindingSummary) Percent() float64 { return f.Share * 100 }
