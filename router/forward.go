package router

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
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

// errCallerWrite is a caller that can't be written to any more, errCutOff a
// stream that came to a clean end where it is not over.
var (
	errCallerWrite = errors.New("the caller does not take the answer")
	errCutOff      = errors.New("the upstream's stream ended before it was over")
)

// forward passes an upstream's answer on and closes the exchange. It reports
// whether the caller has to see a broken connection.
func (c *call) forward(a *attempt) (broken bool) {
	resp := a.resp
	defer resp.Body.Close()
	defer func() {
		if a.x == nil { // a panic is passing: what the call holds must not go with it
			a.close(exchange.ClassBroken, "panic")
		}
	}()
	if c.alive != nil && c.alive.take() {
		return c.resume(a)
	}
	c.showAsked(a)
	h := c.w.Header()
	upstream.CopyEndToEnd(h, resp.Header)
	// What the provider left out, net/http must not fill in.
	for _, k := range [...]string{"Date", "Content-Type"} {
		if _, ok := h[k]; !ok {
			h[k] = nil
		}
	}
	if c.mayBreak(a) {
		delete(h, "Content-Length") // or a break after so many bytes would look like an end
	}
	c.announce(h, a.up.Name())
	announced := announceTrailers(h, resp.Trailer)
	c.patience(time.Now())
	c.w.WriteHeader(resp.StatusCode)

	err := c.body(a)
	if err == nil {
		copyTrailers(h, resp.Trailer, announced)
		if len(resp.Trailer) > 0 && announced == 0 {
			_ = c.control().Flush() // chunked, or the trailers have nowhere to go
		}
	}
	return c.ended(a, err)
}

// body passes an answer's body on, and says why if it breaks off.
func (c *call) body(a *attempt) error {
	err := c.copy(a)
	if c.shown != nil && !errors.Is(err, errCallerWrite) {
		rest := c.shown.rest()
		c.shown = nil
		if c.write(rest, time.Now(), err != nil) != nil {
			err = errCallerWrite
		}
	}
	if c.alive != nil {
		c.alive.end()
	}
	switch {
	case errors.Is(err, errCallerWrite):
	case err != nil:
		class, _ := upstream.Classify(a.ctx, err)
		c.lastWord(a, class)
	case c.mayBreak(a) && a.rec.CutOff():
		err = errCutOff
		c.lastWord(a, exchange.ClassUnfinished)
		_ = c.control().Flush() // what came is the caller's
	}
	return err
}

// ended closes the exchange of an answer that was passed on as far as it goes.
func (c *call) ended(a *attempt, err error) (broken bool) {
	gone := errors.Is(err, errCallerWrite) || c.r.Context().Err() != nil
	if gone {
		a.watch.Stop() // the upstream learns of it at once
		err = context.Canceled
	}
	if err == errCutOff {
		a.end(nil) // a clean end: the recorder says what is missing
	} else {
		a.end(err)
	}
	return err != nil
}

// mayBreak reports whether an answer is a stream that the sidecar breaks where
// it should not end. What the reference says, or fails to say, is passed on as
// it is.
func (c *call) mayBreak(a *attempt) bool {
	return a.arm != c.q.Route.Reference && a.x == nil && a.rec.Streamed()
}

// copy passes the body on, each piece as it comes: written, flushed, and only
// then looked at. What was held back goes first, as it came.
func (c *call) copy(a *attempt) error {
	body, length := a.resp.Body, a.resp.ContentLength
	if len(a.held) > 0 || a.whole || a.after != nil {
		// Without a flush the server would give a short answer a length.
		if err := c.write(a.held, time.Now(), !a.whole || length < 0); err != nil {
			return errCallerWrite
		}
		if a.held = nil; a.whole || a.after != nil {
			return a.after
		}
	} else if length < 0 || a.rec.Streamed() {
		if err := c.control().Flush(); err != nil {
			return errCallerWrite
		}
	}
	c.lapse()
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
			if werr := c.write((*buf)[:n], now, err == nil); werr != nil {
				return errCallerWrite
			}
			a.rec.Write((*buf)[:n], now)
			if !content { // after that the recorder may take its time
				content, _ = a.rec.Content()
			}
			a.watch.Data(content, now)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			_ = c.control().Flush() // what came before the break is the caller's
			return err
		}
	}
}

// lastWord tells the caller of a stream that the sidecar gives up on, in its
// dialect, why the connection is about to break.
func (c *call) lastWord(a *attempt, class exchange.Class) {
	coding := a.resp.Header.Get("Content-Encoding")
	if !c.mayBreak(a) || !c.here() || coding != "" && coding != "identity" || c.r.Context().Err() != nil {
		return
	}
	_ = c.write(errorEvent(c.q, problemInStream(class, a.up.Name())), time.Now(), true)
}

// here reports whether another event may begin.
func (c *call) here() bool {
	if c.alive != nil {
		return c.alive.here()
	}
	return c.event.here()
}

// write passes one piece on. The last one need not be flushed: the server does
// that when the handler returns.
func (c *call) write(p []byte, now time.Time, flush bool) error {
	if c.shown != nil {
		p = c.shown.pass(p)
	}
	c.patience(now)
	defer c.lapse()
	if _, err := c.w.Write(p); err != nil {
		return err
	}
	c.event.pass(p)
	if flush {
		return c.control().Flush()
	}
	return nil
}

// announceTrailers names the trailers that the upstream announced; it returns
// how many.
func announceTrailers(h http.Header, t http.Header) int {
	if len(t) == 0 {
		return 0
	}
	names := make([]string, 0, len(t))
	for k := range t {
		names = append(names, k)
	}
	h["Trailer"] = []string{strings.Join(names, ", ")}
	return len(t)
}

// copyTrailers writes the trailers, which have values only now.
func copyTrailers(h http.Header, t http.Header, announced int) {
	if len(t) == announced {
		for k, v := range t {
			h[k] = v
		}
		return
	}
	for k, v := range t { // some came unannounced
		h[http.TrailerPrefix+k] = v
	}
}

// earlyHints passes informational answers (102, 103) on. The transport calls
// it from a goroutine of its own, at worst while the call ends.
type earlyHints struct {
	w     http.ResponseWriter
	alive *keepalive // in front of w, or nil
	mu    sync.Mutex
	done  bool
}

func (e *earlyHints) trace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{Got1xxResponse: e.pass})
}

func (e *earlyHints) pass(code int, header textproto.MIMEHeader) error {
	if code == http.StatusContinue || code == http.StatusSwitchingProtocols {
		return nil // the server has said it by itself
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.done {
		return nil
	}
	if e.alive != nil {
		e.alive.hint(code, http.Header(header))
	} else {
		hint(e.w, code, http.Header(header))
	}
	return nil
}

func hint(w http.ResponseWriter, code int, header http.Header) {
	h := w.Header()
	upstream.CopyEndToEnd(h, header)
	w.WriteHeader(code)
	clear(h)
}

func (e *earlyHints) end() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.done = true
}
