// Package permodel holds a bounded map from a model's name to what is known
// about that model at one upstream.
package permodel

import (
	"iter"
	"maps"
	"sync"
	"sync/atomic"
)

// Map is read without a lock. Callers choose the names, so the map is bounded:
// all models beyond the bound share one entry.
type Map[T any] struct {
	max      int
	newEntry func() *T

	mu     sync.Mutex // held by writers
	models atomic.Pointer[map[string]*T]
	others atomic.Pointer[T]
}

// Others is the name under which All lists the models beyond the bound.
const Others = "(others)"

// New returns a map of at most limit models, plus the shared entry.
func New[T any](limit int, newEntry func() *T) *Map[T] {
	m := &Map[T]{max: limit, newEntry: newEntry}
	m.models.Store(&map[string]*T{})
	return m
}

// Lookup returns the model's entry, or nil if it has none.
func (m *Map[T]) Lookup(model string) *T {
	if t := (*m.models.Load())[model]; t != nil {
		return t
	}
	return m.others.Load()
}

// Get returns the model's entry and creates it if there is none.
func (m *Map[T]) Get(model string) *T {
	if t := m.Lookup(model); t != nil {
		return t
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if t := m.Lookup(model); t != nil {
		return t
	}
	t := m.newEntry()
	old := *m.models.Load()
	if len(old) >= m.max {
		m.others.Store(t)
		return t
	}
	next := maps.Clone(old)
	next[model] = t
	m.models.Store(&next)
	return t
}

// All iterates over the entries in no particular order.
func (m *Map[T]) All() iter.Seq2[string, *T] {
	return func(yield func(string, *T) bool) {
		for model, t := range *m.models.Load() {
			if !yield(model, t) {
				return
			}
		}
		if t := m.others.Load(); t != nil {
			yield(Others, t)
		}
	}
}
