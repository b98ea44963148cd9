package exchange

// openAICompletions is the dialect of text completions, OpenAI's oldest. Its
// responses are chats with another kind of choice.
func openAICompletions() DialectSpec {
	return DialectSpec{
		Name: "openai-completions",
		endpoints: []row{
			{method: "POST", pattern: "completions", kind: Inference, dialect: OpenAICompletions, generates: true},
		},
		readMember:     (*inspection).readCompletionsMember,
		Forms:          RequestForms{UserText: []string{"prompt"}},
		UsageOnRequest: true,

		readBody:      (*response).readChat,
		readEvent:     (*response).readChatEvent,
		doneMarker:    true,
		Streams:       true,
		finishReasons: []string{"stop", "length"},
		Truncated:     []string{"length"},
		Complete:      Parts{Output: true, FinishReason: true, ID: true, Usage: true},
	}
}

func (in *inspection) readCompletionsMember(key []byte) bool {
	if string(key) != "prompt" {
		return false
	}
	in.opening()
	return true
}
