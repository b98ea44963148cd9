package limit

import (
	"container/list"
	"sync"
	"sync/atomic"
)

// queue holds the calls that wait for a limit, first come, first served. Only
// the head tries to acquire; whoever may have freed capacity wakes the head. The
// lock is taken by calls that wait and, while any do, by calls that release.
type queue struct {
	length    atomic.Int64
	max       int64
	blockedBy atomic.Uint32 // the Kind that stopped the head last

	mu      sync.Mutex
	waiters list.List // of *waiter
	headSeq uint64    // changes whenever another waiter becomes the head
	tokens  int64     // wanted by all waiters
}

type waiter struct {
	woken   chan struct{} // capacity 1
	tokens  int64
	element *list.Element
}

func (q *queue) empty() bool { return q.length.Load() == 0 }

// join adds a call to the queue; false: the queue is full.
func (q *queue) join(tokens int64) (*waiter, bool) {
	if q.length.Add(1) > q.max {
		q.length.Add(-1)
		return nil, false
	}
	w := &waiter{woken: make(chan struct{}, 1), tokens: tokens}
	q.mu.Lock()
	defer q.mu.Unlock()
	w.element = q.waiters.PushBack(w)
	q.tokens += tokens
	if q.waiters.Front() == w.element {
		q.headSeq++
		w.wake()
	}
	return w, true
}

// leave removes a call, whether or not it got what it waited for.
func (q *queue) leave(w *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	wasHead := q.waiters.Front() == w.element
	q.waiters.Remove(w.element)
	q.tokens -= w.tokens
	q.length.Add(-1)
	if next := q.waiters.Front(); wasHead && next != nil {
		q.headSeq++
		next.Value.(*waiter).wake()
	}
}

func (q *queue) isHead(w *waiter) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiters.Front() == w.element
}

// wakeHead makes the head try again: capacity may have been freed.
func (q *queue) wakeHead() {
	if q.empty() {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if head := q.waiters.Front(); head != nil {
		head.Value.(*waiter).wake()
	}
}

func (w *waiter) wake() {
	select {
	case w.woken <- struct{}{}:
	default:
	}
}

// demand is what the queue wants.
type demand struct {
	calls      int64
	headTokens int64  // of the head alone
	tokens     int64  // of all
	headSeq    uint64 // tells one head from another
}

func (q *queue) demand() demand {
	q.mu.Lock()
	defer q.mu.Unlock()
	d := demand{calls: int64(q.waiters.Len()), tokens: q.tokens, headSeq: q.headSeq}
	if head := q.waiters.Front(); head != nil {
		d.headTokens = head.Value.(*waiter).tokens
	}
	return d
}
