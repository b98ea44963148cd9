package shadow

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"cutover/exchange"
	"cutover/upstream"
)

// mirrorCall is one call of a pending pair: to whom, at what cost, and where its
// exchange goes.
type mirrorCall struct {
	target   *upstream.Upstream
	model    upstream.Mapping
	reserved int64 // millionths of a dollar
	waits    bool  // they, and the permit, are still to be had
	permit   upstream.Permit
	into     **exchange.Exchange
	drop     *string // why it was given up
}

// readBuffers are for reading responses.
var readBuffers = sync.Pool{New: func() any { b := make([]byte, 16<<10); return &b }}

// call makes a call, and gives back what it took, however it ends.
func (p *pendingPair) call(c mirrorCall) {
	defer p.m.release()
	x := &exchange.Exchange{
		Arm: c.target.Arm(), Upstream: c.target.Name(), Started: time.Now(), Class: exchange.ClassNotSent, Detail: dropPanic,
	}
	if why := p.awaitMoney(&c); why != "" {
		*c.drop, x.Detail = why, why
	} else {
		p.record(&c, &x)
	}
	if x.Class == exchange.ClassNotSent && x.Detail == dropPanic {
		*c.drop = dropPanic
	}
	x.Model, x.ModelRule = c.model.Name, c.model.Rule
	p.m.cfg.Budget.settleCost(c.reserved, p.q, x)
	c.permit.Release(x, time.Now())
	*c.into = x
	p.exchangeDone()
}

// awaitMoney waits for what the budget could not give at once, and then takes the permit.
// why says which of them refused.
func (p *pendingPair) awaitMoney(c *mirrorCall) (why string) {
	if !c.waits {
		return ""
	}
	budget := p.m.cfg.Budget
	if why := budget.await(p.ctx, c.reserved); why != "" {
		c.reserved = 0
		return why
	}
	var err error
	if c.permit, err = c.target.AcquireShadow(p.q, c.model.Name); err != nil {
		budget.unreserve(c.reserved)
		c.reserved = 0
		return dropLimit
	}
	return ""
}

// record makes the call and replaces *x by what came of it, unless there is a
// panic.
func (p *pendingPair) record(c *mirrorCall, x **exchange.Exchange) {
	defer p.m.recoverPanic("shadow request")
	if p.m.cfg.beforeCall != nil {
		p.m.cfg.beforeCall()
	}
	started := (*x).Started
	ctx, watch := c.target.Timeouts().For(p.q.Facts.Stream).Begin(p.ctx, started)
	defer watch.Stop()
	o := exchange.RecorderOptions{KeepText: true}
	if !p.q.Facts.Stream { // a stream's body adds nothing to its completion
		o.CaptureLimit = p.m.cfg.capture
	}
	rec := exchange.NewRecorder(p.q.Asked(), c.target.Arm(), c.target.Name(), started, o)
	var held int64 // charged for this response
	err := p.send(ctx, watch, c, rec, &held)
	class, detail := upstream.Classify(ctx, err)
	if errors.Is(err, errGivenUp) {
		class, detail = exchange.ClassNotSent, *c.drop
	}
	*x = rec.End(class, detail, time.Now())
	p.charge(&held, 2*(*x).Held()) // the rest was needed to read it
}

// errGivenUp ends a call whose response exceeds a limit; mirrorCall.drop says
// which.
var errGivenUp = errors.New("shadow: call given up")

// send sends the request and reads the response.
func (p *pendingPair) send(ctx context.Context, watch *upstream.Watchdog, c *mirrorCall, rec *exchange.Recorder, held *int64) error {
	out, err := c.target.Shadow(ctx, p.q, &c.permit)
	if err != nil {
		return err
	}
	resp, err := c.target.RoundTrip(out)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	now := time.Now()
	watch.HeaderReceived(now)
	rec.Header(resp.StatusCode, resp.Header, now)
	c.permit.ObserveHeaders(resp.StatusCode, resp.Header, now)
	return p.readBody(watch, rec, resp.Body, c.drop, held)
}

func (p *pendingPair) readBody(watch *upstream.Watchdog, rec *exchange.Recorder, body io.Reader, drop *string, held *int64) error {
	buf := readBuffers.Get().(*[]byte)
	defer readBuffers.Put(buf)
	life := lifeSigns{rec: rec}
	for total := 0; ; {
		n, err := body.Read(*buf)
		if n > 0 {
			now := time.Now()
			rec.Write((*buf)[:n], now)
			life.note(watch, now)
			total += n
			if why := p.holdBytes(held, rec.Held(), total); why != "" {
				*drop = why
				return errGivenUp
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// lifeSigns tell what keeps a shadow call alive from what only keeps its connection
// open: nobody waits at the other end who would hang up on a provider that sends
// nothing but pings and comments.
type lifeSigns struct {
	rec    *exchange.Recorder
	output bool
	events int       // other than pings, when they were counted
	at     time.Time // when one was seen last
}

// lifeInterval is how long after a sign of life everything counts as one: to count
// makes the recorder read every event at once.
const lifeInterval = 100 * time.Millisecond

// note takes in what was written to the recorder.
func (l *lifeSigns) note(watch *upstream.Watchdog, now time.Time) {
	switch {
	case !l.output:
		l.output = l.rec.Judge().Output
	case now.Sub(l.at) < lifeInterval:
		watch.DataReceived(true, now)
		return
	case l.rec.SeesEvents() && l.rec.LiveEvents() == l.events:
		return
	}
	l.at, l.events = now, l.rec.LiveEvents()
	watch.DataReceived(l.output, now)
}

// holdBytes charges what a response holds by now, for both sides, and says which
// limit ends the call, if any. The memory is charged as allocated: shadow.max_bytes
// is a bound of memory, and not of what was sent.
func (p *pendingPair) holdBytes(held *int64, now int64, total int) string {
	if total > p.m.cfg.maxResponse {
		return dropResponseTooLarge
	}
	if p.charge(held, 2*now) > p.m.cfg.MaxBytes {
		return dropBytes
	}
	return ""
}

// charge sets what a response holds, and returns what all pairs hold then.
func (p *pendingPair) charge(held *int64, now int64) int64 {
	more := now - *held
	*held = now
	p.bytes.Add(more)
	return p.m.held.Add(more)
}
