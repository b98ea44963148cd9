package upstream

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"time"
)

// RoundTrip makes one call over the connections to the upstream. It follows no
// redirect and decodes nothing. If an HTTP/2 upstream itself says that it did not
// process the call, the call is sent again. Over HTTP/1.1 nobody can say that: an
// upstream that hangs up may have worked on the call, and a second delivery would
// cost money twice. So there net/http repeats only what it knows was never
// written, and any other failure is left to the caller.
func (u *Upstream) RoundTrip(r *http.Request) (*http.Response, error) {
	const attempts = 4
	for n := 1; ; n++ {
		resp, err := u.roundTripOnce(r)
		if err == nil || n == attempts || !unprocessed(err) || !waitToResend(r, n) {
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

// roundTripOnce makes a call over HTTP/2 if the upstream speaks it, else over
// HTTP/1.1.
func (u *Upstream) roundTripOnce(r *http.Request) (*http.Response, error) {
	if !u.usesHTTP2(r) {
		return u.http1.transport().RoundTrip(r)
	}
	conn, err := u.pool.acquire(r.Context())
	switch err {
	case nil:
		resp, err := conn.RoundTrip(r)
		if err == nil {
			u.pool.onResponse(conn)
		}
		return resp, err
	case errNotHTTP2:
		return u.http1.transport().RoundTrip(r)
	}
	if r.Body != nil {
		_ = r.Body.Close() // a RoundTripper has to close the body, on errors too
	}
	return nil, err
}

// usesHTTP2 reports whether a call goes out over HTTP/2, as far as is known.
func (u *Upstream) usesHTTP2(r *http.Request) bool {
	return u.pool != nil && !u.pool.http1Only.Load() && len(r.Header["Upgrade"]) == 0
}

// waitToResend waits before the n-th repetition: not at all before the first, which
// goes out on another connection. False means that the call's context has ended.
func waitToResend(r *http.Request, n int) bool {
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

// streamError has the shape of net/http's unexported error for a reset HTTP/2
// stream, which errors.As fills in by reflection.
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (e streamError) Error() string { return "the HTTP/2 stream was reset" }

// refusedStream is the code REFUSED_STREAM (RFC 9113, section 7).
const refusedStream = 7

// unprocessed reports whether an HTTP/2 upstream has said that it did not process
// the call (RFC 9113, section 8.7): a refused stream, or one after the last that a
// connection about to close still serves. net/http also repeats after protocol
// errors, which may come in the middle of the work.
func unprocessed(err error) bool {
	var reset streamError
	if errors.As(err, &reset) {
		return reset.Code == refusedStream
	}
	switch err.Error() { // net/http exports no values for these
	case "http2: Transport received Server's graceful shutdown GOAWAY", "http2: client conn not usable":
		return true
	}
	return false
}
