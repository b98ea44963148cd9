package exchange

// classify says how the exchange ended, once all of it was read: by the
// response itself where it tells, else by how the transport ended.
//
// A caller that has what it wanted goes away: official clients close the
// connection after the event that ends the stream, or after an error event.
// Neither is a failure of the transport.
func (r *Recorder) classify(class Class, detail string) (Class, string) {
	switch {
	case r.x.Status >= 400:
		if detail == "" && r.x.Completion.deniesModel() {
			detail = "unknown_model"
		}
		return ClassOfStatus(r.x.Status), detail
	case r.resp.failed:
		return ClassErrorEvent, orElse(detail, "error_event")
	case class == ClassBroken && r.resp.done:
		r.resp.addFault("broken_after_done")
		return ClassNone, detail
	case r.resp.done && class != ClassNotSent:
		class = ClassNone
	case class != ClassNone:
		return class, detail
	}
	if class, code := r.classifyForm(); class != ClassNone {
		r.resp.addFault(code)
		return class, orElse(detail, code)
	}
	return ClassNone, detail
}

// classifyForm says whether a response that ended cleanly is what the dialect
// promises, and if not, which fault it has.
func (r *Recorder) classifyForm() (Class, string) {
	x, resp := r.x, &r.resp
	switch {
	case r.form == formOpaque:
		return ClassNone, ""
	case x.Bytes == 0:
		return ClassEmpty, "empty"
	case resp.hasFault("encoding"):
		return ClassMalformed, "encoding"
	case resp.hasFault("json"):
		return ClassMalformed, "json"
	case r.overflow:
		return ClassNone, ""
	case r.form == formGuess: // nothing but blanks
		return ClassEmpty, "empty"
	case r.form == formEvents:
		return r.classifyStream()
	case !resp.wellFormed:
		return ClassMalformed, "shape"
	case resp.empty:
		return ClassEmpty, "empty"
	}
	return ClassNone, ""
}

// classifyStream does the same for a stream.
func (r *Recorder) classifyStream() (Class, string) {
	resp := &r.resp
	switch {
	case r.x.Events == 0 && resp.hasFault("content_type"):
		return ClassMalformed, "json" // no stream after all
	case !resp.done && resp.hasFault("too_large"):
		return ClassNone, "" // the event that ends the stream may have been too long to read
	case !resp.done:
		return ClassUnfinished, "no_done"
	case !resp.wellFormed:
		return ClassEmpty, "empty"
	}
	return ClassNone, ""
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
