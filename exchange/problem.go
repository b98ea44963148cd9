package exchange

import "encoding/json"

// Problem is an error that a caller gets in the sidecar's own name.
type Problem struct {
	Status  int    // HTTP
	Type    string // the dialects' error type: "api_error", "invalid_request_error", ...
	Code    string // for dialects that have one
	Message string
}

// Speaker returns the dialect that the caller of a request uses. At endpoints
// without a dialect the path or the header tells; the default is OpenAI's.
func Speaker(q *Request) Dialect {
	if d := q.Endpoint.Dialect; d != DialectNone {
		return d
	}
	for i := range dialects {
		if dialects[i].speaks != nil && dialects[i].speaks(q) {
			return Dialect(i)
		}
	}
	return OpenAIChat
}

// Body is the problem as the body of a response to q, in the caller's dialect.
func (p Problem) Body(q *Request) []byte {
	form := Speaker(q).Spec().errorBody
	if form == nil {
		form = openAIErrorBody
	}
	out, err := json.Marshal(form(p))
	if err != nil {
		return []byte(`{}`) // maps of strings always encode
	}
	return append(out, '\n')
}

// Event is the problem as the last event of a stream that can't go on, in the
// dialect d: official SDKs raise it as an error.
func (p Problem) Event(d Dialect) []byte {
	if form := d.Spec().errorEvent; form != nil {
		return encodeEvent(form(p))
	}
	return encodeEvent("", openAIErrorBody(p))
}

// cutOff is the error type of a stream that can't go on, and words.
type cutOff struct{ kind, words string }

// CutOff is the problem of a stream that can't go on, as the dialect's own servers
// word it, and the sidecar's reason behind that.
func CutOff(d Dialect, status int, why string) Problem {
	as := d.Spec().cutOff
	if as.kind == "" {
		as = cutOff{kind: "server_error", words: "The server had an error while processing your request (server_error)"}
	}
	return Problem{Status: status, Type: as.kind, Code: as.kind, Message: as.words + ": cutover: " + why}
}

// providerError is the body of a provider's error.
type providerError struct {
	Type  string `json:"type"`
	Error struct {
		Type    string `json:"type"`
		Message string `json:"message"`
		Code    any    `json:"code"`
		Param   any    `json:"param"`
	} `json:"error"`
	body []byte
}

// ErrorAsEvent is the body of a provider's error as an event of a stream in the
// dialect d; nil where the body is not an error that the dialect knows.
func ErrorAsEvent(d Dialect, body []byte) []byte {
	e := providerError{body: body}
	if json.Unmarshal(body, &e) != nil || e.Error.Message == "" {
		return nil
	}
	if wrap := d.Spec().wrapError; wrap != nil {
		return encodeEvent(wrap(e))
	}
	return encodeEvent("", json.RawMessage(body))
}

// encodeEvent is a server-sent event with v as its data.
func encodeEvent(name string, v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		return nil // maps of strings always encode
	}
	var out []byte
	if name != "" {
		out = append(out, "event: "+name+"\n"...)
	}
	return append(append(append(out, "data: "...), data...), "\n\n"...)
}
