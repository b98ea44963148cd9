package router

import (
	"hash/maphash"
	"sync"
	"time"

	"cutover/exchange"
)

// memory is a bounded map from ids to their owners. Each shard has two
// generations: when the young one is full it becomes the old one, and what was
// not asked for since is forgotten with the next turn.
type memory struct {
	seed   maphash.Seed
	shards *[memoryShards]memoryShard
	room   int // of one generation of one shard
}

const memoryShards = 16

type memoryShard struct {
	mu         sync.RWMutex
	young, old map[string]memo
}

type memo struct {
	until int64 // Unix seconds
	arm   exchange.Arm
	found found
}

// found is what memory knows of an id.
type found uint8

const (
	unheardOf found = iota
	owned
	nobodys // the store does not know it either
)

func newMemory(ids int) memory {
	return memory{maphash.MakeSeed(), new([memoryShards]memoryShard), max(1, ids/memoryShards/2)}
}

func (m *memory) shard(id string) *memoryShard {
	return &m.shards[maphash.String(m.seed, id)%memoryShards]
}

func (m *memory) get(id string, now time.Time) (exchange.Arm, found) {
	s := m.shard(id)
	s.mu.RLock()
	v, ok := s.young[id]
	aged := false
	if !ok {
		v, aged = s.old[id]
	}
	s.mu.RUnlock()
	if v.found == unheardOf || now.Unix() >= v.until {
		return exchange.Primary, unheardOf
	}
	if aged {
		s.put(id, v, m.room)
	}
	return v.arm, v.found
}

func (m *memory) put(id string, arm exchange.Arm, f found, until time.Time) {
	m.shard(id).put(id, memo{until.Unix() + 1, arm, f}, m.room)
}

func (s *memoryShard) put(id string, v memo, room int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.young) >= room {
		s.old, s.young = s.young, nil
	}
	if s.young == nil {
		s.young = make(map[string]memo)
	}
	s.young[id] = v
}

func (m *memory) size() int {
	n := 0
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.RLock()
		n += len(s.young) + len(s.old)
		s.mu.RUnlock()
	}
	return n
}
