package exchange

// ModelPlace says where a response in a dialect names its model: text[from:to]
// is that JSON string with its quotes. event says that text is the data of one
// server-sent event, not a whole response. ok is false if text is not a JSON
// object or has no such string. Of a member that is given twice the last one
// counts, as in every JSON parser.
func ModelPlace(d Dialect, event bool, text []byte) (from, to int, ok bool) {
	within := "" // the member that holds it, in events that wrap their object
	if event {
		within = d.Spec().eventModel
	}
	s := scanner{b: text}
	if s.peek() != '{' {
		return 0, 0, false
	}
	for key, more := s.object(); more; key, more = s.nextKey() {
		switch {
		case within == "" && string(key) == "model":
			from, to = s.place()
		case within != "" && string(key) == within:
			from, to = s.placeWithin()
		default:
			s.skip()
		}
	}
	if !s.whole() || to == 0 {
		return 0, 0, false
	}
	return from, to, true
}

// placeWithin consumes one value and returns the place of its member "model".
func (s *scanner) placeWithin() (from, to int) {
	for key, more := s.object(); more; key, more = s.nextKey() {
		if string(key) == "model" {
			from, to = s.place()
		} else {
			s.skip()
		}
	}
	return from, to
}

// place consumes one value and returns its place if it is a string, else zeros.
func (s *scanner) place() (from, to int) {
	if s.peek() != '"' {
		s.skip()
		return 0, 0
	}
	from = s.i
	s.rawString()
	return from, s.i
}
