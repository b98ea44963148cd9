package limit

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"cutover/upstream/internal/permodel"
)

// Options configure a Limiter.
type Options struct {
	Name   string // the upstream's
	Limits Limits
	Fleet  *Fleet // shares the limits with other sidecars; nil: this sidecar has them to itself
}

const (
	maxWaiting = 4096   // calls in the queue
	maxPause   = minute // how long a provider's header may hold calls back
	maxModels  = 256    // models whose provider limits are kept apart
)

// Limiter enforces an upstream's limits. A call that fits acquires its lease with
// a few atomic operations and never waits for a lock or the network. A nil
// Limiter limits nothing.
type Limiter struct {
	name      string
	limits    Limits
	start     time.Time
	slots     slots
	local     atomic.Pointer[localLimits]
	fleet     *membership // nil: local only
	queue     queue
	providers *permodel.Map[providerLimits]
	refused   [kinds]atomic.Uint64
	waited    atomic.Uint64
}

// New makes a limiter. It fails on limits that make no sense, and on a Fleet
// without a Redis client.
func New(o Options) (*Limiter, error) {
	if err := o.Limits.validate(); err != nil {
		return nil, fmt.Errorf("upstream %s: limits: %w", o.Name, err)
	}
	if o.Limits.Burst == 0 {
		o.Limits.Burst = defaultBurst
	}
	l := &Limiter{
		name: o.Name, limits: o.Limits, start: time.Now(), queue: queue{max: maxWaiting},
		providers: permodel.New(maxModels, func() *providerLimits { return &providerLimits{} }),
	}
	local := newLocalLimits(o.Limits)
	if o.Fleet != nil && o.Limits.any() {
		m, err := newMembership(*o.Fleet, o.Name, o.Limits)
		if err != nil {
			return nil, fmt.Errorf("upstream %s: limits: %w", o.Name, err)
		}
		l.fleet = m
		local.drain(0) // until Redis has replied: a burst per starting sidecar would add up
	}
	l.local.Store(local)
	l.slots.resize(local.concurrency)
	return l, nil
}

// now is the time since the limiter was made, in nanoseconds, by the monotonic
// clock.
func (l *Limiter) now() int64 { return int64(time.Since(l.start)) }

// TryAcquire acquires a lease if the call fits at once and no other call is
// waiting: shadow requests must not get ahead of served calls. The error is an
// *Error.
func (l *Limiter) TryAcquire(model string, tokens int) (Lease, error) {
	return l.Acquire(context.Background(), model, tokens, 0)
}

// Acquire acquires a lease for a call to a model (by the upstream's name for it)
// with an estimated cost in tokens. It waits at most timeout, first come, first
// served, and not at all if the wait is known to be longer. The error is an
// *Error, or the cause of ctx's end. The lease must be released.
func (l *Limiter) Acquire(ctx context.Context, model string, tokens int, timeout time.Duration) (Lease, error) {
	if l == nil {
		return Lease{}, nil
	}
	cost := int64(max(0, tokens))
	if limit := int64(l.limits.TPM); limit > 0 {
		cost = min(cost, limit)
	}
	denied := refusal{kind: Kind(l.queue.blockedBy.Load())}
	if l.queue.empty() {
		var lease Lease
		if lease, denied = l.acquireNow(model, cost); denied.kind == None {
			return lease, nil
		}
	}
	if timeout <= 0 || denied.after > timeout {
		if l.fleet != nil {
			l.fleet.recordUnmet(cost)
		}
		return Lease{}, l.refuse(denied)
	}
	return l.acquireQueued(ctx, model, cost, timeout)
}

// refusal says which limit stopped a call, and for how long at least.
type refusal struct {
	kind  Kind
	after time.Duration // 0: unknown
}

func (l *Limiter) refuse(r refusal) error {
	if r.kind == None {
		r.kind = Queue // other calls were ahead all the time
	}
	l.refused[r.kind].Add(1)
	return &Error{Upstream: l.name, Kind: r.kind, After: r.after}
}

// acquireQueued waits in the queue for a lease.
func (l *Limiter) acquireQueued(ctx context.Context, model string, cost int64, timeout time.Duration) (Lease, error) {
	l.waited.Add(1)
	begun := l.now()
	deadline := begun + int64(timeout)
	for {
		lease, denied, err := l.waitTurn(ctx, model, cost, deadline)
		if err != nil || denied.kind == None {
			lease.queued = time.Duration(l.now() - begun)
			return lease, err
		}
		remaining := time.Duration(deadline - l.now())
		if denied.kind != Provider || denied.after > remaining {
			return Lease{}, l.refuse(denied)
		}
		// A provider's limit holds back this model alone, so wait outside of the
		// queue and let the other models pass.
		select {
		case <-ctx.Done():
			return Lease{}, context.Cause(ctx)
		case <-time.After(denied.after):
		}
	}
}

// waitTurn joins the queue, waits to become its head, and then for capacity.
func (l *Limiter) waitTurn(ctx context.Context, model string, cost, deadline int64) (Lease, refusal, error) {
	w, ok := l.queue.join(cost)
	if !ok {
		return Lease{}, refusal{kind: Queue}, nil
	}
	defer l.queue.leave(w)
	expired := time.NewTimer(time.Duration(deadline - l.now()))
	defer expired.Stop()
	retry := time.NewTimer(time.Hour)
	defer retry.Stop()
	denied := refusal{kind: Kind(l.queue.blockedBy.Load())}
	for {
		select {
		case <-w.woken:
		case <-retry.C:
		case <-expired.C:
			if denied.kind == None {
				denied.kind = Queue
			}
			return Lease{}, denied, nil
		case <-ctx.Done():
			return Lease{}, refusal{}, context.Cause(ctx)
		}
		if !l.queue.isHead(w) {
			continue
		}
		var lease Lease
		lease, denied = l.acquireNow(model, cost)
		if denied.kind == None || denied.kind == Provider || denied.after > time.Duration(deadline-l.now()) {
			return lease, denied, nil
		}
		l.queue.blockedBy.Store(uint32(denied.kind))
		l.fleet.requestSync()
		if denied.after > 0 {
			retry.Reset(denied.after)
		}
	}
}

// acquireNow charges every limit, or none.
func (l *Limiter) acquireNow(model string, cost int64) (Lease, refusal) {
	now := l.now()
	provider := l.providers.Lookup(model, time.Duration(now))
	if wait := provider.waitTime(now, cost); wait > 0 {
		return Lease{}, refusal{Provider, wait}
	}
	if !l.slots.acquire() {
		return Lease{}, refusal{kind: Concurrency}
	}
	lease := Lease{limiter: l, charged: cost}
	var denied refusal
	if m := l.fleet; m != nil && m.connected.Load() {
		denied = m.acquire(now, cost)
	} else {
		lease.local = l.local.Load()
		denied = lease.local.acquire(now, cost)
	}
	if denied.kind != None {
		l.slots.release()
		return Lease{}, denied
	}
	provider.charge(now, cost)
	return lease, refusal{}
}
