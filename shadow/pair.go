package shadow

import (
	"context"
	"sync/atomic"
	"time"

	"cutover/compare"
	"cutover/exchange"
)

// pendingPair is a mirrored request on its way to becoming a pair. The served
// call, the shadow call and, for a share of requests, a second call to the
// primary each bring one exchange; the last one to end queues the pair.
type pendingPair struct {
	m      *Mirror
	q      *exchange.Request
	ctx    context.Context // of the mirror's calls
	cancel context.CancelFunc

	served, shadow, rerun *exchange.Exchange
	missing               atomic.Int32 // exchanges still to come
	bytes                 atomic.Int64 // held for this pair
	drop                  string       // why the shadow call was given up, if it was
}

// Offer starts the shadow request of a request whose served call starts now. It
// never blocks and never fails: when the shadow request can't be sent it counts
// why and returns nil. Otherwise the caller must call the returned function
// exactly once, with the served exchange, when that has ended.
func (m *Mirror) Offer(q *exchange.Request) func(*exchange.Exchange) {
	why := q.Route.Skip
	if why == "" {
		why = m.cfg.Exclude.reason(q)
	}
	if why != "" {
		m.counts.add(compare.Skipped, why)
		return nil
	}
	p := &pendingPair{m: m, q: q}
	c := mirrorCall{target: m.targets[q.Route.Serve.Other()], into: &p.shadow, drop: &p.drop}
	if c.model = c.target.Model(q); !c.model.Known {
		m.counts.add(compare.Skipped, skipModel)
		return nil
	}
	bytes := int64(len(q.Body))
	if why := m.admit(q, &c, bytes); why != "" {
		m.counts.add(compare.Dropped, why)
		return nil
	}
	p.bytes.Store(bytes)
	p.missing.Store(2)
	p.ctx, p.cancel = context.WithCancel(m.base)
	m.startRerun(p)
	go p.call(c) // ended by its own timeouts, by the caller's abort or by Run, which waits for it
	return p.finishServed
}

// admit asks every limit for one more call, and says which one refused.
func (m *Mirror) admit(q *exchange.Request, c *mirrorCall, bytes int64) (why string) {
	if !m.limiter.AllowN(time.Now(), 1) {
		return dropRate
	}
	if why = m.acquire(bytes); why != "" {
		return why
	}
	if c.reserved, c.waits, why = m.cfg.Budget.reserveCost(q, c.target.Arm(), c.model.Name); why == "" {
		if c.waits {
			return "" // the call itself waits for its money, and then for its permit
		}
		var err error
		if c.permit, err = c.target.AcquireShadow(q, c.model.Name); err == nil {
			return ""
		}
		m.cfg.Budget.unreserve(c.reserved)
		why = dropLimit
	}
	m.held.Add(-bytes)
	m.release()
	return why
}

// startRerun starts the primary's second call of a request that was selected for
// one, under the same limits. If they refuse, the pair goes on without it.
func (m *Mirror) startRerun(p *pendingPair) {
	if !p.q.Route.Noise {
		return
	}
	c := mirrorCall{target: m.targets[exchange.Primary], into: &p.rerun, drop: new(string)}
	if c.model = c.target.Model(p.q); !c.model.Known {
		return
	}
	if why := m.admit(p.q, &c, 0); why != "" {
		m.reruns.refused.Add(1)
		return
	}
	m.reruns.begun.Add(1)
	p.missing.Add(1)
	go p.call(c) // ends like the shadow call
}

// finishServed takes the served exchange. It runs on the served request's
// goroutine, after the caller has the whole response.
func (p *pendingPair) finishServed(x *exchange.Exchange) {
	p.served = x
	if x.Class == exchange.ClassAborted {
		p.cancel() // nobody wants the response: stop paying for the shadow request
	}
	p.exchangeDone()
}

// exchangeDone counts one exchange in; the last one queues the pair.
func (p *pendingPair) exchangeDone() {
	if p.missing.Add(-1) > 0 {
		return
	}
	p.cancel()
	select {
	case p.m.queue <- p:
		if p.m.ended.Load() {
			p.m.dropQueued()
		}
	default:
		p.m.held.Add(-p.bytes.Load())
		p.m.counts.add(compare.Dropped, dropCompareQueue)
	}
}

// pair makes the pair of all exchanges, with its outcome.
func (p *pendingPair) pair() compare.Pair {
	out := compare.Pair{Request: p.q, Served: p.q.Route.Serve, Rerun: p.rerun}
	if out.Served == exchange.Primary {
		out.Primary, out.Relay = p.served, p.shadow
	} else {
		out.Primary, out.Relay = p.shadow, p.served
	}
	responded := func(x *exchange.Exchange) bool { return x.Status != 0 }
	switch {
	case p.served.Class == exchange.ClassAborted:
		out.Outcome = compare.Aborted
	case p.drop != "":
		out.Outcome, out.Why = compare.Dropped, p.drop
	case responded(out.Primary) && responded(out.Relay):
		out.Outcome = compare.Both
	case responded(out.Primary):
		out.Outcome = compare.PrimaryOnly
	case responded(out.Relay):
		out.Outcome = compare.RelayOnly
	default:
		out.Outcome = compare.Neither
	}
	return out
}
