// Package netfault is a TCP proxy for tests that fails the way networks do: slow, in
// pieces, in the middle, or silently.
package netfault

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// End is how a direction of a connection ends at its Limit.
type End int

// The ends. The proxy does not forward them to the other side before the end of the
// test, unless TCP does.
const (
	Silence End = iota // no more data, and no sign of an end
	Close              // an orderly close (FIN)
	Reset              // an abort (RST)
)

// Line is one direction of a connection. The zero value forwards everything at once.
type Line struct {
	Latency time.Duration // before each piece
	Jitter  time.Duration // at most this much more
	Rate    int           // bytes per second; 0: unlimited
	Slice   int           // largest piece in bytes; 0: unchanged
	Linger  time.Duration // delay before an orderly close is forwarded
	Limited bool          // Limit and End apply
	Limit   int64         // bytes forwarded before End
	End     End
}

// Faults is what happens to a connection. The zero value is a healthy network.
type Faults struct {
	Mute    bool   // accept and never send anything; the target is not called
	Drop    bool   // accept and reset at the first bytes; the target is not called
	Hang    bool   // accept and close; the target is not called
	Garbage string // accept, send this and close; the target is not called

	Request, Response Line
}

// Proxy forwards TCP connections to a target. It is safe for concurrent use.
type Proxy struct {
	listener net.Listener
	target   string
	done     chan struct{} // closed when the test ends
	wg       sync.WaitGroup

	responseBytes atomic.Int64

	mu     sync.Mutex
	faults Faults
	links  []*link
	seed   uint64
}

// Start forwards connections to target (host:port). The proxy and its connections
// are closed at the end of the test.
func Start(t testing.TB, target string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: l, target: target, done: make(chan struct{}), seed: 1}
	p.wg.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

// Addr is the proxy's address, host:port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// ResponseBytes is the number of response bytes forwarded so far.
func (p *Proxy) ResponseBytes() int64 { return p.responseBytes.Load() }

// Set sets the faults of connections accepted from now on.
func (p *Proxy) Set(f Faults) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = f
}

// Refuse closes the port for good: connections are refused.
func (p *Proxy) Refuse() { _ = p.listener.Close() }

// Accepted is the number of connections so far.
func (p *Proxy) Accepted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.links)
}

// Break ends both directions of every open connection.
func (p *Proxy) Break(how End) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.links {
		l.end(how)
	}
}

func (p *Proxy) close() {
	_ = p.listener.Close()
	close(p.done)
	p.mu.Lock()
	for _, l := range p.links {
		l.shut()
	}
	p.mu.Unlock()
	p.wg.Wait()
}

func (p *Proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		f := p.faults
		p.seed++
		l := &link{near: c.(*net.TCPConn), mute: make(chan struct{}), ended: make(chan struct{}), done: p.done, seed: p.seed}
		p.links = append(p.links, l)
		p.mu.Unlock()
		p.wg.Go(func() { p.serve(l, f) })
	}
}

// serve forwards one connection, or fails it.
func (p *Proxy) serve(l *link, f Faults) {
	switch {
	case f.Mute:
		l.drain()
		return
	case f.Drop:
		_, _ = l.near.Read(make([]byte, 1)) // a reset before the client knows that it is connected would look like a refusal
		_ = l.near.SetLinger(0)
		l.shut()
		return
	case f.Hang, f.Garbage != "":
		_, _ = l.near.Write([]byte(f.Garbage)) // the peer may be gone
		_ = l.near.CloseWrite()
		l.drain()
		return
	}
	far, err := net.Dial("tcp", p.target)
	if err != nil {
		l.shut()
		return
	}
	l.setFar(far.(*net.TCPConn))
	var both sync.WaitGroup
	both.Go(func() { l.pass(l.near, l.far, f.Request, new(atomic.Int64)) })
	both.Go(func() { l.pass(l.far, l.near, f.Response, &p.responseBytes) })
	both.Wait()
	l.shut()
}
