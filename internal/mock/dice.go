package mock

import "github.com/twmb/murmur3"

// dice is a small deterministic random stream (splitmix64). It is a value: a copy
// repeats what the original would have returned. Unlike math/rand/v2 it allocates
// nothing, so that each sentence can have its own stream and a change in one does not
// shift all that follow.
type dice uint64

// throw starts a stream that depends on all parts and their order.
func throw(parts ...uint64) dice {
	d := dice(0x6a09e667f3bcc908)
	for _, p := range parts {
		d = dice(uint64(d) ^ p)
		d = dice(d.next())
	}
	return d
}

func (d *dice) next() uint64 {
	*d += 0x9e3779b97f4a7c15
	z := uint64(*d)
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return z ^ (z >> 31)
}

// float is uniform in [0,1).
func (d *dice) float() float64 { return float64(d.next()>>11) / (1 << 53) }

// chance is true with probability p.
func (d *dice) chance(p float64) bool { return p > 0 && d.float() < p }

// n is uniform in [0,n); 0 for n < 1.
func (d *dice) n(n int) int {
	if n < 1 {
		return 0
	}
	return int(d.next() % uint64(n))
}

// between is uniform in [low,high].
func (d *dice) between(low, high int) int {
	if high <= low {
		return low
	}
	return low + d.n(high-low+1)
}

// pick returns one of the items, or the zero T if there is none.
func pick[T any](d *dice, items []T) T {
	if len(items) == 0 {
		var none T
		return none
	}
	return items[d.n(len(items))]
}

// hashText is stable across processes and machines.
func hashText(s string) uint64 { return murmur3.StringSum64(s) }

// hashBytes is hashText for bytes.
func hashBytes(b []byte) uint64 { return murmur3.Sum64(b) }
