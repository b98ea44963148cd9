// Package permodel holds a bounded map from a model's name to what is known
// about that model at one upstream.
package permodel

import (
	"iter"
	"sync"
	"sync/atomic"
	"time"
)

// Map is read without a lock. Callers choose the names, so the map is bounded.
// When it is full a new name takes the place of those that nobody has asked for in
// a minute; while there is none, new names share one entry: made-up names must
// neither fill the map for good nor push the real ones out. Times are since any
// fixed moment, by a monotonic clock.
type Map[T any] struct {
	max      int
	newEntry func() *T

	mu        sync.Mutex // held by writers
	evictedAt time.Duration
	models    atomic.Pointer[map[string]*entry[T]]
	others    atomic.Pointer[T]
}

type entry[T any] struct {
	value *T
	used  atomic.Int64 // nanoseconds, when it was asked for last, to a second
}

// Others is the name under which All lists the models that share an entry.
const Others = "(others)"

const (
	idle          = time.Minute            // after which an entry may be evicted
	evictionPause = 100 * time.Millisecond // between two evictions: each copies the map
)

// New returns a map of at most limit models, plus the shared entry.
func New[T any](limit int, newEntry func() *T) *Map[T] {
	m := &Map[T]{max: limit, newEntry: newEntry, evictedAt: -evictionPause}
	m.models.Store(&map[string]*entry[T]{})
	return m
}

// find returns the model's own entry, or nil.
func (m *Map[T]) find(model string, at time.Duration) *T {
	e := (*m.models.Load())[model]
	if e == nil {
		return nil
	}
	if at-time.Duration(e.used.Load()) > time.Second { // each write is seen by all processors
		e.used.Store(int64(at))
	}
	return e.value
}

// Lookup returns the model's entry, or the shared one, or nil if there is neither.
func (m *Map[T]) Lookup(model string, at time.Duration) *T {
	if t := m.find(model, at); t != nil {
		return t
	}
	return m.others.Load()
}

// Get returns the model's entry and creates it if there is none.
func (m *Map[T]) Get(model string, at time.Duration) *T {
	if t := m.find(model, at); t != nil {
		return t
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if t := m.find(model, at); t != nil {
		return t
	}
	old := *m.models.Load()
	next := make(map[string]*entry[T], len(old)+1)
	full := len(old) >= m.max
	if full && at-m.evictedAt < evictionPause {
		return m.shared()
	}
	for name, e := range old {
		if full && at-time.Duration(e.used.Load()) > idle {
			continue
		}
		next[name] = e
	}
	if full {
		m.evictedAt = at
	}
	if len(next) >= m.max {
		return m.shared()
	}
	e := &entry[T]{value: m.newEntry()}
	e.used.Store(int64(at))
	next[model] = e
	m.models.Store(&next)
	return e.value
}

// shared is the entry of models that have none of their own.
func (m *Map[T]) shared() *T {
	if t := m.others.Load(); t != nil {
		return t
	}
	t := m.newEntry()
	m.others.Store(t)
	return t
}

// All iterates over the entries in no particular order.
func (m *Map[T]) All() iter.Seq2[string, *T] {
	return func(yield func(string, *T) bool) {
		for model, e := range *m.models.Load() {
			if !yield(model, e.value) {
				return
			}
		}
		if t := m.others.Load(); t != nil {
			yield(Others, t)
		}
	}
}
