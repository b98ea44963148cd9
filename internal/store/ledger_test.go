package store

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"

	"cutover/compare"
)

// writes records batches and can be made to fail or to wait.
type writes struct {
	mu      sync.Mutex
	batches []int
	sum     compare.Summary // of the writes that worked
	err     error
	gate    chan struct{}
}

func (w *writes) put(rs []compare.Result, sums map[time.Time]*compare.Summary, _ time.Time) error {
	if w.gate != nil {
		<-w.gate
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.batches = append(w.batches, len(rs))
	if w.err == nil {
		for _, part := range sums {
			w.sum.Merge(*part)
		}
	}
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
		l := newLedger(w.put, LedgerOptions{batch: 10})
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
	l := newLedger(w.put, LedgerOptions{every: time.Hour})
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
	l := newLedger(w.put, LedgerOptions{queue: 8, batch: 4})
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

func TestLedgerCountsWhatWasNeverWritten(t *testing.T) {
	full := errors.New("disk full")
	w := &writes{err: full}
	told := 0
	l := newLedger(w.put, LedgerOptions{After: func(err error) {
		if !errors.Is(err, full) {
			t.Errorf("told %v", err)
		}
		told++
	}})
	run(t, l, func() {
		for i := range 5 {
			l.Add(result(i))
		}
	})
	if l.Lost() != 5 || told == 0 || l.Written() != 0 {
		t.Errorf("lost %d, told %d times, written %d", l.Lost(), told, l.Written())
	}
}

// A store that fails for a while costs no result while there is room, is asked once a tick
// only, and sums count also what found no room.
func TestLedgerKeepsResultsWhileTheStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &writes{err: errors.New("away")}
		l := newLedger(w.put, LedgerOptions{batch: 10, room: 100})
		run(t, l, func() {
			for i := range 150 {
				l.Add(result(i))
				time.Sleep(20 * time.Millisecond) // the bubble's clock
			}
			synctest.Wait()
			if tries := len(w.all()); tries > 5 {
				t.Errorf("the failing store was asked %d times in 3 s", tries)
			}
			w.mu.Lock()
			w.err = nil
			w.mu.Unlock()
		})
		if l.Written() != 100 || l.Lost() != 50 || w.sum.All.Pairs != 150 {
			t.Errorf("written %d, lost %d, summed up %d; want 100, 50, 150", l.Written(), l.Lost(), w.sum.All.Pairs)
		}
	})
}

func TestFlushMakesResultsReadable(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	l := NewLedger(s, LedgerOptions{every: time.Hour})
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
	idle := newLedger(s.Write, LedgerOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := idle.Flush(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a ledger that does not run: %v", err)
	}
}

func TestSummariesOutliveTheResults(t *testing.T) {
	s := open(t, t.TempDir(), Options{Keep: 10})
	l := NewLedger(s, LedgerOptions{every: time.Hour})
	begin := time.Now().Add(-time.Hour).Truncate(5 * time.Minute)
	run(t, l, func() {
		for i := range 500 {
			r := result(i)
			r.At = begin.Add(time.Duration(i) * time.Second)
			l.Add(r)
			if i == 200 || i == 400 {
				if err := l.Flush(t.Context()); err != nil {
					t.Error(err)
				}
			}
		}
	})
	sum, err := s.Summary(t.Context(), Filter{})
	if err != nil || sum.All.Pairs != 500 || sum.All.Relay.Total.N() != 500 {
		t.Fatalf("%d pairs, %v", sum.All.Pairs, err)
	}
	if part, _ := s.Summary(t.Context(), Filter{Since: begin.Add(5 * time.Minute)}); part.All.Pairs != 200 {
		t.Errorf("since five minutes later: %d pairs", part.All.Pairs)
	}
	if none, _ := s.Summary(t.Context(), Filter{Model: "none"}); none.All.Pairs != 0 {
		t.Errorf("another model: %d pairs", none.All.Pairs)
	}
}

// Summaries that could not be written must not be lost.
func TestSummariesAreKeptUntilTheyAreWritten(t *testing.T) {
	w := &writes{err: errors.New("disk full")}
	l := newLedger(w.put, LedgerOptions{every: time.Hour})
	run(t, l, func() {
		l.Add(result(1))
		if err := l.Flush(t.Context()); err != nil {
			t.Error(err)
		}
		w.mu.Lock()
		w.err = nil
		w.mu.Unlock()
		l.Add(result(2))
	})
	if w.sum.All.Pairs != 2 || l.Written() != 2 {
		t.Errorf("%d of 2 pairs summed up, %d written", w.sum.All.Pairs, l.Written())
	}
}

func TestOldSummariesBecomeHoursAndThenGo(t *testing.T) {
	s := open(t, t.TempDir(), Options{KeepSummaries: 96 * time.Hour})
	add := func(age time.Duration) {
		t.Helper()
		var one compare.Summary
		r := result(1)
		r.At = testStart.Add(-age)
		one.Add(r)
		if err := s.AddSummaries(map[time.Time]*compare.Summary{r.At: &one}, testStart); err != nil {
			t.Fatal(err)
		}
	}
	for _, minutes := range []int{0, 5, 10, 50 * 60, 50*60 + 5, 50*60 + 10, 100 * 60} {
		add(time.Duration(minutes) * time.Minute)
	}
	if sum, _ := s.Summary(t.Context(), Filter{}); sum.All.Pairs != 6 {
		t.Errorf("%d pairs, want all 6 within four days", sum.All.Pairs)
	}
	var keys int
	_ = s.view(func(tx *bbolt.Tx) error {
		keys = tx.Bucket(bucketSummaries).Stats().KeyN
		return nil
	})
	if keys != 5 {
		t.Errorf("%d buckets, want three of five minutes and two of an hour", keys)
	}
	late := testStart.Add(72 * time.Hour)
	if err := s.AddSummaries(nil, late); err != nil {
		t.Fatal(err)
	}
	if sum, _ := s.Summary(t.Context(), Filter{}); sum.All.Pairs != 3 {
		t.Errorf("%d pairs three days later", sum.All.Pairs)
	}
}
