package upstream

import (
	"runtime"
	"sync"
	"testing"
	"time"
)

// TestAPhaseThatBegins: at the moment at which the header comes, or content,
// the silence before is not held against what follows.
func TestAPhaseThatBegins(t *testing.T) {
	t.Parallel()
	limits := Timeouts{Header: time.Hour, FirstToken: 10 * time.Second, Idle: time.Hour}
	now := time.Now()
	for range 2_000 {
		w := &Watch{limits: limits, started: now.Add(-time.Minute)} // a late header
		var wg sync.WaitGroup
		wg.Go(func() {
			runtime.Gosched()
			w.Header(now)
		})
		for w.phase.Load() == inHeader {
			if left, class := w.left(now); left <= 0 {
				wg.Wait()
				t.Fatalf("%s with %v left at the very beginning of the phase", class, left)
			}
		}
		wg.Wait()
	}
}
