package compare

import (
	"cutover/exchange"
	"cutover/internal/millis"
)

// Options say how to compare.
type Options struct {
	// Diff also computes Result.DiffSimilarity, which costs milliseconds for
	// long texts: for looking at a pair, never for every pair.
	Diff bool
	// PrimaryPrices and RelayPrices give the costs; models without a price
	// have none.
	PrimaryPrices, RelayPrices Prices
	// Counter counts the tokens of the answers' texts independently, which
	// costs some hundred microseconds; nil: they are not counted.
	Counter *Counter
	// Ignore are further paths that the comparison of structures leaves out,
	// like "usage.*_details" or "choices.[].logprobs"; * stands for anything.
	Ignore []string
	// Expired says that this pair has cost enough: what has not been looked at by
	// then is left out, and a finding says so. It is asked between checks; nil:
	// never.
	Expired func() bool
}

// Compare turns a pair into a Result. It is pure, keeps no reference to the
// pair, and takes any pair: nil exchanges, broken answers, no text kept.
func Compare(p Pair, o Options) Result {
	r := Result{Outcome: p.Outcome, Why: label(p.Why), Served: p.Served}
	if q := p.Request; q != nil {
		r.ID, r.At = q.ID, q.At
		r.Model, r.Stream = label(q.Facts.Model), q.Facts.Stream
		r.Tools, r.JSON = q.Facts.Tools, q.Facts.JSONMode
		if q.Endpoint != nil {
			r.Endpoint = q.Endpoint.Name
		}
	}
	r.Primary = armResult(p.Primary, o.PrimaryPrices)
	r.Relay = armResult(p.Relay, o.RelayPrices)
	c := comparison{request: p.Request, result: &r, options: &o}
	if c.request == nil {
		c.request = &exchange.Request{}
	}
	c.sides[exchange.Primary] = side{name: armPrimary, x: p.Primary, arm: &r.Primary}
	c.sides[exchange.Relay] = side{name: armRelay, x: p.Relay, arm: &r.Relay}
	c.check()
	if p.Rerun != nil {
		r.Noise = measureTriple(p)
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
		TTFB: millis.Duration(x.TTFB), TTFT: millis.Duration(x.TTFT), Total: millis.Duration(x.Total), Gap: millis.Duration(x.Gaps.Max),
		Streamed: x.Streamed, Bytes: x.Bytes, Events: x.Events,
		UsageKnown: x.Usage.Known, InputTokens: x.Usage.InputTokens, OutputTokens: x.Usage.OutputTokens,
		FinishReason: label(x.Completion.FinishReason),
		TextBytes:    x.Completion.TextBytes, ToolCalls: len(x.Completion.ToolCalls),
	}
	if rate, ok := tokensPerByte(x); ok {
		a.TokensPerByte = rate
	}
	if x.Usage.Known {
		if price, ok := prices.For(x.Model); ok {
			a.CostKnown = true
			a.CostUSD = price.Cost(x.Usage.InputTokens, x.Usage.CachedTokens, x.Usage.OutputTokens)
		}
	}
	return a
}

// compareContents compares the contents of two usable responses.
func (c *comparison) compareContents() {
	p, r := &c.sides[exchange.Primary], &c.sides[exchange.Relay]
	a, b := &p.x.Completion, &r.x.Completion
	c.result.Checked = true
	x, y := a.Text, b.Text
	if x != y {
		x, y = composed(x), composed(y)
	}
	c.result.TextEqual = equalComposed(x, y)
	switch {
	case a.Embedding != nil || b.Embedding != nil:
		c.compareEmbeddings(p, r)
	case c.result.TextEqual:
		c.result.Similarity = 1
	default:
		c.result.Similarity = similarity(x, y)
	}
	if c.options.Diff {
		d := DiffSimilarity(x, y)
		c.result.DiffSimilarity = &d
	}
	if c.expired() {
		return
	}
	c.checkLength(p, r)
	c.checkLanguage(p, r)
	c.compareTools(p, r)
}

// textKept reports whether the recorder kept this completion's text, so that
// an empty one means an empty response.
func textKept(c *exchange.Completion) bool { return c.Text != "" || c.TextBytes == 0 }
