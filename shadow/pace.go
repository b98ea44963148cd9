package shadow

import (
	"sync/atomic"
	"time"
)

// pace lets so many calls a second pass, with a burst of one second's worth
// (the generic cell rate algorithm: one number, the theoretical arrival time of
// the next call). A nil pace lets everything pass. It takes no lock.
type pace struct {
	interval int64 // nanoseconds between two calls
	burst    int64 // nanoseconds that the arrival time may run ahead
	next     atomic.Int64
}

func newPace(perSecond float64) *pace {
	if perSecond <= 0 {
		return nil
	}
	interval := int64(float64(time.Second) / perSecond)
	return &pace{interval: max(interval, 1), burst: max(int64(time.Second)-interval, 0)}
}

// take reports whether a call may begin now.
func (p *pace) take(now time.Time) bool {
	if p == nil {
		return true
	}
	at := now.UnixNano()
	for {
		next := p.next.Load()
		from := max(next, at)
		if from-at > p.burst {
			return false
		}
		if p.next.CompareAndSwap(next, from+p.interval) {
			return true
		}
	}
}
