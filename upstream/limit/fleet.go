package limit

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"cutover/internal/rediskeys"
)

// Fleet shares one upstream's limits among sidecars through Redis, under the
// keys Limit, LimitMembers and LimitSlots of internal/rediskeys.
//
// Limiter.Run leases permits ahead of need, in one round trip of one script.
// They are good for leaseTime, and calls take them from memory. Far from the
// limit a sidecar holds spare permits and no call waits for Redis. Near it,
// permits are leased for the calls that wait.
//
// What the fleet sends in any minute stays within the limit as long as Redis is
// available. It can exceed the limit by one burst for each time that Redis lost
// its memory and, while some sidecars can't reach Redis and others can, by the
// shares of those that can't. A share is never less than one request a minute
// and one call at a time.
type Fleet struct {
	// Redis should have ContextTimeoutEnabled: without it, a Redis that hangs is
	// noticed late.
	Redis     redis.Scripter
	Namespace string // "default" if empty
}

// Redis counts windows that are longer than a minute by leaseTime: a permit may
// be used up to leaseTime after it was leased, and so fall into a later minute
// than the one Redis counted it in.
const (
	leaseTime     = 3 * time.Second
	heartbeat     = leaseTime / 2
	memberTimeout = 10 * time.Second // silence after which a sidecar's slots are free again
	syncTimeout   = 300 * time.Millisecond
	awayAfter     = 2 // failures in a row
)

//go:embed fleet.lua
var fleetScript string

// membership is one limiter's part in a fleet.
type membership struct {
	redis  redis.Scripter
	id     string // this sidecar in the fleet
	limits Limits
	script *redis.Script
	keys   []string
	rpm    fleetBucket
	tpm    fleetBucket

	connected   atomic.Bool            // Redis enforces the limits
	reason      atomic.Pointer[string] // why it does not
	members     atomic.Int64           // in Redis's latest reply
	calls       atomic.Int64           // total calls that got permits
	correction  atomic.Int64           // tokens used beyond the estimates (negative: less) and not yet reported
	unmet       atomic.Int64           // tokens of the last call that was refused without waiting, plus one; 0: none
	contended   atomic.Bool            // others may wait for a slot that is freed here
	rpmFreeAt   atomic.Int64           // earliest time at which a request may fit
	syncPending chan struct{}          // capacity 1: see requestSync

	// Of the goroutine in run alone.
	failures            int
	lastSync, notBefore int64
	minGap              time.Duration // between two syncs for which no call waits
	deniedSeq           uint64        // the queue's head that notBefore was set for
	fairSpare           int64         // spare slots that each sidecar may hold
}

// fleetBucket is a rate limit that the fleet shares: its parameters in Redis and
// the permits that are held here.
type fleetBucket struct {
	interval float64 // microseconds per unit; 0: no limit
	burst    int64   // units
	permits  permits
	forecast forecast     // of the goroutine in run alone
	lowWater atomic.Int64 // permits below which more are requested
}

func (b *fleetBucket) limited() bool { return b.interval > 0 }

func (b *fleetBucket) isLow(now int64) bool {
	return b.limited() && b.permits.available(now) < b.lowWater.Load()
}

func (b *fleetBucket) configure(perMinute int, burst float64) {
	if perMinute > 0 {
		interval, units := gcraParameters(perMinute, minute+leaseTime, burst)
		b.interval, b.burst = float64(interval)/1000, units
	}
}

func newMembership(o Fleet, upstream string, limits Limits) (*membership, error) {
	if o.Redis == nil {
		return nil, errors.New("a fleet needs a Redis client")
	}
	keys := rediskeys.In(o.Namespace)
	m := &membership{
		redis: o.Redis, id: fmt.Sprintf("%016x", rand.Uint64()), limits: limits, script: redis.NewScript(fleetScript),
		keys:        []string{keys.Limit(upstream), keys.LimitMembers(upstream), keys.LimitSlots(upstream)},
		syncPending: make(chan struct{}, 1),
	}
	m.rpm.configure(limits.RPM, limits.Burst)
	m.tpm.configure(limits.TPM, limits.Burst)
	starting := "not yet connected to Redis"
	m.reason.Store(&starting)
	return m, nil
}

// acquire takes a call's permits from memory.
func (m *membership) acquire(now, tokens int64) refusal {
	if m.rpm.limited() && !m.rpm.permits.acquire(now, 1) {
		return refusal{Requests, time.Duration(max(0, m.rpmFreeAt.Load()-now))}
	}
	if m.tpm.limited() && !m.tpm.permits.acquire(now, tokens) {
		m.refundRequest(now)
		return refusal{kind: Tokens}
	}
	m.calls.Add(1)
	if m.rpm.isLow(now) || m.tpm.isLow(now) {
		m.requestSync()
	}
	return refusal{}
}

// requestSync asks run to sync with Redis soon. It never blocks.
func (m *membership) requestSync() {
	if m == nil {
		return
	}
	select {
	case m.syncPending <- struct{}{}:
	default:
	}
}

// recordUnmet records a call that was refused without waiting, so that the next
// sync gets permits for one like it.
func (m *membership) recordUnmet(tokens int64) {
	m.unmet.Store(tokens + 1)
	m.requestSync()
}

// correctTokens records tokens used beyond an estimate, or less than it. A large
// correction is reported soon: others may wait for the tokens.
func (m *membership) correctTokens(tokens int64) {
	if n := m.correction.Add(tokens); n > m.tpm.burst/10 || n < -m.tpm.burst/10 {
		m.requestSync()
	}
}

// slotFreed reports a slot that others may wait for.
func (m *membership) slotFreed() {
	if m != nil && m.contended.Load() {
		m.requestSync()
	}
}

// refundRequest returns a request's permit. Its tokens go by correctTokens.
func (m *membership) refundRequest(now int64) {
	if m.rpm.limited() {
		m.rpm.permits.refund(now)
	}
}

// share is what this sidecar keeps to while Redis is unavailable.
func (m *membership) share(l Limits) Limits {
	n := int(max(1, m.members.Load()))
	for _, v := range []*int{&l.RPM, &l.TPM, &l.Concurrency} {
		if *v > 0 {
			*v = max(1, *v/n)
		}
	}
	return l
}

// describeRedisError words an error for operators.
func describeRedisError(err error) string {
	switch text := err.Error(); {
	case errors.Is(err, context.DeadlineExceeded) || strings.Contains(text, "timeout"):
		return "Redis does not respond in time"
	case strings.Contains(text, "NOPERM") || strings.Contains(text, "NOAUTH") || strings.Contains(text, "WRONGPASS"):
		return "Redis denies access: " + text
	default:
		return "Redis is unavailable: " + text
	}
}
