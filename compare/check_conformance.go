package compare

import "cutover/exchange"

// checkConformance notes where an answer's form breaks its dialect's rules.
func (c *comparison) checkConformance(s *side) {
	for _, fault := range s.x.Faults {
		c.trait(s, codeConformance+label(fault))
	}
	if c.request.Facts.Stream && !s.x.Streamed && s.x.Class == exchange.ClassNone {
		c.trait(s, CodeNotStreamed)
	}
	dialect := c.dialect()
	if dialect.Complete.FinishReason && s.x.Completion.FinishReason == "" {
		c.trait(s, CodeNoFinish)
	}
	if dialect.Complete.ID && s.x.Completion.ID == "" {
		c.trait(s, CodeNoID)
	}
	// The mirror asks for the usage of a stream in its shadow request only.
	reported := !s.x.Streamed || c.request.Facts.IncludeUsage || !dialect.UsageOnRequest
	if dialect.Complete.Usage && reported && !s.x.Usage.Known {
		c.trait(s, CodeNoUsage)
	}
}
