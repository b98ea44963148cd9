package router

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"cutover/exchange"
	"cutover/upstream"
)

// attempt is one call to one upstream. Until it is committed, nothing of it
// has reached the caller.
type attempt struct {
	q       *exchange.Request
	arm     exchange.Arm
	up      *upstream.Upstream
	model   upstream.Mapping
	permit  upstream.Permit
	ctx     context.Context
	watch   *upstream.Watchdog
	rec     *exchange.Recorder
	started time.Time

	resp     *http.Response // nil: no header came, and x says why
	held     []byte         // what was read of the body before the commit
	complete bool           // held is all of it
	readErr  error          // what ended the body after held, if not complete

	retryAfter  time.Duration      // of a call that was not sent: when it may be; 0: unknown
	keepFailed  bool               // holdBack leaves a failed response as it came: it may yet be delivered
	firstOutput time.Duration      // since started: when holdBack knew the response to be good; 0: it does not
	x           *exchange.Exchange // nil until the exchange has ended
}

// captureLimit is how much of a served response is kept for its pair, in bytes.
const captureLimit = 256 << 10

// attemptOptions say how an attempt is made.
type attemptOptions struct {
	firstStarted time.Time // of a retry: when the first attempt at this upstream began
	// noHints drops informational responses: two goroutines cannot both write to the
	// caller, and those of a response that is replaced are not the caller's.
	noHints bool
	// replaceable says that another upstream is called where this one has no output in
	// time for that.
	replaceable bool
}

// startAttempt calls an upstream and waits for its response header.
func (c *call) startAttempt(ctx context.Context, arm exchange.Arm, o attemptOptions) *attempt {
	up := c.rt.upstream(arm)
	now := time.Now()
	if o.firstStarted.IsZero() {
		o.firstStarted = now
	}
	a := &attempt{q: c.q, arm: arm, up: up, started: now}
	if c.caller.comments != nil {
		c.caller.comments.setPending(nil)
	}
	a.model = up.Model(c.q)
	limits := up.Timeouts().For(c.q.Facts.Stream)
	a.ctx, a.watch = limits.BeginWithin(ctx, o.firstStarted, now, outputTimeout(c.q, o))
	c.body.setWatch(a.watch)
	a.rec = exchange.NewRecorder(c.q.Asked(), arm, up.Name(), now, c.recorderOptions(arm))
	var err error
	if a.permit, err = up.Acquire(a.ctx, c.q, a.model.Name, queueTimeout(up, c.q, o, now)); err == nil {
		a.resp, err = c.send(a, !o.noHints && c.r.ProtoAtLeast(1, 1)) // HTTP/1.0 has no such responses
	}
	if err != nil {
		a.resp = nil
		a.retryAfter = up.RetryAfter(err, a.model.Name, now)
		a.endExchange(err)
		return a
	}
	if c.caller.comments != nil {
		c.caller.comments.setPending(a.resp)
	}
	now = time.Now()
	a.watch.HeaderReceived(now)
	a.rec.Header(a.resp.StatusCode, a.resp.Header, now)
	a.permit.ObserveHeaders(a.resp.StatusCode, a.resp.Header, now)
	c.rt.warnRedirect(a)
	return a
}

// recorderOptions say what is kept of the response to an attempt.
func (c *call) recorderOptions(arm exchange.Arm) (o exchange.RecorderOptions) {
	o.KeepText = c.pairing.mirrored && arm == c.q.Route.Serve
	if o.KeepText && !c.q.Facts.Stream || // of a stream the completion says it all
		c.learner.wantsBody(c.q, arm) {
		o.CaptureLimit = captureLimit
	}
	return o
}

// errNoStatus is a response whose status cannot be passed on: below 100, or a
// switch of protocols that nobody asked for.
var errNoStatus = errors.New("the upstream's response has no status of a response")

// send makes the call itself.
func (c *call) send(a *attempt, hints bool) (*http.Response, error) {
	ctx := a.ctx
	if hints {
		h := &earlyHints{w: c.caller.w, up: a.up, deadline: &c.caller.deadline, comments: c.caller.comments}
		defer h.stop()
		ctx = h.trace(ctx)
	}
	out, err := a.up.Serve(ctx, c.q, c.r, c.body.stream, &a.permit)
	if err != nil {
		return nil, err
	}
	if c.caller.comments != nil || a.up.ShowsRequested(c.q, a.model) {
		// Something is going to be written into the response: it must not be encoded.
		out.Header["Accept-Encoding"] = []string{"identity"}
	}
	resp, err := a.up.RoundTrip(out)
	if err == nil && resp.StatusCode < http.StatusOK {
		_ = resp.Body.Close()
		return nil, errNoStatus
	}
	return resp, err
}

// shortResponse is how much is read of a response to see its end, in bytes.
const shortResponse = 64 << 10

// bufferUpTo reads a response into held, to its end if that comes within limit
// bytes. One that turns out to be a stream is not waited for.
func (a *attempt) bufferUpTo(limit int) {
	buf := eventBuffers.Get().(*[]byte)
	defer eventBuffers.Put(buf)
	for len(a.held) < limit && !a.rec.Streamed() {
		n, err := a.resp.Body.Read(*buf)
		if n > 0 {
			now := time.Now()
			a.held = append(a.held, (*buf)[:n]...)
			a.rec.Write((*buf)[:n], now)
			a.watch.DataReceived(true, now)
		}
		if err == io.EOF {
			a.complete = true
			a.endExchange(nil)
			return
		}
		if err != nil {
			a.readErr = err
			return
		}
	}
}

// bufferAll reads a response to its end, if that comes within limit bytes and
// it is no stream. One that breaks off has ended.
func (a *attempt) bufferAll(limit int) {
	a.bufferUpTo(limit + 1)
	if a.readErr != nil {
		a.endExchange(a.readErr)
	}
}

// discard ends an attempt of which nothing has been delivered and nothing will
// be.
func (a *attempt) discard() {
	if a.x == nil {
		a.closeExchange(exchange.ClassOfStatus(a.resp.StatusCode), "")
	}
	a.resp = nil
}

// endExchange closes the exchange with how the transport ended; nil: at its end.
func (a *attempt) endExchange(err error) {
	class, detail := upstream.Classify(a.ctx, err)
	a.closeExchange(class, detail)
}

// closeExchange closes the exchange, unless it is closed: the first says why.
func (a *attempt) closeExchange(class exchange.Class, detail string) {
	if a.x != nil {
		return
	}
	if a.resp != nil {
		_ = a.resp.Body.Close()
	}
	a.watch.Stop()
	now := time.Now()
	a.x = a.rec.End(class, detail, now)
	a.x.Model, a.x.ModelRule, a.x.Queued = a.model.Name, a.model.Rule, a.permit.Queued()
	a.permit.Release(a.x, now)
}
