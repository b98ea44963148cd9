package mock

import (
	"bytes"
	"sync"
)

// cache keeps what was parsed and rendered for a body: clients that measure
// throughput send the same bodies repeatedly, and the mock should then cost almost
// nothing. It belongs to one configuration and is dropped with it.
type cache struct {
	mu    sync.RWMutex
	kept  map[cacheKey]*cached
	bytes int
}

type cacheKey struct {
	route *route
	hash  uint64
	size  int
}

type cached struct {
	body      []byte // for comparison, because hashes can collide
	question  *question
	rendering *rendering
	cost      int
}

// Bounds of a cache.
const (
	maxCached      = 4096     // bodies
	maxCachedBytes = 64 << 20 // all together
	maxCachedBody  = 1 << 20  // larger ones are not kept
)

func newCache() *cache { return &cache{kept: make(map[cacheKey]*cached)} }

func (c *cache) find(k cacheKey, body []byte) *cached {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if e := c.kept[k]; e != nil && bytes.Equal(e.body, body) {
		return e
	}
	return nil
}

// question returns what was parsed from the body before, or nil.
func (c *cache) question(k cacheKey, body []byte) *question {
	if e := c.find(k, body); e != nil {
		return e.question
	}
	return nil
}

// keepQuestion remembers a parsed body. The body must not change afterwards.
func (c *cache) keepQuestion(k cacheKey, body []byte, q *question) {
	if len(body) > maxCachedBody {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(k, &cached{body: body, question: q, cost: 3*len(body) + 1024})
}

// rendering returns what was rendered for the body before, or nil.
func (c *cache) rendering(k cacheKey, body []byte) *rendering {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if e := c.kept[k]; e != nil && bytes.Equal(e.body, body) {
		return e.rendering
	}
	return nil
}

// keepRendering remembers a rendered response with its parsed body.
func (c *cache) keepRendering(k cacheKey, body []byte, r *rendering) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.kept[k]
	if e == nil || !bytes.Equal(e.body, body) {
		return
	}
	more := *e
	more.rendering = r
	more.cost += r.size()
	c.add(k, &more)
}

func (c *cache) add(k cacheKey, e *cached) {
	if old := c.kept[k]; old != nil {
		c.bytes -= old.cost
		delete(c.kept, k)
	}
	for victim, old := range c.kept { // in the map's random order
		if len(c.kept) < maxCached && c.bytes+e.cost <= maxCachedBytes {
			break
		}
		c.bytes -= old.cost
		delete(c.kept, victim)
	}
	c.kept[k] = e
	c.bytes += e.cost
}

// size is the approximate memory size of a rendering.
func (r *rendering) size() int {
	n := cap(r.body.text) + 64
	for i := range r.events {
		n += cap(r.events[i].text) + 24*cap(r.events[i].marks) + 64
	}
	return n
}
