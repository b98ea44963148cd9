package shadow

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"cutover/compare"
	"cutover/exchange"
	"cutover/upstream"
)

// ticket is one mirrored request on its way to being a pair. The served call,
// the copy and, for a share of them, a second call to the primary each bring
// one exchange; whoever comes last queues the pair.
type ticket struct {
	m      *Mirror
	q      *exchange.Request
	ctx    context.Context
	cancel context.CancelFunc

	served, copied, rerun *exchange.Exchange
	missing               atomic.Int32 // exchanges still to come
	bytes                 atomic.Int64 // held for this pair
	drop                  string       // why the copy was given up, if it was
}

// errand is one call of a ticket: to whom, at what price, and where its
// exchange goes.
type errand struct {
	target   *upstream.Upstream
	model    upstream.Mapping
	reserved int64
	permit   upstream.Permit
	into     **exchange.Exchange
	drop     *string // why it was given up
}

// Offer starts a copy of a request whose served call begins now. It never
// blocks and never fails: where the copy can't be sent it counts why and
// returns nil. Otherwise the caller must call the returned function exactly
// once, with the served exchange, when that has ended.
func (m *Mirror) Offer(q *exchange.Request) func(*exchange.Exchange) {
	why := q.Route.Skip
	if why == "" {
		why = m.cfg.Exclude.reason(q)
	}
	if why != "" {
		m.counts.add(compare.Skipped, why)
		return nil
	}
	t := &ticket{m: m, q: q}
	e := errand{target: m.targets[q.Route.Serve.Other()], into: &t.copied, drop: &t.drop}
	if e.model = e.target.Model(q); !e.model.Known {
		m.counts.add(compare.Skipped, "model")
		return nil
	}
	bytes := int64(len(q.Body))
	if why := m.admit(q, &e, bytes); why != "" {
		m.counts.add(compare.Dropped, why)
		return nil
	}
	t.bytes.Store(bytes)
	t.missing.Store(2)
	t.ctx, t.cancel = context.WithCancel(m.base)
	m.again(t)
	go t.call(e) // ended by its own limits, by the caller's abort or by Run, which waits for it
	return t.servedBy
}

// admit asks every limit for one more call; it says which one refused.
func (m *Mirror) admit(q *exchange.Request, e *errand, bytes int64) (why string) {
	if !m.pace.take(time.Now()) {
		return "rate"
	}
	if why = m.room(bytes); why != "" {
		return why
	}
	if e.reserved, why = m.cfg.Budget.reserve(q, e.target.Arm(), e.model.Name); why == "" {
		var err error
		if e.permit, err = e.target.AcquireShadow(q, e.model.Name); err == nil {
			return ""
		}
		m.cfg.Budget.settle(e.reserved, e.target.Arm(), &exchange.Exchange{})
		why = "limit"
	}
	m.held.Add(-bytes)
	m.end()
	return why
}

// again starts the primary's second call of a request that was drawn for one,
// under the same limits. Without room the pair goes on without it.
func (m *Mirror) again(t *ticket) {
	if !t.q.Route.Noise {
		return
	}
	e := errand{target: m.targets[exchange.Primary], into: &t.rerun, drop: new(string)}
	if e.model = e.target.Model(t.q); !e.model.Known {
		return
	}
	if why := m.admit(t.q, &e, 0); why != "" {
		m.reruns.refused.Add(1)
		return
	}
	m.reruns.begun.Add(1)
	t.missing.Add(1)
	go t.call(e) // as the copy
}

// servedBy takes the served exchange. It runs on the served request's
// goroutine, after the caller has the whole answer.
func (t *ticket) servedBy(x *exchange.Exchange) {
	t.served = x
	if x.Class == exchange.ClassAborted {
		t.cancel() // nobody wants the answer: stop paying for the copy
	}
	t.arrived()
}

// arrived counts one exchange in. The ticket's context lives until the last.
func (t *ticket) arrived() {
	if t.missing.Add(-1) > 0 {
		return
	}
	t.cancel()
	select {
	case t.m.queue <- t:
		if t.m.ended.Load() {
			t.m.leftover()
		}
	default:
		t.m.held.Add(-t.bytes.Load())
		t.m.counts.add(compare.Dropped, "compare_queue")
	}
}

// buffers are for reading copies' answers.
var buffers = sync.Pool{New: func() any { b := make([]byte, 16<<10); return &b }}

// call runs an errand and records its answer.
func (t *ticket) call(e errand) {
	defer t.m.end()
	started := time.Now()
	ctx, watch := e.target.Timeouts().For(t.q.Facts.Stream).Begin(t.ctx, started)
	defer watch.Stop()
	o := exchange.RecorderOptions{KeepText: true}
	if !t.q.Facts.Stream { // of a stream the completion says it all
		o.CaptureLimit = t.m.cfg.Capture
	}
	rec := exchange.NewRecorder(t.q.Endpoint, e.target.Arm(), e.target.Name(), started, o)
	err := t.exchange(ctx, watch, &e, rec)
	class, detail := upstream.Classify(ctx, err)
	if errors.Is(err, errGivenUp) {
		class, detail = exchange.ClassNotSent, *e.drop
	}
	x := rec.End(class, detail, time.Now())
	x.Model, x.ModelRule = e.model.Name, e.model.Rule
	t.m.cfg.Budget.settle(e.reserved, x.Arm, x)
	e.permit.Release(x, time.Now())
	*e.into = x
	t.arrived()
}

// errGivenUp ends a call whose answer there is no room for; errand.drop says why.
var errGivenUp = errors.New("shadow: copy given up")

// exchange makes the call.
func (t *ticket) exchange(ctx context.Context, watch *upstream.Watchdog, e *errand, rec *exchange.Recorder) error {
	out, err := e.target.Shadow(ctx, t.q, &e.permit)
	if err != nil {
		return err
	}
	resp, err := e.target.RoundTrip(out)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	now := time.Now()
	watch.HeaderReceived(now)
	rec.Header(resp.StatusCode, resp.Header, now)
	e.permit.ObserveHeaders(resp.StatusCode, resp.Header, now)
	return t.read(watch, rec, resp.Body, e.drop)
}

func (t *ticket) read(watch *upstream.Watchdog, rec *exchange.Recorder, body io.Reader, drop *string) error {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	content := false
	for total := 0; ; {
		n, err := body.Read(*buf)
		if n > 0 {
			now := time.Now()
			rec.Write((*buf)[:n], now)
			if !content { // after that the recorder may take its time
				content, _ = rec.Content()
			}
			watch.DataReceived(content, now)
			total += n
			if why := t.hold(n, total); why != "" {
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

// hold charges n more answer bytes, for both sides' captures, and says why the
// copy must end if there is no room.
func (t *ticket) hold(n, total int) string {
	if total > t.m.cfg.MaxAnswer {
		return "answer_too_large"
	}
	if total > t.m.cfg.Capture {
		return "" // beyond the capture nothing more is kept
	}
	t.bytes.Add(2 * int64(n))
	if t.m.held.Add(2*int64(n)) > t.m.cfg.MaxBytes {
		return "bytes"
	}
	return ""
}

// pair makes the pair of a ticket that has both exchanges, with its outcome.
func (t *ticket) pair() compare.Pair {
	p := compare.Pair{Request: t.q, Served: t.q.Route.Serve, Rerun: t.rerun}
	if p.Served == exchange.Primary {
		p.Primary, p.Relay = t.served, t.copied
	} else {
		p.Primary, p.Relay = t.copied, t.served
	}
	answered := func(x *exchange.Exchange) bool { return x.Status != 0 }
	switch {
	case t.served.Class == exchange.ClassAborted:
		p.Outcome = compare.Aborted
	case t.drop != "":
		p.Outcome, p.Why = compare.Dropped, t.drop
	case answered(p.Primary) && answered(p.Relay):
		p.Outcome = compare.Both
	case answered(p.Primary):
		p.Outcome = compare.PrimaryOnly
	case answered(p.Relay):
		p.Outcome = compare.RelayOnly
	default:
		p.Outcome = compare.Neither
	}
	return p
}
