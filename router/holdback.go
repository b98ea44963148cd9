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
	if a.resp.StatusCode >= 400 {
		return true // the caller's own mistake
	}
	if j := a.rec.Judge(); j.Class != exchange.ClassNone { // by the status alone
		a.endFailed(j, nil)
		return false
	}
	if a.resp.StatusCode >= 300 {
		return true // nothing to do with content
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
			j := a.rec.Judge()
			a.watch.DataReceived(j.Output, now)
			if j.Class != exchange.ClassNone {
				a.endFailed(j, err)
				return false
			}
			if a.rec.Streamed() && j.Output && err == nil && speed.passed(a.rec.ContentEvents(), now) {
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
			a.watch.DataReceived(true, time.Now()) // what is committed has no limit on its first output
			return true
		case speed.failed(a.rec.ContentEvents(), time.Now()):
			a.closeExchange(exchange.ClassIdle, "too_slow")
			return false
		}
	}
}

// endFailed ends the attempt where something speaks against its response; err came
// with that.
func (a *attempt) endFailed(j exchange.Judgement, err error) {
	if err == io.EOF {
		a.complete = true
	} else {
		a.readErr = err
	}
	if !a.keepFailed || err != nil {
		a.closeExchange(j.Class, j.Detail)
	}
}

// judgeComplete ends an attempt whose complete response is held.
func (a *attempt) judgeComplete() bool {
	a.complete = true
	a.closeExchange(exchange.ClassNone, "")
	if !a.x.OK() {
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
