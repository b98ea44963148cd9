package limit

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// The rhythm of syncs, besides the heartbeat.
const (
	minSpacing   = 10 * time.Millisecond  // between two syncs for which no call waits
	tightSpacing = 100 * time.Millisecond // the same when the fleet has nothing to spare
	// Slots that another sidecar frees are not announced, so a sidecar whose calls
	// wait for one asks again after slotsRetry, and for anything after maxRetry
	// at the latest.
	slotsRetry = 20 * time.Millisecond
	maxRetry   = 250 * time.Millisecond
)

// Run keeps the fleet's share of the limits up to date until ctx is done.
// Without a Fleet it only waits. Call it once. Until it runs, calls keep to the
// whole limit, without its burst.
func (l *Limiter) Run(ctx context.Context) error {
	if l == nil || l.fleet == nil {
		<-ctx.Done()
		return nil
	}
	l.fleet.run(ctx, l)
	return nil
}

// run syncs with Redis until ctx is done, then deregisters.
func (m *membership) run(ctx context.Context, l *Limiter) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			m.deregister(l)
			return
		case <-m.syncPending:
		case <-timer.C:
		}
		now := l.now()
		if wait := m.untilNextSync(l, now); wait > 0 {
			timer.Reset(wait)
			continue
		}
		err := m.sync(ctx, l)
		if ctx.Err() != nil {
			continue
		}
		m.updateMode(l, err)
		timer.Reset(m.heartbeatDelay(l))
	}
}

// untilNextSync is how long a requested sync has to wait; not positive: not at all.
func (m *membership) untilNextSync(l *Limiter, now int64) time.Duration {
	switch {
	case m.failures > 0: // however urgent it is, asking does not bring Redis back
	case l.queue.empty():
		return time.Duration(max(m.lastSync+int64(m.minGap), m.notBefore) - now)
	case l.queue.demand().headSeq != m.deniedSeq:
		return 0 // Redis has not been asked for this call yet
	}
	return time.Duration(m.notBefore - now)
}

// heartbeatDelay is when to sync if nothing requests it.
func (m *membership) heartbeatDelay(l *Limiter) time.Duration {
	if m.failures > 0 || !l.queue.empty() {
		return max(time.Duration(m.notBefore-l.now()), time.Millisecond)
	}
	return jitter(heartbeat)
}

// jitter shortens a delay by up to a fifth, so that sidecars don't run in step.
func jitter(d time.Duration) time.Duration { return d - rand.N(d/5+1) }

// updateMode switches between Redis and this sidecar's own share.
func (m *membership) updateMode(l *Limiter, err error) {
	if err == nil {
		m.failures = 0
		if !m.connected.Swap(true) {
			l.queue.wakeHead()
		}
		return
	}
	m.failures++
	m.notBefore = l.now() + int64(jitter(50*time.Millisecond))
	if m.failures >= awayAfter {
		m.notBefore = l.now() + int64(jitter(time.Second))
		m.fallBackToShare(l, describeRedisError(err))
	}
}

// fallBackToShare enforces this sidecar's share locally. It starts without a
// burst, because what the fleet spent last is unknown.
func (m *membership) fallBackToShare(l *Limiter, reason string) {
	m.reason.Store(&reason)
	if !m.connected.Load() && m.members.Load() == 0 {
		return // never joined: the whole limit applies, as at the start
	}
	if m.connected.Swap(false) {
		local := newLocalLimits(m.share(m.limits))
		local.drain(l.now())
		l.local.Store(local)
		l.slots.resize(local.concurrency)
		m.rpm.permits.clear()
		m.tpm.permits.clear()
		l.queue.wakeHead()
	}
}

// deregister returns the slots to the fleet at once.
func (m *membership) deregister(l *Limiter) {
	m.fallBackToShare(l, "this sidecar is stopping")
	ctx, cancel := context.WithTimeout(context.Background(), syncTimeout)
	defer cancel()
	r := m.newSyncRequest(l, l.now(), demand{}, 0, 0)
	r.leaving = true
	_ = m.script.Run(ctx, m.redis, m.keys, r.args(m)...).Err() // a silent member expires anyway
}

// sync is one round trip: it reports what was used and leases new permits.
func (m *membership) sync(ctx context.Context, l *Limiter) error {
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	sent := l.now() // permits age from before Redis counted them
	m.lastSync = sent
	d := l.queue.demand()
	correction := m.correction.Swap(0)
	unmet := m.unmet.Swap(0)
	r := m.newSyncRequest(l, sent, d, correction, unmet)
	v, err := m.script.Run(ctx, m.redis, m.keys, r.args(m)...).Int64Slice()
	if err == nil && len(v) != syncReplyLength {
		err = fmt.Errorf("the script returned %d values", len(v))
	}
	if err != nil {
		m.correction.Add(correction)
		if errors.Is(err, context.Canceled) {
			m.unmet.Store(unmet)
		}
		return err
	}
	m.applyReply(l, sent, d, r, newSyncReply(v))
	return nil
}

// applyReply puts the permits and slots in a reply to use.
func (m *membership) applyReply(l *Limiter, sent int64, d demand, r syncRequest, reply syncReply) {
	expires := sent + int64(leaseTime)
	now := l.now()
	if reply.requests > 0 {
		m.rpm.permits.add(now, reply.requests, expires)
	}
	if reply.tokens > 0 {
		m.tpm.permits.add(now, reply.tokens, expires)
	}
	m.minGap = minSpacing
	if reply.requests < r.requests.need+r.requests.spare || reply.tokens < r.tokens.need+r.tokens.spare {
		m.minGap = tightSpacing
	}
	wait := max(reply.requestsAfter, reply.tokensAfter)
	m.rpmFreeAt.Store(now + int64(reply.requestsAfter))
	if m.limits.Concurrency > 0 {
		l.slots.resize(int(reply.slots))
		m.fairSpare = reply.fairSpare
		m.contended.Store(m.fairSpare == 0)
		if reply.slots < int64(l.slots.inUse())+d.calls {
			wait = max(wait, slotsRetry)
		}
	}
	m.members.Store(reply.members)
	m.deniedSeq, m.notBefore = d.headSeq, 0
	if wait > 0 { // the more sidecars there are, the less often each asks
		// Others return what they did not use, so there may be capacity sooner.
		wait = min(wait, maxRetry*time.Duration(1+reply.members/100))
		spread := wait * time.Duration(min(reply.members, 64)) / 4
		m.notBefore = now + int64(wait+rand.N(min(spread, 250*time.Millisecond)+time.Microsecond))
	}
	l.queue.wakeHead()
}
