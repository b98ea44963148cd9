// Package netfault stands between two ends of a TCP connection, in tests, and
// breaks it in the ways networks do: slowly, in pieces, in the middle, without
// a word.
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

// The ends. None of them is told to the other side of the proxy before the
// test's end, unless TCP tells it.
const (
	Silence End = iota // nothing comes any more, and nothing says so
	Close              // an orderly end (FIN)
	Reset              // a hard one (RST)
)

// Line is one direction of a connection. The zero value passes everything on
// at once.
type Line struct {
	Latency time.Duration // before each piece
	Jitter  time.Duration // at most so much more
	Rate    int           // bytes a second; 0: any
	Slice   int           // largest piece in bytes; 0: as they come
	Linger  time.Duration // how much later an orderly end is passed on
	Limited bool          // Limit and End hold
	Limit   int64         // bytes that pass before End
	End     End
}

// Faults is what happens to a connection. The zero value is a good network.
type Faults struct {
	Mute    bool   // accept and never say a word; the target is not called
	Drop    bool   // accept and reset at the first bytes; the target is not called
	Hang    bool   // accept and close; the target is not called
	Garbage string // accept, say this and close; the target is not called

	Request, Answer Line
}

// Proxy passes TCP connections on to a target. It is safe for concurrent use.
type Proxy struct {
	listener net.Listener
	target   string
	done     chan struct{} // closed when the test ends
	wg       sync.WaitGroup

	answered atomic.Int64

	mu     sync.Mutex
	faults Faults
	links  []*link
	seed   uint64
}

// Start begins to pass connections on to target, host:port. It ends, with all
// its connections, with the test.
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

// Addr is where the proxy listens, host:port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Answered is the number of bytes of answers that have been passed on.
func (p *Proxy) Answered() int64 { return p.answered.Load() }

// Set says what happens to connections that are accepted from now on.
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

// Break ends both directions of every connection of the moment.
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

// serve passes one connection on, or does not.
func (p *Proxy) serve(l *link, f Faults) {
	switch {
	case f.Mute:
		l.drain()
		return
	case f.Drop:
		_, _ = l.near.Read(make([]byte, 1)) // a reset before the caller knows that it is connected is a refusal
		_ = l.near.SetLinger(0)
		l.shut()
		return
	case f.Hang, f.Garbage != "":
		_, _ = l.near.Write([]byte(f.Garbage)) // a peer that is gone needs no garbage
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
	both.Go(func() { l.pass(l.far, l.near, f.Answer, &p.answered) })
	both.Wait()
	l.shut()
}
