package compare

import (
	"maps"
	"time"

	"cutover/exchange"
)

// Summary is what many Results come to. It merges: Add and Merge may come in
// any order and any grouping, and the figures are the same, bit for bit, since
// every sum is of whole numbers. The zero value is empty and ready. A Summary is
// used by one goroutine at a time.
type Summary struct {
	First    time.Time          `json:"first,omitzero"` // earliest and latest request
	Last     time.Time          `json:"last,omitzero"`
	Outcomes map[Outcome]uint64 `json:"outcomes,omitempty"`
	Reasons  map[string]uint64  `json:"reasons,omitempty"` // of Skipped and Dropped
	All      Tally              `json:"all"`
}

// Tally counts the pairs of a kind.
type Tally struct {
	Pairs      uint64   `json:"pairs"`       // both providers were called
	Checked    uint64   `json:"checked"`     // contents compared
	TextEqual  uint64   `json:"text_equal"`  // of those
	ToolsEqual uint64   `json:"tools_equal"` // of those
	Similarity Micro    `json:"similarity"`  // sum over Checked
	Primary    ArmTally `json:"primary"`
	Relay      ArmTally `json:"relay"`
}

// ArmTally counts one provider's side.
type ArmTally struct {
	Calls        uint64                    `json:"calls"`
	Errors       uint64                    `json:"errors"`
	Classes      map[exchange.Class]uint64 `json:"classes,omitempty"`
	InputTokens  uint64                    `json:"input_tokens"`
	OutputTokens uint64                    `json:"output_tokens"`
	Priced       uint64                    `json:"priced"` // calls whose cost is known
	Cost         Nano                      `json:"cost"`   // of those, dollars
	TTFB         Sketch                    `json:"ttfb"`   // milliseconds, successes only
	TTFT         Sketch                    `json:"ttft"`
	Total        Sketch                    `json:"total"`
	Rate         Sketch                    `json:"rate"` // tokens per second of streams
}

// Micro is a sum in millionths, kept whole so that the order of addition does
// not matter.
type Micro int64

// Float is the sum as a number.
func (m Micro) Float() float64 { return float64(m) / 1e6 }

func micro(x float64) Micro { return Micro(roundHalfUp(x * 1e6)) }

// Nano is a sum in billionths, likewise.
type Nano int64

// Float is the sum as a number.
func (n Nano) Float() float64 { return float64(n) / 1e9 }

func nano(x float64) Nano { return Nano(roundHalfUp(x * 1e9)) }

func roundHalfUp(x float64) int64 {
	if x < 0 {
		return -int64(-x + .5)
	}
	return int64(x + .5)
}

// Add counts a Result.
func (s *Summary) Add(r Result) {
	if !r.At.IsZero() {
		s.span(r.At, r.At)
	}
	if s.Outcomes == nil {
		s.Outcomes = map[Outcome]uint64{}
	}
	s.Outcomes[r.Outcome]++
	if r.Why != "" {
		if s.Reasons == nil {
			s.Reasons = map[string]uint64{}
		}
		s.Reasons[r.Why]++
	}
	s.All.add(&r)
}

// Merge adds what another Summary counted. o stays as it was.
func (s *Summary) Merge(o Summary) {
	if !o.First.IsZero() {
		s.span(o.First, o.Last)
	}
	s.Outcomes = mergeCounts(s.Outcomes, o.Outcomes)
	s.Reasons = mergeCounts(s.Reasons, o.Reasons)
	s.All.merge(&o.All)
}

// Requests is how many requests were offered, whatever became of them.
func (s *Summary) Requests() uint64 {
	var n uint64
	for _, c := range s.Outcomes {
		n += c
	}
	return n
}

func (s *Summary) span(first, last time.Time) {
	if s.First.IsZero() || first.Before(s.First) {
		s.First = first
	}
	if last.After(s.Last) {
		s.Last = last
	}
}

func (t *Tally) add(r *Result) {
	if r.Primary.Called && r.Relay.Called {
		t.Pairs++
	}
	t.Primary.add(&r.Primary)
	t.Relay.add(&r.Relay)
	if !r.Checked {
		return
	}
	t.Checked++
	t.Similarity += micro(r.Similarity)
	if r.TextEqual {
		t.TextEqual++
	}
	if r.ToolsEqual {
		t.ToolsEqual++
	}
}

func (t *Tally) merge(o *Tally) {
	t.Pairs += o.Pairs
	t.Checked += o.Checked
	t.TextEqual += o.TextEqual
	t.ToolsEqual += o.ToolsEqual
	t.Similarity += o.Similarity
	t.Primary.merge(&o.Primary)
	t.Relay.merge(&o.Relay)
}

// MeanSimilarity is the mean over the pairs whose contents were compared.
func (t *Tally) MeanSimilarity() float64 {
	if t.Checked == 0 {
		return 0
	}
	return t.Similarity.Float() / float64(t.Checked)
}

func (t *ArmTally) add(a *ArmResult) {
	if !a.Called {
		return
	}
	t.Calls++
	if a.Class != exchange.ClassNone {
		if t.Classes == nil {
			t.Classes = map[exchange.Class]uint64{}
		}
		t.Classes[a.Class]++
	}
	if a.Failed() {
		t.Errors++
	}
	if a.UsageKnown {
		t.InputTokens += uint64(max(a.InputTokens, 0))
		t.OutputTokens += uint64(max(a.OutputTokens, 0))
	}
	if a.CostKnown {
		t.Priced++
		t.Cost += nano(a.CostUSD)
	}
	if a.OK() {
		t.TTFB.AddDuration(a.TTFB)
		t.TTFT.AddDuration(a.TTFT)
		t.Total.AddDuration(a.Total)
		t.Rate.Add(a.TokensPerSecond())
	}
}

func (t *ArmTally) merge(o *ArmTally) {
	t.Calls += o.Calls
	t.Errors += o.Errors
	t.Classes = mergeCounts(t.Classes, o.Classes)
	t.InputTokens += o.InputTokens
	t.OutputTokens += o.OutputTokens
	t.Priced += o.Priced
	t.Cost += o.Cost
	t.TTFB.Merge(o.TTFB)
	t.TTFT.Merge(o.TTFT)
	t.Total.Merge(o.Total)
	t.Rate.Merge(o.Rate)
}

// ErrorRate is the share of calls that failed.
func (t *ArmTally) ErrorRate() float64 {
	if t.Calls == 0 {
		return 0
	}
	return float64(t.Errors) / float64(t.Calls)
}

func mergeCounts[K comparable](into, from map[K]uint64) map[K]uint64 {
	if len(into) == 0 {
		return maps.Clone(from)
	}
	for k, n := range from {
		into[k] += n
	}
	return into
}
