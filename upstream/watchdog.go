package upstream

import (
	"context"
	"sync/atomic"
	"time"

	"cutover/exchange"
)

// TimeoutError is the cause of the end of a call that a Watchdog cancelled.
type TimeoutError struct{ Class exchange.Class }

func (e *TimeoutError) Error() string { return "upstream: " + string(e.Class) }

// Watchdog cancels a call that is silent for too long. It measures with a timer
// and not on arriving data, so it notices an upstream that sends nothing at all.
// Arriving data only stores its time: when the timer fires, it looks how long the
// silence has really been, and sleeps for the rest.
//
// HeaderReceived, DataReceived and Stop are for the goroutine that makes the call.
type Watchdog struct {
	limits  Timeouts
	output  time.Duration // from started to the first content; 0: no limit
	started time.Time
	cancel  context.CancelCauseFunc
	timer   *time.Timer // nil: no limits
	content bool

	// silentSince and phase say when the present silence began, in nanoseconds
	// after started, and which limit applies to it.
	silentSince atomic.Int64
	phase       atomic.Uint32
	// uploading: the call waits for its caller, whose silence is not the upstream's.
	uploading atomic.Bool
}

// The phases of a call. Each has a limit of its own.
const (
	awaitingHeader uint32 = iota
	awaitingFirstToken
	receiving
	paused
	stopped
)

// For returns the limits of one call. A response that is not streamed sends its
// header when it is complete, which takes as long as a whole stream.
func (t Timeouts) For(streamed bool) Timeouts {
	if !streamed && t.Plain > 0 {
		t.Header = t.Plain
	}
	return t
}

// Begin starts a call under ctx and returns the context to make it with. Stop
// must be called when the call is over.
func (t Timeouts) Begin(ctx context.Context, now time.Time) (context.Context, *Watchdog) {
	return t.BeginRetry(ctx, now, now)
}

// BeginRetry is Begin for a retry: the limits on the header and on the total run
// from the start of the request's first call. Otherwise every retry would make the
// caller wait that long again.
func (t Timeouts) BeginRetry(ctx context.Context, first, now time.Time) (context.Context, *Watchdog) {
	return t.BeginWithin(ctx, first, now, 0)
}

// BeginWithin is BeginRetry with a limit on the time from first to the first
// content of the response; 0: no limit of that kind.
func (t Timeouts) BeginWithin(ctx context.Context, first, now time.Time, output time.Duration) (context.Context, *Watchdog) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &Watchdog{limits: t, output: output, cancel: cancel, started: first}
	if output > 0 || t.Header > 0 || t.FirstToken > 0 || t.Idle > 0 || t.Total > 0 {
		w.timer = time.AfterFunc(time.Hour, w.check) // assigned before it can fire
		wait, _ := w.remaining(now)
		w.timer.Reset(max(wait, 0))
	}
	return ctx, w
}

// remaining is how long the call may stay silent from now, and the failure's class
// when that time is over.
func (w *Watchdog) remaining(now time.Time) (time.Duration, exchange.Class) {
	// Load the phase first. A new phase stores its time before itself, so the
	// silence of the phase before is never counted in it.
	phase := w.phase.Load()
	elapsed := now.Sub(w.started)
	silent := elapsed - time.Duration(w.silentSince.Load())
	limit, class := time.Duration(0), exchange.ClassNone
	switch phase {
	case awaitingHeader:
		if w.uploading.Load() {
			break
		}
		limit, class = w.limits.Header, exchange.ClassHeaderTimeout
	case awaitingFirstToken:
		limit, class = w.limits.FirstToken, exchange.ClassFirstToken
	case receiving:
		limit, class = w.limits.Idle, exchange.ClassIdle
	}
	left := time.Hour
	if limit > 0 {
		left = limit - silent
	}
	if total := w.limits.Total; total > 0 && total-elapsed < left {
		left, class = total-elapsed, exchange.ClassTimeout
	}
	if by := w.output; by > 0 && phase <= awaitingFirstToken && !w.uploading.Load() && by-elapsed < left {
		left, class = by-elapsed, exchange.ClassHeaderTimeout
		if phase == awaitingFirstToken {
			class = exchange.ClassFirstToken
		}
	}
	// Without a limit in this phase there may be one in the next: the timer must not
	// sleep through it.
	if shortest := w.shortestLimit(); limit <= 0 && left > shortest {
		left = shortest
	}
	return left, class
}

// shortestLimit is the shortest limit on a silence.
func (w *Watchdog) shortestLimit() time.Duration {
	d := time.Hour
	for _, limit := range [...]time.Duration{w.limits.Header, w.limits.FirstToken, w.limits.Idle} {
		if limit > 0 {
			d = min(d, limit)
		}
	}
	return d
}

// check runs when the timer fires: it cancels the call or sleeps on.
func (w *Watchdog) check() {
	if w.phase.Load() == stopped {
		return
	}
	now := time.Now()
	left, class := w.remaining(now)
	if left <= 0 && class != exchange.ClassNone {
		w.cancel(&TimeoutError{Class: class})
		return
	}
	w.timer.Reset(max(left, time.Millisecond))
}

// HeaderReceived is called when the response's header has arrived.
func (w *Watchdog) HeaderReceived(now time.Time) {
	phase := awaitingFirstToken
	if w.limits.FirstToken <= 0 && w.output <= 0 {
		phase = receiving
	}
	w.setPhase(phase, now)
}

// Pause suspends the limits on silence while nobody reads the response: that
// silence is not the upstream's. HeaderReceived starts them again.
func (w *Watchdog) Pause(now time.Time) { w.setPhase(paused, now) }

// setPhase begins a phase. Its limit may be shorter than what the timer sleeps
// for, so the timer is reset.
func (w *Watchdog) setPhase(phase uint32, now time.Time) {
	w.silentSince.Store(int64(now.Sub(w.started)))
	w.phase.Store(phase)
	if w.timer != nil {
		wait, _ := w.remaining(now)
		w.timer.Reset(max(wait, 0))
	}
}

// UploadStarted says that the call waits for more of its caller's body, until
// UploadEnded. An upload may take any time: the limit for the header is one on the
// upstream's silence after it. Any goroutine may call either.
func (w *Watchdog) UploadStarted() { w.uploading.Store(true) }

// UploadEnded starts the limit for the header.
func (w *Watchdog) UploadEnded(now time.Time) {
	if w.phase.Load() == awaitingHeader { // the response may begin before the body has ended
		w.silentSince.Store(int64(now.Sub(w.started)))
	}
	w.uploading.Store(false)
}

// DataReceived is called when bytes have arrived; content says whether the
// response has had content so far. Until it has, the first-token limit goes on.
func (w *Watchdog) DataReceived(content bool, now time.Time) {
	if w.timer == nil {
		return
	}
	if w.content || w.phase.Load() == receiving {
		w.silentSince.Store(int64(now.Sub(w.started)))
		return
	}
	if content {
		w.content = true
		w.setPhase(receiving, now)
	}
}

// Stop ends the watch and releases the call's context.
func (w *Watchdog) Stop() {
	w.phase.Store(stopped)
	if w.timer != nil {
		w.timer.Stop()
	}
	w.cancel(nil)
}
