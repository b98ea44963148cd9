package exchange

import (
	"errors"
	"net/http"
	"strings"
	"time"
)

// Recorder makes an Exchange out of one response as its bytes go by. It is used
// by one goroutine at a time: Header once, Write for each piece as it came,
// then End. It keeps no reference to the slices passed to it.
type Recorder struct {
	x       *Exchange
	asked   Asked
	resp    response
	opts    RecorderOptions
	form    form
	sse     sseReader
	body    *buffer      // of a response that is not streamed, as far as bodyLimit allows
	encoded *encodedBody // of an encoded response, instead of all of the above
	backlog backlog      // of a stream with content: nothing depends on reading it at once

	arrived  time.Duration // when the last bytes came
	last     time.Duration // when content came last
	peeked   int           // pieces of code that Content has seen
	looked   int           // bytes that it has decoded for that
	content  bool
	live     int  // events that are no pings
	overflow bool // more came than is kept: the end is unknown
	ended    bool
}

// RecorderOptions bound what a Recorder keeps.
type RecorderOptions struct {
	// KeepText keeps the completion's text and tool arguments, and the
	// embedding; without it only lengths, usage and times are taken.
	KeepText bool
	// CaptureLimit is how many bytes of decoded body to keep in Exchange.Body; 0: none.
	CaptureLimit int
}

// form is how the body of a response is read.
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
func NewRecorder(asked Asked, arm Arm, upstream string, started time.Time, o RecorderOptions) *Recorder {
	x := &Exchange{Arm: arm, Upstream: upstream, Started: started}
	spec := asked.Endpoint.Dialect.Spec()
	return &Recorder{x: x, asked: asked, opts: o, resp: response{x: x, spec: spec, keepText: o.KeepText}}
}

// Header records the status and header of the response.
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
	case !r.resp.spec.understood() || status < 200 || status >= 300 || status == 204 || status == 205:
		r.form = formOpaque
	default:
		r.form = formGuess
		if !x.Streamed && !isJSON(x.ContentType) {
			r.resp.addFault("content_type")
		}
	}
	if r.form != formOpaque || r.opts.CaptureLimit > 0 {
		r.encoded = newEncodedBody(x.Encoding, r.bodyLimit())
	}
}

// Streamed reports whether the response is a stream of server-sent events: by
// its first byte or, before that, by its header.
func (r *Recorder) Streamed() bool { return r.x.Streamed }

// Judge judges the response by what came so far: what a fallback decides on before
// the commit point. Until its end, the first byte of a response that is not
// streamed counts as output, unless the response is an error.
func (r *Recorder) Judge() Judgement {
	r.catchUp()
	if r.encoded != nil && r.x.Streamed && !r.content && !r.resp.failed && !r.ended {
		r.peek()
	}
	g := r.got()
	g.Output = r.content
	return Judge(&r.asked, &g)
}

// CutOff reports whether a stream whose transport ended cleanly is incomplete: it
// has neither the event that ends a stream nor a finish reason. Every official
// client accepts such an end as success.
//
// Call it when the transport has ended, before End; nothing may be written
// afterwards. It is false for an encoded stream, of which nothing is known
// before End.
func (r *Recorder) CutOff() bool {
	if r.ended || r.encoded != nil || !r.resp.spec.Streams {
		return false
	}
	r.catchUp()
	if ev, ok := r.sse.last(); ok {
		r.event(ev, r.arrived)
	}
	g := r.got()
	g.Ended = true
	return Judge(&r.asked, &g).CutOff
}

// got is what came so far, to be judged.
func (r *Recorder) got() Got {
	x, resp := r.x, &r.resp
	output := resp.hadOutput || resp.hasOutput
	if !r.asked.Endpoint.Generates { // a vector, a verdict or a count
		output = resp.wellFormed && !resp.empty
	}
	return Got{
		Status: x.Status, Bytes: x.Bytes,
		Opaque: r.form == formOpaque, Blank: r.form == formGuess, Streamed: x.Streamed, Unread: r.overflow, Events: x.Events,
		Failed: resp.failed, Done: resp.done, Finished: resp.allFinished(r.asked.Choices), Reason: x.Completion.FinishReason,
		Formed: resp.wellFormed, Void: resp.empty, Output: output,
		Faults: x.Faults,
	}
}

// Events is the number of server-sent events seen so far. Those of an encoded
// response are only seen at its end.
func (r *Recorder) Events() int {
	r.catchUp()
	return r.x.Events
}

// SeesEvents reports whether the response is a stream whose events are seen as they
// come.
func (r *Recorder) SeesEvents() bool { return r.form == formEvents && r.encoded == nil }

// LiveEvents is the number of events seen so far that are no pings. Comments are
// no events.
func (r *Recorder) LiveEvents() int {
	r.catchUp()
	return r.live
}

// ContentEvents is the number of events with content seen so far.
func (r *Recorder) ContentEvents() int {
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
	case r.encoded != nil:
		r.encoded.add(p, since)
	case r.content && r.form == formEvents:
		r.postpone(p, since)
	default:
		r.feed(p, since)
	}
	r.firstByte(since)
}

// postpone stores a piece, to be read together with others.
func (r *Recorder) postpone(p []byte, since time.Duration) {
	if r.backlog.add(p, since) {
		return
	}
	r.catchUp()
	if !r.backlog.add(p, since) {
		r.feed(p, since)
	}
}

// catchUp reads what was postponed.
func (r *Recorder) catchUp() { r.backlog.drain(r.feed) }

// firstByte notes the first token of a response without events.
func (r *Recorder) firstByte(since time.Duration) {
	if r.x.Streamed && r.resp.spec.understood() {
		return
	}
	if r.form == formGuess && r.encoded == nil {
		return // blanks alone do not even tell the form
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

// feed reads decoded bytes that came at the given time since the start.
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
	if r.overflow {
		return
	}
	if r.body == nil {
		r.body = newBuffer()
	}
	if len(r.body.b)+len(p) > r.bodyLimit() {
		r.resp.addFault("too_large")
		r.overflow = true
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
	if capacity := r.opts.CaptureLimit - len(r.x.Body); len(p) > capacity {
		p, r.x.BodyCut = p[:capacity], true
	}
	r.x.Body = append(r.x.Body, p...)
}

// guess tells events from JSON by the first byte that is not blank, as some
// servers send one with the other's content type: JSON can't begin like a
// field's name, and no stream begins like an object. It returns p without
// leading blanks.
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
			r.resp.addFault("content_type")
			r.x.Streamed = r.form == formEvents
		}
		r.resp.streamed = r.x.Streamed
		return p[i:]
	}
	return nil
}

// event records one server-sent event.
func (r *Recorder) event(ev sseEvent, since time.Duration) {
	r.x.Events++
	r.resp.hasOutput = false
	r.resp.addEvent(ev)
	if !r.resp.hasOutput {
		if !ev.ping() {
			r.live++
		}
		return
	}
	r.live++
	r.resp.hadOutput = true
	if !r.content {
		r.content = true
		r.x.TTFT = since
	} else {
		r.x.Gaps.Add(since - r.last)
	}
	r.last = since
}

// peekLimit is how many bytes may be decoded while waiting for content: each
// look decodes everything anew. Beyond it, content is assumed.
const peekLimit = 2 << 20

// peek decodes what came of an encoded stream, with a recorder of its own, to
// see whether it has content.
func (r *Recorder) peek() {
	if r.peeked == len(r.encoded.pieces) {
		return
	}
	r.peeked = len(r.encoded.pieces)
	probe := Recorder{x: &Exchange{Streamed: r.x.Streamed}, form: r.form}
	probe.resp = response{x: probe.x, spec: r.resp.spec}
	_ = r.encoded.replay(func(p []byte, since time.Duration) { // it ends where the bytes do
		r.looked += len(p)
		probe.feed(p, since)
	})
	probe.release()
	r.content, r.resp.failed = probe.content, probe.resp.failed
	if r.looked > peekLimit {
		r.content = true
	}
}

// End closes the response. class and detail say how the transport ended:
// ClassNone for a clean end, after which the response itself decides (status,
// error event, missing end of the stream, malformed, empty). It also decides
// where its status or error event tells more than the transport's end, and where
// the stream had ended before. The Exchange is complete afterwards and the
// Recorder must not be used again.
func (r *Recorder) End(class Class, detail string, at time.Time) *Exchange {
	x := r.x
	if r.ended {
		return x
	}
	r.catchUp()
	r.ended = true
	x.Total = r.since(at)
	clean := class == ClassNone
	if r.encoded != nil {
		r.decode(clean)
	}
	if ev, ok := r.sse.last(); ok && clean {
		r.event(ev, r.arrived)
	}
	if r.body != nil {
		r.readBody(clean)
	}
	r.release()
	r.resp.writeCompletion()
	g := r.got()
	g.Ended, g.End, g.Detail = true, class, detail
	j := Judge(&r.asked, &g)
	x.Class, x.Detail, x.Output, x.Faults = j.Class, j.Detail, j.Output, j.Faults
	if x.Status >= 400 && x.Detail == "" && x.Completion.deniesModel() {
		x.Detail = "unknown_model"
	}
	return x
}

// decode replays an encoded response as if it had come decoded.
func (r *Recorder) decode(clean bool) {
	x := r.x
	ttft, content := x.TTFT, r.content
	x.TTFT, r.content, r.resp.failed = 0, false, false
	err := r.encoded.replay(r.feed)
	if !x.Streamed || !r.resp.spec.understood() {
		x.TTFT, r.content = ttft, content
	}
	switch {
	case errors.Is(err, errUnknownCoding):
		r.resp.addFault("encoding_unknown")
		r.overflow = true
	case r.encoded.cut || errors.Is(err, errTooLarge):
		r.resp.addFault("too_large")
		r.overflow = true
	case err != nil && clean:
		r.resp.addFault("encoding")
	}
	r.encoded = nil
}

// readBody reads a body that came whole. A partial one, because the transport
// broke or there was more than is kept, is not read.
func (r *Recorder) readBody(clean bool) {
	body := r.body.b
	switch {
	case r.overflow: // an encoded body was not decoded to its end
	case r.form == formError:
		r.resp.readErrorBody(body)
	case clean || isWhole(body):
		r.resp.addBody(body)
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

// requestID is the provider's own id of the response, if it looks like one.
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
