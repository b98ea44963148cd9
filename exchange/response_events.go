package exchange

import "bytes"

// addEvent reads one server-sent event in the response's dialect.
func (r *response) addEvent(ev sseEvent) {
	data := bytes.TrimSpace(ev.data)
	if string(data) == "[DONE]" {
		switch {
		case !r.spec.doneMarker:
			// Some servers send it in every dialect.
		case r.done:
			r.addFault("event_after_done")
		default:
			r.done = true
		}
		return
	}
	switch {
	case r.done:
		if string(ev.name) != "ping" {
			r.addFault("event_after_done")
		}
	case ev.cut:
		r.addCutEvent(ev.name)
	case len(data) == 0:
	case r.spec.readEvent != nil:
		r.spec.readEvent(r, ev.name, data)
	default: // a stream where none is due
		s := scanner{b: data}
		s.skip()
		r.checkSyntax(&s)
	}
}

// addCutEvent takes note of an event that was too long to keep: only its name
// is known.
func (r *response) addCutEvent(name []byte) {
	r.addFault("too_large")
	switch {
	case string(name) == "error":
		r.failed = true
	case r.spec.readCutEvent != nil && r.spec.readCutEvent(r, name):
	default:
		r.hasOutput = true
	}
}

// addBody reads a body that is not a stream.
func (r *response) addBody(data []byte) {
	if r.spec.readBody != nil {
		r.spec.readBody(r, data)
	}
}

// eventType is the type that an event states: in its data, where the clients
// look for it, else by its name.
func eventType(name, data []byte) []byte {
	s := scanner{b: data}
	if s.peek() != '{' {
		return name
	}
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		if string(key) == "type" {
			if kind := s.str().plain(); len(kind) > 0 {
				return kind
			}
			return name
		}
		s.skip()
	}
	return name
}
