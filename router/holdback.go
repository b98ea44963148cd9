package router

import (
	"io"
	"time"

	"cutover/exchange"
)

// The bounds of what is held back before the first output. A response that is
// longer without saying anything is delivered for what it is.
const (
	maxHeldEvents = 64
	maxHeldBytes  = 256 << 10
)

// holdBack buffers a response until it is known to be good: a stream until its
// first output, anything else to its end. It reports false for one that another
// provider should replace; then the attempt has ended and x says why. What was
// read stays in held, byte for byte. With keepFailed a failed response can
// still be delivered afterwards, complete. rate is the least tokens a second;
// 0: any.
func (a *attempt) holdBack(rate float64) bool {
	if a.resp == nil {
		return false
	}
	if a.up.FallsBackOn(a.resp.StatusCode) {
		if !a.keepFailed {
			a.readErrorBody()
		}
		return false
	}
	if a.rejectStatus() {
		return false
	}
	if a.resp.StatusCode >= 300 {
		return true // the caller's own mistake, or nothing to do with content
	}
	speed := speedCheck{rate: rate}
	buf := bulkBuffers.Get().(*[]byte)
	defer bulkBuffers.Put(buf)
	for {
		n, err := a.resp.Body.Read(*buf)
		if n > 0 {
			now := time.Now()
			a.held = append(a.held, (*buf)[:n]...)
			a.rec.Write((*buf)[:n], now)
			content, failed := a.rec.Content()
			a.watch.DataReceived(content, now)
			if failed {
				a.endOnErrorEvent(err)
				return false
			}
			if a.wrongForm(false) {
				a.closeExchange(exchange.ClassMalformed, "stream")
				return false
			}
			if a.rec.Streamed() && content && err == nil && speed.passed(a.rec.ContentEvents(), now) {
				a.firstOutput = now.Sub(a.started)
				return true
			}
		}
		switch {
		case err == io.EOF:
			return a.judgeComplete()
		case err != nil:
			a.readErr = err
			a.endExchange(err)
			return false
		case len(a.held) > maxHeldBytes || a.rec.Events() > maxHeldEvents:
			if a.wrongForm(true) {
				a.closeExchange(exchange.ClassMalformed, "no_stream")
				return false
			}
			return true
		case speed.failed(a.rec.ContentEvents(), time.Now()):
			a.closeExchange(exchange.ClassIdle, "too_slow")
			return false
		}
	}
}

// endOnErrorEvent ends the attempt at an error event; err came with it.
func (a *attempt) endOnErrorEvent(err error) {
	if err == io.EOF {
		a.complete = true
	} else {
		a.readErr = err
	}
	if !a.keepFailed || err != nil {
		a.closeExchange(exchange.ClassErrorEvent, "")
	}
}

// judgeComplete ends an attempt whose complete response is held. A stream that
// ended before it had any output is of no use to a caller, unless it says why it
// has none; one that lacks no more than [DONE] is.
func (a *attempt) judgeComplete() bool {
	content, _ := a.rec.Content()
	a.complete = true
	a.closeExchange(exchange.ClassNone, "")
	if a.x.Class == exchange.ClassNone && a.wrongForm(true) {
		a.x.Class, a.x.Detail = exchange.ClassMalformed, "no_stream"
		return false
	}
	if a.x.Class == exchange.ClassNone && a.x.Streamed && !content && a.x.Completion.FinishReason == "" {
		if !a.keepFailed {
			a.x.Class, a.x.Detail = exchange.ClassEmpty, "no_content"
		}
		return false
	}
	if !a.x.Whole() {
		return false
	}
	a.firstOutput = a.x.Total
	if a.x.Streamed {
		a.firstOutput = a.x.TTFT
	}
	return true
}

// errorBodyTimeout is how long a fallback waits for what an error says.
const errorBodyTimeout = 100 * time.Millisecond

// readErrorBody reads what an error response says, as far as it comes soon, and
// ends the attempt. It says whether the key is at fault, or the model's name.
func (a *attempt) readErrorBody() {
	const limit = 16 << 10
	late := time.AfterFunc(errorBodyTimeout, a.watch.Stop)
	defer late.Stop()
	buf := eventBuffers.Get().(*[]byte)
	defer eventBuffers.Put(buf)
	for got := 0; got < limit && a.resp.ContentLength <= limit; {
		n, err := a.resp.Body.Read(*buf)
		got += n
		a.rec.Write((*buf)[:n], time.Now())
		if err != nil {
			break
		}
	}
	a.closeExchange(exchange.ClassOfStatus(a.resp.StatusCode), "")
}

// speedCheck is the least speed that a response must reach before it is
// delivered. The zero value asks for nothing.
type speedCheck struct {
	rate  float64   // output events a second; 0: any
	since time.Time // of the first output
}

// speedCheckEvents is how many output events it takes to judge a rate.
const speedCheckEvents = 8

// passed reports whether enough output came, fast enough.
func (s *speedCheck) passed(events int, now time.Time) bool {
	if s.rate <= 0 {
		return true
	}
	if s.since.IsZero() {
		s.since = now
	}
	return events >= speedCheckEvents && float64(events-1) >= s.rate*now.Sub(s.since).Seconds()
}

// failed reports whether the rate can no longer be reached.
func (s *speedCheck) failed(events int, now time.Time) bool {
	return s.rate > 0 && !s.since.IsZero() &&
		s.rate*now.Sub(s.since).Seconds() > float64(max(events, speedCheckEvents))
}
