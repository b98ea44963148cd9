package netfault

import (
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// link is one connection: near is the client's side, far the target's.
type link struct {
	near, far *net.TCPConn
	mute      chan struct{} // closed: nothing is forwarded any more
	ended     chan struct{} // closed with the link
	done      chan struct{} // closed at the end of the test
	seed      uint64

	mu     sync.Mutex
	muted  bool
	closed bool
}

// setFar sets the target's side, and closes it if the link has already ended.
func (l *link) setFar(c *net.TCPConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.far = c
	if l.closed {
		_ = c.Close()
	}
}

// end ends both directions at once.
func (l *link) end(how End) {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return
	}
	if !l.muted {
		l.muted = true
		close(l.mute)
	}
	l.mu.Unlock()
	switch how {
	case Silence:
	case Close:
		l.shut()
	case Reset:
		l.reset()
	}
}

// reset ends the link with RST on both sides.
func (l *link) reset() {
	l.mu.Lock()
	for _, c := range []*net.TCPConn{l.near, l.far} {
		if c != nil {
			_ = c.SetLinger(0)
		}
	}
	l.mu.Unlock()
	l.shut()
}

// shut closes the link on both sides.
func (l *link) shut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.closed = true
	close(l.ended)
	_ = l.near.Close()
	if l.far != nil {
		_ = l.far.Close()
	}
}

// drain reads and discards until the client disconnects.
func (l *link) drain() {
	_, _ = io.Copy(io.Discard, l.near)
	l.shut()
}

// pass forwards one direction until it ends. A silenced link discards the bytes, and
// does not forward the end either.
func (l *link) pass(from, to *net.TCPConn, line Line, passed *atomic.Int64) {
	buf := make([]byte, 32<<10)
	left := line.Limit
	random := rand.New(rand.NewPCG(l.seed, 1))
	for {
		n, err := from.Read(buf)
		p := buf[:n]
		if l.silent() {
			p = nil
		}
		over := line.Limited && len(p) > 0 && int64(len(p)) >= left
		if over {
			p = p[:left]
		}
		left -= int64(len(p))
		if !l.write(to, p, &line, random) {
			return
		}
		passed.Add(int64(len(p)))
		switch {
		case over && line.End != Silence:
			l.finish(line.End)
			return
		case over:
			l.end(Silence)
		}
		if err != nil {
			l.pause(line.Linger)
			if l.silent() {
				l.wait()
				return
			}
			if err == io.EOF {
				_ = to.CloseWrite()
			} else {
				l.reset()
			}
			return
		}
	}
}

// finish ends the link after the bytes written so far.
func (l *link) finish(how End) {
	if how == Reset {
		l.reset()
		return
	}
	l.shut()
}

// write sends p in the pieces and at the rate of a line. It returns false if the
// other side is gone.
func (l *link) write(to *net.TCPConn, p []byte, line *Line, random *rand.Rand) bool {
	for len(p) > 0 {
		n := len(p)
		if line.Slice > 0 {
			n = min(n, line.Slice)
		}
		wait := line.Latency
		if line.Jitter > 0 {
			wait += time.Duration(random.Int64N(int64(line.Jitter)))
		}
		if line.Rate > 0 {
			wait += time.Duration(n) * time.Second / time.Duration(line.Rate)
		}
		if !l.pause(wait) {
			return false
		}
		if l.silent() {
			return true
		}
		if _, err := to.Write(p[:n]); err != nil {
			return false
		}
		p = p[n:]
	}
	return true
}

// pause waits. It returns false if the link or the test has ended.
func (l *link) pause(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-l.ended:
	case <-l.done:
	}
	return false
}

func (l *link) silent() bool {
	select {
	case <-l.mute:
		return true
	default:
		return false
	}
}

// wait keeps a silent link open until it or the test ends.
func (l *link) wait() {
	select {
	case <-l.ended:
	case <-l.done:
	}
}
