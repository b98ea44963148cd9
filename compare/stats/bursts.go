package stats

// Bursts is the guard in front of the paired test: it decides which pairs the
// test may bet on. Outages that hit either side come in bursts. A test that
// takes their pairs for independent ones stops a healthy relay in most runs, so
// pairs that come while a burst lasts are counted as skipped. Whether one
// lasts is decided from the pairs before the one at hand only, which keeps the
// bets fair.
//
// Simulated (alpha .05, outages of 30 pairs hitting either side at random): a
// healthy relay is stopped in over 40 of 100 runs without the guard and in at
// most 20 with it; a relay with 5 % errors against 1 % is found in over 95.
//
// The zero value is ready for use by one goroutine at a time.
type Bursts struct {
	recent     [burstWindow]bool // discordant or not; a ring
	next       int
	discordant int
}

// A burst lasts while at least burstThreshold of the last burstWindow pairs
// were discordant.
const (
	burstWindow    = 20
	burstThreshold = 4
)

// Observe takes the next pair in the order in which pairs end, and reports
// whether a burst lasted when it came.
func (b *Bursts) Observe(primaryFailed, relayFailed bool) (burst bool) {
	burst = b.discordant >= burstThreshold
	if b.recent[b.next] {
		b.discordant--
	}
	now := primaryFailed != relayFailed
	b.recent[b.next] = now
	if now {
		b.discordant++
	}
	b.next = (b.next + 1) % burstWindow
	return burst
}
