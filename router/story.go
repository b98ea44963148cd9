package router

import (
	"time"

	"cutover/exchange"
	"cutover/internal/millis"
)

// story is what happened to a request before somebody served it, in order.
type story struct {
	trail    []exchange.Step    // attempts that did not serve
	hedge    exchange.Hedge     // what came of the hedged request; "": there was none
	replaced *exchange.Exchange // the first choice's, where that did not serve
}

// add records an attempt that failed, and what was done next: retry, fallback,
// hedge or merge. wait is how long before a retry.
func (s *story) add(x *exchange.Exchange, next string, wait time.Duration) {
	step := exchange.Step{
		Upstream: x.Upstream, Class: x.Class, Detail: x.Detail, Status: x.Status,
		Took: millis.Duration(x.Total), Queued: millis.Duration(x.Queued), Next: next, Wait: millis.Duration(wait),
	}
	if x.UnknownModel() {
		step.Model, step.ModelRule = exchange.Label(x.Model), x.ModelRule
	}
	s.trail = append(s.trail, step)
}

// addAll records what another story tells of attempts that were retried.
func (s *story) addAll(other story) { s.trail = append(s.trail, other.trail...) }

// addReplaced records that another provider serves in place of the one that x
// is of.
func (s *story) addReplaced(x *exchange.Exchange, next string) {
	s.replaced = x
	s.add(x, next, 0)
}

// copyTo puts the story on the exchange that was served.
func (s *story) copyTo(x *exchange.Exchange) { x.Trail, x.Hedge = s.trail, s.hedge }
