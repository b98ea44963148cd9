package exchange

// anthropicCount is the dialect of Anthropic's token counts: the request of a
// message, and a number in response.
func anthropicCount() DialectSpec {
	return DialectSpec{
		Name: "anthropic-count",
		endpoints: []row{
			{method: "POST", pattern: "messages/count_tokens", kind: Inference, dialect: AnthropicCount},
		},
		readMember:     (*inspection).readMessagesMember,
		Forms:          RequestForms{UserText: []string{"messages"}},
		Headers:        []string{"Anthropic-Beta", "Anthropic-Version"},
		NoOutputTokens: true,

		readBody: (*response).readCount,

		PagedLists: true,
		cutOff:     anthropicCutOff(),
		errorBody:  anthropicErrorBody,
		errorEvent: anthropicErrorEvent,
		wrapError:  anthropicWrapError,
	}
}

// readCount reads the response to a token count.
func (r *response) readCount(data []byte) {
	s := scanner{b: data}
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		switch string(key) {
		case "input_tokens":
			r.readInputTokens(&s)
		case "error":
			r.readError(&s)
		default:
			s.skip()
		}
	}
	r.checkSyntax(&s)
}
