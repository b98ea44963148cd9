package shadow_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"cutover/compare"
	"cutover/exchange"
	"cutover/shadow"
)

// TestMaxBytesBoundsMemory: what responses hold is charged as allocated, so that
// large ones end at the limit, whatever the number of calls.
func TestMaxBytesBoundsMemory(t *testing.T) {
	const limit, size, n = 8 << 20, 4 << 20, 12
	release := make(chan struct{})
	relay := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"id":"x","junk":"%s`, strings.Repeat("a", size))
		_ = http.NewResponseController(w).Flush()
		<-release
	})
	var most int64
	r := newRig(t, relay, func(c *shadow.Config) { c.MaxBytes = limit; c.MaxConcurrency = n })
	for i := range n {
		q := request(fmt.Sprint(i))
		if done := r.mirror.Offer(q); done != nil {
			done(served(q, exchange.ClassNone))
		}
		most = max(most, r.mirror.Held())
	}
	r.until("the limit ends calls", func() bool {
		most = max(most, r.mirror.Held())
		return r.mirror.Counts().Get(compare.Dropped) >= n-1
	})
	close(release)
	// One call may be a growth of its buffers beyond the limit before it is ended.
	if most > limit+4*size {
		t.Errorf("%d MiB held at a limit of %d MiB", most>>20, limit>>20)
	}
	r.until("all is given back", func() bool { return r.mirror.InFlight() == 0 && r.mirror.Held() == 0 })
}
