package router

import (
	"io"
	"time"

	"cutover/exchange"
)

// learnPatience is how long an answer that made something waits for the store
// to know it: the caller may name it to another sidecar in its next request.
const learnPatience = 50 * time.Millisecond

// learn takes down whose the ids are that an answer makes known. A short answer
// is read to its end first: its ids must be known before the caller has them.
func (c *call) learn(a *attempt) {
	table := c.rt.cfg.Affinity
	if table == nil || a.resp.StatusCode >= 300 {
		return
	}
	wanted := table.WantsBody(c.q, a.arm)
	if wanted && a.x == nil && !a.rec.Streamed() {
		a.absorb(shortAnswer)
	}
	if a.x == nil {
		c.learnAtEnd, c.learnBound = wanted, a.arm == exchange.Relay
		return
	}
	if !wanted && !leavesBound(a.x) {
		return
	}
	done := table.Learn(c.q, a.x)
	if done == nil {
		return
	}
	limit := time.NewTimer(learnPatience)
	defer limit.Stop()
	select {
	case <-done:
	case <-limit.C:
	case <-c.r.Context().Done():
	}
}

// leavesBound reports whether an answer holds what only its provider can read
// again. The primary's need not be known: it is asked for whatever is unknown.
func leavesBound(x *exchange.Exchange) bool {
	return x.Arm == exchange.Relay && len(x.Completion.Bound) > 0
}

// shortAnswer is how much is read of an answer to see its end.
const shortAnswer = 64 << 10

// absorb reads an answer into held, to its end if that is near. One that turns
// out to be a stream is not waited for.
func (a *attempt) absorb(near int) {
	buf := eventBuffers.Get().(*[]byte)
	defer eventBuffers.Put(buf)
	for len(a.held) < near && !a.rec.Streamed() {
		n, err := a.resp.Body.Read(*buf)
		if n > 0 {
			now := time.Now()
			a.held = append(a.held, (*buf)[:n]...)
			a.rec.Write((*buf)[:n], now)
			a.watch.Data(true, now)
		}
		if err == io.EOF {
			a.whole = true
			a.end(nil)
			return
		}
		if err != nil {
			a.after = err
			return
		}
	}
}
