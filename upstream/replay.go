package upstream

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"time"
)

// RoundTrip makes one call over the connections to the upstream. It follows no
// redirect and decodes nothing. A call of which an HTTP/2 upstream itself says
// that it was not looked at is sent again. Over HTTP/1.1 nobody can say that: an
// upstream that hangs up may have worked on the call, and a second delivery
// would cost money twice. So net/http repeats there what it knows was never
// written, and any other failure is the caller's to judge.
func (u *Upstream) RoundTrip(r *http.Request) (*http.Response, error) {
	const most = 4
	for n := 1; ; n++ {
		resp, err := u.once(r)
		if err == nil || n == most || !unheard(err) || !rest(r, n) {
			return resp, err
		}
		again := *r
		switch {
		case r.Body == nil || r.Body == http.NoBody:
		case r.GetBody == nil: // it streams, and what was sent of it is gone
			return nil, err
		default:
			if again.Body, err = r.GetBody(); err != nil {
				return nil, err
			}
		}
		r = &again
	}
}

// rest waits before a repetition: not at all before the first, which goes to
// another connection. False means that nobody waits for the answer any more.
func rest(r *http.Request, n int) bool {
	ctx := r.Context()
	if n == 1 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(time.Duration(float64(int(1)<<n) * float64(25*time.Millisecond) * (.5 + rand.Float64())))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// streamError has the shape of net/http's own error for a reset HTTP/2 stream,
// which can be read in no other way.
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (e streamError) Error() string { return "the HTTP/2 stream was reset" }

// The codes of RST_STREAM that are told apart (RFC 9113, section 7).
const refusedStream = 7

// unheard reports whether an HTTP/2 upstream has said that it did not look at
// the call (RFC 9113, section 8.7): a refused stream, or one beyond the last
// that a connection about to close still serves. net/http repeats more than
// that: protocol errors, too, which may come in the middle of the work.
func unheard(err error) bool {
	var reset streamError
	if errors.As(err, &reset) {
		return reset.Code == refusedStream
	}
	switch err.Error() { // net/http has no other name for them
	case "http2: Transport received Server's graceful shutdown GOAWAY", "http2: client conn not usable":
		return true
	}
	return false
}
