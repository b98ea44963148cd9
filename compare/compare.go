package compare

import "cutover/exchange"

// Options say how to compare.
type Options struct {
	// Diff also computes Result.DiffSimilarity, which costs milliseconds for
	// long texts: for looking at a pair, never for every pair.
	Diff bool
	// PrimaryPrices and RelayPrices give the costs; models without a price
	// have none.
	PrimaryPrices, RelayPrices Prices
}

// Compare turns a pair into a Result. It is pure, keeps no reference to the
// pair, and takes any pair: nil exchanges, broken answers, no text kept.
func Compare(p Pair, o Options) Result {
	r := Result{Outcome: p.Outcome, Why: label(p.Why), Served: p.Served}
	if q := p.Request; q != nil {
		r.ID, r.At = q.ID, q.At
		r.Model, r.Stream = label(q.Facts.Model), q.Facts.Stream
		if q.Endpoint != nil {
			r.Endpoint = q.Endpoint.Name
		}
	}
	r.Primary = armResult(p.Primary, o.PrimaryPrices)
	r.Relay = armResult(p.Relay, o.RelayPrices)
	if p.Primary != nil && p.Relay != nil && r.Primary.OK() && r.Relay.OK() {
		compareContents(&r, p, o)
	}
	return r
}

// armResult takes the figures of one side.
func armResult(x *exchange.Exchange, prices Prices) ArmResult {
	if x == nil {
		return ArmResult{}
	}
	a := ArmResult{
		Called: true, Upstream: x.Upstream, Asked: label(x.Model), Model: label(x.Completion.Model),
		Status: x.Status, Class: x.Class, Detail: label(x.Detail),
		TTFB: x.TTFB, TTFT: x.TTFT, Total: x.Total, Gap: x.Gaps.Max,
		Streamed: x.Streamed, Bytes: x.Bytes, Events: x.Events,
		UsageKnown: x.Usage.Known, InputTokens: x.Usage.InputTokens, OutputTokens: x.Usage.OutputTokens,
		FinishReason: label(x.Completion.FinishReason),
		TextBytes:    x.Completion.TextBytes, ToolCalls: len(x.Completion.ToolCalls),
	}
	if x.Usage.Known {
		if price, ok := prices.For(x.Model); ok {
			a.CostKnown = true
			a.CostUSD = price.Cost(x.Usage.InputTokens, x.Usage.CachedTokens, x.Usage.OutputTokens)
		}
	}
	return a
}

// compareContents compares what two usable answers say.
func compareContents(r *Result, p Pair, o Options) {
	a, b := &p.Primary.Completion, &p.Relay.Completion
	if !textKept(a) || !textKept(b) {
		return
	}
	r.Checked = true
	r.TextEqual = equalText(a.Text, b.Text)
	switch {
	case a.Embedding != nil || b.Embedding != nil:
		r.Similarity = min(max(Cosine(a.Embedding, b.Embedding), 0), 1)
	case r.TextEqual:
		r.Similarity = 1
	default:
		r.Similarity = Similarity(a.Text, b.Text)
	}
	if o.Diff {
		d := DiffSimilarity(a.Text, b.Text)
		r.DiffSimilarity = &d
	}
	r.ToolsEqual = equalToolCalls(a.ToolCalls, b.ToolCalls)
}

// textKept reports whether the recorder kept this completion's text, so that
// an empty one means an empty answer.
func textKept(c *exchange.Completion) bool { return c.Text != "" || c.TextBytes == 0 }
