package router

import (
	"context"
	"time"

	"cutover/exchange"
	"cutover/router/affinity"
)

// learner records which provider owns the ids that a response reveals.
type learner struct {
	table       *affinity.Table // nil: nothing is learned
	atEnd       bool            // the ids are in a stream
	sealedAtEnd bool            // so may be content that only the relay can read again
}

// storeWait is how long a response that created something waits for the store
// to know it: the caller may name it to another sidecar in its next request.
const storeWait = 50 * time.Millisecond

// wantsBody reports whether the body of the response is needed to learn from.
func (l *learner) wantsBody(q *exchange.Request, arm exchange.Arm) bool {
	return l.table != nil && l.table.WantsBody(q, arm)
}

// beforeCommit learns what it can before the caller has the response. A short
// response is read to its end for that: the caller may use an id at once.
func (l *learner) beforeCommit(ctx context.Context, q *exchange.Request, a *attempt) {
	if l.table == nil || a.resp.StatusCode >= 300 {
		return
	}
	wanted := l.table.WantsBody(q, a.arm)
	if wanted && a.x == nil && !a.rec.Streamed() {
		a.bufferUpTo(shortResponse)
	}
	if a.x == nil {
		l.atEnd, l.sealedAtEnd = wanted, a.arm == exchange.Relay
		return
	}
	if !wanted && !revealsSealed(a.x) {
		return
	}
	done := l.table.Learn(q, a.x)
	if done == nil {
		return
	}
	limit := time.NewTimer(storeWait)
	defer limit.Stop()
	select {
	case <-done:
	case <-limit.C:
	case <-ctx.Done():
	}
}

// afterResponse learns what a stream has revealed.
func (l *learner) afterResponse(q *exchange.Request, x *exchange.Exchange) {
	if l.atEnd || l.sealedAtEnd && revealsSealed(x) {
		l.table.Learn(q, x)
	}
}

// revealsSealed reports whether a response contains what only its provider can
// read again. The primary's need not be known: it serves whatever is unknown.
func revealsSealed(x *exchange.Exchange) bool {
	return x.Arm == exchange.Relay && len(x.Completion.Bound) > 0
}
