package upstream

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Connections have an age: a provider that moves changes its DNS, and nobody looks
// that up for a connection that is open. No call is cut for it.

// connEnd is when a connection that is opened now is too old; zero: never. Up to a
// quarter earlier at random, so that not all are opened anew at once.
func connEnd(maxAge time.Duration, now time.Time) time.Time {
	if maxAge <= 0 {
		return time.Time{}
	}
	return now.Add(maxAge - time.Duration(rand.Float64()*float64(maxAge)/4))
}

// generations are net/http's pools of HTTP/1.1 connections. Such a pool does not
// know how old its connections are, so it is replaced as a whole: the old one gets no
// more calls, and its connections are closed when theirs have ended.
type generations struct {
	maxAge  time.Duration
	current atomic.Pointer[generation]

	mu      sync.Mutex
	retired []*http.Transport // the latest ones, whose calls may not have ended
}

type generation struct {
	transport *http.Transport
	until     time.Time // zero: for ever
}

// maxRetired bounds the old pools that close looks at.
const maxRetired = 4

func newGenerations(t *http.Transport, maxAge time.Duration) *generations {
	g := &generations{maxAge: maxAge}
	g.current.Store(&generation{t, connEnd(maxAge, time.Now())})
	return g
}

// transport is the pool for a call that begins.
func (g *generations) transport() *http.Transport {
	now := g.current.Load()
	if now.until.IsZero() || time.Now().Before(now.until) {
		return now.transport
	}
	next := &generation{now.transport.Clone(), connEnd(g.maxAge, time.Now())}
	if !g.current.CompareAndSwap(now, next) {
		return g.current.Load().transport
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.retired = append(g.retired, now.transport); len(g.retired) > maxRetired {
		g.retired = g.retired[1:]
	}
	now.transport.CloseIdleConnections() // the others as soon as they are idle
	return next.transport
}

func (g *generations) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, t := range g.retired {
		t.CloseIdleConnections()
	}
	g.current.Load().transport.CloseIdleConnections()
}
