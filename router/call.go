package router

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"cutover/exchange"
)

// call is one request on its way: routed, then served by
//
//	serve ─ pairing.offer         the mirror starts its shadow request
//	  └ respond
//	      ├ obtainResponse        attempts: retries, hedge, fallback, until one is good
//	      ├ learner.beforeCommit  ids that the response reveals
//	      └ deliver               commit: header and body go to the caller, then finish
//
// It belongs to one goroutine.
type call struct {
	rt *Router
	r  *http.Request // its context ends with the caller
	q  *exchange.Request

	body       requestBody // what goes out, where it is not held
	caller     caller      // where the response goes
	story      story       // what was tried, in order
	pairing    pairing     // the mirror's side
	learner    learner     // ids that the response reveals
	background background  // attempts that outlive the response
}

func newCall(rt *Router, w http.ResponseWriter, r *http.Request, q *exchange.Request) *call {
	c := &call{rt: rt, r: r, q: q, caller: newCaller(w, r, rt.cfg.WriteStallTimeout, q.At)}
	c.body = requestBody{q: q, control: c.caller.control, cfg: &rt.cfg, held: &rt.held}
	c.learner.table = rt.cfg.Affinity
	return c
}

// close releases the connection, which goes on to its next request.
func (c *call) close() {
	c.caller.stopComments()
	c.background.wait()
	c.body.release()
}

// serve offers the request to the mirror, then responds.
func (c *call) serve() {
	c.pairing.offer(&c.rt.cfg, c.q)
	c.respond()
}

// respond calls whoever is to serve, and delivers the response.
func (c *call) respond() {
	a := c.obtainResponse()
	if a.resp != nil {
		c.learner.beforeCommit(c.r.Context(), c.q, a)
	}
	c.deliver(a)
}

// deliver passes an attempt's response on, or an error where it has none.
func (c *call) deliver(a *attempt) {
	if a.resp == nil {
		c.deliverFailure(a)
		return
	}
	d := delivery{c, a}
	broken := d.run()
	c.finish(a.x)
	if broken {
		// The caller must see a broken connection: every SDK would accept a
		// clean end as a complete response.
		panic(http.ErrAbortHandler)
	}
}

// deliverFailure responds in the sidecar's own name: no upstream did.
func (c *call) deliverFailure(a *attempt) {
	x := a.x
	if err := c.body.failure(); err != nil { // the caller broke off, not the upstream
		x.Class, x.Detail = exchange.ClassAborted, "body"
		c.finish(x)
		c.caller.closeAfterResponse()
		c.respondBodyError(err)
		return
	}
	c.finish(x)
	if x.Class == exchange.ClassAborted {
		panic(http.ErrAbortHandler)
	}
	if x.Class == exchange.ClassNotSent {
		c.respondProblemAfter(notSentProblem(x.Detail), a.retryAfter)
		return
	}
	p := problemOf(x.Class, x.Upstream)
	if x.Status > 0 { // both providers responded, and neither response is usable
		p.Message = fmt.Sprintf("cutover: the upstream %s responded with status %d, and no other upstream could respond in its place",
			x.Upstream, x.Status)
	}
	c.respondProblem(p)
}

// finish hands the exchange to whoever waits for it, once the caller has all of
// the response.
func (c *call) finish(x *exchange.Exchange) {
	c.story.copyTo(x)
	c.learner.afterResponse(c.q, x)
	c.pairing.deliver(x)
	if c.rt.cfg.Served != nil {
		c.rt.cfg.Served(c.q, x)
	}
	c.log(x)
}

// rejectBody responds to a request whose body could not be read.
func (c *call) rejectBody(err error) {
	c.q.Route = exchange.Route{Skip: exchange.SkipBody}
	c.rt.countUnmirrored(c.q)
	c.caller.closeAfterResponse()
	c.respondBodyError(err)
}

// respondBodyError tells a caller why its body was not accepted; one that is
// gone sees its connection end.
func (c *call) respondBodyError(err error) {
	switch {
	case errors.Is(err, errTooLarge):
		c.respondProblem(tooLarge)
	case errors.Is(err, errCallerSilent):
		c.respondProblem(tooSlow)
	default:
		panic(http.ErrAbortHandler)
	}
}

// respondProblem responds with an error of the sidecar's own.
func (c *call) respondProblem(p exchange.Problem) { c.respondProblemAfter(p, 0) }

// respondProblemAfter is respondProblem that tells the caller when to try again,
// where it is the sidecar that has no capacity; 0: it is not known when.
func (c *call) respondProblemAfter(p exchange.Problem, after time.Duration) {
	if c.caller.commit() {
		c.caller.breakOff(c.errorEvent(p))
		panic(http.ErrAbortHandler)
	}
	body := p.Body(c.q)
	h := c.caller.w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	if p.Status == http.StatusTooManyRequests || p.Status == http.StatusServiceUnavailable {
		h["Retry-After"] = []string{strconv.Itoa(max(1, int(math.Ceil(after.Seconds()))))}
	}
	c.rt.setOwnHeaders(h, c.q.ID, "cutover", c.story.replaced)
	c.caller.deadline.extend(time.Now())
	c.caller.w.WriteHeader(p.Status)
	_, _ = c.caller.w.Write(body) // a caller that is gone cannot be told anything
}
