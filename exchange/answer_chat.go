package exchange

// chat reads a chat completion or one chunk of a streamed one; text
// completions have the same frame around another choice.
func (a *answer) chat(data []byte) {
	s := scanner{b: data}
	c := &a.x.Completion
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		switch string(key) {
		case "id":
			a.name(&c.ID, &s)
		case "model":
			a.name(&c.Model, &s)
		case "choices":
			a.choices(&s)
		case "usage":
			a.usage(&s)
		case "error":
			a.readError(&s)
		default:
			s.skip()
		}
	}
	a.check(&s)
}

func (a *answer) choices(s *scanner) {
	list := s.peek() == '['
	n := 0
	for more := s.array(); more; more = s.nextItem() {
		a.choice(s, n)
		n++
	}
	// A stream's chunk may be without a choice: the one with the usage is.
	a.shaped = a.shaped || n > 0 || list && !a.streamed
	a.hollow = n == 0
}

// choice reads one choice. Its index decides where its words go, and may come
// after them.
func (a *answer) choice(s *scanner, position int) {
	index := -1
	var later []byte
	var laterText, finish jsonString
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		switch string(key) {
		case "index":
			index = s.count()
		case "delta", "message":
			if index < 0 {
				later = s.span()
				continue
			}
			a.delta(s, index == 0)
		case "text":
			laterText = s.str()
		case "finish_reason":
			finish = s.str()
		default:
			s.skip()
		}
	}
	if index < 0 {
		index = position
	}
	first := index == 0
	if later != nil {
		a.delta(&scanner{b: later}, first)
	}
	if first {
		a.addText(laterText)
	} else {
		a.said(laterText)
	}
	c := &a.x.Completion
	if first && len(finish.raw) > 0 {
		c.FinishReason = finish.code()
	}
	c.Choices = max(c.Choices, min(index, maxChoices)+1)
}

// maxChoices bounds what an index can claim.
const maxChoices = 1 << 10

// delta reads a message, or the part of it that a chunk brings. Of other
// choices than the first only the fact that they speak counts.
func (a *answer) delta(s *scanner, first bool) {
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		switch string(key) {
		case "content":
			a.content(s, first)
		case "refusal":
			if v := s.str(); first {
				a.addRefusal(v)
			} else {
				a.said(v)
			}
		case "tool_calls":
			n := 0
			for more := s.array(); more; more = s.nextItem() {
				a.toolCall(s, n, first)
				n++
			}
		case "function_call":
			a.function(s, 0, callParts{}, first)
		// The thoughts of reasoning models, under the names that the makers of
		// compatible servers have given them.
		case "reasoning_content", "reasoning":
			a.said(s.str())
		case "audio":
			a.spoken(s)
		default:
			s.skip()
		}
	}
}

// content is a string, or with some makers a list of parts.
func (a *answer) content(s *scanner, first bool) {
	if s.peek() != '[' {
		if v := s.str(); first {
			a.addText(v)
		} else {
			a.said(v)
		}
		return
	}
	for more := s.array(); more; more = s.nextItem() {
		for key, ok := s.object(); ok; key, ok = s.nextKey() {
			if string(key) != "text" {
				s.skip()
				continue
			}
			if v := s.str(); first {
				a.addText(v)
			} else {
				a.said(v)
			}
		}
	}
}

func (a *answer) toolCall(s *scanner, position int, first bool) {
	index := position
	var p callParts
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		switch string(key) {
		case "index":
			index = s.count()
		case "id":
			p.id = s.str()
		case "function", "custom":
			s.function(&p)
		default:
			s.skip()
		}
	}
	a.choiceCall(index, p, first)
}

// function reads the deprecated function_call.
func (a *answer) function(s *scanner, index int, p callParts, first bool) {
	s.function(&p)
	a.choiceCall(index, p, first)
}

func (a *answer) choiceCall(index int, p callParts, first bool) {
	if first {
		a.addCall(index, p)
		return
	}
	a.said(p.name)
	a.said(p.args)
}

// function consumes a function's name and arguments, or a custom tool's name
// and input.
func (s *scanner) function(p *callParts) {
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		switch string(key) {
		case "name":
			p.name = s.str()
		case "arguments", "input":
			p.args = s.str()
		default:
			s.skip()
		}
	}
}

// usage consumes the usage of either OpenAI dialect; null says nothing.
func (a *answer) usage(s *scanner) {
	u := &a.x.Usage
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
