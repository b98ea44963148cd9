package exchange

// What OpenAI's dialects have in common.

// openAIErrorBody is an error in OpenAI's form.
func openAIErrorBody(p Problem) any {
	return map[string]any{
		"error": map[string]any{"message": p.Message, "type": p.Type, "param": nil, "code": p.Code},
	}
}

// readUsage consumes the usage of any of OpenAI's dialects; null says nothing.
func (r *response) readUsage(s *scanner) {
	u := &r.x.Usage
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		switch string(key) {
		case "prompt_tokens", "input_tokens":
			u.InputTokens = s.count()
			u.Known = true
		case "completion_tokens", "output_tokens":
			u.OutputTokens = s.count()
			u.Known = true
		case "prompt_tokens_details", "input_tokens_details":
			s.detail("cached_tokens", &u.CachedTokens)
		case "completion_tokens_details", "output_tokens_details":
			s.detail("reasoning_tokens", &u.Reasoning)
		case "prompt_cache_hit_tokens": // DeepSeek's name
			u.CachedTokens = max(u.CachedTokens, s.count())
		default:
			s.skip()
		}
	}
}

// detail consumes an object and takes one count out of it.
func (s *scanner) detail(name string, n *int) {
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		if string(key) == name {
			*n = s.count()
		} else {
			s.skip()
		}
	}
}
