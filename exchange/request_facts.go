package exchange

import (
	"net/http"
	"sync"
)

// Inspect reads what routing and mirroring need from a JSON request body, and
// what TargetingKey returns, in one pass and without decoding the rest. Any
// bytes are allowed. Of a key that is given twice the last one counts, as in the
// providers' own parsers.
func Inspect(ep *Endpoint, h http.Header, body []byte, requestID string) (f Facts, key, from string) {
	given := givenKey(h)
	in := newInspection(ep, body, given == "")
	defer in.free()
	in.read()
	if given != "" {
		return in.facts, given, "header"
	}
	key, from = in.caller.key(requestID)
	return in.facts, key, from
}

// inspection is one pass over a request body.
type inspection struct {
	s       scanner
	spec    *DialectSpec
	facts   Facts
	wantKey bool
	caller  identity
}

// inspections is a cache without meaning: what it hands out is empty. The
// dialects' functions take a pointer, which would be allocated each time.
var inspections = sync.Pool{New: func() any { return new(inspection) }}

func newInspection(ep *Endpoint, body []byte, wantKey bool) *inspection {
	in := inspections.Get().(*inspection)
	in.s.b, in.spec, in.wantKey = body, ep.Dialect.Spec(), wantKey
	return in
}

// free gives the inspection back, and with it every view of the body.
func (in *inspection) free() {
	*in = inspection{}
	inspections.Put(in)
}

// modelLimit is the longest model's name that is copied out of a request body.
const modelLimit = 256

func (in *inspection) read() {
	if in.s.peek() != '{' {
		return
	}
	special := in.spec.readMember
	for key, ok := in.s.object(); ok; key, ok = in.s.nextKey() {
		if !in.common(key) && (special == nil || !special(in, key)) {
			in.markOther(key)
		}
	}
	if !in.s.whole() {
		in.facts, in.caller = Facts{}, identity{}
		return
	}
	in.facts.Valid = true
}

// common consumes the value of a member that is read in every dialect: what it
// means, it means wherever it stands.
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
	case "n":
		f.Choices = s.count()
	case "functions":
		if s.set() {
			f.Tools = true
		}
	default:
		return in.caller.readMember(s, key)
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
