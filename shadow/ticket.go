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

// ticket is one mirrored request on its way to being a pair. The served call
// and the copy each bring one exchange; whoever comes last queues the pair.
type ticket struct {
	m      *Mirror
	q      *exchange.Request
	ctx    context.Context
	cancel context.CancelFunc

	served, shadow *exchange.Exchange
	missing        atomic.Int32 // exchanges still to come
	bytes          atomic.Int64 // held for this pair
	drop           string       // why the copy was given up, if it was
}

// Offer starts a copy of a request whose served call begins now. It never
// blocks and never fails: where the copy can't be sent it counts why and
// returns nil. Otherwise the caller must call the returned function exactly
// once, with the served exchange, when that has ended.
func (m *Mirror) Offer(q *exchange.Request) func(*exchange.Exchange) {
	if why := q.Route.Skip; why != "" {
		m.counts.add(compare.Skipped, why)
		return nil
	}
	target := m.targets[q.Route.Serve.Other()]
	if _, ok := target.Model(q.Facts.Model); !ok {
		m.counts.add(compare.Skipped, "model")
		return nil
	}
	bytes := int64(len(q.Body))
	if why, ok := m.begin(bytes); !ok {
		m.counts.add(compare.Dropped, why)
		return nil
	}
	t := &ticket{m: m, q: q}
	t.bytes.Store(bytes)
	t.missing.Store(2)
	t.ctx, t.cancel = context.WithCancel(m.base)
	go t.call(target) // ended by its own limits, by the caller's abort or by Run, which waits for it
	return t.servedBy
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

func (t *ticket) arrived() {
	if t.missing.Add(-1) > 0 {
		return
	}
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

// call sends the copy and records its answer.
func (t *ticket) call(target *upstream.Upstream) {
	defer t.m.end()
	defer t.cancel()
	started := time.Now()
	ctx, watch := target.Timeouts().Begin(t.ctx, started)
	defer watch.Stop()
	rec := exchange.NewRecorder(t.q.Endpoint, target.Arm(), target.Name(), started,
		exchange.RecorderOptions{KeepText: true, CaptureLimit: t.m.cfg.Capture})
	err := t.exchange(ctx, watch, target, rec)
	class, detail := upstream.Classify(ctx, err)
	if errors.Is(err, errGivenUp) {
		class = exchange.ClassRefused
		detail = t.drop
	}
	x := rec.End(class, detail, time.Now())
	x.Model, _ = target.Model(t.q.Facts.Model)
	t.shadow = x
	t.arrived()
}

// errGivenUp ends a copy whose answer there is no room for; ticket.drop says why.
var errGivenUp = errors.New("shadow: copy given up")

func (t *ticket) exchange(ctx context.Context, watch *upstream.Watch, target *upstream.Upstream, rec *exchange.Recorder) error {
	out, err := target.Shadow(ctx, t.q)
	if err != nil {
		return err
	}
	resp, err := target.RoundTrip(out)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	now := time.Now()
	watch.Header(now)
	rec.Header(resp.StatusCode, resp.Header, now)
	return t.read(watch, rec, resp.Body)
}

func (t *ticket) read(watch *upstream.Watch, rec *exchange.Recorder, body io.Reader) error {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	for total := 0; ; {
		n, err := body.Read(*buf)
		if n > 0 {
			now := time.Now()
			rec.Write((*buf)[:n], now)
			content, _ := rec.Content()
			watch.Data(content, now)
			total += n
			if why := t.hold(n, total); why != "" {
				t.drop = why
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
	p := compare.Pair{Request: t.q, Served: t.q.Route.Serve}
	if p.Served == exchange.Primary {
		p.Primary, p.Relay = t.served, t.shadow
	} else {
		p.Primary, p.Relay = t.shadow, t.served
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
