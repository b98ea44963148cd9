package exchange

import (
	"errors"
	"net/http"
	"strings"
	"time"
)

// Recorder makes an Exchange out of one answer as its bytes go by. It is used
// by one goroutine at a time: Header once, Write for each piece as it came,
// then End. It keeps no reference to the slices that it is given.
type Recorder struct {
	x    *Exchange
	say  answer
	opts RecorderOptions
	form form
	sse  sseReader
	body *buffer // of an answer that is not streamed, as far as bodyLimit allows
	code *coded  // of an encoded answer, instead of all of the above
	late backlog // of a stream that has spoken: nothing hangs on reading it at once

	arrived time.Duration // when the last bytes came
	last    time.Duration // when content came last
	peeked  int           // pieces of code that Content has seen
	looked  int           // bytes that it has decoded for that
	content bool
	over    bool // more came than is kept: nothing can be said of the end
	ended   bool
}

// RecorderOptions bound what a Recorder keeps.
type RecorderOptions struct {
	// KeepText keeps the completion's text and tool arguments, and the
	// embedding; without it only lengths, usage and times are taken.
	KeepText bool
	// CaptureLimit is how many bytes of decoded body to keep in Exchange.Body; 0: none.
	CaptureLimit int
}

// form is how the body of an answer is read.
type form uint8

const (
	formOpaque form = iota // not at all
	formGuess              // by its first byte
	formEvents             // server-sent events
	formJSON               // one JSON text
	formError              // one JSON text, if any, that says what went wrong
)

// How many bytes of a body that is not streamed are kept to be read at its end.
const (
	bodyLimit     = 1 << 20 // when the exchange is only measured
	keptBodyLimit = 8 << 20 // when it will be compared
)

// NewRecorder starts the clock of a call to one upstream: started is the
// moment when its request was begun.
func NewRecorder(ep *Endpoint, arm Arm, upstream string, started time.Time, o RecorderOptions) *Recorder {
	x := &Exchange{Arm: arm, Upstream: upstream, Started: started}
	return &Recorder{x: x, opts: o, say: answer{x: x, dialect: ep.Dialect, keep: o.KeepText}}
}

// Header records the status and header of the answer.
func (r *Recorder) Header(status int, h http.Header, at time.Time) {
	x := r.x
	x.Status = status
	x.TTFB = r.since(at)
	x.ContentType = first(h, "Content-Type")
	x.Encoding = strings.Join(h["Content-Encoding"], ", ")
	x.RequestID = requestID(h)
	x.Streamed = isEventStream(x.ContentType)
	switch {
	case status >= 400:
		r.form = formError
		x.Streamed = false
	case r.say.dialect == DialectNone || status < 200 || status >= 300 || status == 204 || status == 205:
		r.form = formOpaque
	default:
		r.form = formGuess
		if !x.Streamed && !isJSON(x.ContentType) {
			r.say.fault("content-type")
		}
	}
	if r.form != formOpaque || r.opts.CaptureLimit > 0 {
		r.code = newCoded(x.Encoding, r.bodyLimit())
	}
}

// Streamed reports whether the answer is a stream of server-sent events: by
// its header, or against it by its first byte.
func (r *Recorder) Streamed() bool { return r.x.Streamed }

// Content reports whether any content token has been seen so far, and whether
// an error event has: what a fallback decides on before the commit point. Of
// an answer that is not streamed the first byte is content; an error's is not.
func (r *Recorder) Content() (content, errorEvent bool) {
	r.catchUp()
	if r.code != nil && r.x.Streamed && !r.content && !r.say.failed && !r.ended {
		r.peek()
	}
	return r.content, r.say.failed
}

// Events is the number of server-sent events seen so far; of an encoded answer
// they are seen at its end only.
func (r *Recorder) Events() int {
	r.catchUp()
	return r.x.Events
}

// Spoken is the number of events with content seen so far.
func (r *Recorder) Spoken() int {
	r.catchUp()
	if !r.content {
		return 0
	}
	return r.x.Gaps.N + 1
}

// Write records body bytes as they came from the wire (still content-encoded).
func (r *Recorder) Write(p []byte, at time.Time) {
	if len(p) == 0 || r.ended {
		return
	}
	since := r.since(at)
	r.arrived = since
	r.x.Bytes += int64(len(p))
	switch {
	case r.code != nil:
		r.code.add(p, since)
	case r.content && r.form == formEvents:
		r.postpone(p, since)
	default:
		r.feed(p, since)
	}
	r.firstByte(since)
}

// postpone leaves a piece to be read together with others.
func (r *Recorder) postpone(p []byte, since time.Duration) {
	if r.late.add(p, since) {
		return
	}
	r.catchUp()
	if !r.late.add(p, since) {
		r.feed(p, since)
	}
}

// catchUp reads what was postponed.
func (r *Recorder) catchUp() { r.late.drain(r.feed) }

// firstByte is what counts as the first token of an answer without events.
func (r *Recorder) firstByte(since time.Duration) {
	if r.x.Streamed && r.say.dialect != DialectNone {
		return
	}
	if r.form == formGuess && r.code == nil {
		return // blanks alone say nothing yet, not even which form is to come
	}
	if r.x.TTFT == 0 {
		r.x.TTFT = since
	}
	r.content = r.form != formError
}

// since is the time from the call's begin, at least a nanosecond: 0 is never.
func (r *Recorder) since(at time.Time) time.Duration {
	return max(at.Sub(r.x.Started), 1)
}

// feed takes in decoded bytes that came at the time since the start.
func (r *Recorder) feed(p []byte, since time.Duration) {
	r.capture(p)
	if r.form == formGuess {
		p = r.guess(p)
	}
	switch r.form {
	case formEvents:
		r.sse.push(p)
		for ev, ok := r.sse.next(); ok; ev, ok = r.sse.next() {
			r.event(ev, since)
		}
	case formJSON, formError:
		r.keep(p)
	}
}

// keep stores a body that is read at its end; one that is too large is not
// read at all.
func (r *Recorder) keep(p []byte) {
	if r.over {
		return
	}
	if r.body == nil {
		r.body = newBuffer()
	}
	if len(r.body.b)+len(p) > r.bodyLimit() {
		r.say.fault("too-large")
		r.over = true
		r.body = r.body.free()
		return
	}
	r.body.b = append(r.body.b, p...)
}

func (r *Recorder) bodyLimit() int {
	if r.opts.KeepText || r.opts.CaptureLimit > 0 {
		return keptBodyLimit
	}
	return bodyLimit
}

func (r *Recorder) capture(p []byte) {
	if r.opts.CaptureLimit <= 0 {
		return
	}
	if room := r.opts.CaptureLimit - len(r.x.Body); len(p) > room {
		p, r.x.BodyCut = p[:room], true
	}
	r.x.Body = append(r.x.Body, p...)
}

// guess tells events from JSON by the first byte that is not blank, as servers
// are seen to send either under the other's name: JSON can't begin like a
// field's name, and no stream begins like an object. It returns p without the
// blanks before it.
func (r *Recorder) guess(p []byte) []byte {
	for i, c := range p {
		switch c {
		case ' ', '\t', '\r', '\n':
			continue
		case '{', '[':
			r.form = formJSON
		case ':', 'd', 'e', 'i', 'r':
			r.form = formEvents
		default:
			r.form = formJSON
			if r.x.Streamed {
				r.form = formEvents
			}
		}
		if r.x.Streamed != (r.form == formEvents) {
			r.say.fault("content-type")
			r.x.Streamed = r.form == formEvents
		}
		r.say.streamed = r.x.Streamed
		return p[i:]
	}
	return nil
}

// event takes in one server-sent event.
func (r *Recorder) event(ev sseEvent, since time.Duration) {
	r.x.Events++
	r.say.output = false
	r.say.event(ev)
	if !r.say.output {
		return
	}
	r.say.spoke = true
	if !r.content {
		r.content = true
		r.x.TTFT = since
	} else {
		r.x.Gaps.Add(since - r.last)
	}
	r.last = since
}

// peekLimit is how many bytes may be decoded while content is waited for: each
// look decodes all that came anew. After that the waiting is given up.
const peekLimit = 2 << 20

// peek decodes what came of an encoded stream to see whether there is content
// in it, with a recorder of its own.
func (r *Recorder) peek() {
	if r.peeked == len(r.code.pieces) {
		return
	}
	r.peeked = len(r.code.pieces)
	probe := Recorder{x: &Exchange{Streamed: r.x.Streamed}, form: r.form}
	probe.say = answer{x: probe.x, dialect: r.say.dialect}
	_ = r.code.replay(func(p []byte, since time.Duration) { // it breaks off where the bytes do
		r.looked += len(p)
		probe.feed(p, since)
	})
	probe.release()
	r.content, r.say.failed = probe.content, probe.say.failed
	if r.looked > peekLimit {
		r.content = true
	}
}

// End closes the answer. class and detail say how the transport ended:
// ClassNone for a clean end, after which the recorder judges the answer itself
// (status, error event, missing last word, malformed, empty). An answer whose
// status or error event tells more than the transport's end, or that had said
// its last word before, is judged as well. The Exchange is complete afterwards
// and the Recorder must not be used again.
func (r *Recorder) End(class Class, detail string, at time.Time) *Exchange {
	x := r.x
	if r.ended {
		return x
	}
	r.catchUp()
	r.ended = true
	x.Total = r.since(at)
	clean := class == ClassNone
	if r.code != nil {
		r.decode(clean)
	}
	if ev, ok := r.sse.last(); ok && clean {
		r.event(ev, r.arrived)
	}
	if r.body != nil {
		r.readBody(clean)
	}
	r.release()
	r.say.finish()
	x.Class, x.Detail = r.judge(class, detail)
	return x
}

// decode replays an encoded answer as if it had come decoded.
func (r *Recorder) decode(clean bool) {
	x := r.x
	ttft, content := x.TTFT, r.content
	x.TTFT, r.content, r.say.failed = 0, false, false
	err := r.code.replay(r.feed)
	if !x.Streamed || r.say.dialect == DialectNone {
		x.TTFT, r.content = ttft, content
	}
	switch {
	case errors.Is(err, errUnknownCoding):
		r.say.fault("encoding-unknown")
		r.over = true
	case r.code.cut || errors.Is(err, errTooLarge):
		r.say.fault("too-large")
		r.over = true
	case err != nil && clean:
		r.say.fault("encoding")
	}
	r.code = nil
}

// readBody reads a body that came whole. What is not whole, because the
// transport broke or there was more than is kept, is not judged.
func (r *Recorder) readBody(clean bool) {
	body := r.body.b
	switch {
	case r.over: // of an encoded body, not all came out
	case r.form == formError:
		r.say.errorBody(body)
	case clean || isWhole(body):
		r.say.bodyText(body)
	}
}

func isWhole(body []byte) bool {
	s := scanner{b: body}
	s.skip()
	return s.whole()
}

func (r *Recorder) release() {
	r.sse.release()
	r.body = r.body.free()
}

func first(h http.Header, key string) string {
	if v := h[key]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// requestID is the provider's own name for the answer, if it looks like one.
func requestID(h http.Header) string {
	id := first(h, "X-Request-Id")
	if id == "" {
		id = first(h, "Request-Id")
	}
	if len(id) > 128 || strings.ContainsFunc(id, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return ""
	}
	return id
}

func mediaType(contentType string) string {
	t, _, _ := strings.Cut(contentType, ";")
	return strings.TrimSpace(t)
}

func isEventStream(contentType string) bool {
	return strings.EqualFold(mediaType(contentType), "text/event-stream")
}

func isJSON(contentType string) bool {
	t := strings.ToLower(mediaType(contentType))
	return t == "application/json" || strings.HasSuffix(t, "+json")
}
