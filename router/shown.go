package router

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"

	"cutover/exchange"
)

// Bounds of what is held to show another model's name in it. What is longer
// passes as the upstream wrote it.
const (
	shownAnswer = 8 << 20 // of an answer that is not streamed
	shownEvent  = 1 << 20 // of one server-sent event
)

// bodySums are the header fields that speak of a body's very bytes.
var bodySums = [...]string{"Content-Md5", "Digest", "Content-Digest", "Repr-Digest", "Etag"}

// showAsked has the answer name the model that the caller asked for, where the
// upstream's map put another in its place and the configuration wants that
// hidden. The record, the comparison and the metrics keep the real name: they
// see what came, not what is passed on.
func (d *delivery) showAsked() {
	c, a := d.c, d.a
	h := a.resp.Header
	if !a.up.ShowsAsked(c.q, a.model) || a.resp.StatusCode >= 300 || encoded(h) {
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
		if a.resp.ContentLength <= shownAnswer {
			a.bufferUpTo(shownAnswer)
		}
	}
	switch {
	case a.rec.Streamed():
		delete(h, "Content-Length")
		dropSums(h)
		c.caller.rename = &shownModel{dialect: c.q.Endpoint.Dialect, name: name}
	case a.complete:
		from, to, ok := exchange.ModelPlace(c.q.Endpoint.Dialect, false, a.held)
		if !ok || bytes.Equal(a.held[from:to], name) {
			return
		}
		a.held = splice(make([]byte, 0, len(a.held)+len(name)), a.held, from, to, name)
		if first(h, "Content-Length") != "" {
			h["Content-Length"] = []string{strconv.Itoa(len(a.held))}
		}
		dropSums(h)
	case a.readErr == nil && a.x == nil:
		c.rt.tooLargeToShow.Do(func() {
			c.rt.cfg.Logger.Warn().Str("upstream", a.up.Name()).Str("endpoint", c.q.Endpoint.Name).Int("limit", shownAnswer).
				Msg("a response is too large to show the requested model's name in it: such responses pass unchanged; logged once")
		})
	}
}

func dropSums(h http.Header) {
	for _, k := range bodySums {
		delete(h, k)
	}
}

// splice appends text to dst, with other in place of text[from:to].
func splice(dst, text []byte, from, to int, other []byte) []byte {
	return append(append(append(dst, text[:from]...), other...), text[to:]...)
}

// shownModel puts the model's name into the events of a stream. It takes the
// stream in any pieces and gives whole events, each as soon as its end has
// come; what is no event of JSON passes as it is. No byte but those of the name
// is added, lost or moved.
type shownModel struct {
	dialect exchange.Dialect
	name    []byte // as a JSON string

	out    []byte // given last
	held   []byte // of an event whose end has not come
	text   []byte // an event's data, see data
	inLine bool   // the line at hand has a byte
	sawCR  bool   // the last byte was a CR: a LF that follows belongs to it
	over   bool   // the event at hand is too long, and its beginning has passed
	begun  bool   // the first event, which may bear a byte order mark, is behind
}

// pass takes the next piece, which it leaves as it is, and returns what may go
// to the caller, valid until the next piece.
func (s *shownModel) pass(p []byte) []byte {
	s.out = s.out[:0]
	from := 0
	for i, b := range p {
		switch {
		case b == '\n' && s.sawCR:
			s.sawCR = false
			if i == from && len(s.held) == 0 { // the last byte of the event that has gone
				s.out = append(s.out, b)
				from = i + 1
			}
		case b == '\n' || b == '\r':
			s.sawCR = b == '\r'
			if !s.inLine {
				s.event(p[from : i+1])
				from = i + 1
			}
			s.inLine = false
		default:
			s.inLine, s.sawCR = true, false
		}
	}
	s.keep(p[from:])
	return s.out
}

// rest returns what is held of a last event without a blank line. Readers take
// it for an event, so it is treated as one.
func (s *shownModel) rest() []byte {
	s.out = s.out[:0]
	s.event(nil)
	return s.out
}

// event gives the event that ends with p.
func (s *shownModel) event(p []byte) {
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
	if s.data(p) {
		if from, to, ok := exchange.ModelPlace(s.dialect, true, s.text); ok {
			s.out = splice(s.out, p, from, to, s.name)
			return
		}
	}
	s.out = append(s.out, p...)
}

// keep stores the beginning of an event.
func (s *shownModel) keep(p []byte) {
	switch {
	case s.over:
		s.out = append(s.out, p...)
	case len(s.held)+len(p) > shownEvent:
		s.over, s.begun = true, true
		s.out = append(append(s.out, s.held...), p...)
		s.held = nil
	default:
		s.held = append(s.held, p...)
	}
}

// data fills text with an event's data, each byte where it stands in the event,
// and blanks for all else: that is the same JSON, whose places are the event's.
func (s *shownModel) data(event []byte) (found bool) {
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
