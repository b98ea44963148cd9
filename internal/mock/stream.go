package mock

import (
	"bytes"
	"net/http"
	"slices"
	"time"
)

// stream sends a response event by event.
func (c *call) stream(r *rendering) {
	if c.fault.kind == notJSON || c.fault.kind == emptyBody {
		c.header()
		c.send(http.StatusOK, "text/event-stream", nil)
		return
	}
	s := streaming{call: c, events: r.events}
	s.ttft, s.gap = c.delays()
	if !c.wait(c.Header.draw(&c.dice)) {
		panic(http.ErrAbortHandler)
	}
	s.open()
	if c.fault.kind == wrongOrder {
		s.disorder()
	}
	s.run()
	s.close()
}

// streaming is one stream being sent to the caller.
type streaming struct {
	*call
	events  []event
	ttft    Delay
	gap     Delay
	content int       // tokens sent
	due     time.Time // when the next content is
	buf     []byte
	zip     *gzipStream // nil: not compressed
}

// open sends the header of the stream.
func (s *streaming) open() {
	s.header()
	h := s.w.Header()
	h["Content-Type"] = []string{"text/event-stream; charset=utf-8"}
	h["Cache-Control"] = []string{"no-cache"}
	if s.fault.kind == wrongLength {
		s.struck = true
		n := 0
		for i := range s.events {
			n += len(s.events[i].text)
		}
		h["Content-Length"] = []string{itoa(2*n + 1)}
	} else if s.compresses(minGzip) {
		h["Content-Encoding"] = []string{"gzip"}
		s.zip = newGzipStream(s.call)
	}
	s.writeHeader(http.StatusOK)
	s.flush()
}

// run sends the events, until the end or until the fault applies.
func (s *streaming) run() {
	last := len(s.events) - 1 // of the content
	for last >= 0 && s.events[last].kind != contentEvent {
		last--
	}
	for i := range s.events {
		e := &s.events[i]
		if e.kind != openingEvent && (s.content >= s.fault.after || i > last) && s.strikes() {
			return
		}
		if e.kind == contentEvent {
			s.await(e.tokens)
		} else if s.r.Context().Err() != nil {
			s.gone = true
			panic(http.ErrAbortHandler)
		}
		if !s.event(e) {
			return
		}
		s.content += e.tokens
	}
}

// await waits until content of that many tokens is due. Due times are relative to the
// first, so that late timers do not add up.
func (s *streaming) await(tokens int) {
	if s.instant && !s.over.timed {
		if s.r.Context().Err() != nil {
			s.gone = true
			panic(http.ErrAbortHandler)
		}
		return
	}
	if s.due.IsZero() {
		s.due = s.at.Add(s.ttft.draw(&s.dice))
	} else {
		for range tokens {
			s.due = s.due.Add(s.gap.draw(&s.dice))
		}
	}
	for s.KeepAlive > 0 && time.Until(s.due) > s.KeepAlive {
		s.pause(s.KeepAlive)
		s.raw(s.keepAlive())
	}
	s.pause(time.Until(s.due))
}

func (s *streaming) pause(d time.Duration) {
	if !s.wait(d) {
		panic(http.ErrAbortHandler)
	}
}

// keepAlive is what is sent while a stream is silent.
func (s *streaming) keepAlive() []byte {
	if s.anthropic {
		return []byte("event: ping\ndata: {\"type\": \"ping\"}\n\n")
	}
	return []byte(": keep-alive\n\n")
}

// event sends one event; false if the stream is over.
func (s *streaming) event(e *event) bool {
	if e.kind == lastEvent && s.fault.kind == noDone {
		s.struck = true
		return false
	}
	s.buf = e.fill(s.buf[:0], s.id, s.at.Unix())
	switch {
	case s.fault.kind == invalidUTF8:
		if i := bytes.Index(s.buf, []byte(spoiled)); i >= 0 {
			s.struck = true
			copy(s.buf[i:], spoiledByte)
		}
	case s.fault.kind == truncated && e.kind == contentEvent && s.content > 0:
		s.struck = true
		s.raw(s.buf[:len(s.buf)/2])
		return false
	case s.fault.kind == drip:
		s.struck = true
		return s.drip(s.buf)
	}
	return s.raw(s.buf)
}

// raw writes bytes and flushes them.
func (s *streaming) raw(b []byte) bool {
	if s.zip != nil {
		return s.zip.write(b)
	}
	if !s.write(b) {
		return false
	}
	s.flush()
	return true
}

// strikes applies the faults that occur after some content; true if the stream is
// over.
func (s *streaming) strikes() bool {
	switch s.fault.kind {
	case hangAfter:
		s.struck = true
		s.hang()
	case resetAfter:
		s.struck = true
		s.reset()
	case cutAfter:
		s.struck = true
		panic(http.ErrAbortHandler)
	case endAfter:
		s.struck = true
	case errorEventAfter:
		s.struck = true
		s.raw(s.route.errorEvent(s.call))
	case garbageAfter:
		s.struck = true
		s.raw([]byte("data: {\"choices\": [{\"delta\"\n\n\x00\x01\xff\xfe<html>502</html>\r\n\r\ndata: }{\n\n"))
	default:
		return false
	}
	return true
}

// disorder moves the end of the response before its content, or the content before its
// announcement if the dialect announces it.
func (s *streaming) disorder() {
	from, to := -1, 0
	for i := range s.events {
		if s.events[i].kind == contentEvent {
			from = i
			break
		}
	}
	if s.route.unnamed {
		to = from
		from = slices.IndexFunc(s.events, func(e event) bool { return e.kind == finishEvent })
	}
	if from < 0 || to < 0 {
		return
	}
	s.struck = true
	moved := s.events[from]
	events := slices.Delete(slices.Clone(s.events), from, from+1)
	s.events = slices.Insert(events, to, moved)
}

func (s *streaming) close() {
	if s.zip != nil {
		s.zip.close()
	}
	if s.fault.kind == wrongLength {
		panic(http.ErrAbortHandler)
	}
}
