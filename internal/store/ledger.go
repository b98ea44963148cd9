package store

import (
	"context"
	"sync/atomic"
	"time"

	"cutover/compare"
)

// LedgerOptions of a Ledger.
type LedgerOptions struct {
	// Failed gets the error of a failed write and how many results it lost (none
	// when it was of summaries); may be nil. It is called from Run.
	Failed func(lost int, err error)

	queue int           // results that may wait
	batch int           // results per write at most
	every time.Duration // longest wait before a write
}

// Ledger writes results in batches, since a write costs a sync of the disk, and
// sums all of them up by time. Add never blocks: when the queue is full the result
// is dropped and counted.
type Ledger struct {
	put  func(...compare.Result) error
	sums func(map[time.Time]*compare.Summary, time.Time) error
	o    LedgerOptions
	// pending is what is summed up since the last write; Run's own.
	pending map[time.Time]*compare.Summary
	queue   chan compare.Result
	flush   chan chan struct{}
	ended   chan struct{}
	dropped atomic.Uint64
	lost    atomic.Uint64
	written atomic.Uint64
}

// NewLedger makes a ledger for a store. Nothing is written before Run is called.
func NewLedger(s Backend, o LedgerOptions) *Ledger { return newLedger(s.Put, s.AddSummaries, o) }

func newLedger(put func(...compare.Result) error, sums func(map[time.Time]*compare.Summary, time.Time) error, o LedgerOptions) *Ledger {
	if o.queue <= 0 {
		o.queue = 4096
	}
	if o.batch <= 0 {
		o.batch = 256
	}
	if o.every <= 0 {
		o.every = time.Second
	}
	if o.Failed == nil {
		o.Failed = func(int, error) {}
	}
	return &Ledger{
		put: put, sums: sums, o: o,
		pending: map[time.Time]*compare.Summary{},
		queue:   make(chan compare.Result, o.queue),
		flush:   make(chan chan struct{}),
		ended:   make(chan struct{}),
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

// Lost is how many results failed writes lost.
func (l *Ledger) Lost() uint64 { return l.lost.Load() }

// Written is how many results were written.
func (l *Ledger) Written() uint64 { return l.written.Load() }

// Run writes until ctx ends, then writes what still waits and returns nil. Call
// it once; end it after the last Add.
func (l *Ledger) Run(ctx context.Context) error {
	ticker := time.NewTicker(l.o.every)
	defer ticker.Stop()
	batch := make([]compare.Result, 0, l.o.batch)
	for {
		select {
		case r := <-l.queue:
			if batch = append(batch, r); len(batch) == cap(batch) {
				batch = l.write(batch)
			}
		case <-ticker.C:
			batch = l.write(batch)
			l.writeSums()
		case done := <-l.flush:
			batch = l.drain(batch)
			close(done)
		case <-ctx.Done():
			close(l.ended)
			l.drain(batch)
			return nil
		}
	}
}

// drain writes the batch and all that waits in the queue.
func (l *Ledger) drain(batch []compare.Result) []compare.Result {
	for {
		select {
		case r := <-l.queue:
			if batch = append(batch, r); len(batch) == cap(batch) {
				batch = l.write(batch)
			}
		default:
			batch = l.write(batch)
			l.writeSums()
			return batch
		}
	}
}

// sumUp counts results in the summaries of their time.
func (l *Ledger) sumUp(batch []compare.Result) {
	for i := range batch {
		at := batch[i].At.Truncate(fineBucket)
		s := l.pending[at]
		if s == nil {
			s = &compare.Summary{}
			l.pending[at] = s
		}
		s.Add(batch[i])
	}
}

// writeSums stores the summaries. If that fails they are kept for the next time,
// since their size does not grow with the number of results.
func (l *Ledger) writeSums() {
	if len(l.pending) == 0 {
		return
	}
	if err := l.sums(l.pending, time.Now()); err != nil {
		l.o.Failed(0, err)
		return
	}
	clear(l.pending)
}

// write stores the batch and returns it empty, cleared so that it retains nothing.
func (l *Ledger) write(batch []compare.Result) []compare.Result {
	if len(batch) == 0 {
		return batch
	}
	l.sumUp(batch)
	if err := l.put(batch...); err != nil {
		l.lost.Add(uint64(len(batch)))
		l.o.Failed(len(batch), err)
	} else {
		l.written.Add(uint64(len(batch)))
	}
	clear(batch)
	return batch[:0]
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
