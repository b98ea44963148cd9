package mock

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// call is one request on its way through the mock.
type call struct {
	s         *Server
	*settings // as they were when the request arrived
	w         http.ResponseWriter
	r         *http.Request
	at        time.Time
	id        uint64 // all ids of the response derive from it
	entry     *Entry
	route     *route   // never nil
	args      []string // the ids in the path
	allows    bool     // the endpoint takes this method
	anthropic bool     // errors and shapes are Anthropic's

	body  []byte // whole, for endpoints that take JSON
	ask   *question
	over  Override
	dice  dice // draws of this request
	fault fault
	quota quota // what the rate limits have left

	status int   // 0: nothing written yet
	sent   int64 // body bytes written
	struck bool  // the fault did something
	gone   bool  // the caller disconnected
}

// end records in the journal how the request ended. It is deferred, and also runs
// when the handler aborts the connection.
func (c *call) end() {
	c.s.journal.end(c.entry, func(e *Entry) {
		e.Status, e.Sent, e.Took = c.status, c.sent, time.Since(c.at)
		if c.struck {
			e.Fault = c.fault.String()
		}
		e.Gone = c.gone || c.r.Context().Err() != nil && !c.struck
	})
}

// serve runs the checks that precede every endpoint, then the endpoint.
func (c *call) serve() {
	if c.route.admin && c.allows {
		c.route.handle(c)
		return
	}
	if c.route.body == jsonBody && !c.readBody() {
		return
	}
	if !c.allowed() || !c.override() {
		return
	}
	if !c.allows {
		c.failUnknown()
		return
	}
	if c.route.parse != nil {
		c.ask = c.question()
	}
	if !c.withinLimits() {
		return
	}
	c.drawFault()
	if c.strikeBeforeHeader() {
		return
	}
	if c.ask != nil && c.ask.problem != nil {
		c.fail(c.ask.problem)
		return
	}
	c.route.handle(c)
}

// readBody reads the whole body; false after sending an error.
func (c *call) readBody() bool {
	limit := orElse(c.MaxBody, 64<<20)
	var err error
	c.body, err = readAll(http.MaxBytesReader(c.w, c.r.Body, limit), c.r.ContentLength, limit)
	c.record(c.body, int64(len(c.body)))
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		return true
	case errors.As(err, &tooLarge):
		c.fail(&problem{status: http.StatusRequestEntityTooLarge, message: "Request exceeds the maximum allowed number of bytes."})
	default:
		c.gone = true
		panic(http.ErrAbortHandler)
	}
	return false
}

// readAll reads r in one allocation when the length is known.
func readAll(r io.Reader, length, limit int64) ([]byte, error) {
	if length <= 0 || length > limit {
		return io.ReadAll(r)
	}
	b := make([]byte, length)
	n, err := io.ReadFull(r, b)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.ErrUnexpectedEOF
	}
	return b[:n], err
}

// record puts the body that was read into the journal.
func (c *call) record(body []byte, size int64) {
	keep := c.journalBody()
	c.s.journal.update(c.entry, func(e *Entry) {
		e.Body, e.BodySize = body[:min(len(body), keep)], size
		e.Trailer = c.r.Trailer
	})
}

// question parses the request, or finds the same body parsed before.
func (c *call) question() *question {
	h := hashBytes(c.body)
	key := cacheKey{route: c.route, hash: h, size: len(c.body)}
	q := c.cache.question(key, c.body)
	if q == nil {
		q = c.parse()
		q.hash = h
		c.cache.keepQuestion(key, c.body, q)
	}
	c.dice = throw(c.drawing, h, c.s.repeat(h))
	return q
}

// parse parses the body in the endpoint's dialect, and decides which model responds.
func (c *call) parse() *question {
	q := &question{}
	if p := parseBody(c.body, c.route.parse, q); p != nil {
		q.problem = p
		return q
	}
	q.served = q.model
	if to, ok := c.Aliases[q.model]; ok {
		q.served = to
	}
	if len(c.models) > 0 && !c.models[q.model] {
		q.problem = unknownModel(q.model, c.anthropic)
	}
	return q
}

// drawFault decides what goes wrong with this request, if anything.
func (c *call) drawFault() {
	if c.over.fault != nil {
		c.fault = *c.over.fault
		return
	}
	inference := c.ask != nil
	if inference && len(c.script) > 0 {
		if i := c.s.scripted.Add(1) - 1; i < int64(len(c.script)) {
			c.fault = c.script[i]
			return
		}
	}
	if len(c.rules) == 0 {
		return
	}
	var model string
	var stream bool
	if inference {
		model, stream = c.ask.model, c.ask.stream
	} else {
		c.dice = throw(c.drawing, hashText(c.entry.Method+c.entry.Path), c.s.repeat(hashText(c.entry.Path)))
	}
	c.fault = drawFault(c.rules, &c.dice, c.route.name, inference, model, stream)
}

// wait pauses for d; false if the caller disconnected or the server closed meanwhile.
func (c *call) wait(d time.Duration) bool {
	if d <= 0 {
		return c.r.Context().Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.r.Context().Done():
		c.gone = true
	case <-c.s.life.Done():
	}
	return false
}

// hang waits until the caller disconnects or the server closes.
func (c *call) hang() {
	select {
	case <-c.r.Context().Done():
		c.gone = true
	case <-c.s.life.Done():
	}
	panic(http.ErrAbortHandler)
}

// socketKey is how browsers send the key of a WebSocket, which can't have headers.
const socketKey = "openai-insecure-api-key."

// key returns the request's API key, wherever it is.
func (c *call) key() string {
	h := c.r.Header
	if scheme, token, ok := strings.Cut(h.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return token
	}
	for _, name := range []string{"X-Api-Key", "Api-Key", "X-Goog-Api-Key"} {
		if v := h.Get(name); v != "" {
			return v
		}
	}
	for _, protocol := range strings.Split(h.Get("Sec-Websocket-Protocol"), ",") {
		if token, ok := strings.CutPrefix(strings.TrimSpace(protocol), socketKey); ok {
			return token
		}
	}
	if c.r.URL.RawQuery == "" {
		return ""
	}
	return c.r.URL.Query().Get("key")
}

// allowed checks the key; false after sending an error.
func (c *call) allowed() bool {
	if len(c.keys) == 0 {
		return true
	}
	key := c.key()
	if c.keys[key] {
		return true
	}
	p := &problem{status: http.StatusUnauthorized, code: "invalid_api_key", message: "Incorrect API key provided."}
	if key == "" {
		p.code, p.message = "", "You didn't provide an API key. Provide it in an Authorization header using Bearer auth (i.e. "+
			"Authorization: Bearer YOUR_KEY)."
	}
	if c.anthropic {
		p.message = "invalid x-api-key"
		if key == "" {
			p.message = "x-api-key header is required"
		}
	}
	c.fail(p)
	return false
}
