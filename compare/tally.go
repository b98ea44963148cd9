package compare

import (
	"time"

	"cutover/compare/stats"
	"cutover/exchange"
)

// Tally counts the requests of a kind, and the pairs of answers to them.
type Tally struct {
	First    time.Time          `json:"first,omitzero"` // earliest and latest request
	Last     time.Time          `json:"last,omitzero"`
	Outcomes map[Outcome]uint64 `json:"outcomes,omitempty"`
	Reasons  map[string]uint64  `json:"reasons,omitempty"` // of Skipped and Dropped

	Pairs      uint64            `json:"pairs"`       // both providers were called
	Checked    uint64            `json:"checked"`     // contents compared
	TextEqual  uint64            `json:"text_equal"`  // of those
	ToolsEqual uint64            `json:"tools_equal"` // of those
	Similarity stats.Micro       `json:"similarity"`  // sum over Checked
	Alike      Histogram         `json:"alike"`       // of Similarity
	Errors     stats.Discordance `json:"errors"`      // failed calls, paired
	Faults     stats.Discordance `json:"faults"`      // answers with a hard fault, paired, both calls having succeeded
	Tools      ToolTally         `json:"tools"`
	Noise      NoiseTally        `json:"noise"`

	// Ratios relay/primary over pairs of which both succeeded.
	TTFT   stats.LogRatio `json:"ttft"`
	Total  stats.LogRatio `json:"total"`
	Rate   stats.LogRatio `json:"rate"`   // tokens per second
	Length stats.LogRatio `json:"length"` // bytes of text
	Input  stats.LogRatio `json:"input"`  // input tokens for the same request
	Output stats.LogRatio `json:"output"` // output tokens for each byte of text

	Codes   map[Code]CodeTally `json:"codes,omitempty"`
	Primary ArmTally           `json:"primary"`
	Relay   ArmTally           `json:"relay"`
}

// ToolTally counts, among the compared pairs of requests that offer tools,
// which side called any.
type ToolTally struct {
	Both        uint64 `json:"both"`
	PrimaryOnly uint64 `json:"primary_only"`
	RelayOnly   uint64 `json:"relay_only"`
	Neither     uint64 `json:"neither"`
}

// F1 is the relay's F1 score of "calls a tool or not", the primary's choice
// taken for right; ok is false when neither ever called one.
func (t ToolTally) F1() (f1 float64, ok bool) {
	all := 2*t.Both + t.PrimaryOnly + t.RelayOnly
	if all == 0 {
		return 0, false
	}
	return 2 * float64(t.Both) / float64(all), true
}

// Histogram counts values in [0,1] in twenty equal bins.
type Histogram [20]uint64

func (h *Histogram) add(x float64) {
	h[min(max(int(x*float64(len(h))), 0), len(h)-1)]++
}

// ArmTally counts one provider's side.
type ArmTally struct {
	Calls        uint64                    `json:"calls"`
	Errors       uint64                    `json:"errors"`
	Usable       uint64                    `json:"usable"` // successes
	Classes      map[exchange.Class]uint64 `json:"classes,omitempty"`
	Traits       map[string]uint64         `json:"traits,omitempty"` // by code, whether or not the other side has it
	ToolAnswers  uint64                    `json:"tool_answers"`     // answers that call tools
	ToolBad      uint64                    `json:"tool_bad"`         // of those, with a call that can't be carried out
	JSONAsked    uint64                    `json:"json_asked"`
	JSONBad      uint64                    `json:"json_bad"`
	UsageKnown   uint64                    `json:"usage_known"`
	InputTokens  uint64                    `json:"input_tokens"`
	OutputTokens uint64                    `json:"output_tokens"`
	Priced       uint64                    `json:"priced"`        // calls whose cost is known
	PricedTokens uint64                    `json:"priced_tokens"` // of those, both ways
	Cost         stats.Nano                `json:"cost"`          // of those, dollars
	TTFB         stats.Sketch              `json:"ttfb"`          // milliseconds, successes only
	TTFT         stats.Sketch              `json:"ttft"`
	Total        stats.Sketch              `json:"total"`
	Gap          stats.Sketch              `json:"gap"`  // longest silence of a stream, milliseconds
	Rate         stats.Sketch              `json:"rate"` // tokens per second of streams
}

// Requests is how many requests were offered, whatever became of them.
func (t *Tally) Requests() uint64 {
	var n uint64
	for _, c := range t.Outcomes {
		n += c
	}
	return n
}

func (t *Tally) span(first, last time.Time) {
	if first.IsZero() {
		return
	}
	if t.First.IsZero() || first.Before(t.First) {
		t.First = first
	}
	if last.After(t.Last) {
		t.Last = last
	}
}

func (t *Tally) add(r *Result) {
	t.span(r.At, r.At)
	if t.Outcomes == nil {
		t.Outcomes = map[Outcome]uint64{}
	}
	t.Outcomes[r.Outcome]++
	if r.Why != "" {
		if t.Reasons == nil {
			t.Reasons = map[string]uint64{}
		}
		t.Reasons[r.Why]++
	}
	if r.Primary.Called || r.Relay.Called {
		t.addCalls(r)
	}
}

// addCalls counts a request for which at least one provider was called.
func (t *Tally) addCalls(r *Result) {
	t.Primary.add(&r.Primary)
	t.Relay.add(&r.Relay)
	for i := range r.Findings {
		f := &r.Findings[i]
		code := Code{Code: f.Code, Path: f.Path}
		c := t.code(&code)
		c.add(f, r)
		t.Codes[code] = c
	}
	if !r.Primary.Called || !r.Relay.Called {
		return
	}
	t.Pairs++
	t.addErrors(r)
	if r.Primary.OK() && r.Relay.OK() {
		t.Faults.Add(r.faulty(armPrimary), r.faulty(armRelay))
		t.TTFT.AddDurations(r.Primary.TTFT, r.Relay.TTFT)
		t.Total.AddDurations(r.Primary.Total, r.Relay.Total)
		t.Rate.Add(r.Primary.TokensPerSecond(), r.Relay.TokensPerSecond())
		t.Length.Add(float64(r.Primary.TextBytes), float64(r.Relay.TextBytes))
		if r.Primary.UsageKnown && r.Relay.UsageKnown {
			t.Input.Add(float64(r.Primary.InputTokens), float64(r.Relay.InputTokens))
		}
		t.Output.Add(r.Primary.TokensPerByte, r.Relay.TokensPerByte)
	}
	if r.Noise != nil {
		t.Noise.Add(*r.Noise)
	}
	if r.Checked {
		t.addContents(r)
	}
}

// addErrors counts who failed. A caller who went away, and a call that cutover
// did not send, say nothing about either side.
func (t *Tally) addErrors(r *Result) {
	for _, a := range []*ArmResult{&r.Primary, &r.Relay} {
		if !a.OK() && !a.Failed() {
			return
		}
	}
	if r.Burst {
		t.Errors.Skip(r.Primary.Failed(), r.Relay.Failed())
		return
	}
	t.Errors.Add(r.Primary.Failed(), r.Relay.Failed())
}

func (t *Tally) addContents(r *Result) {
	t.Checked++
	t.Similarity += stats.NewMicro(r.Similarity)
	t.Alike.add(r.Similarity)
	if r.TextEqual {
		t.TextEqual++
	}
	if r.ToolsEqual {
		t.ToolsEqual++
	}
	if !r.Tools {
		return
	}
	switch p, q := r.Primary.ToolCalls > 0, r.Relay.ToolCalls > 0; {
	case p && q:
		t.Tools.Both++
	case p:
		t.Tools.PrimaryOnly++
	case q:
		t.Tools.RelayOnly++
	default:
		t.Tools.Neither++
	}
}

// code finds a code's tally. Beyond maxCodes it turns code into otherCode.
func (t *Tally) code(code *Code) CodeTally {
	if t.Codes == nil {
		t.Codes = map[Code]CodeTally{}
	}
	c, ok := t.Codes[*code]
	if !ok && len(t.Codes) >= maxCodes {
		*code = otherCode
		c = t.Codes[otherCode]
	}
	return c
}

func (t *Tally) merge(o *Tally) {
	t.span(o.First, o.Last)
	t.Outcomes = mergeCounts(t.Outcomes, o.Outcomes)
	t.Reasons = mergeCounts(t.Reasons, o.Reasons)
	t.Pairs += o.Pairs
	t.Checked += o.Checked
	t.TextEqual += o.TextEqual
	t.ToolsEqual += o.ToolsEqual
	t.Similarity += o.Similarity
	for i, n := range o.Alike {
		t.Alike[i] += n
	}
	t.Errors.Merge(o.Errors)
	t.Faults.Merge(o.Faults)
	t.Tools.Both += o.Tools.Both
	t.Tools.PrimaryOnly += o.Tools.PrimaryOnly
	t.Tools.RelayOnly += o.Tools.RelayOnly
	t.Tools.Neither += o.Tools.Neither
	t.Noise.Merge(o.Noise)
	t.TTFT.Merge(o.TTFT.Moments)
	t.Total.Merge(o.Total.Moments)
	t.Rate.Merge(o.Rate.Moments)
	t.Length.Merge(o.Length.Moments)
	t.Input.Merge(o.Input.Moments)
	t.Output.Merge(o.Output.Moments)
	for code, from := range o.Codes {
		c := t.code(&code)
		c.merge(from)
		t.Codes[code] = c
	}
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
	t.addTraits(a)
	if a.UsageKnown {
		t.UsageKnown++
		t.InputTokens += uint64(max(a.InputTokens, 0))
		t.OutputTokens += uint64(max(a.OutputTokens, 0))
	}
	if a.CostKnown {
		t.Priced++
		t.PricedTokens += uint64(max(a.InputTokens, 0) + max(a.OutputTokens, 0))
		t.Cost += stats.NewNano(a.CostUSD)
	}
	if a.OK() {
		t.Usable++
		t.TTFB.AddDuration(a.TTFB)
		t.TTFT.AddDuration(a.TTFT)
		t.Total.AddDuration(a.Total)
		t.Gap.AddDuration(a.Gap)
		t.Rate.Add(a.TokensPerSecond())
	}
}

func (t *ArmTally) addTraits(a *ArmResult) {
	badCall, badJSON := false, false
	for _, code := range a.Traits {
		if t.Traits == nil {
			t.Traits = map[string]uint64{}
		}
		if _, known := t.Traits[code]; !known && len(t.Traits) >= maxCodes {
			code = otherCode.Code
		}
		t.Traits[code]++
		switch code {
		case CodeToolUnknown, CodeToolJSON, CodeToolSchema:
			badCall = true
		case CodeJSONInvalid, CodeJSONSchema:
			badJSON = true
		}
	}
	if a.ToolCalls > 0 {
		t.ToolAnswers++
		if badCall {
			t.ToolBad++
		}
	}
	if a.JSONAsked {
		t.JSONAsked++
		if badJSON {
			t.JSONBad++
		}
	}
}

func (t *ArmTally) merge(o *ArmTally) {
	t.Calls += o.Calls
	t.Errors += o.Errors
	t.Usable += o.Usable
	t.Classes = mergeCounts(t.Classes, o.Classes)
	t.Traits = mergeCounts(t.Traits, o.Traits)
	t.ToolAnswers += o.ToolAnswers
	t.ToolBad += o.ToolBad
	t.JSONAsked += o.JSONAsked
	t.JSONBad += o.JSONBad
	t.UsageKnown += o.UsageKnown
	t.InputTokens += o.InputTokens
	t.OutputTokens += o.OutputTokens
	t.Priced += o.Priced
	t.PricedTokens += o.PricedTokens
	t.Cost += o.Cost
	t.TTFB.Merge(o.TTFB)
	t.TTFT.Merge(o.TTFT)
	t.Total.Merge(o.Total)
	t.Gap.Merge(o.Gap)
	t.Rate.Merge(o.Rate)
}

// ErrorRate is the share of calls that failed.
func (t *ArmTally) ErrorRate() float64 {
	if t.Calls == 0 {
		return 0
	}
	return float64(t.Errors) / float64(t.Calls)
}
