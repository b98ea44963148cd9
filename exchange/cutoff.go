package exchange

// CutOff reports whether a stream whose transport ended cleanly is incomplete:
// it has neither the event that ends a stream nor a finish reason. Every
// official client accepts such an end as success. Where only [DONE] is missing
// after a finish reason, as with some providers, the response is complete.
//
// Call it when the transport has ended, before End; nothing may be written
// afterwards. It is false for an encoded stream, of which nothing is known
// before End, and for one with events too large to be read.
func (r *Recorder) CutOff() bool {
	if r.ended || r.encoded != nil || !r.x.Streamed || !r.resp.spec.Streams {
		return false
	}
	if r.form != formEvents && r.form != formGuess { // formGuess: nothing but blanks came
		return false
	}
	r.catchUp()
	if ev, ok := r.sse.last(); ok {
		r.event(ev, r.arrived)
	}
	return !r.resp.done && !r.resp.failed && r.x.Completion.FinishReason == "" && !r.resp.hasFault("too_large")
}

// Whole reports whether a caller could use all of the response: it is a success,
// or a stream that lacks only [DONE] or message_stop after its finish reason.
func (e *Exchange) Whole() bool {
	return e.Class == ClassNone || e.Class == ClassUnfinished && e.Completion.FinishReason != ""
}
