package limit

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestQueueIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, err := New(Options{Limits: Limits{Concurrency: 1}})
		if err != nil {
			t.Fatal(err)
		}
		l.queue.max = 3
		held, _ := l.TryAcquire("m", 0)
		for range 3 {
			go func() {
				lease, _ := l.Acquire(t.Context(), "m", 0, time.Minute)
				lease.Release()
			}()
		}
		synctest.Wait()
		var over *Error
		if _, err := l.Acquire(t.Context(), "m", 0, time.Minute); !errors.As(err, &over) || over.Kind != Queue {
			t.Errorf("the fourth call in a queue of three: %v", err)
		}
		held.Release()
	})
}
