package upstream

import (
	"math"
	"sync/atomic"
)

// slots counts calls under way against how many there may be: both in one
// word, the limit above the count, so that no two callers get the last one.
type slots struct{ v atomic.Uint64 }

const unlimited = math.MaxUint32

func (s *slots) take() bool {
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

// resize changes how many calls there may be. Those under way go on.
func (s *slots) resize(limit int) {
	limit = min(limit, unlimited)
	for {
		v := s.v.Load()
		if s.v.CompareAndSwap(v, uint64(limit)<<32|v&math.MaxUint32) {
			return
		}
	}
}

// shrink lowers the limit to n, or to the calls under way if they are more,
// and returns what it is now. It never raises it.
func (s *slots) shrink(n int) int {
	for {
		v := s.v.Load()
		limit := min(max(n, int(uint32(v))), int(v>>32))
		if s.v.CompareAndSwap(v, uint64(limit)<<32|v&math.MaxUint32) {
			return limit
		}
	}
}

func (s *slots) used() int { return int(uint32(s.v.Load())) }
