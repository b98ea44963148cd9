package compare

import (
	"time"

	"cutover/internal/millis"

	"github.com/rs/zerolog"
)

// MarshalZerologObject writes the pair's one log line: figures, codes and
// names, no text of a request or an answer.
func (r Result) MarshalZerologObject(e *zerolog.Event) {
	e.Str("id", r.ID).Str("endpoint", r.Endpoint).Bool("stream", r.Stream).
		Str("outcome", string(r.Outcome)).Str("served", r.Served.String())
	if r.Model != "" {
		e.Str("model", r.Model)
	}
	if r.Why != "" {
		e.Str("why", r.Why)
	}
	if r.Primary.Called {
		e.Object("primary", r.Primary)
	}
	if r.Relay.Called {
		e.Object("relay", r.Relay)
	}
	if r.Checked {
		e.Bool("text_equal", r.TextEqual).Float64("similarity", round3(r.Similarity)).Bool("tools_equal", r.ToolsEqual)
		if r.DiffSimilarity != nil {
			e.Float64("diff_similarity", round3(*r.DiffSimilarity))
		}
	}
	if r.Burst {
		e.Bool("burst", true)
	}
	if len(r.Findings) > 0 {
		codes := make([]string, len(r.Findings))
		for i, f := range r.Findings {
			codes[i] = f.Code
		}
		e.Strs("findings", codes).Str("severity", r.Worst().String())
	}
}

// MarshalZerologObject writes one side of a pair's log line; durations are in
// milliseconds.
func (a ArmResult) MarshalZerologObject(e *zerolog.Event) {
	e.Int("status", a.Status)
	if a.Class != "" {
		e.Str("class", string(a.Class))
	}
	if a.Detail != "" {
		e.Str("detail", a.Detail)
	}
	if a.TTFT > 0 {
		e.Float64("ttft_ms", roundedMillis(a.TTFT))
	}
	e.Float64("total_ms", roundedMillis(a.Total)).Int64("bytes", a.Bytes)
	if a.UsageKnown {
		e.Int("input_tokens", a.InputTokens).Int("output_tokens", a.OutputTokens)
	}
	if a.FinishReason != "" {
		e.Str("finish", a.FinishReason)
	}
	if a.ToolCalls > 0 {
		e.Int("tool_calls", a.ToolCalls)
	}
	if a.CostKnown {
		e.Float64("cost_usd", a.CostUSD)
	}
}

// roundedMillis is a duration in milliseconds, to the microsecond.
func roundedMillis(d millis.Duration) float64 { return float64(time.Duration(d).Microseconds()) / 1000 }

func round3(x float64) float64 { return float64(int64(x*1000+.5)) / 1000 }
