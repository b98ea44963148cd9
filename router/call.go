package router

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
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

	rc         *http.ResponseController
	stream     *upstream.Stream         // of a body that is not held
	stall      *stallReader             // behind stream
	deadline   time.Time                // when the caller's write deadline was last set
	served     func(*exchange.Exchange) // takes the exchange of the pair; nil: no pair, or taken
	event      boundary                 // of the events that have passed
	alive      *keepalive               // between the call and its caller; nil: nothing is
	shown      *shownModel              // puts the asked model's name into a stream; nil: nothing does
	fallback   *exchange.Exchange       // of the first choice, where that did not serve
	trail      []exchange.Step          // what was tried before
	racing     bool                     // two upstreams are being called at once
	hedge      exchange.Hedge           // what came of that
	learnAtEnd bool                     // ids are in a stream
	learnBound bool                     // and things that only the relay can read again may be
	paired     bool                     // the mirror sent a copy
	others     sync.WaitGroup           // calls of this request that go on in the background
	cancels    []context.CancelFunc     // of those
}

func (c *call) control() *http.ResponseController {
	if c.rc == nil {
		c.rc = http.NewResponseController(c.w)
	}
	return c.rc
}

// close lets go of the connection, which goes on to its next request.
func (c *call) close() {
	if c.alive != nil {
		c.alive.end()
	}
	c.others.Wait()
	for _, cancel := range c.cancels {
		cancel()
	}
	if c.stall != nil {
		c.stall.release()
	}
}

// serve offers the request to the mirror, calls whoever is to serve it, and
// falls back where that is allowed and nothing has reached the caller yet.
func (c *call) serve() {
	c.offer()
	c.relay()
}

// offer offers the request to the mirror.
func (c *call) offer() {
	if c.rt.cfg.Mirror != nil {
		c.served = c.rt.cfg.Mirror(c.q)
		c.paired = c.served != nil
	}
}

// relay calls whoever is to serve, and passes the answer on.
func (c *call) relay() {
	a := c.answerer()
	if a.resp != nil {
		c.learn(a)
	}
	c.pass(a)
}

// pass passes an attempt's answer on, or says that there is none.
func (c *call) pass(a *attempt) {
	if a.resp == nil {
		c.giveUp(a)
		return
	}
	broken := c.forward(a)
	c.finish(a.x)
	if broken {
		// The caller must see a broken connection: a clean end would pass for
		// a whole answer in every SDK.
		panic(http.ErrAbortHandler)
	}
}

// answerer calls whoever is to serve, and the substitute where that fails.
func (c *call) answerer() *attempt {
	arm := c.q.Route.Serve
	next, may := c.substitute(arm)
	hedge := &c.rt.cfg.Hedge
	hedged := may && hedge.covers(arm)
	if hedged {
		if delay := hedge.after(c.askedOf(arm), c.q.Facts.Stream, c.q.At); delay > 0 {
			return c.race(arm, next, delay)
		}
	}
	a, good := c.try(c.r.Context(), arm, may)
	if hedged { // the first calls say how long to wait with later ones
		c.timed(a)
	}
	if good || !may || !c.replaced(a) {
		return a
	}
	a, _ = c.try(c.r.Context(), next, false)
	return a
}

// replaced takes down that the first choice failed, with the pair, which is of
// the provider that was to serve. It reports whether anybody waits for a
// substitute's answer.
func (c *call) replaced(a *attempt) bool {
	a.drop()
	c.hand(a.x)
	if c.r.Context().Err() != nil {
		return false
	}
	c.fallback = a.x
	c.note(a.x, "fallback", 0)
	return true
}

// substitute says who answers in place of arm if that fails. What the
// reference serves is replaced only where the configuration says so.
func (c *call) substitute(arm exchange.Arm) (exchange.Arm, bool) {
	route := &c.q.Route
	switch {
	case !route.Fallback || !c.q.Held:
		return arm, false
	case route.Reference != arm:
		return route.Reference, route.Reference == exchange.Primary || route.Relay
	case c.rt.cfg.ReplaceReference:
		other := arm.Other()
		return other, other == exchange.Primary || route.Relay
	}
	return arm, false
}

// hand gives the pair its exchange.
func (c *call) hand(x *exchange.Exchange) {
	if c.served != nil {
		c.served(x)
		c.served = nil
	}
}

// giveUp answers in the sidecar's own name: no upstream did.
func (c *call) giveUp(a *attempt) {
	x := a.x
	if c.stall != nil {
		if err := c.stall.failure(); err != nil { // the caller broke off, not the upstream
			x.Class, x.Detail = exchange.ClassAborted, "body"
			c.finish(x)
			c.leaveUnread()
			c.refuseBody(err)
			return
		}
	}
	c.finish(x)
	if x.Class == exchange.ClassAborted {
		panic(http.ErrAbortHandler)
	}
	if x.Class == exchange.ClassRefused {
		c.answer(refused(x.Detail))
		return
	}
	p := problemOf(x.Class, x.Upstream)
	if x.Status > 0 { // both providers answered, and neither's answer is one
		p.message = fmt.Sprintf("cutover: the upstream %s answered with status %d, and no other could answer in its place", x.Upstream, x.Status)
	}
	c.answer(p)
}

// finish hands the exchange on, once the caller has all of it.
func (c *call) finish(x *exchange.Exchange) {
	x.Trail, x.Hedge = c.trail, c.hedge
	if c.learnAtEnd || c.learnBound && leavesBound(x) {
		c.rt.cfg.Affinity.Learn(c.q, x)
	}
	c.hand(x)
	if c.rt.cfg.Served != nil {
		c.rt.cfg.Served(c.q, x)
	}
	c.log(x)
}

// log writes the request's line: for people to see where something was decided
// on its way, else for those who look closely.
func (c *call) log(x *exchange.Exchange) {
	e := c.rt.cfg.Logger.Debug()
	if len(c.trail) > 0 || x.Queued > 0 || x.Hedge != "" {
		e = c.rt.cfg.Logger.Info()
	}
	if e.Enabled() {
		if len(c.trail) > 0 {
			e.Interface("trail", c.trail)
		}
		if x.UnknownModel() {
			e.Str("model", exchange.Label(x.Model)).Str("model_rule", x.ModelRule)
		}
		if c.alive != nil {
			e.Int("keepalive_comments", c.alive.said())
		}
		if x.Queued > 0 {
			e.Dur("queued", x.Queued)
		}
		if x.Hedge != "" {
			e.Str("hedge", string(x.Hedge))
		}
		if c.fallback != nil {
			e.Str("fallback", reasonOf(c.fallback))
		}
		e.Str("id", c.q.ID).Str("endpoint", c.q.Endpoint.Name).Str("served_by", x.Upstream).
			Int("status", x.Status).Str("class", string(x.Class)).Str("detail", x.Detail).
			Str("mirror_skip", c.q.Route.Skip).
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
	if c.alive != nil && c.alive.take() {
		c.breakOff(errorEvent(c.q, p))
		panic(http.ErrAbortHandler)
	}
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
	if c.fallback != nil {
		h[fallbackHeader] = []string{reasonOf(c.fallback)}
	}
}

// reasonOf words a failure for a header: its class, or why it was never called.
func reasonOf(x *exchange.Exchange) string {
	if x.Class == exchange.ClassRefused || x.Detail == hedgeDetail {
		return x.Detail
	}
	return strings.ReplaceAll(string(x.Class), "_", "-")
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
