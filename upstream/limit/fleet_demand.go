package limit

import "time"

// syncRequest is what a sidecar reports to and asks of the script in fleet.lua.
type syncRequest struct {
	leaving    bool
	requests   want
	tokens     want
	correction int64 // tokens used beyond the estimates
	slots      want  // least: held now
	call       int64 // tokens of a typical call
}

// want is how much of one limit a sidecar asks for.
type want struct {
	least int64 // less than this is of no use
	need  int64 // for calls that are in flight or waiting
	spare int64 // for calls to come, if the fleet can spare it
}

// args are the script's arguments, in its order.
func (r syncRequest) args(m *membership) []any {
	leaving := 0
	if r.leaving {
		leaving = 1
	}
	return []any{
		m.id, leaving, memberTimeout.Microseconds(),
		m.rpm.interval, m.rpm.burst, r.requests.least, r.requests.need, r.requests.spare,
		m.tpm.interval, m.tpm.burst, r.tokens.least, r.tokens.need, r.tokens.spare, r.correction,
		m.limits.Concurrency, r.slots.least, r.slots.need, r.slots.spare, r.call,
	}
}

// syncReply is what the script returns.
type syncReply struct {
	requests      int64         // permits
	requestsAfter time.Duration // until the least that was asked for fits
	tokens        int64
	tokensAfter   time.Duration
	slots         int64 // held from now on
	members       int64
	fairSpare     int64 // spare slots that each sidecar may hold
}

const syncReplyLength = 7

func newSyncReply(v []int64) syncReply {
	return syncReply{
		requests: v[0], requestsAfter: time.Duration(v[1]) * time.Microsecond,
		tokens: v[2], tokensAfter: time.Duration(v[3]) * time.Microsecond,
		slots: v[4], members: v[5], fairSpare: v[6],
	}
}

// newSyncRequest works out what to ask for: enough for the queue and for one call
// that was refused without waiting, and spares by the recent rate of use. Slots
// that are offered back are given up here first.
func (m *membership) newSyncRequest(l *Limiter, now int64, d demand, correction, unmet int64) syncRequest {
	// Permits only count if they live long enough to be used.
	alive := now + int64(syncTimeout)
	calls, head, waiting := d.calls, d.headTokens, d.tokens
	if unmet > 0 && calls == 0 {
		calls, head, waiting = 1, unmet-1, unmet-1
	}
	r := syncRequest{correction: correction}

	held := m.rpm.permits.available(alive)
	r.requests.need = max(0, calls-held)
	r.requests.least = min(r.requests.need, 1)
	r.requests.spare = max(0, m.rpm.forecast.prefetch(m.rpm.permits.used.Load(), now, 1)-held+r.requests.need)

	held = m.tpm.permits.available(alive)
	call := m.tokensPerCall()
	r.tokens.least = max(0, head-held)
	r.tokens.need = max(0, waiting-held)
	r.tokens.spare = max(0, m.tpm.forecast.prefetch(m.tpm.permits.used.Load(), now, call)-held+r.tokens.need)
	r.call = min(call, max(1, r.tokens.spare))

	m.rpm.lowWater.Store((m.rpm.forecast.target + 1) / 2)
	m.tpm.lowWater.Store((m.tpm.forecast.target + 1) / 2)
	if m.limits.Concurrency > 0 {
		inUse := int64(l.slots.inUse())
		r.slots.need = inUse + calls
		r.slots.spare = max(1, inUse/4)
		r.slots.least = inUse
		if m.connected.Load() {
			r.slots.least = int64(l.slots.shrink(int(r.slots.need + min(r.slots.spare, m.fairSpare))))
		}
	}
	return r
}

// firstCallTokens is what the first call is expected to cost.
const firstCallTokens = 1000

// tokensPerCall is about how many tokens a call takes.
func (m *membership) tokensPerCall() int64 {
	if calls := m.calls.Load(); calls > 0 {
		return max(1, m.tpm.permits.used.Load()/calls)
	}
	return firstCallTokens
}

// forecast follows how fast permits are used.
type forecast struct {
	lastUsed, lastAt int64
	rate             float64 // permits per nanosecond, smoothed
	target           int64
}

// prefetch is how many permits to hold until they expire: at least those of one
// call.
func (f *forecast) prefetch(used, now, oneCall int64) int64 {
	if elapsed := now - f.lastAt; elapsed >= int64(100*time.Millisecond) {
		rate := float64(used-f.lastUsed) / float64(elapsed)
		f.rate = max(rate, (f.rate+rate)/2) // rises at once, falls slowly
		f.lastUsed, f.lastAt = used, now
	}
	f.target = max(oneCall, int64(f.rate*1.5*float64(leaseTime))+oneCall)
	return f.target
}
