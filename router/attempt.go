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
	arm   exchange.Arm
	up    *upstream.Upstream
	model upstream.Mapping
	leave upstream.Permit
	ctx   context.Context
	watch *upstream.Watch
	rec   *exchange.Recorder
	resp  *http.Response // nil: no header came, and x says why
	held  []byte         // body that was read before the commit
	whole bool           // held is all of it
	after error          // what came after held, if not more
	keep  bool           // hold leaves a failed answer as it came: the caller may yet get it
	begun time.Time
	spoke time.Duration      // since begun: when hold knew the answer to be good; 0: it does not
	x     *exchange.Exchange // nil until the exchange has ended
}

// captured is how much of a served answer is kept for its pair.
const captured = 256 << 10

// begin calls an upstream up to its answer's header. first is when the first
// call of this request to the upstream began; zero: this is the first.
func (c *call) begin(ctx context.Context, arm exchange.Arm, first time.Time) *attempt {
	up := c.rt.upstream(arm)
	now := time.Now()
	if first.IsZero() {
		first = now
	}
	a := &attempt{arm: arm, up: up, begun: now}
	if c.alive != nil {
		c.alive.consider(nil)
	}
	a.model = up.Model(c.q)
	a.ctx, a.watch = up.Timeouts().For(c.q.Facts.Stream).Again(ctx, first, now)
	if c.stall != nil { // it is sent once, so this is the only call
		c.stall.watch = a.watch
	}
	keep := c.paired && arm == c.q.Route.Serve
	o := exchange.RecorderOptions{KeepText: keep}
	if keep && !c.q.Facts.Stream { // of a stream the completion says it all
		o.CaptureLimit = captured
	}
	if c.rt.cfg.Affinity != nil && c.rt.cfg.Affinity.WantsBody(c.q, arm) {
		o.CaptureLimit = captured
	}
	a.rec = exchange.NewRecorder(c.q.Endpoint, arm, up.Name(), now, o)
	var err error
	if a.leave, err = up.Enter(a.ctx, c.q, a.model.Name, c.patienceFor(up, now)); err == nil {
		a.resp, err = c.send(a)
	}
	if err != nil {
		a.resp = nil
		a.end(err)
		return a
	}
	if c.alive != nil {
		c.alive.consider(a.resp)
	}
	now = time.Now()
	a.watch.Header(now)
	a.rec.Header(a.resp.StatusCode, a.resp.Header, now)
	a.leave.Header(a.resp.StatusCode, a.resp.Header, now)
	return a
}

// errNoStatus is an answer whose status is none that can be passed on: below
// 100, or a switch of protocols that nobody asked for.
var errNoStatus = errors.New("the upstream's answer has no status of an answer")

// send makes the call itself.
func (c *call) send(a *attempt) (*http.Response, error) {
	ctx := a.ctx
	if !c.racing { // two goroutines can't both write hints to the caller
		hints := &earlyHints{w: c.w, alive: c.alive}
		defer hints.end()
		ctx = hints.trace(ctx)
	}
	out, err := a.up.Serve(ctx, c.q, c.r, c.stream, &a.leave)
	if err != nil {
		return nil, err
	}
	c.askPlain(a, out)
	resp, err := a.up.RoundTrip(out)
	if err == nil && resp.StatusCode < http.StatusOK {
		_ = resp.Body.Close()
		return nil, errNoStatus
	}
	return resp, err
}

// The bounds of what is held back before the first content. An answer that is
// longer without saying anything is passed on for what it is.
const (
	heldEvents = 64
	heldBytes  = 256 << 10
)

// hold reads an answer until it is known to be good: a stream until its first
// content, anything else to its end. It reports false for one that another
// provider should replace; then the attempt has ended and x says why. What was
// read stays in held, byte for byte. With keep a failed answer can still be
// forwarded afterwards, whole.
func (a *attempt) hold(rate float64) bool {
	if a.resp == nil {
		return false
	}
	if a.up.FallsBackOn(a.resp.StatusCode) {
		if !a.keep {
			a.refusal()
		}
		return false
	}
	if a.resp.StatusCode >= 300 {
		return true // the caller's own mistake, or nothing to do with content
	}
	pace := probation{rate: rate}
	buf := bulkBuffers.Get().(*[]byte)
	defer bulkBuffers.Put(buf)
	for {
		n, err := a.resp.Body.Read(*buf)
		if n > 0 {
			now := time.Now()
			a.held = append(a.held, (*buf)[:n]...)
			a.rec.Write((*buf)[:n], now)
			content, failed := a.rec.Content()
			a.watch.Data(content, now)
			if failed {
				a.erred(err)
				return false
			}
			if a.rec.Streamed() && content && err == nil && pace.good(a.rec.Spoken(), now) {
				a.spoke = now.Sub(a.begun)
				return true
			}
		}
		switch {
		case err == io.EOF:
			return a.judge()
		case err != nil:
			a.after = err
			a.end(err)
			return false
		case len(a.held) > heldBytes || a.rec.Events() > heldEvents:
			return true
		case pace.hopeless(a.rec.Spoken(), time.Now()):
			a.close(exchange.ClassIdle, "too-slow")
			return false
		}
	}
}

// erred takes an error event for the end of the attempt; err came with it.
func (a *attempt) erred(err error) {
	if err == io.EOF {
		a.whole = true
	} else {
		a.after = err
	}
	if !a.keep || err != nil {
		a.close(exchange.ClassErrorEvent, "")
	}
}

// judge ends an attempt whose whole answer was held. A stream that ended before
// it said anything is none that a caller could use; one that lacks no more than
// [DONE] is.
func (a *attempt) judge() bool {
	content, _ := a.rec.Content()
	a.whole = true
	a.close(exchange.ClassNone, "")
	if a.x.Class == exchange.ClassNone && a.x.Streamed && !content {
		if !a.keep {
			a.x.Class, a.x.Detail = exchange.ClassEmpty, "no-content"
		}
		return false
	}
	if !a.x.Whole() {
		return false
	}
	a.spoke = a.x.Total
	if a.x.Streamed {
		a.spoke = a.x.TTFT
	}
	return true
}

// refusal reads what an error answer says of itself, as far as it comes soon,
// and ends the attempt: whether the key is at fault, or the name of the model,
// stands in there.
func (a *attempt) refusal() {
	const enough = 16 << 10
	late := time.AfterFunc(refusalPatience, a.watch.Stop)
	defer late.Stop()
	buf := eventBuffers.Get().(*[]byte)
	defer eventBuffers.Put(buf)
	for got := 0; got < enough && a.resp.ContentLength <= enough; {
		n, err := a.resp.Body.Read(*buf)
		got += n
		a.rec.Write((*buf)[:n], time.Now())
		if err != nil {
			break
		}
	}
	a.close(exchange.ClassOfStatus(a.resp.StatusCode), "")
}

// refusalPatience is how long a fallback waits for what an error says.
const refusalPatience = 100 * time.Millisecond

// end closes the exchange with the transport's last word.
func (a *attempt) end(err error) {
	class, detail := upstream.Classify(a.ctx, err)
	a.close(class, detail)
}

func (a *attempt) close(class exchange.Class, detail string) {
	if a.x != nil {
		return
	}
	if a.resp != nil {
		_ = a.resp.Body.Close()
	}
	a.watch.Stop()
	now := time.Now()
	a.x = a.rec.End(class, detail, now)
	a.x.Model, a.x.ModelRule, a.x.Queued = a.model.Name, a.model.Rule, a.leave.Queued()
	a.leave.Leave(a.x, now)
}

// probation is the floor of tokens a second that an answer must keep before it
// is passed on. The zero value asks for nothing.
type probation struct {
	rate  float64   // content events a second; 0: any
	since time.Time // when content came first
}

// probationEvents is how many content events are waited for to judge a rate.
const probationEvents = 8

// good reports whether enough content came, fast enough.
func (p *probation) good(spoken int, now time.Time) bool {
	if p.rate <= 0 {
		return true
	}
	if p.since.IsZero() {
		p.since = now
	}
	return spoken >= probationEvents && float64(spoken-1) >= p.rate*now.Sub(p.since).Seconds()
}

// hopeless reports whether the floor has been missed for good.
func (p *probation) hopeless(spoken int, now time.Time) bool {
	return p.rate > 0 && !p.since.IsZero() &&
		p.rate*now.Sub(p.since).Seconds() > float64(max(spoken, probationEvents))
}
