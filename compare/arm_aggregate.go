package compare

import (
	"time"

	"cutover/compare/stats"
	"cutover/exchange"
)

// ArmAggregate sums up one provider's side.
type ArmAggregate struct {
	Calls         uint64                    `json:"calls"`
	Errors        uint64                    `json:"errors"`
	Usable        uint64                    `json:"usable"` // successes
	Classes       map[exchange.Class]uint64 `json:"classes,omitempty"`
	Traits        map[string]uint64         `json:"traits,omitempty"` // by code, whether or not the other side has it
	ToolResponses uint64                    `json:"tool_responses"`   // responses that call tools
	ToolBad       uint64                    `json:"tool_bad"`         // of those, with an invalid call
	JSONAsked     uint64                    `json:"json_asked"`
	JSONBad       uint64                    `json:"json_bad"`
	UsageKnown    uint64                    `json:"usage_known"`
	InputTokens   uint64                    `json:"input_tokens"`
	OutputTokens  uint64                    `json:"output_tokens"`
	Priced        uint64                    `json:"priced"`        // calls whose cost is known
	PricedTokens  uint64                    `json:"priced_tokens"` // of those, both ways
	Cost          stats.Nano                `json:"cost"`          // of those, dollars
	TTFB          stats.Sketch              `json:"ttfb"`          // milliseconds, successes only
	TTFT          stats.Sketch              `json:"ttft"`
	Total         stats.Sketch              `json:"total"`
	Gap           stats.Sketch              `json:"gap"`  // longest silence of a stream, milliseconds
	Rate          stats.Sketch              `json:"rate"` // tokens per second of streams
}

func (g *ArmAggregate) add(a *ArmResult) {
	if !a.Called {
		return
	}
	g.Calls++
	if a.Class != exchange.ClassNone {
		if g.Classes == nil {
			g.Classes = map[exchange.Class]uint64{}
		}
		g.Classes[a.Class]++
	}
	if a.Failed() {
		g.Errors++
	}
	g.addTraits(a)
	if a.UsageKnown {
		g.UsageKnown++
		g.InputTokens += uint64(max(a.InputTokens, 0))
		g.OutputTokens += uint64(max(a.OutputTokens, 0))
	}
	if a.CostKnown {
		g.Priced++
		g.PricedTokens += uint64(max(a.InputTokens, 0) + max(a.OutputTokens, 0))
		g.Cost += stats.NewNano(a.CostUSD)
	}
	if a.OK() {
		g.Usable++
		g.TTFB.AddDuration(time.Duration(a.TTFB))
		g.TTFT.AddDuration(time.Duration(a.TTFT))
		g.Total.AddDuration(time.Duration(a.Total))
		g.Gap.AddDuration(time.Duration(a.Gap))
		g.Rate.Add(a.TokensPerSecond())
	}
}

func (g *ArmAggregate) addTraits(a *ArmResult) {
	badCall, badJSON := false, false
	for _, code := range a.Traits {
		if g.Traits == nil {
			g.Traits = map[string]uint64{}
		}
		if _, known := g.Traits[code]; !known && len(g.Traits) >= maxCodes {
			code = otherCode.Code
		}
		g.Traits[code]++
		switch code {
		case CodeToolUnknown, CodeToolJSON, CodeToolSchema:
			badCall = true
		case CodeJSONInvalid, CodeJSONSchema:
			badJSON = true
		}
	}
	if a.ToolCalls > 0 {
		g.ToolResponses++
		if badCall {
			g.ToolBad++
		}
	}
	if a.JSONAsked {
		g.JSONAsked++
		if badJSON {
			g.JSONBad++
		}
	}
}

func (g *ArmAggregate) merge(o *ArmAggregate) {
	g.Calls += o.Calls
	g.Errors += o.Errors
	g.Usable += o.Usable
	g.Classes = mergeCounts(g.Classes, o.Classes)
	g.Traits = mergeCounts(g.Traits, o.Traits)
	g.ToolResponses += o.ToolResponses
	g.ToolBad += o.ToolBad
	g.JSONAsked += o.JSONAsked
	g.JSONBad += o.JSONBad
	g.UsageKnown += o.UsageKnown
	g.InputTokens += o.InputTokens
	g.OutputTokens += o.OutputTokens
	g.Priced += o.Priced
	g.PricedTokens += o.PricedTokens
	g.Cost += o.Cost
	g.TTFB.Merge(o.TTFB)
	g.TTFT.Merge(o.TTFT)
	g.Total.Merge(o.Total)
	g.Gap.Merge(o.Gap)
	g.Rate.Merge(o.Rate)
}

// ErrorRate is the share of calls that failed, in [0,1].
func (g *ArmAggregate) ErrorRate() float64 {
	if g.Calls == 0 {
		return 0
	}
	return float64(g.Errors) / float64(g.Calls)
}
