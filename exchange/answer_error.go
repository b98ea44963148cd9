package exchange

// readError consumes the value of an "error" key inside a success. null and
// what is empty are no error.
func (a *answer) readError(s *scanner) {
	value := s.span()
	if probe := (scanner{b: value}); !probe.set() {
		return
	}
	a.failed = true
	a.errorValue(&scanner{b: value})
}

// errorValue consumes an error: an object with type and code, or words.
func (a *answer) errorValue(s *scanner) {
	if s.peek() != '{' {
		words := s.span()
		a.x.Completion.ErrorType = identifier(words)
		a.errorWords(words)
		return
	}
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		a.errorField(s, key)
	}
}

// errorField consumes one field of an error object.
func (a *answer) errorField(s *scanner, key []byte) {
	c := &a.x.Completion
	switch string(key) {
	case "type":
		c.ErrorType = identifier(s.span())
	case "code":
		c.ErrorCode = identifier(s.span())
	case "message":
		a.errorWords(s.span())
	default:
		s.skip()
	}
}

// errorWords takes from an error's words, a JSON value, whether they deny the
// model; the words themselves are not kept.
func (a *answer) errorWords(value []byte) {
	if len(value) > 1 && value[0] == '"' && deniesModel(a.x.Status, jsonString{raw: value[1 : len(value)-1]}.String()) {
		a.x.Completion.NoModel = true
	}
}

// errorBody reads the body of an answer whose status says that it is an error:
// {"error": {...}} in both dialects; with some servers in a list, or the fields
// without the wrapping.
func (a *answer) errorBody(body []byte) {
	s := scanner{b: body}
	if s.peek() == '[' {
		for more := s.array(); more; more = s.nextItem() {
			a.errorObject(&s)
		}
	} else {
		a.errorObject(&s)
	}
	if !s.whole() {
		c := &a.x.Completion
		c.ErrorType, c.ErrorCode, c.NoModel = "", "", false
	}
}

func (a *answer) errorObject(s *scanner) {
	wrapped := false
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		switch {
		case string(key) == "error":
			wrapped = true
			a.errorValue(s)
		case wrapped:
			s.skip()
		default:
			a.errorField(s, key)
		}
	}
}

// identifierLimit is the longest error type or code that is believed to be one.
const identifierLimit = 64

// identifier returns the value, a JSON string or number, if it looks like an
// identifier, and "other" if it does not: free text can hold what a user wrote,
// and this goes to logs and metrics. null and "" are "".
func identifier(value []byte) string {
	switch {
	case len(value) == 0 || value[0] == 'n':
		return ""
	case value[0] == '"':
		value = value[1 : len(value)-1]
	}
	return jsonString{raw: value}.code()
}

// code is identifier for what is known to be a string.
func (v jsonString) code() string {
	if len(v.raw) > identifierLimit {
		return "other"
	}
	for _, c := range v.raw {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '.', c == '-':
		default:
			return "other"
		}
	}
	return string(v.raw)
}
