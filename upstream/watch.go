package upstream

import (
	"context"
	"sync/atomic"
	"time"

	"cutover/exchange"
)

// TimeoutError is the cause of a call that a Watch ended.
type TimeoutError struct{ Class exchange.Class }

func (e *TimeoutError) Error() string { return "upstream: " + string(e.Class) }

// Watch ends a call that is silent for too long. It measures by a timer, not by
// arriving data, so an upstream that sends nothing at all is noticed too. What
// arrives only leaves its time behind: the timer, when it fires, looks how long
// the silence has really been, and waits for the rest of it.
//
// Header, Data and Stop are for the goroutine that makes the call.
type Watch struct {
	limits  Timeouts
	started time.Time
	cancel  context.CancelCauseFunc
	timer   *time.Timer // nil: there is no limit
	content bool

	// since and phase say when the present silence began, in nanoseconds after
	// started, and what it means if it lasts.
	since atomic.Int64
	phase atomic.Uint32
	// held says that the call waits for its caller, whose silence is not the
	// upstream's.
	held atomic.Bool
}

// The phases of a call. Each has a limit of its own.
const (
	inHeader uint32 = iota
	inFirstToken
	inAnswer
	parked
	stopped
)

// For returns the limits of one call. An answer that is not streamed has its
// header when all of it has been made, which takes as long as a whole stream.
func (t Timeouts) For(streamed bool) Timeouts {
	if !streamed && t.Plain > 0 {
		t.Header = t.Plain
	}
	return t
}

// Begin starts a call under ctx and returns the context to make it with. Stop
// must be called when the call is over.
func (t Timeouts) Begin(ctx context.Context, now time.Time) (context.Context, *Watch) {
	return t.Again(ctx, now, now)
}

// Again is Begin for a retry: the limits on the header and on the whole go on
// from when the first call of the request began, or each retry would ask for
// all of the caller's patience anew.
func (t Timeouts) Again(ctx context.Context, first, now time.Time) (context.Context, *Watch) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &Watch{limits: t, cancel: cancel, started: first}
	if t.Header > 0 || t.FirstToken > 0 || t.Idle > 0 || t.Total > 0 {
		w.timer = time.AfterFunc(time.Hour, w.look) // set before it can fire
		wait, _ := w.left(now)
		w.timer.Reset(max(wait, 0))
	}
	return ctx, w
}

// left is how long the call may go on in silence from now, and what it means
// when that is over.
func (w *Watch) left(now time.Time) (time.Duration, exchange.Class) {
	// A limit that does not apply in this phase may do so in the next: the
	// timer must not sleep through that.
	const ever = time.Hour
	// The phase first: one that begins leaves its time before it does, and the
	// silence of the one before must not count in it.
	phase := w.phase.Load()
	gone := now.Sub(w.started)
	silent := gone - time.Duration(w.since.Load())
	limit, class := time.Duration(0), exchange.ClassNone
	switch phase {
	case inHeader:
		if w.held.Load() {
			break
		}
		limit, class = w.limits.Header, exchange.ClassHeaderTimeout
	case inFirstToken:
		limit, class = w.limits.FirstToken, exchange.ClassFirstToken
	case inAnswer:
		limit, class = w.limits.Idle, exchange.ClassIdle
	}
	left := ever
	if limit > 0 {
		left = limit - silent
	}
	if total := w.limits.Total; total > 0 && total-gone < left {
		left, class = total-gone, exchange.ClassTimeout
	}
	if next := w.shortest(); limit <= 0 && left > next {
		left = next
	}
	return left, class
}

// shortest is the smallest limit on a silence.
func (w *Watch) shortest() time.Duration {
	d := time.Hour
	for _, limit := range [...]time.Duration{w.limits.Header, w.limits.FirstToken, w.limits.Idle} {
		if limit > 0 {
			d = min(d, limit)
		}
	}
	return d
}

// look is the timer's: it ends the call or waits on.
func (w *Watch) look() {
	if w.phase.Load() == stopped {
		return
	}
	now := time.Now()
	left, class := w.left(now)
	if left <= 0 && class != exchange.ClassNone {
		w.cancel(&TimeoutError{Class: class})
		return
	}
	w.timer.Reset(max(left, time.Millisecond))
}

// Header tells the watch that the answer's header has come.
func (w *Watch) Header(now time.Time) {
	phase := inFirstToken
	if w.limits.FirstToken <= 0 {
		phase = inAnswer
	}
	w.enter(phase, now)
}

// Park suspends the limits on silence while nobody reads the answer: what is
// silent then is not the upstream. Header begins them anew.
func (w *Watch) Park(now time.Time) { w.enter(parked, now) }

// enter begins a phase. A limit shorter than the one that the timer sleeps for
// needs the timer anew.
func (w *Watch) enter(phase uint32, now time.Time) {
	w.since.Store(int64(now.Sub(w.started)))
	w.phase.Store(phase)
	if w.timer != nil {
		wait, _ := w.left(now)
		w.timer.Reset(max(wait, 0))
	}
}

// Hold tells the watch that the call waits for more of its caller's body, until
// Go. An upload takes what it takes: the limit for the header is one on the
// upstream's silence after that. Any goroutine may call either.
func (w *Watch) Hold() { w.held.Store(true) }

// Go ends a Hold.
func (w *Watch) Go(now time.Time) {
	if w.phase.Load() == inHeader { // the answer may begin before the body has ended
		w.since.Store(int64(now.Sub(w.started)))
	}
	w.held.Store(false)
}

// Data tells the watch that bytes have come; content says whether the answer
// has had content so far. Until it has, the first-token limit goes on running.
func (w *Watch) Data(content bool, now time.Time) {
	if w.timer == nil {
		return
	}
	if w.content || w.phase.Load() == inAnswer {
		w.since.Store(int64(now.Sub(w.started)))
		return
	}
	if content {
		w.content = true
		w.enter(inAnswer, now)
	}
}

// Stop ends the watch and releases the call's context.
func (w *Watch) Stop() {
	w.phase.Store(stopped)
	if w.timer != nil {
		w.timer.Stop()
	}
	w.cancel(nil)
}
