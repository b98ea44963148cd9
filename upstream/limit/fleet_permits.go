package limit

import "sync/atomic"

// permits were leased from the fleet's limit and must be used within leaseTime.
// There are two generations, so that a new lease neither extends the life of an
// older one's permits nor discards them. Any goroutine may acquire; only the one
// in membership.run adds.
type permits struct {
	generations [2]generation
	used        atomic.Int64 // total permits acquired
}

type generation struct{ count, expires atomic.Int64 }

// byAge returns the two generations, the one that expires first before the other.
func (p *permits) byAge() (older, younger *generation) {
	older, younger = &p.generations[0], &p.generations[1]
	if older.expires.Load() > younger.expires.Load() {
		older, younger = younger, older
	}
	return older, younger
}

// acquire takes n permits, or none.
func (p *permits) acquire(now, n int64) bool {
	older, younger := p.byAge()
	a := older.acquireUpTo(now, n)
	b := int64(0)
	if a < n {
		b = younger.acquireUpTo(now, n-a)
	}
	if a+b < n {
		older.count.Add(a)
		younger.count.Add(b)
		return false
	}
	p.used.Add(n)
	return true
}

func (g *generation) acquireUpTo(now, n int64) int64 {
	if g.expires.Load() <= now {
		return 0
	}
	for {
		old := g.count.Load()
		k := min(old, n)
		if k <= 0 {
			return 0
		}
		if g.count.CompareAndSwap(old, old-k) {
			return k
		}
	}
}

// available is how many of the permits are still good at the given time.
func (p *permits) available(at int64) int64 {
	n := int64(0)
	for i := range p.generations {
		if g := &p.generations[i]; g.expires.Load() > at {
			n += max(0, g.count.Load())
		}
	}
	return n
}

// add adds permits that are good until expires. If both generations are in use,
// the new permits join the younger one and get its shorter life.
func (p *permits) add(now, n, expires int64) {
	older, younger := p.byAge()
	if older.expires.Load() > now && older.count.Load() > 0 {
		younger.count.Add(n)
		return
	}
	older.count.Store(0)
	older.expires.Store(expires)
	older.count.Add(n)
}

// refund returns a permit that was not used.
func (p *permits) refund(now int64) {
	p.used.Add(-1)
	for i := range p.generations {
		if g := &p.generations[i]; g.expires.Load() > now {
			g.count.Add(1)
			return
		}
	}
}

// clear discards all permits.
func (p *permits) clear() {
	for i := range p.generations {
		p.generations[i].expires.Store(0)
		p.generations[i].count.Store(0)
	}
}
