package upstream

import (
	"container/list"
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// errNotHTTP2 says that TLS negotiated HTTP/1.1: the call goes elsewhere.
var errNotHTTP2 = errors.New("the upstream does not speak HTTP/2")

// errBrokeAtOnce is for calls for which a connection was opened that ended
// before it was of any use.
var errBrokeAtOnce = errors.New("the upstream closed the connection as soon as it was open")

// errPoolClosed is for calls that wait for a connection when the pool is closed.
var errPoolClosed = errors.New("the connections to the upstream are being closed")

// connPool holds the HTTP/2 connections to one upstream. Their number follows from
// need: one more is opened only for calls for which all those that are open or
// being opened have no room. (net/http's own pool dials once for each call that
// finds no room at that moment: thousands of callers that come at once would
// open thousands of connections.)
type connPool struct {
	dial func(context.Context) (*http.ClientConn, error)
	// plain is set once TLS has negotiated anything but HTTP/2.
	plain atomic.Bool

	ctx  context.Context // ends dials
	stop context.CancelFunc
	wg   sync.WaitGroup // of dials

	waiters atomic.Int64 // calls in queue, and those about to join it
	stale   atomic.Bool  // a connection's state has changed since the last look
	dead    atomic.Bool  // a connection has ended since the last look

	mu       sync.Mutex
	closed   bool
	conns    []*poolConn
	queue    list.List // of *seeker, the oldest first
	asked    uint64    // calls that have ever joined the queue
	dialing  int
	capacity int // calls that one connection takes, as last seen; 0: not known
}

// poolConn is one connection. Until the upstream's settings are known to have
// come on it, it is given no more calls than the last one took, and just one
// where none is known: net/http would take a hundred, and let those that turn
// out to be too many wait behind the others.
type poolConn struct {
	*http.ClientConn
	most atomic.Int64 // calls at once; 0: what its settings say
}

// seeker is one call that waits for a connection.
type seeker struct {
	number uint64
	got    chan grant // takes one
}

type grant struct {
	conn *poolConn
	err  error
}

func newConnPool(dial func(context.Context) (*http.ClientConn, error)) *connPool {
	p := &connPool{dial: dial}
	p.ctx, p.stop = context.WithCancel(context.Background())
	return p
}

// get waits for a connection with room and reserves a place on it. Errors are
// those of the dial that this call waited for, errNotHTTP2, or ctx's.
func (p *connPool) get(ctx context.Context) (*poolConn, error) {
	p.waiters.Add(1)
	defer p.waiters.Add(-1)
	w := &seeker{got: make(chan grant, 1)}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, errPoolClosed
	}
	if p.queue.Len() == 0 { // or those before would have been served
		if c := p.reserve(); c != nil {
			p.unlock()
			return c, nil
		}
	}
	p.asked++
	w.number = p.asked
	place := p.queue.PushBack(w)
	p.open()
	p.unlock()

	select {
	case g := <-w.got:
		return g.conn, g.err
	case <-ctx.Done():
	}
	p.mu.Lock()
	p.queue.Remove(place) // does nothing to one that has been served
	p.unlock()
	select {
	case g := <-w.got:
		if g.conn != nil {
			g.conn.Release()
		}
	default:
	}
	return nil, context.Cause(ctx)
}

// unlock ends a look at the pool. What connections reported meanwhile was left
// for afterwards: they report from inside calls that are made here.
func (p *connPool) unlock() {
	p.mu.Unlock()
	p.settle()
}

// changed is told of connections that have more room, or have ended.
func (p *connPool) changed(c *http.ClientConn) {
	if c.Err() != nil {
		p.dead.Store(true)
	}
	if p.waiters.Load() == 0 {
		return
	}
	p.stale.Store(true)
	p.settle()
}

// settle serves the queue for as long as connections have changed. Whoever
// holds the lock does it afterwards.
func (p *connPool) settle() {
	for p.stale.Load() && p.mu.TryLock() {
		p.stale.Store(false)
		p.serve()
		p.mu.Unlock()
	}
}

// reserve finds a place on an open connection, the first that has one: what is
// not needed stays idle, and ends.
func (p *connPool) reserve() *poolConn {
	if p.dead.Swap(false) {
		p.conns = slices.DeleteFunc(p.conns, func(c *poolConn) bool { return c.Err() != nil })
	}
	for _, c := range p.conns {
		if p.take(c) {
			return c
		}
	}
	return nil
}

func (p *connPool) take(c *poolConn) bool {
	if most := c.most.Load(); most > 0 && c.InFlight() >= int(most) {
		return false
	}
	return c.Reserve() == nil
}

// serve hands places to the queue and opens what is missing.
func (p *connPool) serve() {
	for p.queue.Len() > 0 {
		c := p.reserve()
		if c == nil {
			break
		}
		p.next().got <- grant{conn: c}
	}
	p.open()
}

func (p *connPool) next() *seeker {
	return p.queue.Remove(p.queue.Front()).(*seeker)
}

// open begins as many dials as the queue needs. As long as it is unknown how
// much a connection takes, the first one has to tell.
func (p *connPool) open() {
	for !p.closed && p.queue.Len() > 0 {
		if p.capacity == 0 && p.dialing > 0 || p.capacity > 0 && p.dialing*p.capacity >= p.queue.Len() {
			return
		}
		p.dialing++
		upTo := p.asked
		p.wg.Go(func() { p.connect(upTo) })
	}
}

// connect opens one connection for calls up to the numbered one.
func (p *connPool) connect(upTo uint64) {
	begun := time.Now()
	conn, err := p.dial(p.ctx)
	if err == nil && p.plain.Load() {
		_ = conn.Close()
		err = errNotHTTP2
	}
	p.mu.Lock()
	if err != nil {
		p.dialing--
		p.fail(upTo, err)
		p.open()
		p.unlock()
		return
	}
	c := &poolConn{ClientConn: conn}
	c.most.Store(int64(max(p.capacity, 1)))
	c.SetStateHook(p.changed)
	if p.closed {
		p.dialing--
		p.unlock()
		_ = conn.Close()
		return
	}
	p.conns = append(p.conns, c)
	first := p.capacity == 0
	more := first || p.capacity > unsettled // its room is still to come
	if !more {
		p.dialing--
	}
	p.serve()
	p.unlock()
	told := p.await(c, time.Since(begun))
	p.mu.Lock()
	if more {
		p.dialing--
	}
	switch {
	case c.Err() != nil && first:
		p.fail(upTo, errBrokeAtOnce)
	case told || p.capacity == 0:
		p.learn(c)
	}
	p.serve()
	p.unlock()
}

// unsettled is what a connection takes before the upstream's settings came.
const unsettled = 100

// await gives the upstream's settings the time to come: they are on their way
// when a connection is open. It reports whether they have.
func (p *connPool) await(c *poolConn, took time.Duration) bool {
	limit := time.NewTimer(min(max(took, 500*time.Millisecond), time.Second))
	defer limit.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for c.most.Load() > 0 && c.InFlight()+c.Available() == unsettled && c.Err() == nil {
		select {
		case <-tick.C:
		case <-limit.C:
			return false
		case <-p.ctx.Done():
			return false
		}
	}
	return true
}

// learn lets a connection take what its settings say, and remembers it for the
// next ones.
func (p *connPool) learn(c *poolConn) {
	c.most.Store(0)
	if n := c.InFlight() + c.Available(); c.Err() == nil && n > 0 {
		p.capacity = n
	}
}

// answered is told of every answer's header: settings come before it.
func (p *connPool) answered(c *poolConn) {
	if c.most.Load() == 0 {
		return
	}
	p.mu.Lock()
	p.learn(c)
	p.serve()
	p.unlock()
}

// fail tells those that a dial was for that it came to nothing. Calls that came
// later get one of their own.
func (p *connPool) fail(upTo uint64, err error) {
	if errors.Is(err, errNotHTTP2) {
		upTo = p.asked
	}
	for n := 0; p.queue.Len() > 0 && (p.capacity == 0 || n < p.capacity); n++ {
		if p.queue.Front().Value.(*seeker).number > upTo {
			return
		}
		p.next().got <- grant{err: err}
	}
}

// close lets idle connections go, and the others when their calls have ended.
func (p *connPool) close() {
	p.mu.Lock()
	p.closed = true
	for p.queue.Len() > 0 {
		p.next().got <- grant{err: errPoolClosed}
	}
	conns := p.conns
	p.conns = nil
	p.mu.Unlock()
	p.stop()
	p.wg.Wait()
	for _, c := range conns {
		c.SetStateHook(closeWhenIdle)
		closeWhenIdle(c.ClientConn)
	}
}

func closeWhenIdle(c *http.ClientConn) {
	if c.InFlight() == 0 && c.Err() == nil {
		_ = c.Close()
	}
}
