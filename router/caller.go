package router

import (
	"net/http"
	"time"
)

// caller is the connection to whoever sent the request. Everything that the
// sidecar writes goes through it, in this order:
//
//	rewriter (puts the requested model's name into events) ─ comments (keep-alive) ─ connection
type caller struct {
	w        http.ResponseWriter
	control  *http.ResponseController
	deadline writeDeadline
	boundary eventBoundary  // of the events that have passed
	comments *keepalive     // writes to the caller as well; nil: there are no keep-alive comments
	rewriter *modelRewriter // nil: model names pass as they are
}

func newCaller(w http.ResponseWriter, r *http.Request, timeout time.Duration, now time.Time) caller {
	control := http.NewResponseController(w)
	return caller{w: w, control: control, deadline: writeDeadline{control, timeout, r.ProtoMajor >= 2, now}}
}

// insert puts a keepalive between the call and its caller.
func (c *caller) insert(k *keepalive) {
	c.comments, c.w = k, k
	c.control = http.NewResponseController(k)
	c.deadline.control = c.control // k sets the deadlines
}

// commit says that the call writes the header from here on. It reports whether
// keep-alive comments went before: then the header is out.
func (c *caller) commit() (commented bool) { return c.comments != nil && c.comments.commit() }

// stopComments is the end of all keep-alive comments.
func (c *caller) stopComments() {
	if c.comments != nil {
		c.comments.stop()
	}
}

// writeHeader passes a response's header on.
func (c *caller) writeHeader(status int) {
	c.deadline.extend(time.Now())
	c.w.WriteHeader(status)
}

// write passes one piece of a response on. The last piece need not be flushed:
// the server does that when the handler returns.
func (c *caller) write(p []byte, now time.Time, flush bool) error {
	if c.rewriter != nil {
		p = c.rewriter.rewrite(p)
	}
	c.deadline.extend(now)
	defer c.deadline.clear()
	if _, err := c.w.Write(p); err != nil {
		return err
	}
	c.boundary.advance(p)
	if flush {
		return c.control.Flush()
	}
	return nil
}

// betweenEvents reports whether another event may begin.
func (c *caller) betweenEvents() bool {
	if c.comments != nil {
		return c.comments.betweenEvents()
	}
	return c.boundary.reached()
}

// breakOff writes the last event of a stream that cannot go on after comments.
// What follows must be a broken connection.
func (c *caller) breakOff(event []byte) {
	c.comments.stop()
	if _, err := c.w.Write(event); err == nil { // a caller that is gone cannot be told anything
		_ = c.control.Flush()
	}
}

// lingerTime lets a caller that is still sending see the response before the
// connection is reset.
const lingerTime = 300 * time.Millisecond

// closeAfterResponse keeps the server from waiting for the rest of a body that
// nobody will read: it would read on after the handler has returned.
func (c *caller) closeAfterResponse() {
	c.w.Header()["Connection"] = []string{"close"}
	_ = c.control.SetReadDeadline(time.Now().Add(lingerTime))
}

// writeDeadline limits how long a caller may take to accept what is written.
//
// Over HTTP/1.1 a deadline concerns writes only; the server set one when the
// request came, and it is moved when it has aged. Over HTTP/2 a deadline ends
// the stream whether or not a write is waiting, so it is set for the length of
// a write only, and clear removes it.
type writeDeadline struct {
	control *http.ResponseController
	timeout time.Duration
	http2   bool
	set     time.Time // when it was last set
}

// extend gives the caller the whole timeout from now.
func (d *writeDeadline) extend(now time.Time) {
	if !d.http2 && now.Sub(d.set) < d.timeout/4 {
		return
	}
	d.set = now
	_ = d.control.SetWriteDeadline(now.Add(d.timeout))
}

// clear removes the deadline after a write, where it would not wait for one.
func (d *writeDeadline) clear() {
	if d.http2 {
		_ = d.control.SetWriteDeadline(time.Time{})
	}
}
