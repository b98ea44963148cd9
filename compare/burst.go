package compare

// Bursts decides which pairs a test may bet on. Outages that hit both sides come
// in bursts, and would make a test that takes pairs for independent ones roll a
// healthy relay back in most runs. While a burst lasts, which is decided from
// the pairs before the one at hand only, pairs are counted as skipped.
//
// The zero value is ready; one goroutine at a time.
type Bursts struct {
	recent     [burstWindow]bool // discordant or not; a ring
	next       int
	discordant int
}

// A burst lasts while so many of the last pairs were discordant.
const (
	burstWindow    = 20
	burstThreshold = 4
)

// Observe takes the next pair in the order of their ends, and reports whether a
// burst lasted when it came.
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
