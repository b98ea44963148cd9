package exchange

// judge says how the exchange ended, once all of it was read: by what the
// answer itself says where it says anything, else by how the transport ended.
//
// A caller that has what it wanted goes away: official clients close the
// connection at the dialect's last word, or on an error event. Neither is a
// failure of the transport.
func (r *Recorder) judge(class Class, detail string) (Class, string) {
	switch {
	case r.x.Status >= 400:
		if detail == "" && r.x.Completion.deniesModel() {
			detail = "unknown-model"
		}
		return ClassOfStatus(r.x.Status), detail
	case r.say.failed:
		return ClassErrorEvent, orElse(detail, "error-event")
	case class == ClassBroken && r.say.done:
		r.say.fault("broken-after-done")
		return ClassNone, detail
	case r.say.done && class != ClassRefused:
		class = ClassNone
	case class != ClassNone:
		return class, detail
	}
	if class, code := r.judgeForm(); class != ClassNone {
		r.say.fault(code)
		return class, orElse(detail, code)
	}
	return ClassNone, detail
}

// judgeForm says whether an answer that came to a clean end is what the dialect
// promises, and which fault it is if not.
func (r *Recorder) judgeForm() (Class, string) {
	x, say := r.x, &r.say
	switch {
	case r.form == formOpaque:
		return ClassNone, ""
	case x.Bytes == 0:
		return ClassEmpty, "empty"
	case say.has("encoding"):
		return ClassMalformed, "encoding"
	case say.has("json"):
		return ClassMalformed, "json"
	case r.over:
		return ClassNone, ""
	case r.form == formGuess: // nothing but blanks
		return ClassEmpty, "empty"
	case r.form == formEvents:
		return r.judgeEvents()
	case !say.shaped:
		return ClassMalformed, "shape"
	case say.hollow:
		return ClassEmpty, "empty"
	}
	return ClassNone, ""
}

func (r *Recorder) judgeEvents() (Class, string) {
	say := &r.say
	switch {
	case r.x.Events == 0 && say.has("content-type"):
		return ClassMalformed, "json" // no stream after all
	case !say.done && say.has("too-large"):
		return ClassNone, "" // the last word may have been too long to read
	case !say.done:
		return ClassUnfinished, "no-done"
	case !say.shaped:
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
