package router

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"cutover/upstream"
)

// errTooLarge is a body over MaxBody.
var errTooLarge = errors.New("the request body is larger than this proxy accepts")

// errCallerGone is a caller that went away inside its body, errCallerSilent one
// that stopped sending.
var (
	errCallerGone   = errors.New("the caller ended the request inside its body")
	errCallerSilent = errors.New("the caller sent nothing for too long inside its body")
)

// readBody reads a body that is to be held, or prepares one that streams
// through. A body is held where that is possible within the capture limit:
// Go's server and transport cut short streamed answers when a body is still
// being passed on while its answer begins, and a held body can be sent again.
func (c *call) readBody() error {
	n, r := c.r.ContentLength, c.r
	if n == 0 || r.Body == nil || r.Body == http.NoBody {
		c.q.Held = true
		return nil
	}
	if limit := c.rt.cfg.MaxBody; limit > 0 {
		if n > limit {
			return errTooLarge
		}
		if n < 0 {
			r.Body = http.MaxBytesReader(c.w, r.Body, limit)
		}
	}
	kind := r.Header.Get("Content-Type")
	limit := c.rt.cfg.CaptureLimit
	if n > limit || isMultipart(kind) || n < 0 && !isJSON(kind) {
		c.passOn(r.Body, n)
		return nil
	}
	body, err := c.hold(r.Body, n, limit)
	if err != nil {
		return err
	}
	if int64(len(body)) > limit { // chunked, and larger than it looked
		c.passOn(prefixed{io.MultiReader(bytes.NewReader(body), r.Body), r.Body}, n)
		return nil
	}
	c.q.Body, c.q.Held = body, true
	return nil
}

// hold reads n bytes, or at most limit+1 when n is unknown. It allocates as the
// bytes come: a length that is only announced costs nothing.
func (c *call) hold(body io.Reader, n, limit int64) ([]byte, error) {
	const step = 64 << 10
	want := n
	if n < 0 {
		want = limit + 1
	}
	buf := make([]byte, 0, min(want, step))
	for int64(len(buf)) < want {
		if len(buf) == cap(buf) {
			buf = append(make([]byte, 0, min(want, int64(cap(buf))*2)), buf...)
		}
		_ = c.control().SetReadDeadline(time.Now().Add(c.rt.cfg.BodyStall))
		k, err := body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+k]
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, bodyError(err)
		}
	}
	if n >= 0 && int64(len(buf)) < n {
		return nil, errCallerGone
	}
	_ = c.control().SetReadDeadline(time.Time{})
	return buf, nil
}

func bodyError(err error) error {
	var big *http.MaxBytesError
	if errors.As(err, &big) {
		return errTooLarge
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errCallerSilent
	}
	return errCallerGone
}

// leaveUnread keeps the server from waiting for the rest of a body that nobody
// will read: it would read on after the handler has returned.
func (c *call) leaveUnread() {
	c.w.Header()["Connection"] = []string{"close"}
	_ = c.control().SetReadDeadline(time.Now().Add(linger))
}

// linger lets a caller that still sends see the answer before the connection
// is reset.
const linger = 300 * time.Millisecond

// passOn prepares a body that streams through. Full duplex keeps the server
// from swallowing the rest of it when the answer begins.
func (c *call) passOn(body io.ReadCloser, n int64) {
	_ = c.control().EnableFullDuplex() // HTTP/2 is duplex anyway and says so by an error
	c.stall = &stallReader{body: body, control: c.control(), limit: c.rt.cfg.BodyStall}
	c.stream = &upstream.Stream{Body: c.stall, Length: n}
}

type prefixed struct {
	io.Reader
	io.Closer
}

// stallReader passes a caller's body on and gives up on a caller that is
// silent for too long. The transport may read it until after the handler has
// returned, when the connection is no longer ours: release ends that.
type stallReader struct {
	body    io.ReadCloser
	control *http.ResponseController
	limit   time.Duration
	watch   *upstream.Watch // of the call that the body goes into

	mu       sync.Mutex
	released bool
	failed   error // why the body could not be read to its end
}

func (s *stallReader) Read(p []byte) (int, error) {
	s.deadline(s.limit)
	if s.watch == nil { // no call yet
		n, err := s.body.Read(p)
		return n, s.note(err)
	}
	s.watch.Hold()
	n, err := s.body.Read(p)
	s.watch.Go(time.Now())
	return n, s.note(err)
}

// note remembers how a read of the body ended.
func (s *stallReader) note(err error) error {
	switch err {
	case nil:
	case io.EOF:
		s.deadline(0) // or the wait for the answer would look like a silent caller
	default:
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.released {
			s.failed = bodyError(err)
		}
	}
	return err
}

// failure is why the caller's body ended early, if it did.
func (s *stallReader) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

func (s *stallReader) Close() error { return s.body.Close() }

func (s *stallReader) deadline(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.released {
		return
	}
	var at time.Time
	if d > 0 {
		at = time.Now().Add(d)
	}
	_ = s.control.SetReadDeadline(at)
}

func (s *stallReader) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.released = true
	if s.failed == nil {
		_ = s.control.SetReadDeadline(time.Time{})
	}
}

func isMultipart(contentType string) bool {
	return len(contentType) >= 10 && strings.EqualFold(contentType[:10], "multipart/")
}

func isJSON(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.TrimSpace(media)
	return strings.EqualFold(media, "application/json") ||
		len(media) > 5 && strings.EqualFold(media[len(media)-5:], "+json")
}
