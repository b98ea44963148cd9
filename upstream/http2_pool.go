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

// errNotHTTP2: TLS negotiated HTTP/1.1, so the call goes through net/http's own
// pool.
var errNotHTTP2 = errors.New("the upstream does not speak HTTP/2")

// errClosedImmediately is for calls whose connection was closed before it was of
// any use.
var errClosedImmediately = errors.New("the upstream closed the connection as soon as it was open")

// errPoolClosed is for calls that wait for a connection when the pool is closed.
var errPoolClosed = errors.New("the connections to the upstream are being closed")

// connPool holds the HTTP/2 connections to one upstream. It opens another one
// only for calls that fit on none of those that are open or being opened. (The
// pool of net/http dials once for every call that finds no free stream at that
// moment: thousands of callers at once would open thousands of connections.)
type connPool struct {
	dial   func(context.Context) (*http.ClientConn, error)
	maxAge time.Duration // of a connection that gets calls; 0: any
	// http1Only is set once TLS has negotiated anything but HTTP/2.
	http1Only atomic.Bool

	ctx    context.Context // ends dials
	cancel context.CancelFunc
	dials  sync.WaitGroup

	waiting atomic.Int64 // calls in the queue, and those about to join it
	changed atomic.Bool  // a connection's state has changed since the queue was last served
	ended   atomic.Bool  // a connection has ended since the last look

	mu       sync.Mutex
	closed   bool
	conns    []*poolConn
	queue    list.List // of *connWaiter, the oldest first
	sequence uint64    // of the last call that joined the queue
	dialing  int
	capacity int // streams per connection, as last seen; 0: unknown
}

// poolConn is one connection. Until the upstream's SETTINGS are known to have
// arrived on it, it gets no more calls than the previous connection could take,
// and just one if that is unknown: net/http would assume a hundred, and queue
// those that turn out to be too many behind the others.
type poolConn struct {
	*http.ClientConn
	until       time.Time    // when it is too old; zero: never
	streamLimit atomic.Int64 // 0: what its SETTINGS say
}

// connWaiter is one call that waits for a connection.
type connWaiter struct {
	sequence uint64
	result   chan connResult // capacity 1
}

type connResult struct {
	conn *poolConn
	err  error
}

func newConnPool(dial func(context.Context) (*http.ClientConn, error)) *connPool {
	p := &connPool{dial: dial}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// acquire reserves a stream on a connection, and waits for one if it has to. The
// error is that of the dial that this call waited for, errNotHTTP2, errPoolClosed
// or the cause of ctx's end.
func (p *connPool) acquire(ctx context.Context) (*poolConn, error) {
	p.waiting.Add(1)
	defer p.waiting.Add(-1)
	w := &connWaiter{result: make(chan connResult, 1)}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, errPoolClosed
	}
	if p.queue.Len() == 0 { // otherwise the queue would have been served
		if c := p.reserve(); c != nil {
			p.unlock()
			return c, nil
		}
	}
	p.sequence++
	w.sequence = p.sequence
	element := p.queue.PushBack(w)
	p.startDials()
	p.unlock()

	select {
	case r := <-w.result:
		return r.conn, r.err
	case <-ctx.Done():
	}
	p.mu.Lock()
	p.queue.Remove(element) // has no effect on one that has been served
	p.unlock()
	select {
	case r := <-w.result:
		if r.conn != nil {
			r.conn.Release()
		}
	default:
	}
	return nil, context.Cause(ctx)
}

// unlock releases the lock and then handles what connections reported in the
// meantime: they report from inside calls that are made under the lock.
func (p *connPool) unlock() {
	p.mu.Unlock()
	p.serveChanges()
}

// onStateChange is called when a connection has more free streams or has ended.
func (p *connPool) onStateChange(c *http.ClientConn) {
	if c.Err() != nil {
		p.ended.Store(true)
	}
	if p.waiting.Load() == 0 {
		return
	}
	p.changed.Store(true)
	p.serveChanges()
}

// serveChanges serves the queue for as long as connections have changed. If the
// lock is taken, its holder does so afterwards.
func (p *connPool) serveChanges() {
	for p.changed.Load() && p.mu.TryLock() {
		p.changed.Store(false)
		p.serveQueue()
		p.mu.Unlock()
	}
}

// reserve reserves a stream on the first connection that has one: connections
// that are not needed stay idle, and end.
func (p *connPool) reserve() *poolConn {
	if p.ended.Swap(false) {
		p.conns = slices.DeleteFunc(p.conns, func(c *poolConn) bool { return c.Err() != nil })
	}
	if p.maxAge > 0 {
		p.retireAged(time.Now())
	}
	for _, c := range p.conns {
		if c.reserveStream() {
			return c
		}
	}
	return nil
}

// retireAged takes the connections that are too old out of the pool: they are
// closed when their calls have ended.
func (p *connPool) retireAged(now time.Time) {
	p.conns = slices.DeleteFunc(p.conns, func(c *poolConn) bool {
		if now.Before(c.until) {
			return false
		}
		p.dials.Go(func() { // it may report a change, which takes the lock
			c.SetStateHook(closeWhenIdle)
			closeWhenIdle(c.ClientConn)
		})
		return true
	})
}

func (c *poolConn) reserveStream() bool {
	if limit := c.streamLimit.Load(); limit > 0 && c.InFlight() >= int(limit) {
		return false
	}
	return c.Reserve() == nil
}

// serveQueue gives streams to the queue and opens the connections that are missing.
func (p *connPool) serveQueue() {
	for p.queue.Len() > 0 {
		c := p.reserve()
		if c == nil {
			break
		}
		p.dequeue().result <- connResult{conn: c}
	}
	p.startDials()
}

func (p *connPool) dequeue() *connWaiter {
	return p.queue.Remove(p.queue.Front()).(*connWaiter)
}

// startDials starts as many dials as the queue needs. While it is unknown how many
// streams a connection has, there is one dial at a time.
func (p *connPool) startDials() {
	for !p.closed && p.queue.Len() > 0 {
		if p.capacity == 0 && p.dialing > 0 || p.capacity > 0 && p.dialing*p.capacity >= p.queue.Len() {
			return
		}
		p.dialing++
		upTo := p.sequence
		p.dials.Go(func() { p.openConn(upTo) })
	}
}

// openConn opens one connection for the calls up to a sequence number.
func (p *connPool) openConn(upTo uint64) {
	begun := time.Now()
	conn, err := p.dial(p.ctx)
	if err == nil && p.http1Only.Load() {
		_ = conn.Close()
		err = errNotHTTP2
	}
	p.mu.Lock()
	if err != nil {
		p.dialing--
		p.failWaiters(upTo, err)
		p.startDials()
		p.unlock()
		return
	}
	c := &poolConn{ClientConn: conn, until: connEnd(p.maxAge, time.Now())}
	c.streamLimit.Store(int64(max(p.capacity, 1)))
	c.SetStateHook(p.onStateChange)
	if p.closed {
		p.dialing--
		p.unlock()
		_ = conn.Close()
		return
	}
	p.conns = append(p.conns, c)
	first := p.capacity == 0
	expectsMore := first || p.capacity > streamsBeforeSettings
	if !expectsMore {
		p.dialing--
	}
	p.serveQueue()
	p.unlock()
	settingsCame := p.awaitSettings(c, time.Since(begun))
	p.mu.Lock()
	if expectsMore {
		p.dialing--
	}
	switch {
	case c.Err() != nil && first:
		p.failWaiters(upTo, errClosedImmediately)
	case settingsCame || p.capacity == 0:
		p.learnCapacity(c)
	}
	p.serveQueue()
	p.unlock()
}

// streamsBeforeSettings is how many streams net/http gives a connection before the
// upstream's SETTINGS arrive.
const streamsBeforeSettings = 100

// awaitSettings gives the upstream's SETTINGS time to arrive: they are on their way
// when a connection is open. It reports whether they have.
func (p *connPool) awaitSettings(c *poolConn, dialTook time.Duration) bool {
	limit := time.NewTimer(min(max(dialTook, 500*time.Millisecond), time.Second))
	defer limit.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for c.streamLimit.Load() > 0 && c.InFlight()+c.Available() == streamsBeforeSettings && c.Err() == nil {
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

// learnCapacity lets a connection take as many calls as its SETTINGS say, and
// remembers the number for the next connections.
func (p *connPool) learnCapacity(c *poolConn) {
	c.streamLimit.Store(0)
	if n := c.InFlight() + c.Available(); c.Err() == nil && n > 0 {
		p.capacity = n
	}
}

// onResponse is called for every response's header: SETTINGS come before it.
func (p *connPool) onResponse(c *poolConn) {
	if c.streamLimit.Load() == 0 {
		return
	}
	p.mu.Lock()
	p.learnCapacity(c)
	p.serveQueue()
	p.unlock()
}

// failWaiters fails the calls that a dial was for. Calls that came later get a
// dial of their own.
func (p *connPool) failWaiters(upTo uint64, err error) {
	if errors.Is(err, errNotHTTP2) {
		upTo = p.sequence
	}
	for n := 0; p.queue.Len() > 0 && (p.capacity == 0 || n < p.capacity); n++ {
		if p.queue.Front().Value.(*connWaiter).sequence > upTo {
			return
		}
		p.dequeue().result <- connResult{err: err}
	}
}

// close closes idle connections, and the others when their calls have ended.
func (p *connPool) close() {
	p.mu.Lock()
	p.closed = true
	for p.queue.Len() > 0 {
		p.dequeue().result <- connResult{err: errPoolClosed}
	}
	conns := p.conns
	p.conns = nil
	p.mu.Unlock()
	p.cancel()
	p.dials.Wait()
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
