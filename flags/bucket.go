package flags

import (
	"math"

	"github.com/twmb/murmur3"
)

// buckets is the resolution of bucketing: thousandths of a percent.
const buckets = 100_000

// Bucket returns the bucket of a targeting key for a flag, in [0, 100000): the
// murmur3-x86-32 hash (seed 0) of flag key followed by targeting key, scaled to
// the range by multiplication. flagd's fractional operator buckets the same way, so
// a flag can move between the two without reshuffling callers. Because the flag's
// key is part of the hash, buckets for different flags are independent.
func Bucket(flagKey, targetingKey string) uint32 {
	var stack [256]byte
	if len(flagKey)+len(targetingKey) <= len(stack) {
		n := copy(stack[:], flagKey)
		n += copy(stack[n:], targetingKey)
		return scale(murmur3.Sum32(stack[:n]), buckets)
	}
	return scale(murmur3.StringSum32(flagKey+targetingKey), buckets)
}

// Included reports whether a targeting key is within the first percentage (0
// to 100) of a flag's buckets. A caller included at 5 % is included at every
// higher percentage.
func Included(flagKey, targetingKey string, percentage float64) bool {
	return included(flagKey, targetingKey, threshold(percentage))
}

func included(flagKey, targetingKey string, threshold uint32) bool {
	switch threshold {
	case 0:
		return false
	case buckets:
		return true
	}
	return Bucket(flagKey, targetingKey) < threshold
}

// threshold converts a percentage to the first bucket that is not included. Values
// out of range become the nearest bound; NaN includes nobody.
func threshold(percentage float64) uint32 {
	if !(percentage > 0) {
		return 0
	}
	return uint32(math.Round(min(percentage, 100) * (buckets / 100)))
}

// scale maps a 32-bit hash onto [0, n) without division and without bias
// towards either end: 2^32-1 becomes n-1, not n.
func scale(h, n uint32) uint32 { return uint32(uint64(h) * uint64(n) >> 32) }
