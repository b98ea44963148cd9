package upstream

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

// Fleet shares one upstream's limits among sidecars through Redis,
// under the keys Limit, LimitMembers and LimitSlots of internal/rediskeys.
//
// Permits are leased ahead by Limiter.Run, in one round trip of one script, and
// are good for leaseTime; calls take them from memory. Far from the limit a
// sidecar holds some to spare and no call waits for Redis. Near it permits are
// leased for those who wait.
//
// What the fleet sends in any minute stays within the limit as long as Redis
// answers. Beyond it there may be: one burst (a tenth of the limit) for each
// time that Redis lost its memory; and while sidecars can't reach Redis and
// others can, those sidecars' shares. A share is never less than one request a
// minute and one call at a time.
type Fleet struct {
	// Redis should have ContextTimeoutEnabled, or a Redis that hangs is noticed
	// late only.
	Redis     redis.Scripter
	Namespace string // "default" if empty
	Member    string // names this sidecar in the fleet; made up if empty
}

// The rhythm of the books. A permit that is leased but used up to leaseTime
// later could fall into another minute than Redis counted it in; so Redis
// counts minutes that are longer by leaseTime.
const (
	leaseTime   = 3 * time.Second
	heartbeat   = leaseTime / 2
	memberGone  = 10 * time.Second // silence after which a sidecar's slots are free again
	syncTimeout = 300 * time.Millisecond
	// Between two syncs for which nobody waits, and when there is nothing to spare.
	minSpacing   = 10 * time.Millisecond
	tightSpacing = 100 * time.Millisecond
	slotsRetry   = 20 * time.Millisecond // another sidecar's slots come free without a word
	askAgain     = 250 * time.Millisecond
	awayAfter    = 2 // failures in a row
)

//go:embed limiter_fleet.lua
var fleetScript string

// fleet is a limiter's part in a fleet.
type fleet struct {
	o      Fleet
	limits Limits
	script *redis.Script
	keys   []string
	rpm    pool
	tpm    pool
	// Interval in microseconds and size of Redis's buckets; 0: no limit.
	rpmInterval, tpmInterval float64
	rpmBurst, tpmBurst       int64

	on      atomic.Bool            // Redis is the judge
	reason  atomic.Pointer[string] // why not
	members atomic.Int64           // as Redis said last
	calls   atomic.Int64           // that took permits, ever
	owed    atomic.Int64           // tokens used beyond the estimates, or less than 0
	missing atomic.Int64           // tokens of the last call that found no room, plus one; 0: none
	tight   atomic.Bool            // others may wait for a slot that comes free here
	low     [2]atomic.Int64        // requests and tokens below which more are fetched
	rpmRoom atomic.Int64           // when a request may fit at the earliest
	wanted  chan struct{}          // holds one: see want

	// Of run alone.
	usage              [2]usageRate // requests, tokens
	fails              int
	lastSync, notUntil int64
	spacing            time.Duration
	deniedTo           uint64 // the head of the line that notUntil is for
	fair               int64
}

func newFleet(o Fleet, name string, limits Limits) (*fleet, error) {
	if o.Redis == nil {
		return nil, errors.New("a fleet needs a Redis client")
	}
	if o.Member == "" {
		o.Member = fmt.Sprintf("%016x", rand.Uint64())
	}
	redisKeys := rediskeys.In(o.Namespace)
	f := &fleet{
		o: o, limits: limits, script: redis.NewScript(fleetScript),
		keys:   []string{redisKeys.Limit(name), redisKeys.LimitMembers(name), redisKeys.LimitSlots(name)},
		wanted: make(chan struct{}, 1),
	}
	period := minute + leaseTime
	if limits.RPM > 0 {
		interval, burst := emission(limits.RPM, period, limits.Burst)
		f.rpmInterval, f.rpmBurst = float64(interval)/1000, burst
	}
	if limits.TPM > 0 {
		interval, burst := emission(limits.TPM, period, limits.Burst)
		f.tpmInterval, f.tpmBurst = float64(interval)/1000, burst
	}
	starting := "Redis was not asked yet"
	f.reason.Store(&starting)
	return f, nil
}

// take takes a request's permits from memory.
func (f *fleet) take(now, cost int64) refusal {
	requests, tokens := f.rpmInterval > 0, f.tpmInterval > 0
	if requests && !f.rpm.take(now, 1) {
		return refusal{RequestLimit, time.Duration(max(0, f.rpmRoom.Load()-now))}
	}
	if tokens && !f.tpm.take(now, cost) {
		f.giveBack(now)
		return refusal{limit: TokenLimit}
	}
	f.calls.Add(1)
	if requests && f.rpm.left(now) < f.low[0].Load() || tokens && f.tpm.left(now) < f.low[1].Load() {
		f.want()
	}
	return refusal{}
}

// want asks the bookkeeper to look after the permits soon. It never blocks.
func (f *fleet) want() {
	if f == nil {
		return
	}
	select {
	case f.wanted <- struct{}{}:
	default:
	}
}

func (f *fleet) miss(cost int64) {
	f.missing.Store(cost + 1)
	f.want()
}

// owe notes tokens used beyond an estimate, or less than it; much of it is
// reported soon, others may wait for it.
func (f *fleet) owe(tokens int64) {
	if n := f.owed.Add(tokens); n > f.tpmBurst/10 || n < -f.tpmBurst/10 {
		f.want()
	}
}

// freed tells that a slot is free that others may wait for.
func (f *fleet) freed() {
	if f != nil && f.tight.Load() {
		f.want()
	}
}

// giveBack returns a request's permit; its tokens go by the books.
func (f *fleet) giveBack(now int64) {
	if f.rpmInterval > 0 {
		f.rpm.giveBack(now)
	}
}

// share is what a sidecar keeps to while Redis is away.
func (f *fleet) share(l Limits) Limits {
	n := int(max(1, f.members.Load()))
	for _, v := range []*int{&l.RPM, &l.TPM, &l.Concurrency} {
		if *v > 0 {
			*v = max(1, *v/n)
		}
	}
	return l
}

// redisTrouble words an error for operators.
func redisTrouble(err error) string {
	switch text := err.Error(); {
	case errors.Is(err, context.DeadlineExceeded) || strings.Contains(text, "timeout"):
		return "Redis does not answer in time"
	case strings.Contains(text, "NOPERM") || strings.Contains(text, "NOAUTH") || strings.Contains(text, "WRONGPASS"):
		return "Redis refuses: " + text
	default:
		return "Redis can't be used: " + text
	}
}
