package store

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cutover/compare"
)

// writes records batches and can be made to fail or to wait.
type writes struct {
	mu      sync.Mutex
	batches []int
	err     error
	gate    chan struct{}
}

func (w *writes) put(rs ...compare.Result) error {
	if w.gate != nil {
		<-w.gate
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.batches = append(w.batches, len(rs))
	return w.err
}

// all are the sizes of the writes so far.
func (w *writes) all() []int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.batches)
}

// run runs the ledger for the time of f.
func run(t *testing.T, l *Ledger, f func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	f()
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestLedgerWritesInBatchesAfterAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &writes{}
		l := newLedger(w.put, LedgerOptions{Batch: 10})
		run(t, l, func() {
			for i := range 23 {
				l.Add(result(i))
			}
			synctest.Wait()
			if len(w.all()) != 2 {
				t.Errorf("before the second is over: %v", w.all())
			}
			time.Sleep(time.Second) // the bubble's clock
			synctest.Wait()
			if len(w.all()) != 3 || w.all()[2] != 3 {
				t.Errorf("after a second: %v", w.all())
			}
		})
		if l.Written() != 23 || l.Dropped() != 0 {
			t.Errorf("written %d, dropped %d", l.Written(), l.Dropped())
		}
	})
}

func TestLedgerWritesAllBeforeItEnds(t *testing.T) {
	w := &writes{}
	l := newLedger(w.put, LedgerOptions{Every: time.Hour})
	run(t, l, func() {
		for i := range 1000 {
			l.Add(result(i))
		}
	})
	if l.Written() != 1000 {
		t.Errorf("written %d of 1000", l.Written())
	}
	l.Add(result(1))
	if l.Dropped() != 1 {
		t.Error("a result after the end is not counted")
	}
}

func TestLedgerDropsAndCountsWhenTheDiskIsSlow(t *testing.T) {
	w := &writes{gate: make(chan struct{})}
	l := newLedger(w.put, LedgerOptions{Room: 8, Batch: 4})
	run(t, l, func() {
		for i := range 100 {
			l.Add(result(i)) // must not wait for the disk
		}
		close(w.gate)
	})
	if l.Written()+l.Dropped() != 100 || l.Dropped() < 80 {
		t.Errorf("written %d, dropped %d", l.Written(), l.Dropped())
	}
}

func TestLedgerCountsWhatFailedWritesLose(t *testing.T) {
	full := errors.New("disk full")
	w := &writes{err: full}
	var told int
	l := newLedger(w.put, LedgerOptions{Failed: func(lost int, err error) {
		if !errors.Is(err, full) {
			t.Errorf("told %v", err)
		}
		told += lost
	}})
	run(t, l, func() {
		for i := range 5 {
			l.Add(result(i))
		}
	})
	if l.Lost() != 5 || told != 5 || l.Written() != 0 {
		t.Errorf("lost %d, told %d, written %d", l.Lost(), told, l.Written())
	}
}

func TestFlushMakesResultsReadable(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	l := NewLedger(s, LedgerOptions{Every: time.Hour})
	run(t, l, func() {
		for i := range 300 {
			l.Add(result(i))
		}
		if err := l.Flush(t.Context()); err != nil {
			t.Error(err)
		}
		if rs, err := s.Results(t.Context(), Filter{}); err != nil || len(rs) != 300 {
			t.Errorf("%d results, %v", len(rs), err)
		}
	})
	if err := l.Flush(t.Context()); err != nil {
		t.Errorf("after the end: %v", err)
	}
	idle := newLedger(s.Put, LedgerOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := idle.Flush(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a ledger that does not run: %v", err)
	}
}
