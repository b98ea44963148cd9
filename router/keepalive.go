package router

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"cutover/exchange"
)

// comment is what a caller gets while there is nothing else to be had: a line
// that every reader of server-sent events passes over.
const comment = ": keep-alive\n\n"

// byteOrderMark may stand before the first event and nowhere else.
var byteOrderMark = []byte("\xef\xbb\xbf")

// keepalive stands between a call and its caller, who asked for a stream, and
// writes a comment whenever the caller has got nothing for a while. The call's
// goroutine waits in a Read then, so a timer writes: whatever goes to the
// caller does so under one lock. It exists for calls that want it only.
//
// The caller's header is either the upstream's, which the call writes after
// take, or, when a comment comes before that, a header of our own: then the
// caller has been promised a stream, and resume sees to it.
type keepalive struct {
	w       http.ResponseWriter
	control *http.ResponseController
	every   time.Duration
	stall   time.Duration      // that the caller has to take what is written
	http2   bool               // deadlines there stand for the length of a write only
	own     http.Header        // what our header bears besides its Content-Type
	cancel  context.CancelFunc // ends the calls for a caller that takes no comment

	mu       sync.Mutex
	timer    *time.Timer // nil: never again
	last     time.Time   // when the caller last got something
	deadline time.Time   // when the write deadline was last set
	comments int
	begun    bool     // our header is out
	taken    bool     // the call answers now
	barred   bool     // the answer at hand has no place for comments
	event    boundary // of what the caller has got
	lead     []byte   // the beginning of an answer that may be a byte order mark
	led      bool     // it is behind
	failed   error    // the caller could not be written to
}

// keepAlive puts a keepalive before the caller of a stream. The calls are made
// under a context that ends with the caller's patience.
func (c *call) keepAlive() {
	every := c.rt.cfg.KeepAlive
	if every <= 0 || !streams(c.q) {
		return
	}
	ctx, cancel := context.WithCancel(c.r.Context())
	c.r = c.r.WithContext(ctx)
	c.cancels = append(c.cancels, cancel)
	own := make(http.Header, 2)
	if c.rt.cfg.RequestID {
		own[requestIDHeader] = []string{c.q.ID}
	}
	k := &keepalive{
		w: c.w, control: c.control(), every: every, stall: c.rt.cfg.WriteStall, http2: c.r.ProtoMajor >= 2,
		own: own, cancel: cancel, last: time.Now(), event: boundary{newlines: 2},
	}
	k.mu.Lock() // the timer may fire before it is known
	k.timer = time.AfterFunc(every, k.look)
	k.mu.Unlock()
	c.alive, c.w, c.rc = k, k, nil
}

// streams reports whether a request asks for server-sent events, as far as its
// body was read.
func streams(q *exchange.Request) bool {
	if !q.Held || !q.Facts.Stream || q.Endpoint.Kind != exchange.Inference {
		return false
	}
	switch q.Endpoint.Dialect {
	case exchange.OpenAIChat, exchange.OpenAICompletions, exchange.AnthropicMessages:
		return true
	}
	return q.Endpoint.Name == "responses"
}

// look is the timer's: it writes a comment, or waits for the rest of a silence
// that was interrupted.
func (k *keepalive) look() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.timer == nil {
		return
	}
	now := time.Now()
	if left := k.every - now.Sub(k.last); left > 0 {
		k.timer.Reset(left)
		return
	}
	if k.place() {
		if k.failed = k.say(now); k.failed != nil {
			k.timer = nil
			k.cancel()
			return
		}
	}
	k.timer.Reset(k.every)
}

// place reports whether a comment could stand here: between two events of a
// stream, or before an answer of which nothing is known.
func (k *keepalive) place() bool {
	switch {
	case k.begun:
		return k.event.here()
	case k.taken:
		return !k.barred && k.event.here()
	}
	return !k.barred
}

func (k *keepalive) say(now time.Time) error {
	k.extend(now)
	defer k.lapse()
	if !k.taken && !k.begun {
		h := k.w.Header()
		h["Content-Type"] = []string{"text/event-stream"}
		for name, v := range k.own {
			h[name] = v
		}
		k.w.WriteHeader(http.StatusOK)
		k.begun = true
	}
	if _, err := k.w.Write([]byte(comment)); err != nil {
		return err
	}
	k.comments++
	k.last = now
	return k.control.Flush()
}

// consider takes note of an answer of which nothing has been passed on yet, nil
// for none. One that is good but no plain stream is waited for in silence: a
// comment would only spoil it.
func (k *keepalive) consider(resp *http.Response) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.taken { // another answer won, and this one is being called off
		return
	}
	k.barred = resp != nil && resp.StatusCode < 300 && !plainStream(resp.Header)
}

// take hands the caller over to the call, which alone writes a header from here
// on. It reports whether comments went before: then the header is out.
func (k *keepalive) take() (begun bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.taken, k.barred = true, true
	return k.begun
}

// end is the end of all comments. After it the timer touches nothing.
func (k *keepalive) end() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.timer != nil {
		k.timer.Stop()
		k.timer = nil
	}
}

// here reports whether another event may begin.
func (k *keepalive) here() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.event.here()
}

// said is how many comments the caller got.
func (k *keepalive) said() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.comments
}

// hint passes an informational answer on, if the header is still to come.
func (k *keepalive) hint(code int, header http.Header) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.begun {
		k.extend(time.Now())
		defer k.lapse()
		hint(k.w, code, header)
	}
}

// Header is the caller's header. It is the call's to write after take.
func (k *keepalive) Header() http.Header { return k.w.Header() }

// WriteHeader passes the call's header on.
func (k *keepalive) WriteHeader(status int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	k.extend(now)
	defer k.lapse()
	k.last = now
	k.barred = status != http.StatusOK || !plainStream(k.w.Header())
	k.w.WriteHeader(status)
}

// Write passes a piece of the answer on.
func (k *keepalive) Write(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.failed != nil {
		return 0, k.failed
	}
	now := time.Now()
	k.extend(now)
	defer k.lapse()
	out := k.unmarked(p)
	if len(out) > 0 {
		k.last = now
		if _, err := k.w.Write(out); err != nil {
			return 0, err
		}
	}
	k.event.pass(p)
	return len(p), nil
}

// unmarked drops the byte order mark of a stream that begins after comments.
func (k *keepalive) unmarked(p []byte) []byte {
	if k.led || k.comments == 0 {
		k.led = true
		return p
	}
	if k.lead != nil {
		p = append(k.lead, p...)
	}
	if len(p) < len(byteOrderMark) && bytes.HasPrefix(byteOrderMark, p) {
		k.lead = bytes.Clone(p)
		return nil
	}
	k.led = true
	return bytes.TrimPrefix(p, byteOrderMark)
}

// FlushError implements what http.ResponseController looks for.
func (k *keepalive) FlushError() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.extend(time.Now())
	defer k.lapse()
	return k.control.Flush()
}

// SetWriteDeadline does nothing: deadlines are set under the lock, for whoever
// writes.
func (k *keepalive) SetWriteDeadline(time.Time) error { return nil }

// extend gives the caller time to take what is written next; see call.patience.
func (k *keepalive) extend(now time.Time) {
	if !k.http2 && now.Sub(k.deadline) < k.stall/4 {
		return
	}
	k.deadline = now
	_ = k.control.SetWriteDeadline(now.Add(k.stall))
}

func (k *keepalive) lapse() {
	if k.http2 {
		_ = k.control.SetWriteDeadline(time.Time{})
	}
}

// plainStream reports whether a header is that of server-sent events among
// which comments may stand: not encoded, and of no announced length.
func plainStream(h http.Header) bool {
	media, _, _ := strings.Cut(first(h, "Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(media), "text/event-stream") &&
		!encoded(h) && first(h, "Content-Length") == ""
}

// encoded reports whether a body has to be decoded to be read.
func encoded(h http.Header) bool {
	coding := first(h, "Content-Encoding")
	return coding != "" && !strings.EqualFold(coding, "identity")
}

func first(h http.Header, key string) string {
	if v := h[key]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// askPlain asks for an answer that is not encoded, where something has to be
// written into it.
func (c *call) askPlain(a *attempt, out *http.Request) {
	if c.alive != nil || a.up.ShowsAsked(c.q, a.model) {
		out.Header["Accept-Encoding"] = []string{"identity"}
	}
}
