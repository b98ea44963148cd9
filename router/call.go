package router

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"cutover/exchange"
	"cutover/upstream"
)

// The headers by which a caller can tell what the sidecar did.
const (
	servedByHeader  = "X-Cutover-Served-By"
	requestIDHeader = "X-Cutover-Request-Id"
	fallbackHeader  = "X-Cutover-Fallback"
)

// call is one request on its way. It belongs to one goroutine.
type call struct {
	rt *Router
	w  http.ResponseWriter
	r  *http.Request
	q  *exchange.Request

	rc       *http.ResponseController
	stream   *upstream.Stream // of a body that is not held
	stall    *stallReader     // behind stream
	deadline time.Time        // when the caller's write deadline was last set
	fallback exchange.Class   // why the first choice did not serve
}

func (c *call) control() *http.ResponseController {
	if c.rc == nil {
		c.rc = http.NewResponseController(c.w)
	}
	return c.rc
}

// close lets go of the connection, which goes on to its next request.
func (c *call) close() {
	if c.stall != nil {
		c.stall.release()
	}
}

// serve offers the request to the mirror, calls whoever is to serve it, and
// falls back where that is allowed and nothing has reached the caller yet.
func (c *call) serve() {
	var served func(*exchange.Exchange)
	if c.rt.cfg.Mirror != nil {
		served = c.rt.cfg.Mirror(c.q)
	}
	arm := c.q.Route.Serve
	a := c.attempt(arm, served != nil)
	if a.failed() && c.mayFallBack(arm) {
		// The pair is of the provider that was to serve, with its failure.
		x := a.abandon()
		if served != nil {
			served(x)
			served = nil
		}
		c.fallback = x.Class
		a = c.attempt(c.q.Route.Reference, false)
	}
	if a.resp == nil {
		c.giveUp(a, served)
		return
	}
	broken := c.forward(a)
	c.finish(a.x, served)
	if broken {
		// The caller must see a broken connection: a clean end would pass for
		// a whole answer in every SDK.
		panic(http.ErrAbortHandler)
	}
}

// mayFallBack reports whether the reference may serve in place of arm.
func (c *call) mayFallBack(arm exchange.Arm) bool {
	return c.q.Route.Fallback && arm == exchange.Relay && c.q.Route.Reference != arm &&
		c.q.Held && c.r.Context().Err() == nil
}

// giveUp answers in the sidecar's own name: no upstream did.
func (c *call) giveUp(a *attempt, served func(*exchange.Exchange)) {
	x := a.x
	if c.stall != nil {
		if err := c.stall.failure(); err != nil { // the caller broke off, not the upstream
			x.Class, x.Detail = exchange.ClassAborted, "body"
			c.finish(x, served)
			c.leaveUnread()
			c.refuseBody(err)
			return
		}
	}
	c.finish(x, served)
	if x.Class == exchange.ClassAborted {
		panic(http.ErrAbortHandler)
	}
	c.answer(problemOf(x.Class, x.Upstream))
}

// finish hands the exchange on, once the caller has all of it.
func (c *call) finish(x *exchange.Exchange, served func(*exchange.Exchange)) {
	if served != nil {
		served(x)
	}
	if c.rt.cfg.Served != nil {
		c.rt.cfg.Served(c.q, x)
	}
	if e := c.rt.cfg.Logger.Debug(); e.Enabled() {
		e.Str("id", c.q.ID).Str("endpoint", c.q.Endpoint.Name).Str("served_by", x.Upstream).
			Int("status", x.Status).Str("class", string(x.Class)).Str("detail", x.Detail).
			Str("fallback", string(c.fallback)).Str("mirror_skip", c.q.Route.Skip).
			Dur("ttfb", x.TTFB).Dur("total", x.Total).Int64("bytes", x.Bytes).Msg("request")
	}
}

// refuse answers a request whose body could not be taken.
func (c *call) refuse(err error) {
	c.q.Route = exchange.Route{Skip: exchange.SkipBody}
	if c.rt.cfg.Mirror != nil {
		c.rt.cfg.Mirror(c.q) // counts it
	}
	c.leaveUnread()
	c.refuseBody(err)
}

// refuseBody answers a caller whose body can't be taken; one that is gone sees
// its connection end.
func (c *call) refuseBody(err error) {
	switch {
	case errors.Is(err, errTooLarge):
		c.answer(tooLarge)
	case errors.Is(err, errCallerSilent):
		c.answer(tooSlow)
	default:
		panic(http.ErrAbortHandler)
	}
}

func (c *call) answer(p problem) {
	body := p.body(c.q)
	h := c.w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	c.announce(h, "cutover")
	c.patience(time.Now())
	c.w.WriteHeader(p.status)
	_, _ = c.w.Write(body) // a caller that is gone has nothing to be told
}

// announce adds the sidecar's own answer headers.
func (c *call) announce(h http.Header, by string) {
	if c.rt.cfg.RequestID {
		h[requestIDHeader] = []string{c.q.ID}
	}
	if !c.rt.cfg.ServedBy {
		return
	}
	h[servedByHeader] = []string{by}
	if c.fallback != exchange.ClassNone {
		h[fallbackHeader] = []string{string(c.fallback)}
	}
}

// patience makes sure that the caller has WriteStall from now to take what is
// written next. Over HTTP/1.1 a deadline concerns writes only, the server set
// one when the request came, and it is moved when it has aged. Over HTTP/2 it
// ends the stream whether or not a write is waiting, so it stands for the
// length of a write only: lapse takes it away.
func (c *call) patience(now time.Time) {
	if c.r.ProtoMajor < 2 && now.Sub(c.deadline) < c.rt.cfg.WriteStall/4 {
		return
	}
	c.deadline = now
	_ = c.control().SetWriteDeadline(now.Add(c.rt.cfg.WriteStall))
}

func (c *call) lapse() {
	if c.r.ProtoMajor >= 2 {
		_ = c.control().SetWriteDeadline(time.Time{})
	}
}

// attempt is one call to one upstream. Until it is committed, nothing of it
// has reached the caller.
type attempt struct {
	up    *upstream.Upstream
	model string // asked of the upstream, after mapping
	ctx   context.Context
	watch *upstream.Watch
	rec   *exchange.Recorder
	resp  *http.Response     // nil: no header came, and x says why
	x     *exchange.Exchange // nil until the exchange has ended
}

// attempt calls an upstream up to its answer's header.
func (c *call) attempt(arm exchange.Arm, keep bool) *attempt {
	up := c.rt.upstream(arm)
	now := time.Now()
	a := &attempt{up: up}
	a.model, _ = up.Model(c.q.Facts.Model)
	a.ctx, a.watch = up.Timeouts().Begin(c.r.Context(), now)
	o := exchange.RecorderOptions{KeepText: keep}
	if keep {
		o.CaptureLimit = captured
	}
	a.rec = exchange.NewRecorder(c.q.Endpoint, arm, up.Name(), now, o)
	hints := &earlyHints{w: c.w}
	out, err := up.Serve(hints.trace(a.ctx), c.q, c.r, c.stream)
	if err == nil {
		a.resp, err = up.RoundTrip(out)
	}
	hints.end()
	if err != nil {
		a.resp = nil
		a.end(err)
		return a
	}
	now = time.Now()
	a.watch.Header(now)
	a.rec.Header(a.resp.StatusCode, a.resp.Header, now)
	return a
}

// captured is how much of a served answer is kept for its pair.
const captured = 256 << 10

// failed reports whether another provider might do better: no answer at all,
// or a status that speaks of the provider rather than of the request.
func (a *attempt) failed() bool {
	if a.resp == nil {
		return a.x.Class != exchange.ClassAborted
	}
	switch s := a.resp.StatusCode; s {
	case 401, 403, 404, 408, 409, 429:
		return true
	default:
		return s >= 500
	}
}

// end closes the exchange with the transport's last word.
func (a *attempt) end(err error) {
	class, detail := upstream.Classify(a.ctx, err)
	a.close(class, detail)
}

func (a *attempt) close(class exchange.Class, detail string) {
	a.watch.Stop()
	a.x = a.rec.End(class, detail, time.Now())
	a.x.Model = a.model
}

// abandon drops an attempt of which nothing has been sent.
func (a *attempt) abandon() *exchange.Exchange {
	if a.resp != nil {
		a.resp.Body.Close()
		a.close(exchange.ClassOfStatus(a.resp.StatusCode), "")
		a.resp = nil
	}
	return a.x
}
