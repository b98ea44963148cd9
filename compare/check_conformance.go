package compare

import "cutover/exchange"

// checkConformance notes where a response's form breaks its dialect's rules.
func (c *comparison) checkConformance(s *side) {
	for _, fault := range s.x.Faults {
		c.addTrait(s, codeConformance+label(fault))
	}
	if c.request.Facts.Stream && !s.x.Streamed && s.x.Class == exchange.ClassNone {
		c.addTrait(s, CodeNotStreamed)
	}
	dialect := c.dialect()
	if dialect.Complete.FinishReason && s.x.Completion.FinishReason == "" {
		c.addTrait(s, CodeNoFinish)
	}
	if dialect.Complete.ID && s.x.Completion.ID == "" {
		c.addTrait(s, CodeNoID)
	}
	// The mirror asks for the usage of a stream in its shadow request only.
	reported := !s.x.Streamed || c.request.Facts.IncludeUsage || !dialect.UsageOnRequest
	if dialect.Complete.Usage && reported && !s.x.Usage.Known {
		c.addTrait(s, CodeNoUsage)
	}
}
