package upstream

import (
	"runtime"
	"sync"
	"testing"
	"time"
)

// A silence does not count against the phase that follows it, not even at the moment
// when the phase changes.
func TestSilenceDoesNotCountInTheNextPhase(t *testing.T) {
	t.Parallel()
	limits := Timeouts{Header: time.Hour, FirstToken: 10 * time.Second, Idle: time.Hour}
	now := time.Now()
	for range 2_000 {
		w := &Watchdog{limits: limits, started: now.Add(-time.Minute)} // a late header
		var wg sync.WaitGroup
		wg.Go(func() {
			runtime.Gosched()
			w.HeaderReceived(now)
		})
		for w.phase.Load() == awaitingHeader {
			if left, class := w.remaining(now); left <= 0 {
				wg.Wait()
				t.Fatalf("%s with %v left at the very beginning of the phase", class, left)
			}
		}
		wg.Wait()
	}
}
