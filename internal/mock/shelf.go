package mock

import (
	"slices"
	"sync"
)

// shelf keeps the newest objects that callers created. Evicted objects are gone, as if
// they had expired.
type shelf[T any] struct {
	mu    sync.Mutex
	byID  map[string]T
	order []string // oldest first
	max   int
}

func newShelf[T any](most int) *shelf[T] { return &shelf[T]{byID: make(map[string]T), max: most} }

// put adds or replaces an object. It returns the evicted ones.
func (s *shelf[T]) put(id string, v T) (out []T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.byID[id]; !known {
		s.order = append(s.order, id)
	}
	s.byID[id] = v
	for len(s.order) > s.max {
		oldest := s.order[0]
		s.order = s.order[1:]
		out = append(out, s.byID[oldest])
		delete(s.byID, oldest)
	}
	return out
}

func (s *shelf[T]) get(id string) (v T, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok = s.byID[id]
	return v, ok
}

func (s *shelf[T]) drop(id string) (v T, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, ok = s.byID[id]; ok {
		delete(s.byID, id)
		s.order = slices.DeleteFunc(s.order, func(x string) bool { return x == id })
	}
	return v, ok
}

// ids are those of the objects that fit, newest first.
func (s *shelf[T]) ids(fits func(T) bool) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for _, id := range slices.Backward(s.order) {
		if fits == nil || fits(s.byID[id]) {
			ids = append(ids, id)
		}
	}
	return ids
}
