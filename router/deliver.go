package router

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"cutover/exchange"
	"cutover/upstream"
)

// Two sizes of buffer: events are small and many callers wait for them at
// once; downloads are large and few.
var (
	eventBuffers = sync.Pool{New: func() any { b := make([]byte, 4<<10); return &b }}
	bulkBuffers  = sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}
)

var (
	errCallerWrite = errors.New("the caller does not accept the response")              // it can't be written to any more
	errTruncated   = errors.New("the upstream's stream ended before it was terminated") // by a clean end of its connection
)

// delivery is an attempt's response on its way to the caller: from here on
// there is no other.
type delivery struct {
	c *call
	a *attempt
}

// run delivers the response and closes the exchange. It reports whether the
// caller has to see a broken connection.
func (d *delivery) run() (broken bool) {
	c, a := d.c, d.a
	resp := a.resp
	defer resp.Body.Close()
	defer func() {
		if a.x == nil { // a panic is passing: what the call holds must not go with it
			a.closeExchange(exchange.ClassBroken, "panic")
		}
	}()
	if c.caller.commit() {
		return d.resume()
	}
	d.showRequestedModel()
	h := c.caller.w.Header()
	a.up.CopyResponse(h, resp.Header)
	// What the provider left out, net/http must not fill in.
	for _, k := range [...]string{"Date", "Content-Type"} {
		if _, ok := h[k]; !ok {
			h[k] = nil
		}
	}
	if d.mayBreak() {
		delete(h, "Content-Length") // or a break after so many bytes would look like the end
	}
	c.rt.setOwnHeaders(h, c.q.ID, a.up.Name(), c.story.replaced)
	announced := announceTrailers(h, a.up, resp.Trailer)
	c.caller.writeHeader(resp.StatusCode)

	err := d.copyAll()
	if err == nil {
		copyTrailers(h, a.up, resp.Trailer, announced)
		if len(resp.Trailer) > 0 && announced == 0 {
			_ = c.caller.control.Flush() // makes it chunked, or the trailers have no place
		}
	}
	return d.endExchange(err)
}

// copyAll delivers the body, and returns why it broke off; nil at its end.
func (d *delivery) copyAll() error {
	caller, a := &d.c.caller, d.a
	err := d.copyBody()
	if caller.rewriter != nil && !errors.Is(err, errCallerWrite) {
		rest := caller.rewriter.flush()
		caller.rewriter = nil
		if caller.write(rest, time.Now(), err != nil) != nil {
			err = errCallerWrite
		}
	}
	caller.stopComments()
	switch {
	case errors.Is(err, errCallerWrite):
	case err != nil:
		class, _ := upstream.Classify(a.ctx, err)
		d.writeErrorEvent(class)
	case d.mayBreak() && a.rec.CutOff():
		err = errTruncated
		d.writeErrorEvent(exchange.ClassUnfinished)
		_ = caller.control.Flush() // what came is the caller's
	}
	return err
}

// endExchange closes the exchange of a response that was delivered as far as it
// came; err says why no more came, nil at its end.
func (d *delivery) endExchange(err error) (broken bool) {
	if errors.Is(err, errCallerWrite) || d.c.r.Context().Err() != nil {
		d.a.watch.Stop() // the upstream sees it at once
		err = context.Canceled
	}
	if err == errTruncated {
		d.a.endExchange(nil) // a clean end: the recorder says what is missing
	} else {
		d.a.endExchange(err)
	}
	return err != nil
}

// mayBreak reports whether the response is a stream that the sidecar breaks
// where it should not end. What the reference says, or fails to say, is passed
// on as it is.
func (d *delivery) mayBreak() bool {
	return d.a.arm != d.c.q.Route.Reference && d.a.x == nil && d.a.rec.Streamed()
}

// copyBody delivers the body, each piece as it comes: written, flushed, and only
// then looked at. What was held back goes first, as it came.
func (d *delivery) copyBody() error {
	caller, a := &d.c.caller, d.a
	body, length := a.resp.Body, a.resp.ContentLength
	if len(a.held) > 0 || a.complete || a.readErr != nil {
		// Without a flush the server would give a short response a length.
		if err := caller.write(a.held, time.Now(), !a.complete || length < 0); err != nil {
			return errCallerWrite
		}
		if a.held = nil; a.complete || a.readErr != nil {
			return a.readErr
		}
	} else if length < 0 || a.rec.Streamed() {
		if err := caller.control.Flush(); err != nil {
			return errCallerWrite
		}
	}
	caller.deadline.clear()
	pool := &bulkBuffers
	if a.rec.Streamed() {
		pool = &eventBuffers
	}
	buf := pool.Get().(*[]byte)
	defer pool.Put(buf)
	content := false
	for {
		n, err := body.Read(*buf)
		if n > 0 {
			now := time.Now()
			if werr := caller.write((*buf)[:n], now, err == nil); werr != nil {
				return errCallerWrite
			}
			a.rec.Write((*buf)[:n], now)
			if !content { // after that the recorder may take its time
				content = a.rec.Judge().Output
			}
			a.watch.DataReceived(content, now)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			_ = caller.control.Flush() // what came before the break is the caller's
			return err
		}
	}
}

// writeErrorEvent tells the caller of a stream that the sidecar gives up on, in
// its dialect, why the connection is about to break.
func (d *delivery) writeErrorEvent(class exchange.Class) {
	c := d.c
	coding := d.a.resp.Header.Get("Content-Encoding")
	if !d.mayBreak() || !c.caller.betweenEvents() || coding != "" && coding != "identity" || c.r.Context().Err() != nil {
		return
	}
	_ = c.caller.write(c.errorEvent(problemInStream(c.q.Endpoint.Dialect, class, d.a.up.Name())), time.Now(), true)
}

// announceTrailers names the trailers that the upstream announced and that the
// caller may have; it returns how many the upstream announced.
func announceTrailers(h http.Header, up *upstream.Upstream, t http.Header) int {
	if len(t) == 0 {
		return 0
	}
	names := make([]string, 0, len(t))
	for k := range t {
		if up.PassesResponseField(k) {
			names = append(names, k)
		}
	}
	if len(names) > 0 {
		h["Trailer"] = []string{strings.Join(names, ", ")}
	}
	return len(t)
}

// copyTrailers writes the trailers, which have values only now.
func copyTrailers(h http.Header, up *upstream.Upstream, t http.Header, announced int) {
	for k, v := range t {
		switch {
		case !up.PassesResponseField(k):
		case len(t) == announced:
			h[k] = v
		default: // some came unannounced
			h[http.TrailerPrefix+k] = v
		}
	}
}
