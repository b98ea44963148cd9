package mock

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
)

// inner handles a request inside another one (a line of a batch): at once, with faults
// of the response itself but none of the connection.
func (c *call) inner(path string, body []byte) (status int, header http.Header, reply []byte) {
	at := c.endpointPath(path)
	if at == "" { // the lines of a batch name OpenAI's own paths, whatever the base is here
		at = strings.TrimPrefix(path, "/v1/")
	}
	r, _, allowed := c.s.find(http.MethodPost, at)
	w := &memory{header: make(http.Header)}
	in := &call{
		s:         c.s,
		settings:  c.settings,
		w:         w,
		at:        c.at,
		id:        c.s.nextID(),
		route:     r,
		body:      body,
		entry:     &Entry{},
		anthropic: r.dialect == anthropicDialect,
	}
	in.r = (&http.Request{
		Method: http.MethodPost, URL: &url.URL{Path: path}, Header: http.Header{"Content-Type": {"application/json"}},
	}).WithContext(c.r.Context())
	in.over = Override{ttft: &Delay{}, gap: &Delay{}, timed: true, gzip: "off"}
	switch {
	case !allowed || r.parse == nil:
		in.fail(badRequest("url", "The URL "+path+" can't be used in a batch."))
	default:
		in.ask = in.question()
		in.drawFault()
		if in.fault.kind != statusFault && !in.fault.changesContent() {
			in.fault = fault{}
		}
		switch {
		case in.ask.problem != nil:
			in.fail(in.ask.problem)
		case in.ask.stream:
			in.fail(badRequest("stream", "Streams are not possible in a batch."))
		case !in.strikeBeforeHeader():
			r.handle(in)
		}
	}
	return orElse(in.status, http.StatusOK), w.header, w.body.Bytes()
}

// memory is a ResponseWriter that buffers what is written.
type memory struct {
	header http.Header
	body   bytes.Buffer
}

func (m *memory) Header() http.Header         { return m.header }
func (m *memory) Write(b []byte) (int, error) { return m.body.Write(b) }
func (m *memory) WriteHeader(int)             {}
