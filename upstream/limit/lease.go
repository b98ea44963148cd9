package limit

import (
	"time"

	"cutover/exchange"
)

// Lease is what one call has acquired. The zero value holds nothing. A lease
// belongs to one goroutine at a time; a second Release does nothing.
type Lease struct {
	limiter *Limiter
	charged int64        // tokens
	local   *localLimits // nil: charged to the fleet
	settled bool
	queued  time.Duration
}

// Queued is how long the call waited in the queue; 0: not at all.
func (t *Lease) Queued() time.Duration { return t.queued }

// Charged is how many tokens are charged for the call. It can be less than the
// estimate, since no call is charged more than the whole limit.
func (t *Lease) Charged() int { return int(t.charged) }

// SettleTokens replaces the estimate with the usage that the response reports.
// Without a reported usage the estimate stands.
func (t *Lease) SettleTokens(u exchange.Usage) {
	if t.limiter == nil || t.settled || !u.Known || t.limiter.limits.TPM <= 0 {
		return
	}
	t.settled = true
	t.recharge(int64(max(0, u.InputTokens)) + int64(max(0, u.OutputTokens)))
}

// recharge charges the call this many tokens in place of what it was charged.
func (t *Lease) recharge(tokens int64) {
	more := tokens - t.charged
	t.charged = tokens
	switch {
	case more == 0:
		return
	case t.local == nil:
		t.limiter.fleet.correctTokens(more)
	case t.local.tpm == nil:
		return
	case more > 0:
		t.local.tpm.charge(t.limiter.now(), more)
		return
	default:
		t.local.tpm.credit(-more)
	}
	t.limiter.queue.wakeHead()
}

// Release ends the call: another one may take its slot.
func (t *Lease) Release() {
	l := t.limiter
	if l == nil {
		return
	}
	t.limiter = nil
	l.slots.release()
	l.queue.wakeHead()
	l.fleet.slotFreed()
}

// Cancel releases the lease and refunds everything: the call was never made.
func (t *Lease) Cancel() {
	if t.limiter == nil {
		return
	}
	if t.local == nil {
		t.limiter.fleet.refundRequest(t.limiter.now())
	} else if t.local.rpm != nil {
		t.local.rpm.credit(1)
	}
	if t.limiter.limits.TPM > 0 && !t.settled {
		t.recharge(0)
	}
	t.Release()
}
