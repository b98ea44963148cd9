package exchange

// CutOff reports whether a stream that has come to a clean end breaks off
// there: it has said neither the dialect's last word nor why the model stopped.
// Every official client takes such an end for success. Where only [DONE] is
// missing behind a finish reason, as with some providers, the answer is whole.
//
// It is asked when the transport has come to its end, before End, and nothing
// may be written after it. Of an encoded stream nothing is known before End,
// of one with events too large to be read nothing is for sure: both are no.
func (r *Recorder) CutOff() bool {
	if r.ended || r.code != nil || !r.x.Streamed || !r.say.dialect.hasLastWord() {
		return false
	}
	if r.form != formEvents && r.form != formGuess { // formGuess: nothing but blanks came
		return false
	}
	r.catchUp()
	if ev, ok := r.sse.last(); ok {
		r.event(ev, r.arrived)
	}
	return !r.say.done && !r.say.failed && r.x.Completion.FinishReason == "" && !r.say.has("too-large")
}

// hasLastWord reports whether streams of a dialect say when they are over.
func (d Dialect) hasLastWord() bool {
	switch d {
	case OpenAIChat, OpenAICompletions, OpenAIResponses, AnthropicMessages:
		return true
	}
	return false
}

// Whole reports whether a caller could use all of the answer: it is a success,
// or a stream that lacks no more than [DONE] or message_stop behind the reason
// for which the model stopped.
func (e *Exchange) Whole() bool {
	return e.Class == ClassNone || e.Class == ClassUnfinished && e.Completion.FinishReason != ""
}
