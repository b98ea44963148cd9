package compare

import (
	"time"

	"cutover/compare/stats"
)

// Aggregate sums up requests and the pairs of responses to them.
type Aggregate struct {
	First    time.Time          `json:"first,omitzero"` // earliest and latest request
	Last     time.Time          `json:"last,omitzero"`
	Outcomes map[Outcome]uint64 `json:"outcomes,omitempty"`
	Reasons  map[string]uint64  `json:"reasons,omitempty"` // of Skipped and Dropped

	Pairs               uint64            `json:"pairs"`                // both providers were called
	Checked             uint64            `json:"checked"`              // both responses usable, contents compared
	TextEqual           uint64            `json:"text_equal"`           // of those
	ToolsEqual          uint64            `json:"tools_equal"`          // of those
	Similarity          stats.Micro       `json:"similarity"`           // sum over Checked
	SimilarityHistogram Histogram         `json:"similarity_histogram"` // of Similarity
	Errors              stats.Discordance `json:"errors"`               // failed calls, paired
	Faults              stats.Discordance `json:"faults"`               // responses with a hard fault, paired, where both calls succeeded
	Tools               ToolCounts        `json:"tools"`
	Noise               NoiseAggregate    `json:"noise"`

	// Ratios relay/primary over pairs in which both succeeded.
	TTFT   stats.LogRatio `json:"ttft"`
	Total  stats.LogRatio `json:"total"`
	Rate   stats.LogRatio `json:"rate"`   // tokens per second
	Length stats.LogRatio `json:"length"` // bytes of text
	Input  stats.LogRatio `json:"input"`  // input tokens for the same request
	Output stats.LogRatio `json:"output"` // output tokens for each byte of text

	Codes   map[Code]CodeCounts `json:"codes,omitempty"`
	Primary ArmAggregate        `json:"primary"`
	Relay   ArmAggregate        `json:"relay"`
}

// ToolCounts counts, among the compared pairs whose request offers tools, which
// sides called one.
type ToolCounts struct {
	Both        uint64 `json:"both"`
	PrimaryOnly uint64 `json:"primary_only"`
	RelayOnly   uint64 `json:"relay_only"`
	Neither     uint64 `json:"neither"`
}

// F1 is the relay's F1 score of "calls a tool or not", taking the primary's
// choice as correct; ok is false when neither ever called one.
func (t ToolCounts) F1() (f1 float64, ok bool) {
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

// Requests is how many requests were offered to the mirror.
func (g *Aggregate) Requests() uint64 {
	var n uint64
	for _, c := range g.Outcomes {
		n += c
	}
	return n
}

func (g *Aggregate) span(first, last time.Time) {
	if first.IsZero() {
		return
	}
	if g.First.IsZero() || first.Before(g.First) {
		g.First = first
	}
	if last.After(g.Last) {
		g.Last = last
	}
}

func (g *Aggregate) add(r *Result) {
	g.span(r.At, r.At)
	if g.Outcomes == nil {
		g.Outcomes = map[Outcome]uint64{}
	}
	g.Outcomes[r.Outcome]++
	if r.Why != "" {
		if g.Reasons == nil {
			g.Reasons = map[string]uint64{}
		}
		g.Reasons[r.Why]++
	}
	if r.Primary.Called || r.Relay.Called {
		g.addCalls(r)
	}
}

// addCalls counts a request for which at least one provider was called.
func (g *Aggregate) addCalls(r *Result) {
	g.Primary.add(&r.Primary)
	g.Relay.add(&r.Relay)
	for i := range r.Findings {
		f := &r.Findings[i]
		code := Code{Code: f.Code, Path: f.Path}
		c := g.code(&code)
		c.add(f, r)
		g.Codes[code] = c
	}
	if !r.Primary.Called || !r.Relay.Called {
		return
	}
	g.Pairs++
	g.addErrors(r)
	if r.Primary.OK() && r.Relay.OK() {
		g.Faults.Add(r.faulty(armPrimary), r.faulty(armRelay))
		g.TTFT.AddDurations(time.Duration(r.Primary.TTFT), time.Duration(r.Relay.TTFT))
		g.Total.AddDurations(time.Duration(r.Primary.Total), time.Duration(r.Relay.Total))
		g.Rate.Add(r.Primary.TokensPerSecond(), r.Relay.TokensPerSecond())
		g.Length.Add(float64(r.Primary.TextBytes), float64(r.Relay.TextBytes))
		if r.Primary.UsageKnown && r.Relay.UsageKnown {
			g.Input.Add(float64(r.Primary.InputTokens), float64(r.Relay.InputTokens))
		}
		g.Output.Add(r.Primary.TokensPerByte, r.Relay.TokensPerByte)
	}
	if r.Noise != nil {
		g.Noise.Add(*r.Noise)
	}
	if r.Checked {
		g.addContents(r)
	}
}

// addErrors counts which side failed. An aborting caller, and a call that cutover
// did not send, say nothing about either.
func (g *Aggregate) addErrors(r *Result) {
	for _, a := range []*ArmResult{&r.Primary, &r.Relay} {
		if !a.OK() && !a.Failed() {
			return
		}
	}
	if r.Burst {
		g.Errors.Skip(r.Primary.Failed(), r.Relay.Failed())
		return
	}
	g.Errors.Add(r.Primary.Failed(), r.Relay.Failed())
}

func (g *Aggregate) addContents(r *Result) {
	g.Checked++
	g.Similarity += stats.NewMicro(r.Similarity)
	g.SimilarityHistogram.add(r.Similarity)
	if r.TextEqual {
		g.TextEqual++
	}
	if r.ToolsEqual {
		g.ToolsEqual++
	}
	if !r.Tools {
		return
	}
	switch p, q := r.Primary.ToolCalls > 0, r.Relay.ToolCalls > 0; {
	case p && q:
		g.Tools.Both++
	case p:
		g.Tools.PrimaryOnly++
	case q:
		g.Tools.RelayOnly++
	default:
		g.Tools.Neither++
	}
}

// code returns the counts of a code. Beyond maxCodes it turns code into
// otherCode.
func (g *Aggregate) code(code *Code) CodeCounts {
	if g.Codes == nil {
		g.Codes = map[Code]CodeCounts{}
	}
	c, ok := g.Codes[*code]
	if !ok && len(g.Codes) >= maxCodes {
		*code = otherCode
		c = g.Codes[otherCode]
	}
	return c
}

func (g *Aggregate) merge(o *Aggregate) {
	g.span(o.First, o.Last)
	g.Outcomes = mergeCounts(g.Outcomes, o.Outcomes)
	g.Reasons = mergeCounts(g.Reasons, o.Reasons)
	g.Pairs += o.Pairs
	g.Checked += o.Checked
	g.TextEqual += o.TextEqual
	g.ToolsEqual += o.ToolsEqual
	g.Similarity += o.Similarity
	for i, n := range o.SimilarityHistogram {
		g.SimilarityHistogram[i] += n
	}
	g.Errors.Merge(o.Errors)
	g.Faults.Merge(o.Faults)
	g.Tools.Both += o.Tools.Both
	g.Tools.PrimaryOnly += o.Tools.PrimaryOnly
	g.Tools.RelayOnly += o.Tools.RelayOnly
	g.Tools.Neither += o.Tools.Neither
	g.Noise.Merge(o.Noise)
	g.TTFT.Merge(o.TTFT.Moments)
	g.Total.Merge(o.Total.Moments)
	g.Rate.Merge(o.Rate.Moments)
	g.Length.Merge(o.Length.Moments)
	g.Input.Merge(o.Input.Moments)
	g.Output.Merge(o.Output.Moments)
	for code, from := range o.Codes {
		c := g.code(&code)
		c.merge(from)
		g.Codes[code] = c
	}
	g.Primary.merge(&o.Primary)
	g.Relay.merge(&o.Relay)
}

// MeanSimilarity is the mean over the pairs whose contents were compared, in
// [0,1].
func (g *Aggregate) MeanSimilarity() float64 {
	if g.Checked == 0 {
		return 0
	}
	return g.Similarity.Float() / float64(g.Checked)
}
