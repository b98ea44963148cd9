package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"syscall"
)

// tracked is a TCP connection that can tell, once it has ended, whether the
// peer took what was written to it last. An upstream that closes an idle
// connection at the moment at which a call goes out on it has sent its goodbye
// without acknowledging a byte of that call.
type tracked struct {
	*net.TCPConn
	written atomic.Int64
	// Bytes that the peer had not acknowledged when it said its last word, and
	// when this end was closed.
	atWord, atClose atomic.Int64
}

// unknownLeft stands for bytes that were not counted, or can't be.
const unknownLeft = -1

// lastWord is the size up to which what comes may be a goodbye: TLS says one
// before TCP does, in a record of at most 31 bytes.
const lastWord = 64

// track makes dial return connections that are tracked.
func track(dial func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		tcp, ok := c.(*net.TCPConn)
		if err != nil || !ok {
			return c, err
		}
		t := &tracked{TCPConn: tcp}
		t.atWord.Store(unknownLeft)
		t.atClose.Store(unknownLeft)
		return t, nil
	}
}

// Read looks at what is unacknowledged when the peer may have said its last.
func (c *tracked) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	switch {
	case n <= lastWord || err != nil:
		c.look(&c.atWord)
	case c.atWord.Load() != unknownLeft:
		c.atWord.Store(unknownLeft)
	}
	return n, err
}

func (c *tracked) look(at *atomic.Int64) {
	if n, ok := unacknowledged(c.TCPConn); ok {
		at.Store(n)
	}
}

// Write counts before it writes: what is being written when the connection
// ends counts as taken.
func (c *tracked) Write(p []byte) (int, error) {
	c.written.Add(int64(len(p)))
	n, err := c.TCPConn.Write(p)
	if n < len(p) {
		c.written.Add(int64(n - len(p)))
	}
	return n, err
}

// ReadFrom keeps io.Copy from going past Write.
func (c *tracked) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{c}, r)
}

// Close looks at what is left before it closes.
func (c *tracked) Close() error {
	c.look(&c.atClose)
	return c.TCPConn.Close()
}

// delivery follows one call over HTTP/1.1 to the connection that it went out on.
type delivery struct {
	conn  *tracked // nil: a new one, or one that can't tell
	start int64    // bytes written to it before the call
}

// follow returns the request with which d learns of the connection.
func (d *delivery) follow(r *http.Request) *http.Request {
	return r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{GotConn: d.got}))
}

func (d *delivery) got(info httptrace.GotConnInfo) {
	d.conn = nil
	if !info.Reused {
		return // an upstream that hangs up on a new connection means it
	}
	c := info.Conn
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	if t, ok := c.(*tracked); ok {
		d.conn, d.start = t, t.written.Load()
	}
}

// failed reports whether a call that ended with err never reached the upstream:
// the peer had ended the connection, and acknowledged not one byte of the call.
func (d *delivery) failed(err error) bool {
	if d.conn == nil || !hungUp(err) {
		return false
	}
	left := max(d.conn.atWord.Load(), d.conn.atClose.Load())
	return left != unknownLeft && left >= d.conn.written.Load()-d.start
}

// hungUp reports whether the peer had ended the connection.
func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		err.Error() == "http: server closed idle connection"
}
