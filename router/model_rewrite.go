package router

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"

	"cutover/exchange"
)

// Bounds of what is buffered to put another model's name into it, in bytes. What
// is longer passes unchanged.
const (
	maxRewrittenBody  = 8 << 20 // of a response that is not streamed
	maxRewrittenEvent = 1 << 20 // of one server-sent event
)

// digestHeaders are the header fields that depend on a body's exact bytes.
var digestHeaders = [...]string{"Content-Md5", "Digest", "Content-Digest", "Repr-Digest", "Etag"}

// showRequestedModel makes the response name the model that the caller asked
// for, where the upstream's map put another in its place and the configuration
// wants that hidden. The record, the comparison and the metrics keep the real
// name: they see what came, not what is delivered.
func (d *delivery) showRequestedModel() {
	c, a := d.c, d.a
	h := a.resp.Header
	if !a.up.ShowsRequested(c.q, a.model) || a.resp.StatusCode >= 300 || encoded(h) {
		return
	}
	name, err := json.Marshal(c.q.Facts.Model)
	if err != nil {
		return // a string always encodes
	}
	if !a.rec.Streamed() && a.x == nil {
		if kind := first(h, "Content-Type"); kind != "" && !isJSON(kind) {
			return
		}
		if a.resp.ContentLength <= maxRewrittenBody {
			a.bufferUpTo(maxRewrittenBody)
		}
	}
	switch {
	case a.rec.Streamed():
		delete(h, "Content-Length")
		dropDigests(h)
		c.caller.rewriter = &modelRewriter{dialect: c.q.Endpoint.Dialect, name: name}
	case a.complete:
		from, to, ok := exchange.ModelPlace(c.q.Endpoint.Dialect, false, a.held)
		if !ok || bytes.Equal(a.held[from:to], name) {
			return
		}
		a.held = splice(make([]byte, 0, len(a.held)+len(name)), a.held, from, to, name)
		if first(h, "Content-Length") != "" {
			h["Content-Length"] = []string{strconv.Itoa(len(a.held))}
		}
		dropDigests(h)
	case a.readErr == nil && a.x == nil:
		c.rt.tooLargeToRewrite.Do(func() {
			c.rt.cfg.Logger.Warn().Str("upstream", a.up.Name()).Str("endpoint", c.q.Endpoint.Name).Int("limit", maxRewrittenBody).
				Msg("a response is too large to show the requested model's name in it: such responses pass unchanged; logged once")
		})
	}
}

func dropDigests(h http.Header) {
	for _, k := range digestHeaders {
		delete(h, k)
	}
}

// splice appends text to dst, with other in place of text[from:to].
func splice(dst, text []byte, from, to int, other []byte) []byte {
	return append(append(append(dst, text[:from]...), other...), text[to:]...)
}

// modelRewriter puts the model's name into the events of a stream. It takes the
// stream in any pieces and returns whole events, each as soon as its end has
// come; an event that is not JSON passes unchanged. No byte but those of the
// name is added, lost or moved.
type modelRewriter struct {
	dialect exchange.Dialect
	name    []byte // as a JSON string

	out    []byte // returned last
	held   []byte // of an event whose end has not come
	text   []byte // an event's data, see readData
	inLine bool   // the current line has a byte
	sawCR  bool   // the last byte was a CR: a LF that follows belongs to it
	over   bool   // the current event is too long, and its beginning has passed
	begun  bool   // the first event, which may start with a byte order mark, has passed
}

// rewrite takes the next piece, which it does not change, and returns what may
// go to the caller, valid until the next piece.
func (s *modelRewriter) rewrite(p []byte) []byte {
	s.out = s.out[:0]
	from := 0
	for i, b := range p {
		switch {
		case b == '\n' && s.sawCR:
			s.sawCR = false
			if i == from && len(s.held) == 0 { // the last byte of an event that was returned
				s.out = append(s.out, b)
				from = i + 1
			}
		case b == '\n' || b == '\r':
			s.sawCR = b == '\r'
			if !s.inLine {
				s.rewriteEvent(p[from : i+1])
				from = i + 1
			}
			s.inLine = false
		default:
			s.inLine, s.sawCR = true, false
		}
	}
	s.hold(p[from:])
	return s.out
}

// flush returns what is held of a last event without a blank line. Readers
// accept it as an event, so it is treated as one.
func (s *modelRewriter) flush() []byte {
	s.out = s.out[:0]
	s.rewriteEvent(nil)
	return s.out
}

// rewriteEvent returns, in out, the event that ends with p.
func (s *modelRewriter) rewriteEvent(p []byte) {
	if s.over {
		s.over = false
		s.out = append(s.out, p...)
		return
	}
	if len(s.held) > 0 {
		s.held = append(s.held, p...)
		p = s.held
	}
	s.held = s.held[:0]
	if s.readData(p) {
		if from, to, ok := exchange.ModelPlace(s.dialect, true, s.text); ok {
			s.out = splice(s.out, p, from, to, s.name)
			return
		}
	}
	s.out = append(s.out, p...)
}

// hold stores the beginning of an event.
func (s *modelRewriter) hold(p []byte) {
	switch {
	case s.over:
		s.out = append(s.out, p...)
	case len(s.held)+len(p) > maxRewrittenEvent:
		s.over, s.begun = true, true
		s.out = append(append(s.out, s.held...), p...)
		s.held = nil
	default:
		s.held = append(s.held, p...)
	}
}

// readData fills text with an event's data, each byte at its offset in the
// event, and blanks for the rest: the same JSON, whose offsets are the event's.
func (s *modelRewriter) readData(event []byte) (found bool) {
	s.text = append(s.text[:0], event...)
	from := 0
	if !s.begun && bytes.HasPrefix(event, byteOrderMark) {
		from = len(byteOrderMark)
		blank(s.text[:from])
	}
	s.begun = true
	for from < len(event) {
		end := len(event)
		if i := bytes.IndexAny(event[from:], "\r\n"); i >= 0 {
			end = from + i
		}
		line := s.text[from:end]
		if bytes.HasPrefix(line, dataField) {
			blank(line[:len(dataField)])
			found = true
		} else {
			blank(line)
		}
		from = end + 1
	}
	return found
}

var dataField = []byte("data:")

func blank(p []byte) {
	for i := range p {
		p[i] = ' '
	}
}
