package mock

import "strings"

// reply is the content of one choice, independent of the dialect.
type reply struct {
	text    string
	pieces  []string // text split into tokens, as a stream sends it
	calls   []toolCall
	finish  finish
	stopped string // the stop sequence that was met
	refusal bool   // text declines
	thought string // the model's thinking, if it was requested
	input   int    // tokens billed
	output  int    // of them, reasoning included
	cached  int    // of the input, read from the provider's prompt cache
	reason  int    // of the output, hidden
}

// toolCall is one call of a tool.
type toolCall struct {
	name   string
	args   string
	pieces []string
}

// finish is why a reply ends.
type finish uint8

const (
	finishStop finish = iota
	finishLength
	finishTools
	finishSequence // a stop sequence
	finishRefusal
)

// openAI is the finish_reason of chat completions.
func (f finish) openAI() string {
	switch f {
	case finishLength:
		return "length"
	case finishTools:
		return "tool_calls"
	}
	return "stop"
}

// anthropic is the stop_reason of messages.
func (f finish) anthropic() string {
	switch f {
	case finishLength:
		return "max_tokens"
	case finishTools:
		return "tool_use"
	case finishSequence:
		return "stop_sequence"
	case finishRefusal:
		return "refusal"
	}
	return "end_turn"
}

// talksFirst is how often a model that may do so writes a sentence before it calls a
// tool.
const talksFirst = 0.4

// composer makes replies: the text (from the seed alone) and how this call deviates
// from it (from the draws).
type composer struct {
	*settings
	q     *question
	over  Override
	voice uint64
	draw  *dice // nil when nothing may deviate
}

// varies reports whether two calls with the same body may get different replies, so
// that they can't be cached.
func (st *settings) varies(q *question) bool {
	return st.Noise > 0 || st.BreakToolArguments > 0 && len(q.tools) > 0 || st.BreakJSON > 0 && q.format.json
}

// compose makes all choices of a response.
func (m *composer) compose() []reply {
	replies := make([]reply, m.q.choices)
	for i := range replies {
		replies[i] = m.one(i)
	}
	return replies
}

func (m *composer) one(choice int) reply {
	base := throw(m.Seed, m.voice, m.q.says, uint64(choice))
	var a reply
	decide := throw(uint64(base), 1)
	switch {
	case decide.chance(m.Refusals) && m.q.choice.mode != anyChoice:
		a.text, a.refusal = m.refuse(&base), true
		if decide.chance(0.5) { // some decline only in the text
			a.finish = finishRefusal
		}
	case m.callsTools(&decide):
		a.calls, a.finish = m.callTools(&base), finishTools
		if m.q.talks && decide.chance(talksFirst) {
			a.text = m.writer(&base).sentence(&base, "toolintro")
		}
	case m.q.format.json:
		a.text = m.formatted(&base)
	case m.sayThis() != "":
		a.text = m.sayThis()
	default:
		a.text = m.speak(base)
	}
	if m.q.thinks {
		a.thought = m.think(&decide)
	}
	m.stopAt(&a)
	a.pieces = splitTokens(a.text)
	m.truncate(&a)
	m.bill(&a)
	return a
}

// stopAt ends the text before the first stop sequence.
func (m *composer) stopAt(a *reply) {
	for _, stop := range m.q.stop {
		if i := strings.Index(a.text, stop); i >= 0 {
			a.text, a.stopped, a.finish = a.text[:i], stop, finishSequence
		}
	}
}

// truncate keeps the reply within max_tokens and TruncateAt.
func (m *composer) truncate(a *reply) {
	limit := m.q.maxTokens
	if at := orElse(m.over.truncateAt, m.TruncateAt); at > 0 && (limit == 0 || at < limit) {
		limit = at
	}
	if limit == 0 {
		return
	}
	left := limit
	cut := func(text *string, pieces *[]string) {
		if len(*pieces) > left {
			*pieces = (*pieces)[:left]
			*text = strings.Join(*pieces, "")
			a.finish, a.stopped = finishLength, ""
		}
		left -= len(*pieces)
	}
	cut(&a.text, &a.pieces)
	for i := range a.calls {
		if left == 0 {
			a.calls, a.finish = a.calls[:i], finishLength
			break
		}
		cut(&a.calls[i].args, &a.calls[i].pieces)
	}
}

// bill counts the tokens, times the billing factor.
func (m *composer) bill(a *reply) {
	a.reason = m.Reasoning
	a.output = len(a.pieces) + a.reason + countTokens(a.thought)
	for i := range a.calls {
		a.output += len(a.calls[i].pieces) + countTokens(a.calls[i].name) + toolTokens
	}
	a.input = m.q.inputTokens + messageTokens/2 + 1
	if f := m.Bill; f != 0 && f != 1 {
		a.input, a.output, a.reason = skew(a.input, f), skew(a.output, f), skew(a.reason, f)
	}
	a.cached = int(float64(a.input) * m.Cached)
}

// sayThis is the configured text, if there is one.
func (m *composer) sayThis() string { return orElse(m.over.say, m.Say) }

func skew(n int, factor float64) int { return int(float64(n)*factor + 0.5) }

// tokens is how many pieces a reply has.
func (a *reply) tokens() int {
	n := len(a.pieces)
	for i := range a.calls {
		n += len(a.calls[i].pieces)
	}
	return n
}
