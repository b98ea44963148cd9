package router

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// ConnLimit bounds the connections that callers hold open. Each needs a file of
// its own and more for the providers behind it: a process that accepts all it is
// offered runs out of files in the middle of serving, and fails those it has
// accepted. Behind this limit callers wait to be accepted; who would wait too
// long is told so with a 503.
type ConnLimit struct {
	// Max is how many connections are served at the same time.
	Max int
	// Wait is how long the next one waits to be accepted, in the kernel's queue;
	// then it gets a 503 with Retry-After and is closed.
	Wait time.Duration
	// TLS: callers speak TLS, so that one that is sent away can't be told why.
	TLS bool
	// CloseIdle closes connections on which nothing happens, of which others may
	// have too many; it is called when a caller has waited for half of Wait. May be nil.
	CloseIdle func()

	slots   chan struct{}
	waiting atomic.Bool   // a caller waits to be accepted
	refused atomic.Uint64 // with a 503
	refusal sync.WaitGroup
	refuse  chan struct{} // bounds the refusals under way
}

// maxRefusals bounds how many callers are told at the same time that there are
// too many: they hold files as well.
const maxRefusals = 16

// refusalTimeout bounds how long it takes to tell one.
const refusalTimeout = time.Second

// NewConnLimit makes a limit; see its fields.
func NewConnLimit(most int, wait time.Duration) *ConnLimit {
	return &ConnLimit{Max: most, Wait: wait, slots: make(chan struct{}, most), refuse: make(chan struct{}, maxRefusals)}
}

func (l *ConnLimit) closeIdle() {
	if l.CloseIdle != nil {
		l.CloseIdle()
	}
}

// Full reports whether a caller waits for another to close its connection. While
// it does, connections should not be kept open between two requests.
func (l *ConnLimit) Full() bool { return l.waiting.Load() }

// Refused is how many callers were sent away.
func (l *ConnLimit) Refused() uint64 { return l.refused.Load() }

// Listen applies the limit to a listener.
func (l *ConnLimit) Listen(inner net.Listener) net.Listener {
	return &limitedListener{Listener: inner, limit: l, closed: make(chan struct{})}
}

type limitedListener struct {
	net.Listener
	limit  *ConnLimit
	closed chan struct{}
	once   sync.Once
}

func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		if !l.acquire() {
			conn, err := l.Listener.Accept()
			if err != nil {
				return nil, err
			}
			l.sendAway(conn)
			continue
		}
		conn, err := l.Listener.Accept()
		if err != nil {
			<-l.limit.slots
			return nil, err
		}
		return &limitedConn{Conn: conn, limit: l.limit}, nil
	}
}

// acquire takes a slot; it reports false when there is none in time. A listener
// that is closed finds one: its Accept says so.
func (l *limitedListener) acquire() bool {
	select {
	case l.limit.slots <- struct{}{}:
		return true
	default:
	}
	l.limit.waiting.Store(true)
	defer l.limit.waiting.Store(false)
	starved := time.AfterFunc(l.limit.Wait/2, l.limit.closeIdle)
	defer starved.Stop()
	late := time.NewTimer(l.limit.Wait)
	defer late.Stop()
	select {
	case l.limit.slots <- struct{}{}:
		return true
	case <-late.C:
	case <-l.closed:
	}
	return false
}

// sendAway tells a caller that there are too many.
func (l *limitedListener) sendAway(conn net.Conn) {
	l.limit.refused.Add(1)
	if l.limit.TLS {
		_ = conn.Close()
		return
	}
	select {
	case l.limit.refuse <- struct{}{}:
	default:
		_ = conn.Close()
		return
	}
	l.limit.refusal.Go(func() {
		defer func() { <-l.limit.refuse }()
		refuseConn(conn)
	})
}

// tooManyConns is the whole response. Which API the caller speaks is not known
// yet: every official client goes by the status and Retry-After.
func tooManyConns() []byte {
	const body = `{"error":{"message":"cutover: too many connections (server.max_connections)","type":"server_error","code":"overloaded"}}`
	return fmt.Appendf(nil, "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// refuseConn sends the response and waits until the caller has it: closing a
// connection with unread bytes would take it away again.
func refuseConn(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(refusalTimeout))
	if _, err := conn.Write(tooManyConns()); err != nil {
		return
	}
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	var buf [4 << 10]byte
	for {
		if _, err := conn.Read(buf[:]); err != nil {
			return
		}
	}
}

// Close ends Accept and waits for refusals under way.
func (l *limitedListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	err := l.Listener.Close()
	l.limit.refusal.Wait()
	return err
}

// limitedConn gives its slot back when it is closed.
type limitedConn struct {
	net.Conn
	limit *ConnLimit
	once  sync.Once
}

func (c *limitedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { <-c.limit.slots })
	return err
}
