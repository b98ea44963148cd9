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

	"cutover/exchange"
	"cutover/upstream"
)

// Why a request body could not be read.
var (
	errTooLarge     = errors.New("the request body is larger than this proxy accepts") // than MaxBody
	errCallerGone   = errors.New("the caller ended the request inside its body")
	errCallerSilent = errors.New("the caller sent nothing for too long inside its body")
)

// requestBody is the body that goes to the upstream: held in Request.Body, or
// streamed through.
type requestBody struct {
	q       *exchange.Request // receives a body that is held
	control *http.ResponseController
	cfg     *Config
	held    *heldBytes
	charged int64 // of held
	crowded bool  // it streams through because held has no capacity

	stream *upstream.Stream // of a body that is not held; else nil
	stall  *stallReader     // the caller's side of stream
}

// read reads a body that is to be held, or prepares one that streams through. A
// body is held where that is possible within the capture limit: Go's server and
// transport truncate streamed responses when a body is still being sent while
// its response begins, and a held body can be sent again.
func (b *requestBody) read(w http.ResponseWriter, r *http.Request) error {
	n := r.ContentLength
	if n == 0 || r.Body == nil || r.Body == http.NoBody {
		b.q.Held = true
		return nil
	}
	if limit := b.cfg.MaxBody; limit > 0 {
		if n > limit {
			return errTooLarge
		}
		if n < 0 {
			r.Body = http.MaxBytesReader(w, r.Body, limit)
		}
	}
	kind := r.Header.Get("Content-Type")
	limit := b.cfg.CaptureLimit
	if n > limit || isMultipart(kind) || n < 0 && !isJSON(kind) {
		b.streamThrough(r.Body, n)
		return nil
	}
	body, err := b.readUpTo(r.Body, n, limit)
	if err != nil {
		return err
	}
	if b.crowded || int64(len(body)) > limit { // or chunked, and larger than expected
		b.streamThrough(prefixed{io.MultiReader(bytes.NewReader(body), r.Body), r.Body}, n)
		return nil
	}
	b.q.Body, b.q.Held = body, true
	return nil
}

// readUpTo reads n bytes, or at most limit+1 when n is unknown (-1), or less where
// held bodies have no more capacity: then the request is crowded. It allocates as
// the bytes come: a length that is only announced costs nothing.
func (b *requestBody) readUpTo(body io.Reader, n, limit int64) ([]byte, error) {
	const step = 64 << 10
	want := n
	if n < 0 {
		want = limit + 1
	}
	size := min(want, step)
	if !b.charge(size) {
		return nil, nil
	}
	buf := make([]byte, 0, size)
	rate := uploadRate{perSecond: b.cfg.MinUploadRate, window: b.cfg.ReadStallTimeout}
	for int64(len(buf)) < want {
		if len(buf) == cap(buf) {
			size = min(want, int64(cap(buf))*2)
			if !b.charge(size) { // beside the old one, until that is garbage
				return buf, nil
			}
			old := int64(cap(buf))
			buf = append(make([]byte, 0, size), buf...)
			b.held.used.Add(-old)
			b.charged -= old
		}
		now := time.Now()
		_ = b.control.SetReadDeadline(rate.deadline(now))
		k, err := body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+k]
		rate.received(k, time.Since(now))
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
	_ = b.control.SetReadDeadline(time.Time{})
	return buf, nil
}

// charge takes memory for a held body; false: there is none left, and the body
// has to stream through.
func (b *requestBody) charge(n int64) bool {
	if !b.held.take(n) {
		b.crowded = true
		b.held.over.Add(1)
		return false
	}
	b.charged += n
	return true
}

// streamThrough prepares a body of n bytes (-1: unknown) that is not held. Full
// duplex keeps the server from swallowing the rest of it when the response
// begins.
func (b *requestBody) streamThrough(body io.ReadCloser, n int64) {
	_ = b.control.EnableFullDuplex() // HTTP/2 is duplex anyway and says so by an error
	b.stall = &stallReader{body: body, control: b.control, rate: uploadRate{window: b.cfg.ReadStallTimeout}}
	if b.crowded { // what was read of it takes memory until the rest has come
		b.stall.rate.perSecond = b.cfg.MinUploadRate
	}
	b.stream = &upstream.Stream{Body: b.stall, Length: n}
}

// replaceStream sends body in place of a stream that was read.
func (b *requestBody) replaceStream(body []byte) {
	b.stream = &upstream.Stream{Body: io.NopCloser(bytes.NewReader(body)), Length: int64(len(body))}
}

// prependStream sends head before what is left of the stream.
func (b *requestBody) prependStream(head []byte) {
	body := prefixed{io.MultiReader(bytes.NewReader(head), b.stream.Body), b.stall}
	b.stream = &upstream.Stream{Body: body, Length: b.stream.Length}
}

// setWatch says which attempt the stream goes into. It is sent once, so there is
// only one.
func (b *requestBody) setWatch(w *upstream.Watchdog) {
	if b.stall != nil {
		b.stall.watch = w
	}
}

// failure is why the caller's body ended early; nil where it did not.
func (b *requestBody) failure() error {
	if b.stall == nil {
		return nil
	}
	return b.stall.failure()
}

// release ends all use of the connection.
func (b *requestBody) release() {
	b.held.used.Add(-b.charged)
	if b.stall != nil {
		b.stall.release()
	}
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
	rate    uploadRate
	watch   *upstream.Watchdog // of the attempt that the body goes into

	mu       sync.Mutex
	released bool
	failed   error // why the body could not be read to its end
}

func (s *stallReader) Read(p []byte) (int, error) {
	now := time.Now()
	s.setDeadline(s.rate.deadline(now))
	if s.watch != nil { // else there is no attempt yet
		s.watch.UploadStarted()
	}
	n, err := s.body.Read(p)
	end := time.Now()
	if s.watch != nil {
		s.watch.UploadEnded(end)
	}
	s.rate.received(n, end.Sub(now))
	return n, s.recordEnd(err)
}

// recordEnd remembers how a read of the body ended, and returns err.
func (s *stallReader) recordEnd(err error) error {
	switch err {
	case nil:
	case io.EOF:
		s.setDeadline(time.Time{}) // or the wait for the response would look like a silent caller
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

// setDeadline gives the caller until then for the next bytes; zero: for ever.
func (s *stallReader) setDeadline(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.released {
		return
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
