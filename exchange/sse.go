package exchange

import "bytes"

// eventLimit is how many bytes one server-sent event may have before its data
// is given up. The official clients read lines of up to 32 MiB; a sidecar with
// thousands of streams keeps to less, and says so in the faults.
const eventLimit = 4 << 20

// cutEvent is how much is kept of an event over the limit: enough for its name.
const cutEvent = 1 << 10

// sseEvent is one server-sent event. Its slices are valid until the reader is
// asked again.
type sseEvent struct {
	name []byte // of the event: field; empty for none
	data []byte // the data lines, joined with line feeds
	cut  bool   // the event was longer than the limit: data is incomplete
}

// sseReader cuts a byte stream into server-sent events, by the rules of the
// WHATWG (HTML, 9.2.6): lines end in LF, CRLF or CR, a byte order mark may come
// first, comments and unknown fields are ignored. Against the letter, and as
// all official clients do, the last event needs no blank line. It is fed with
// push and asked with next until that says no:
//
//	r.push(piece)
//	for ev, ok := r.next(); ok; ev, ok = r.next() { ... }
//
// An event that lies within one piece is not copied. Between pieces only an
// unfinished event is kept.
type sseReader struct {
	lineFinder         // over the piece at hand
	carry      *buffer // an unfinished event from earlier pieces, or nil
	joined     *buffer // several data lines joined, or nil
	limit      int     // of one event, in bytes; 0: eventLimit

	inLine bool // the line at hand has a byte
	sawCR  bool // the last byte was a CR: a LF that follows belongs to it
	begun  bool // the first event, which may bear a byte order mark, is behind
	cut    bool // the unfinished event went over the limit
	spent  bool // carry holds an event that was handed out
}

// push hands the reader the next piece. It must have been asked until it had
// nothing more.
func (r *sseReader) push(p []byte) {
	r.lineFinder = lineFinder{in: p, lf: -1, cr: -1}
}

// next returns the next event that is complete.
func (r *sseReader) next() (ev sseEvent, ok bool) {
	if r.spent {
		r.release()
	}
	for r.pos < len(r.in) {
		if r.carry == nil && !r.inLine && r.sawCR && r.in[r.pos] == '\n' {
			r.pos++ // the rest of the line end that ended the last event
			r.sawCR = false
			continue
		}
		from := r.pos
		if !r.toEndOfEvent() {
			r.keep(r.in[from:])
			break
		}
		block := r.in[from:r.pos]
		if r.carry != nil || len(block) > r.max() {
			r.keep(block)
			block = r.carry.b
		}
		ev, ok = r.parse(block)
		r.cut = false
		if ok {
			r.spent = r.carry != nil || r.joined != nil
			return ev, true
		}
		r.release()
	}
	r.lineFinder = lineFinder{}
	return sseEvent{}, false
}

// last returns the event that the stream ended in, without a blank line.
func (r *sseReader) last() (ev sseEvent, ok bool) {
	if r.carry == nil || r.spent {
		return sseEvent{}, false
	}
	r.spent = true
	return r.parse(r.carry.b)
}

// release gives the buffers back. The reader can go on.
func (r *sseReader) release() {
	r.carry, r.joined = r.carry.free(), r.joined.free()
	r.spent = false
}

func (r *sseReader) max() int {
	if r.limit > 0 {
		return r.limit
	}
	return eventLimit
}

// keep stores bytes of an unfinished event.
func (r *sseReader) keep(p []byte) {
	if r.carry == nil {
		r.carry = newBuffer()
	}
	if r.cut {
		return
	}
	if len(r.carry.b)+len(p) > r.max() {
		r.cut = true
		kept := min(cutEvent, r.max())
		p = p[:min(len(p), max(0, kept-len(r.carry.b)))]
		r.carry.b = r.carry.b[:min(len(r.carry.b), kept)]
	}
	r.carry.b = append(r.carry.b, p...)
}

// toEndOfEvent moves on to just after the blank line that ends the event at
// hand, or to the end of the piece.
func (r *sseReader) toEndOfEvent() (complete bool) {
	for r.pos < len(r.in) {
		if r.sawCR {
			r.sawCR = false
			if r.in[r.pos] == '\n' {
				r.pos++
				continue
			}
		}
		end := r.lineFinder.next()
		if end == len(r.in) {
			r.inLine = true
			r.pos = end
			return false
		}
		blank := end == r.pos && !r.inLine
		r.inLine = false
		r.sawCR = r.in[end] == '\r'
		r.pos = end + 1
		if blank {
			return true
		}
	}
	return false
}

// parse reads the fields of one event's lines; ok is false without any data.
func (r *sseReader) parse(block []byte) (ev sseEvent, ok bool) {
	ev.cut = r.cut
	if !r.begun {
		r.begun = true
		block = bytes.TrimPrefix(block, []byte("\xef\xbb\xbf"))
	}
	// The LF of a CRLF passes as an empty line, which says nothing.
	lines := lineFinder{in: block, lf: -1, cr: -1}
	for lines.pos < len(block) {
		end := lines.next()
		field, value, _ := bytes.Cut(block[lines.pos:end], []byte(":"))
		lines.pos = end + 1
		if len(value) > 0 && value[0] == ' ' {
			value = value[1:]
		}
		switch string(field) {
		case "data":
			if !ok {
				ev.data, ok = value, true
				continue
			}
			if r.joined == nil {
				r.joined = newBuffer()
				r.joined.b = append(r.joined.b, ev.data...)
			}
			r.joined.b = append(append(r.joined.b, '\n'), value...)
			ev.data = r.joined.b
		case "event":
			ev.name = value
		}
	}
	return ev, ok
}

// lineFinder finds line ends. It remembers the next LF and the next CR, so
// that no byte is searched twice for either.
type lineFinder struct {
	in     []byte
	pos    int
	lf, cr int // -1: not looked for yet; len(in): none
}

// next returns where the line at pos ends: at a LF, a CR or the end of in.
func (l *lineFinder) next() int {
	if l.lf < l.pos {
		l.lf = indexFrom(l.in, l.pos, '\n')
	}
	if l.cr < l.pos {
		l.cr = indexFrom(l.in, l.pos, '\r')
	}
	return min(l.lf, l.cr)
}

func indexFrom(b []byte, from int, c byte) int {
	if i := bytes.IndexByte(b[from:], c); i >= 0 {
		return from + i
	}
	return len(b)
}

// ping reports whether the event only keeps the connection alive.
func (ev sseEvent) ping() bool {
	const longest = 64 // of a ping's data
	switch {
	case ev.cut:
		return false
	case len(ev.name) > 0:
		return string(ev.name) == "ping"
	}
	return len(ev.data) == 0 || len(ev.data) < longest && bytes.Contains(ev.data, []byte(`"ping"`)) &&
		string(eventType(nil, ev.data)) == "ping"
}
