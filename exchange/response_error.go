package exchange

// readError consumes the value of an "error" key inside a success. One that says
// nothing is no error.
func (r *response) readError(s *scanner) {
	value := s.span()
	if probe := (scanner{b: value}); !probe.saysError() {
		return
	}
	r.failed = true
	r.readErrorValue(&scanner{b: value})
}

// readErrorValue consumes an error: an object with type and code, or a message.
func (r *response) readErrorValue(s *scanner) {
	if s.peek() != '{' {
		message := s.span()
		r.x.Completion.ErrorType = identifier(message)
		r.readErrorMessage(message)
		return
	}
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		r.readErrorField(s, key)
	}
}

// readErrorField consumes one field of an error object.
func (r *response) readErrorField(s *scanner, key []byte) {
	c := &r.x.Completion
	switch string(key) {
	case "type":
		c.ErrorType = identifier(s.span())
	case "code":
		c.ErrorCode = identifier(s.span())
	case "message":
		r.readErrorMessage(s.span())
	default:
		s.skip()
	}
}

// readErrorMessage notes whether an error's message, a JSON value, says that the
// model does not exist. The message itself is not kept.
func (r *response) readErrorMessage(value []byte) {
	if len(value) > 1 && value[0] == '"' && deniesModel(r.x.Status, jsonString{raw: value[1 : len(value)-1]}.String()) {
		r.x.Completion.NoModel = true
	}
}

// readErrorBody reads the body of a response whose status is an error:
// {"error": {...}} in every dialect; from some servers in a list, or the fields
// without the wrapping.
func (r *response) readErrorBody(body []byte) {
	s := scanner{b: body}
	if s.peek() == '[' {
		for more := s.array(); more; more = s.nextItem() {
			r.readErrorObject(&s)
		}
	} else {
		r.readErrorObject(&s)
	}
	if !s.whole() {
		c := &r.x.Completion
		c.ErrorType, c.ErrorCode, c.NoModel = "", "", false
	}
}

func (r *response) readErrorObject(s *scanner) {
	wrapped := false
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		switch {
		case string(key) == "error":
			wrapped = true
			r.readErrorValue(s)
		case wrapped:
			s.skip()
		default:
			r.readErrorField(s, key)
		}
	}
}

// identifierLimit is the longest accepted error type or code.
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
	return jsonString{raw: value}.identifier()
}

// identifier is the same for what is known to be a string.
func (v jsonString) identifier() string {
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
