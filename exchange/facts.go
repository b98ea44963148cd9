package exchange

import "net/http"

// ReadFacts reads what routing and mirroring need from a JSON request body, in
// one pass and without decoding the rest. Any bytes are allowed. Of a key that
// is given twice the last one counts, as in the providers' own parsers.
func ReadFacts(ep *Endpoint, body []byte) Facts {
	in := inspection{s: scanner{b: body}, dialect: ep.Dialect}
	in.read()
	return in.facts
}

// Inspect is ReadFacts and TargetingKey in one pass over the body.
func Inspect(ep *Endpoint, h http.Header, body []byte, requestID string) (f Facts, key, from string) {
	in := inspection{s: scanner{b: body}, dialect: ep.Dialect}
	given := givenKey(h)
	in.wantKey = given == ""
	in.read()
	if given != "" {
		return in.facts, given, "header"
	}
	key, from = in.who.key(requestID)
	return in.facts, key, from
}

// inspection is one pass over a request body.
type inspection struct {
	s       scanner
	dialect Dialect
	facts   Facts
	wantKey bool
	who     identity
}

// Limits of what is copied out of a request body.
const modelLimit = 256

func (in *inspection) read() {
	if in.s.peek() != '{' {
		return
	}
	for key, ok := in.s.object(); ok; key, ok = in.s.nextKey() {
		if !in.common(key) && !in.state(key) && !in.talk(key) {
			in.s.skip()
		}
	}
	if !in.s.whole() {
		in.facts, in.who = Facts{}, identity{}
		return
	}
	in.facts.Valid = true
}

// common consumes the value of a key that every dialect shares.
func (in *inspection) common(key []byte) bool {
	s, f := &in.s, &in.facts
	switch string(key) {
	case "model":
		f.Model = s.text(modelLimit)
	case "stream":
		f.Stream = s.truth()
	case "stream_options":
		f.IncludeUsage = false
		for key, ok := s.object(); ok; key, ok = s.nextKey() {
			if string(key) == "include_usage" {
				f.IncludeUsage = s.truth()
			} else {
				s.skip()
			}
		}
	case "max_tokens", "max_completion_tokens", "max_output_tokens":
		if n := s.count(); n > 0 {
			f.MaxTokens = n
		}
	case "response_format", "output_format":
		f.JSONMode = in.jsonFormat()
	case "text", "output_config":
		for key, ok := s.object(); ok; key, ok = s.nextKey() {
			if string(key) == "format" {
				f.JSONMode = in.jsonFormat()
			} else {
				s.skip()
			}
		}
	case "functions":
		if s.set() {
			f.Tools = true
		}
	default:
		return in.who.read(s, key)
	}
	return true
}

// jsonFormat consumes a format object and reports whether it asks for JSON.
func (in *inspection) jsonFormat() (asks bool) {
	s := &in.s
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		if string(key) != "type" {
			s.skip()
			continue
		}
		kind := string(s.str().raw)
		asks = kind == "json_object" || kind == "json_schema"
	}
	return asks
}
