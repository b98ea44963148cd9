package upstream

import (
	"maps"
	"sync"
	"sync/atomic"
)

// perModel is a bounded map from a model's name to what is known of it, read
// without a lock. Names come from callers, so there is a bound: models beyond
// it share one entry.
type perModel[T any] struct {
	max  int
	make func() *T

	mu   sync.Mutex // of writers
	m    atomic.Pointer[map[string]*T]
	rest atomic.Pointer[T]
}

// restOfModels is the name under which models beyond the bound are listed.
const restOfModels = "(others)"

// find returns the model's entry, nil if it has none.
func (p *perModel[T]) find(model string) *T {
	if m := p.m.Load(); m != nil {
		if t := (*m)[model]; t != nil {
			return t
		}
	}
	return p.rest.Load()
}

// get returns the model's entry, which it makes if need be.
func (p *perModel[T]) get(model string) *T {
	if t := p.find(model); t != nil {
		return t
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.find(model); t != nil {
		return t
	}
	t := p.make()
	old := p.m.Load()
	if old == nil {
		old = &map[string]*T{}
	}
	if len(*old) >= p.max {
		p.rest.Store(t)
		return t
	}
	next := maps.Clone(*old)
	next[model] = t
	p.m.Store(&next)
	return t
}

// each calls f for every entry.
func (p *perModel[T]) each(f func(model string, t *T)) {
	if m := p.m.Load(); m != nil {
		for model, t := range *m {
			f(model, t)
		}
	}
	if t := p.rest.Load(); t != nil {
		f(restOfModels, t)
	}
}
