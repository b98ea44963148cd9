package compare

// checkFaults notes where a response's form breaks its dialect's rules, also if it
// is a failure for that.
func (c *comparison) checkFaults(s *side) {
	for _, fault := range s.x.Faults {
		c.addTrait(s, codeConformance+label(fault))
	}
}

// checkConformance notes what a good response lacks.
func (c *comparison) checkConformance(s *side) {
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
