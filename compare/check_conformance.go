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
	switch c.dialect() {
	case exchange.OpenAIChat, exchange.OpenAICompletions, exchange.OpenAIResponses, exchange.AnthropicMessages:
	default:
		return
	}
	if s.x.Completion.FinishReason == "" {
		c.trait(s, CodeNoFinish)
	}
	if s.x.Completion.ID == "" {
		c.trait(s, CodeNoID)
	}
	// Streams of chats tell their usage only when asked to, and the mirror asks
	// on its own copy only.
	if !s.x.Usage.Known && (!s.x.Streamed || c.request.Facts.IncludeUsage || c.dialect() == exchange.OpenAIResponses || c.dialect() == exchange.AnthropicMessages) {
		c.trait(s, CodeNoUsage)
	}
}

// dialect is the protocol of the request's endpoint.
func (c *comparison) dialect() exchange.Dialect {
	if c.request.Endpoint == nil {
		return exchange.DialectNone
	}
	return c.request.Endpoint.Dialect
}
