package limit

import (
	"math"
	"sync/atomic"
)

// slots counts the calls in flight against their limit. Both are in one word,
// limit in the upper half and count in the lower, so that two callers can't
// both get the last slot.
type slots struct{ v atomic.Uint64 }

const unlimited = math.MaxUint32

// acquire takes a slot if one is free.
func (s *slots) acquire() bool {
	for {
		v := s.v.Load()
		if uint32(v) >= uint32(v>>32) {
			return false
		}
		if s.v.CompareAndSwap(v, v+1) {
			return true
		}
	}
}

func (s *slots) release() { s.v.Add(^uint64(0)) }

// resize changes the limit. Calls in flight are not affected.
func (s *slots) resize(limit int) {
	limit = min(limit, unlimited)
	for {
		v := s.v.Load()
		if s.v.CompareAndSwap(v, uint64(limit)<<32|v&math.MaxUint32) {
			return
		}
	}
}

// shrink lowers the limit to n, or to the number of calls in flight if that is
// higher, and returns the new limit. It never raises it.
func (s *slots) shrink(n int) int {
	for {
		v := s.v.Load()
		limit := min(max(n, int(uint32(v))), int(v>>32))
		if s.v.CompareAndSwap(v, uint64(limit)<<32|v&math.MaxUint32) {
			return limit
		}
	}
}

func (s *slots) inUse() int { return int(uint32(s.v.Load())) }
