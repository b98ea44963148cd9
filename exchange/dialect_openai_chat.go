package exchange

// openAIChat is the dialect of chat completions, which most other makers of
// servers speak as well.
func openAIChat() DialectSpec {
	return DialectSpec{
		Name: "openai-chat",
		endpoints: []row{
			{method: "POST", pattern: "chat/completions", kind: Inference, dialect: OpenAIChat, generates: true},
			{method: "GET", pattern: "chat/completions", kind: Stateful}, // the list of stored chats
		},
		stored: `
chat/completions/*/**
chat/completions/*/messages
`,
		readMember:        (*inspection).readChatMember,
		readMessageMember: (*inspection).readChatMessageMember,
		Forms: RequestForms{
			UserText: []string{"messages"},
			Schemas:  []string{"response_format.json_schema.schema"},
			Tools: ToolForms{
				Lists: []string{"tools", "functions"}, Wrappers: []string{"function", "custom"}, Schemas: []string{"parameters"},
			},
		},
		Headers:        []string{"Openai-Beta"},
		Storage:        StoredOnRequest,
		UsageOnRequest: true,

		readBody:      (*response).readChat,
		readEvent:     (*response).readChatEvent,
		doneMarker:    true,
		Streams:       true,
		finishReasons: []string{"stop", "tool_calls", "length", "content_filter", "function_call"},
		Truncated:     []string{"length", "model_length"},
		Complete:      Parts{Output: true, FinishReason: true, ID: true, Usage: true},
		Varying: []string{
			"choices.[].logprobs", "choices.[].message.*", "choices.[].delta.*", "choices.[].content_filter_results",
			"choices.[].stop_reason",
		},
	}
}

// readChatMember reads what only chats have.
func (in *inspection) readChatMember(key []byte) bool {
	s := &in.s
	switch string(key) {
	case "web_search_options":
		in.markIf(s.peek() == '{', "web_search")
		s.skip()
	case "tools":
		in.tools()
	case "messages":
		in.messages()
	default:
		return false
	}
	return true
}

// readChatMessageMember finds an earlier spoken response, which is named by id.
func (in *inspection) readChatMessageMember(key []byte) bool {
	if string(key) != "audio" {
		return false
	}
	in.markIf(in.s.set(), "audio_id")
	return true
}

// readChatEvent reads one event of a streamed chat.
func (r *response) readChatEvent(name, data []byte) {
	if string(name) == "error" {
		r.failed = true
		r.readErrorBody(data)
		return
	}
	finished := r.x.Completion.FinishReason != ""
	r.readChatChunk(data)
	// A single choice that goes on after its finish reason.
	if finished && r.hasOutput && r.x.Completion.Choices <= 1 {
		r.addFault("order")
	}
}

// readChat reads a chat completion or one chunk of a streamed one. Text
// completions differ in the choice only.
func (r *response) readChat(data []byte) {
	s := scanner{b: data}
	c := &r.x.Completion
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		switch string(key) {
		case "id":
			r.setOnce(&c.ID, &s)
		case "model":
			r.setOnce(&c.Model, &s)
		case "choices":
			r.readChoices(&s)
		case "usage":
			r.readUsage(&s)
		case "error":
			r.readError(&s)
		default:
			s.skip()
		}
	}
	r.checkSyntax(&s)
}

// readChoices reads the list of choices.
func (r *response) readChoices(s *scanner) {
	list := s.peek() == '['
	n := 0
	for more := s.array(); more; more = s.nextItem() {
		r.readChoice(s, n)
		n++
	}
	// A stream's chunk may have no choice: the one with the usage has none.
	r.wellFormed = r.wellFormed || n > 0 || list && !r.streamed
	r.empty = n == 0
}

// readChoice reads one choice. Its index decides where its text goes, and may
// come after the text.
func (r *response) readChoice(s *scanner, position int) {
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
			r.readDelta(s, index == 0)
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
		r.readDelta(&scanner{b: later}, first)
	}
	if first {
		r.addText(laterText)
	} else {
		r.noteOutput(laterText)
	}
	r.finish(index, finish)
	c := &r.x.Completion
	c.Choices = max(c.Choices, min(index, maxChoices)+1)
}

// maxChoices bounds what an index can claim.
const maxChoices = 1 << 10

// readDelta reads a message, or the part of it that a chunk holds. Of choices
// other than the first, and of members without a case (thoughts have many names,
// pictures, citations), only the fact that there is output counts.
func (r *response) readDelta(s *scanner, first bool) {
	if s.peek() != '{' {
		r.hasOutput = s.material() || r.hasOutput
		return
	}
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		switch string(key) {
		case "content":
			r.readContent(s, first)
		case "refusal":
			if v := s.str(); first {
				r.addRefusal(v)
			} else {
				r.noteOutput(v)
			}
		case "tool_calls":
			n := 0
			for more := s.array(); more; more = s.nextItem() {
				r.readToolCall(s, n, first)
				n++
			}
		case "function_call":
			var p toolCallPiece // deprecated, and the only one
			s.function(&p)
			r.addChoiceToolCall(0, p, first)
		case "audio":
			r.readAudio(s)
		default:
			r.noteMaterial(s, key)
		}
	}
}

// readContent reads a string or, from some servers, a list of parts.
func (r *response) readContent(s *scanner, first bool) {
	switch s.peek() {
	case '"':
		if v := s.str(); first {
			r.addText(v)
		} else {
			r.noteOutput(v)
		}
		return
	case '[':
	default:
		r.hasOutput = s.material() || r.hasOutput
		return
	}
	for more := s.array(); more; more = s.nextItem() {
		for key, ok := s.object(); ok; key, ok = s.nextKey() {
			if string(key) != "text" || s.peek() != '"' {
				r.noteMaterial(s, key)
				continue
			}
			if v := s.str(); first {
				r.addText(v)
			} else {
				r.noteOutput(v)
			}
		}
	}
}

// readToolCall reads a tool call, or the piece of it that a chunk holds.
func (r *response) readToolCall(s *scanner, position int, first bool) {
	index := position
	var p toolCallPiece
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		switch string(key) {
		case "index":
			index = s.count()
		case "id":
			p.id = s.str()
		case "function", "custom":
			s.function(&p)
		default:
			r.noteMaterial(s, key)
		}
	}
	r.addChoiceToolCall(index, p, first)
}

// addChoiceToolCall adds a piece of a tool call of the first choice or another.
func (r *response) addChoiceToolCall(index int, p toolCallPiece, first bool) {
	if first {
		r.addToolCall(index, p)
		return
	}
	r.noteOutput(p.name)
	r.noteOutput(p.args)
}

// function consumes a function's name and arguments, or a custom tool's name
// and input.
func (s *scanner) function(p *toolCallPiece) {
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

// readAudio reads a spoken message; a later turn names it by its id.
func (r *response) readAudio(s *scanner) {
	if s.peek() != '{' {
		r.hasOutput = s.material() || r.hasOutput
		return
	}
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		if string(key) == "id" {
			r.addBound(s.str().truncated())
		} else {
			r.noteMaterial(s, key)
		}
	}
}
