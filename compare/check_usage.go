package compare

import "cutover/exchange"

// The differences in counted tokens that become a finding: single responses differ
// by a few percent anyway.
const (
	usageRatio = 1.1 // input, for the same request
	usageSlack = 8   // input tokens that framing may add
	outputFold = 1.5 // output, for each byte of text
	outputText = 200 // bytes of text from which on that can be told
)

// checkUsage compares the tokens that the two sides count.
func (c *comparison) checkUsage() {
	p, r := &c.sides[exchange.Primary], &c.sides[exchange.Relay]
	if !p.x.Usage.Known || !r.x.Usage.Known {
		return
	}
	a, b := float64(p.x.Usage.InputTokens), float64(r.x.Usage.InputTokens)
	switch {
	case a > 0 && b > a*usageRatio+usageSlack:
		c.addTrait(r, CodeUsageInput)
	case b > 0 && a > b*usageRatio+usageSlack:
		c.addTrait(p, CodeUsageInput)
	}
	x, y := p.arm.TokensPerByte, r.arm.TokensPerByte
	switch {
	case x > 0 && y > x*outputFold:
		c.addTrait(r, CodeUsageOutput)
	case y > 0 && x > y*outputFold:
		c.addTrait(p, CodeUsageOutput)
	}
}

// tokensPerByte is how many output tokens were counted for each byte of the
// text; ok is false when the text is too short, or not all that was counted.
func tokensPerByte(x *exchange.Exchange) (rate float64, ok bool) {
	visible := x.Usage.OutputTokens - x.Usage.Reasoning
	if !x.Usage.Known || visible <= 0 || x.Completion.TextBytes < outputText || len(x.Completion.ToolCalls) > 0 || x.Completion.Choices > 1 {
		return 0, false
	}
	return float64(visible) / float64(x.Completion.TextBytes), true
}
