package router

import (
	"io"
	"time"
)

// learnPatience is how long an answer that made something waits for the store
// to know it: the caller may name it to another sidecar in its next request.
const learnPatience = 50 * time.Millisecond

// learn takes down whose the ids are that an answer makes known. A short answer
// is read to its end first: its ids must be known before the caller has them.
func (c *call) learn(a *attempt) {
	affinity := c.rt.cfg.Affinity
	if affinity == nil || !affinity.WantsBody(c.q, a.arm) || a.resp.StatusCode >= 300 {
		return
	}
	if a.x == nil && !a.rec.Streamed() {
		a.absorb()
	}
	if a.x == nil {
		c.learnAtEnd = true
		return
	}
	done := affinity.Learn(c.q, a.x)
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

// absorb reads an answer into held, to its end if that is near.
func (a *attempt) absorb() {
	const near = 64 << 10
	buf := eventBuffers.Get().(*[]byte)
	defer eventBuffers.Put(buf)
	for len(a.held) < near {
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
