package router

import (
	"sync/atomic"
	"time"
)

// heldBytes is the bound of the memory that all held request bodies take
// together, as it is allocated. It takes no lock.
type heldBytes struct {
	limit int64
	used  atomic.Int64
	over  atomic.Uint64 // bodies that there was no capacity for
}

// take charges n bytes; false: there is no capacity for them.
func (h *heldBytes) take(n int64) bool {
	if h.used.Add(n) > h.limit {
		h.used.Add(-n)
		return false
	}
	return true
}

// HeldBodies are the request bodies that are held in memory.
type HeldBodies struct {
	Bytes int64  `json:"bytes"`       // held now
	Limit int64  `json:"limit_bytes"` // at most
	Over  uint64 `json:"over_limit"`  // requests that streamed through instead, unmirrored
}

// HeldBodies is what held request bodies take at the moment.
func (rt *Router) HeldBodies() HeldBodies {
	return HeldBodies{Bytes: rt.held.used.Load(), Limit: rt.held.limit, Over: rt.held.over.Load()}
}

// uploadRate is the least rate at which a caller has to send a body that is held.
// It is measured over as much waiting as the longest silence, so that a caller
// which sends a byte now and then does not keep its memory for ever.
type uploadRate struct {
	perSecond int64 // bytes; 0: any
	window    time.Duration
	waited    time.Duration // for the bytes of this window
	got       int64         // bytes
}

// deadline is when the present window ends if the caller is waited for from now.
func (u *uploadRate) deadline(now time.Time) time.Time { return now.Add(u.window - u.waited) }

// received notes bytes that were waited for so long. A window that has had its
// share is over.
func (u *uploadRate) received(n int, waited time.Duration) {
	u.waited += waited
	if u.got += int64(n); u.got > 0 && float64(u.got) >= float64(u.perSecond)*u.window.Seconds() {
		u.waited, u.got = 0, 0
	}
}
