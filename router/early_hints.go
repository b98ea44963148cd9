package router

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"sync"
	"time"

	"cutover/upstream"
)

// earlyHints passes informational responses (102, 103) on. The transport calls
// it from a goroutine of its own, at worst while the call ends.
type earlyHints struct {
	w        http.ResponseWriter
	up       *upstream.Upstream
	deadline *writeDeadline // of w; the call does not use it before stop
	comments *keepalive     // in front of w, or nil
	mu       sync.Mutex
	stopped  bool
}

func (e *earlyHints) trace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{Got1xxResponse: e.pass})
}

func (e *earlyHints) pass(code int, header textproto.MIMEHeader) error {
	if code == http.StatusContinue || code == http.StatusSwitchingProtocols {
		return nil // the server sends these by itself
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopped {
		return nil
	}
	h := make(http.Header, len(header))
	e.up.CopyResponse(h, http.Header(header))
	if e.comments != nil {
		e.comments.writeHint(code, h)
		return nil
	}
	e.deadline.extend(time.Now())
	defer e.deadline.clear()
	writeHint(e.w, code, h)
	return nil
}

// stop returns when nothing is being written, and nothing will be.
func (e *earlyHints) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stopped = true
}

func writeHint(w http.ResponseWriter, code int, header http.Header) {
	h := w.Header()
	maps.Copy(h, header)
	w.WriteHeader(code)
	clear(h)
}
