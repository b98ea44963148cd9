package affinity

import (
	"hash/maphash"
	"sync"
	"time"

	"cutover/exchange"
)

// cache is a bounded map from ids to their owners. Each shard has two
// generations: when the young one is full it becomes the old one, and whatever
// is not asked for again is forgotten at the next turn.
type cache struct {
	seed     maphash.Seed
	shards   *[cacheShards]cacheShard
	capacity int // of one generation of one shard
}

const cacheShards = 16

type cacheShard struct {
	mu         sync.RWMutex
	young, old map[string]cacheEntry
}

type cacheEntry struct {
	until     int64 // Unix seconds
	arm       exchange.Arm
	ownership ownership
}

// ownership is what the cache knows of an id.
type ownership uint8

const (
	notCached ownership = iota
	owned
	ownerless // the store does not know it either
)

func newCache(ids int) cache {
	return cache{maphash.MakeSeed(), new([cacheShards]cacheShard), max(1, ids/cacheShards/2)}
}

func (c *cache) shard(id string) *cacheShard {
	return &c.shards[maphash.String(c.seed, id)%cacheShards]
}

func (c *cache) get(id string, now time.Time) (exchange.Arm, ownership) {
	s := c.shard(id)
	s.mu.RLock()
	e, ok := s.young[id]
	aged := false
	if !ok {
		e, aged = s.old[id]
	}
	s.mu.RUnlock()
	if e.ownership == notCached || now.Unix() >= e.until {
		return exchange.Primary, notCached
	}
	if aged {
		s.put(id, e, c.capacity)
	}
	return e.arm, e.ownership
}

func (c *cache) put(id string, arm exchange.Arm, o ownership, until time.Time) {
	c.shard(id).put(id, cacheEntry{until.Unix() + 1, arm, o}, c.capacity)
}

func (s *cacheShard) put(id string, e cacheEntry, capacity int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.young) >= capacity {
		s.old, s.young = s.young, nil
	}
	if s.young == nil {
		s.young = make(map[string]cacheEntry)
	}
	s.young[id] = e
}

func (c *cache) size() int {
	n := 0
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.RLock()
		n += len(s.young) + len(s.old)
		s.mu.RUnlock()
	}
	return n
}
