package upstream

import (
	"context"
	"time"

	"cutover/exchange"
)

// TimeoutError is the cause of a call that a Watch ended.
type TimeoutError struct{ Class exchange.Class }

func (e *TimeoutError) Error() string { return "upstream: " + string(e.Class) }

// Watch ends a call that is silent for too long. It measures by a timer, not by
// arriving data, so an upstream that sends nothing at all is noticed too. All
// methods are for the goroutine that makes the call.
type Watch struct {
	limits  Timeouts
	started time.Time
	cancel  context.CancelCauseFunc
	timer   *time.Timer
	phase   *TimeoutError // what it means if the timer fires now
	content bool
}

// Begin starts a call under ctx and returns the context to make it with. Stop
// must be called when the call is over.
func (t Timeouts) Begin(ctx context.Context, now time.Time) (context.Context, *Watch) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &Watch{limits: t, cancel: cancel, started: now}
	w.arm(exchange.ClassHeaderTimeout, t.Header, now)
	return ctx, w
}

// arm sets the timer for the coming silence, shortened by the limit on the whole.
func (w *Watch) arm(class exchange.Class, d time.Duration, now time.Time) {
	if w.limits.Total > 0 {
		if rest := max(w.limits.Total-now.Sub(w.started), time.Nanosecond); d <= 0 || rest < d {
			d, class = rest, exchange.ClassTimeout
		}
	}
	if w.timer != nil && !w.timer.Stop() {
		return // already fired: the context is cancelled
	}
	w.timer = nil
	if d <= 0 {
		return
	}
	cause := &TimeoutError{Class: class}
	w.phase = cause
	w.timer = time.AfterFunc(d, func() { w.cancel(cause) })
}

// Header tells the watch that the answer's header has come.
func (w *Watch) Header(now time.Time) {
	if d := w.limits.FirstToken; d > 0 {
		w.arm(exchange.ClassFirstToken, d, now)
		return
	}
	w.arm(exchange.ClassIdle, w.limits.Idle, now)
}

// Data tells the watch that bytes have come; content says whether the answer
// has had content so far. Until it has, the first-token limit goes on running.
func (w *Watch) Data(content bool, now time.Time) {
	if !w.content && !content && w.limits.FirstToken > 0 {
		return
	}
	w.content = true
	if w.timer != nil && w.phase.Class == exchange.ClassIdle && w.limits.Total == 0 {
		if w.timer.Stop() {
			w.timer.Reset(w.limits.Idle)
		}
		return
	}
	w.arm(exchange.ClassIdle, w.limits.Idle, now)
}

// Stop ends the watch and releases the call's context.
func (w *Watch) Stop() {
	if w.timer != nil {
		w.timer.Stop()
	}
	w.cancel(nil)
}
