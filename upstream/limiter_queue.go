package upstream

import (
	"container/list"
	"sync"
	"sync/atomic"
)

// waitQueue lines up the calls that wait for a limit, first come, first
// served. Only its head tries; whoever may have made room wakes the head. The
// lock is taken by those who wait and, while anybody waits, by those who leave.
type waitQueue struct {
	n   atomic.Int64
	max int64
	why atomic.Uint32 // the Limit that stopped the head last

	mu     sync.Mutex
	line   list.List // of *waiter
	seq    uint64    // of the head; changes when another becomes it
	tokens int64     // wanted by all
}

type waiter struct {
	wake   chan struct{} // holds one
	tokens int64
	at     *list.Element
}

// busy reports whether anybody waits.
func (q *waitQueue) busy() bool { return q.n.Load() > 0 }

// join stands in line; false: the line is too long.
func (q *waitQueue) join(tokens int64) (*waiter, bool) {
	if q.n.Add(1) > q.max {
		q.n.Add(-1)
		return nil, false
	}
	w := &waiter{wake: make(chan struct{}, 1), tokens: tokens}
	q.mu.Lock()
	defer q.mu.Unlock()
	w.at = q.line.PushBack(w)
	q.tokens += tokens
	if q.line.Front() == w.at {
		q.seq++
		w.rouse()
	}
	return w, true
}

// leave goes out of the line, with or without what was waited for.
func (q *waitQueue) leave(w *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	first := q.line.Front() == w.at
	q.line.Remove(w.at)
	q.tokens -= w.tokens
	q.n.Add(-1)
	if next := q.line.Front(); first && next != nil {
		q.seq++
		next.Value.(*waiter).rouse()
	}
}

// leads reports whether w is the head of the line.
func (q *waitQueue) leads(w *waiter) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.line.Front() == w.at
}

// notify wakes the head: there may be room.
func (q *waitQueue) notify() {
	if !q.busy() {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if head := q.line.Front(); head != nil {
		head.Value.(*waiter).rouse()
	}
}

func (w *waiter) rouse() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// demand is what the line wants.
type demand struct {
	calls  int64
	head   int64  // tokens of the first
	tokens int64  // of all
	seq    uint64 // tells one head from another
}

func (q *waitQueue) demand() demand {
	q.mu.Lock()
	defer q.mu.Unlock()
	d := demand{calls: int64(q.line.Len()), tokens: q.tokens, seq: q.seq}
	if head := q.line.Front(); head != nil {
		d.head = head.Value.(*waiter).tokens
	}
	return d
}
