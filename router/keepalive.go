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

// comment is what a caller gets while there is nothing else to send: a line that
// every reader of server-sent events ignores.
const comment = ": keep-alive\n\n"

// byteOrderMark may stand before the first event and nowhere else.
var byteOrderMark = []byte("\xef\xbb\xbf")

// keepalive stands between a call and its caller, who asked for a stream, and
// writes a comment whenever the caller has received nothing for a while. The
// call's goroutine is blocked in a Read then, so a timer writes: everything that
// goes to the caller does so under one lock. Only calls that want one have one.
//
// The caller's header is either the upstream's, which the call writes after
// commit, or, when a comment comes before that, a header of our own: then the
// caller has been promised a stream, and delivery.resume keeps the promise.
type keepalive struct {
	w           http.ResponseWriter
	control     *http.ResponseController
	every       time.Duration
	extraHeader http.Header        // what our own header has besides its Content-Type
	cancel      context.CancelFunc // ends the attempts for a caller that accepts no comment

	mu        sync.Mutex
	deadline  writeDeadline
	timer     *time.Timer // nil: never again
	last      time.Time   // when the caller last received something
	comments  int
	ownHeader bool          // our own header is out
	committed bool          // the call responds now
	quiet     bool          // the response at hand has no place for comments
	boundary  eventBoundary // of what the caller has received
	bom       []byte        // the beginning of a response that may be a byte order mark
	bomDone   bool          // it is behind
	failed    error         // the caller could not be written to
}

// startComments puts a keepalive before the caller of a stream. The attempts are
// made under a context that ends when the caller accepts no comment.
func (c *call) startComments() {
	every := c.rt.cfg.KeepAlive
	if every <= 0 || !streams(c.q) {
		return
	}
	ctx, cancel := context.WithCancel(c.r.Context())
	c.r = c.r.WithContext(ctx)
	c.background.cancelAtEnd(cancel)
	extra := make(http.Header, 2)
	if c.rt.cfg.RequestID {
		extra[requestIDHeader] = []string{c.q.ID}
	}
	k := &keepalive{
		w: c.caller.w, control: c.caller.control, every: every,
		deadline:    writeDeadline{control: c.caller.control, timeout: c.rt.cfg.WriteStallTimeout, http2: c.r.ProtoMajor >= 2},
		extraHeader: extra, cancel: cancel, last: time.Now(), boundary: eventBoundary{newlines: 2},
	}
	k.mu.Lock() // the timer may fire before it is known
	k.timer = time.AfterFunc(every, k.tick)
	k.mu.Unlock()
	c.caller.insert(k)
}

// streams reports whether a request asks for server-sent events, as far as its
// body was read.
func streams(q *exchange.Request) bool {
	return q.Held && q.Facts.Stream && q.Endpoint.Generates
}

// tick is the timer's: it writes a comment, or waits for the rest of a silence
// that was interrupted.
func (k *keepalive) tick() {
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
	if k.commentFits() {
		if k.failed = k.writeComment(now); k.failed != nil {
			k.timer = nil
			k.cancel()
			return
		}
	}
	k.timer.Reset(k.every)
}

// commentFits reports whether a comment may be written now: between two events
// of a stream, or before a response of which nothing is known.
func (k *keepalive) commentFits() bool {
	switch {
	case k.ownHeader:
		return k.boundary.reached()
	case k.committed:
		return !k.quiet && k.boundary.reached()
	}
	return !k.quiet
}

func (k *keepalive) writeComment(now time.Time) error {
	k.deadline.extend(now)
	defer k.deadline.clear()
	if !k.committed && !k.ownHeader {
		h := k.w.Header()
		h["Content-Type"] = []string{"text/event-stream"}
		for name, v := range k.extraHeader {
			h[name] = v
		}
		k.w.WriteHeader(http.StatusOK)
		k.ownHeader = true
	}
	if _, err := k.w.Write([]byte(comment)); err != nil {
		return err
	}
	k.comments++
	k.last = now
	return k.control.Flush()
}

// setPending notes a response of which nothing has been delivered yet; nil:
// there is none. One that is good but no plain stream is waited for in silence:
// a comment would only spoil it.
func (k *keepalive) setPending(resp *http.Response) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.committed { // another response won, and this one is being cancelled
		return
	}
	k.quiet = resp != nil && resp.StatusCode < 300 && !plainStream(resp.Header)
}

// commit hands the caller over to the call, which alone writes a header from
// here on. It reports whether comments went before: then the header is out.
func (k *keepalive) commit() (commented bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.committed, k.quiet = true, true
	return k.ownHeader
}

// stop is the end of all comments. After it the timer touches nothing.
func (k *keepalive) stop() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.timer != nil {
		k.timer.Stop()
		k.timer = nil
	}
}

// betweenEvents reports whether another event may begin.
func (k *keepalive) betweenEvents() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.boundary.reached()
}

// count is how many comments the caller got.
func (k *keepalive) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.comments
}

// writeHint passes an informational response on, if the header is still to come.
func (k *keepalive) writeHint(code int, header http.Header) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.ownHeader {
		k.deadline.extend(time.Now())
		defer k.deadline.clear()
		writeHint(k.w, code, header)
	}
}

// Header is the caller's header. It is the call's to write after commit.
func (k *keepalive) Header() http.Header { return k.w.Header() }

// WriteHeader passes the call's header on.
func (k *keepalive) WriteHeader(status int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	k.deadline.extend(now)
	defer k.deadline.clear()
	k.last = now
	k.quiet = status != http.StatusOK || !plainStream(k.w.Header())
	k.w.WriteHeader(status)
}

// Write passes a piece of the response on.
func (k *keepalive) Write(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.failed != nil {
		return 0, k.failed
	}
	now := time.Now()
	k.deadline.extend(now)
	defer k.deadline.clear()
	out := k.stripBOM(p)
	if len(out) > 0 {
		k.last = now
		if _, err := k.w.Write(out); err != nil {
			return 0, err
		}
	}
	k.boundary.advance(p)
	return len(p), nil
}

// stripBOM drops the byte order mark of a stream that begins after comments.
func (k *keepalive) stripBOM(p []byte) []byte {
	if k.bomDone || k.comments == 0 {
		k.bomDone = true
		return p
	}
	if k.bom != nil {
		p = append(k.bom, p...)
	}
	if len(p) < len(byteOrderMark) && bytes.HasPrefix(byteOrderMark, p) {
		k.bom = bytes.Clone(p)
		return nil
	}
	k.bomDone = true
	return bytes.TrimPrefix(p, byteOrderMark)
}

// FlushError implements what http.ResponseController looks for.
func (k *keepalive) FlushError() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.deadline.extend(time.Now())
	defer k.deadline.clear()
	return k.control.Flush()
}

// SetWriteDeadline does nothing: deadlines are set under the lock, for whoever
// writes.
func (k *keepalive) SetWriteDeadline(time.Time) error { return nil }

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
