package upstream

import "sync/atomic"

// pool holds permits that were leased from the fleet's limit and must be used
// within leaseTime. There are two generations, so that a new lease neither
// extends the life of an older one's permits nor throws them away. Any
// goroutine takes; only the fleet's bookkeeper adds.
type pool struct {
	gen  [2]generation
	used atomic.Int64 // permits taken, ever
}

type generation struct{ n, until atomic.Int64 }

// take takes n permits, or none.
func (p *pool) take(now, n int64) bool {
	older, younger := &p.gen[0], &p.gen[1]
	if older.until.Load() > younger.until.Load() {
		older, younger = younger, older
	}
	a := older.grab(now, n)
	b := int64(0)
	if a < n {
		b = younger.grab(now, n-a)
	}
	if a+b < n {
		older.n.Add(a)
		younger.n.Add(b)
		return false
	}
	p.used.Add(n)
	return true
}

// grab takes up to n permits.
func (g *generation) grab(now, n int64) int64 {
	if g.until.Load() <= now {
		return 0
	}
	for {
		old := g.n.Load()
		k := min(old, n)
		if k <= 0 {
			return 0
		}
		if g.n.CompareAndSwap(old, old-k) {
			return k
		}
	}
}

// left is how many permits there are at the moment at.
func (p *pool) left(at int64) int64 {
	n := int64(0)
	for i := range p.gen {
		if g := &p.gen[i]; g.until.Load() > at {
			n += max(0, g.n.Load())
		}
	}
	return n
}

// add adds permits that are good until a moment. Where both generations are in
// use, the new permits take over the shorter life of the younger one.
func (p *pool) add(now, n, until int64) {
	older, younger := &p.gen[0], &p.gen[1]
	if older.until.Load() > younger.until.Load() {
		older, younger = younger, older
	}
	if older.until.Load() > now && older.n.Load() > 0 {
		younger.n.Add(n)
		return
	}
	older.n.Store(0)
	older.until.Store(until)
	older.n.Add(n)
}

// giveBack returns a permit that was not used.
func (p *pool) giveBack(now int64) {
	p.used.Add(-1)
	for i := range p.gen {
		if g := &p.gen[i]; g.until.Load() > now {
			g.n.Add(1)
			return
		}
	}
}

// clear throws all permits away.
func (p *pool) clear() {
	for i := range p.gen {
		p.gen[i].until.Store(0)
		p.gen[i].n.Store(0)
	}
}
