package shadow

import (
	"sync"

	"cutover/compare"
	"cutover/compare/stats"
)

// burstMarker marks the results of pairs that come while a burst of one-sided
// failures lasts. It sits where pairs end, so that log, samples and summaries
// all see the same result. It is safe for concurrent use.
type burstMarker struct {
	mu     sync.Mutex
	bursts stats.Bursts
}

// mark sets r.Burst. A pair with a call that says nothing about its provider
// (the caller went away, the call was not sent) is left out.
func (b *burstMarker) mark(r *compare.Result) {
	for _, a := range []*compare.ArmResult{&r.Primary, &r.Relay} {
		if !a.OK() && !a.Failed() {
			return
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	r.Burst = b.bursts.Observe(r.Primary.Failed(), r.Relay.Failed())
}
