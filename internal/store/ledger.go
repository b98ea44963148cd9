package store

import (
	"context"
	"sync/atomic"
	"time"

	"cutover/compare"
)

// LedgerOptions of a Ledger.
type LedgerOptions struct {
	// After is called from Run with the error of each write, nil for one that worked;
	// may be nil.
	After func(error)

	queue int           // results that may wait
	room  int           // results that are kept while writes fail
	batch int           // results per write at most
	every time.Duration // longest wait before a write
}

// Ledger writes results in batches, since a write costs a sync of the disk, and
// sums all of them up by time. A batch and its sums are one write. While writes fail,
// results are kept as long as there is room, and sums always. Add never blocks: when the
// queue is full the result is dropped and counted.
type Ledger struct {
	store func([]compare.Result, map[time.Time]*compare.Summary, time.Time) error
	o     LedgerOptions
	// waiting are the results of the next write and sums what they, and results that
	// found no room, come to; both are Run's own.
	waiting []compare.Result
	sums    map[time.Time]*compare.Summary
	failing bool // the last write failed; Run's own
	queue   chan compare.Result
	flush   chan chan struct{}
	ended   chan struct{}
	dropped atomic.Uint64
	lost    atomic.Uint64
	written atomic.Uint64
}

// NewLedger makes a ledger for a store. Nothing is written before Run is called.
func NewLedger(s Backend, o LedgerOptions) *Ledger { return newLedger(s.Write, o) }

func newLedger(store func([]compare.Result, map[time.Time]*compare.Summary, time.Time) error, o LedgerOptions) *Ledger {
	if o.queue <= 0 {
		o.queue = 4096
	}
	if o.room <= 0 {
		o.room = 4096
	}
	if o.batch <= 0 {
		o.batch = 256
	}
	if o.every <= 0 {
		o.every = time.Second
	}
	if o.After == nil {
		o.After = func(error) {}
	}
	return &Ledger{
		store: store, o: o,
		sums:  map[time.Time]*compare.Summary{},
		queue: make(chan compare.Result, o.queue),
		flush: make(chan chan struct{}),
		ended: make(chan struct{}),
	}
}

// Add hands over a result to be written soon. It is a mirror's sink.
func (l *Ledger) Add(r compare.Result) {
	select {
	case <-l.ended:
		l.dropped.Add(1)
		return
	default:
	}
	select {
	case l.queue <- r:
	default:
		l.dropped.Add(1)
	}
}

// Dropped is how many results found the queue full.
func (l *Ledger) Dropped() uint64 { return l.dropped.Load() }

// Lost is how many results were never written: writes failed for so long that there was no
// more room, or until the end. The sums still count those of the first kind.
func (l *Ledger) Lost() uint64 { return l.lost.Load() }

// Written is how many results were written.
func (l *Ledger) Written() uint64 { return l.written.Load() }

// Run writes until ctx ends, then writes what still waits and returns nil. Call
// it once; end it after the last Add.
func (l *Ledger) Run(ctx context.Context) error {
	ticker := time.NewTicker(l.o.every)
	defer ticker.Stop()
	for {
		select {
		case r := <-l.queue:
			l.take(r)
		case <-ticker.C:
			l.write()
		case done := <-l.flush:
			l.drain()
			close(done)
		case <-ctx.Done():
			close(l.ended)
			l.drain()
			l.lost.Add(uint64(len(l.waiting)))
			return nil
		}
	}
}

// drain writes what waits in the queue, and before it.
func (l *Ledger) drain() {
	for {
		select {
		case r := <-l.queue:
			l.take(r)
		default:
			l.write()
			return
		}
	}
}

// take sums a result up for the next write, which it makes when the batch is full. A store
// that fails is tried again with the next tick only.
func (l *Ledger) take(r compare.Result) {
	at := r.At.Truncate(fineBucket)
	s := l.sums[at]
	if s == nil {
		s = &compare.Summary{}
		l.sums[at] = s
	}
	s.Add(r)
	if len(l.waiting) >= l.o.room {
		l.waiting[0] = compare.Result{} // so that nothing of it is retained
		l.waiting = l.waiting[1:]
		l.lost.Add(1)
	}
	l.waiting = append(l.waiting, r)
	if len(l.waiting) >= l.o.batch && !l.failing {
		l.write()
	}
}

// write stores what waits. If that fails it is kept for the next time.
func (l *Ledger) write() {
	if len(l.waiting) == 0 && len(l.sums) == 0 {
		return
	}
	err := l.store(l.waiting, l.sums, time.Now())
	l.failing = err != nil
	if err == nil {
		l.written.Add(uint64(len(l.waiting)))
		clear(l.waiting)
		l.waiting = l.waiting[:0]
		clear(l.sums)
	}
	l.o.After(err)
}

// Flush returns when all that was added before is written, when Run has ended,
// or when ctx ends.
func (l *Ledger) Flush(ctx context.Context) error {
	done := make(chan struct{})
	select {
	case l.flush <- done:
	case <-l.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
