package router

import (
	"net/http"

	"cutover/exchange"
)

// errorEvent is a problem as the last event of a stream that cannot go on, in
// the caller's dialect.
func (c *call) errorEvent(p exchange.Problem) []byte { return p.Event(c.q.Endpoint.Dialect) }

// problemInStream says what the end of a stream means to a caller who has
// received part of the response: in the words of the dialect's own servers, so that
// an agent repeats the call as it would without a sidecar.
func problemInStream(d exchange.Dialect, class exchange.Class, upstream string) exchange.Problem {
	why := "the upstream " + upstream + " closed the connection in the middle of its response"
	switch class {
	case exchange.ClassIdle, exchange.ClassTimeout, exchange.ClassFirstToken:
		why = "the upstream " + upstream + " stopped sending in the middle of its response"
	case exchange.ClassUnfinished:
		why = "the upstream " + upstream + " ended its response before it was complete"
	}
	return exchange.CutOff(d, http.StatusBadGateway, why)
}

// eventBoundary watches the bytes of a stream for the end of an event: the only
// place where another one may begin.
type eventBoundary struct{ newlines int }

func (b *eventBoundary) advance(p []byte) {
	for i := max(0, len(p)-4); i < len(p); i++ {
		switch p[i] {
		case '\n':
			b.newlines++
		case '\r':
		default:
			b.newlines = 0
		}
	}
}

// reached reports whether the last event is complete.
func (b *eventBoundary) reached() bool { return b.newlines >= 2 }
