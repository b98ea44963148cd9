package upstream

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"cutover/exchange"
)

// Limits bound what is sent to an upstream; 0 is no limit.
type Limits struct {
	RPM         int // requests in any minute
	TPM         int // tokens in any minute, prompt and answer together
	Concurrency int // calls under way
	// Burst is the share of a minute's requests or tokens that may pass at
	// once; 0 means a tenth. What is left of the limit comes back steadily.
	Burst float64
}

// Limit names what stopped a call.
type Limit uint8

// The limits. ProviderLimit is what the provider's own headers say is left,
// QueueLimit the length of the line of waiting calls.
const (
	NoLimit Limit = iota
	RequestLimit
	TokenLimit
	ConcurrencyLimit
	ProviderLimit
	QueueLimit
	limitKinds
)

// String is the limit's name in configuration, logs and metrics.
func (l Limit) String() string {
	return [...]string{"", "rpm", "tpm", "concurrency", "provider", "queue"}[min(l, QueueLimit)]
}

// LimitError is returned for a call that may not be made now.
type LimitError struct {
	Upstream string
	Limit    Limit
	After    time.Duration // when it may fit at the earliest; 0: not known
}

func (e *LimitError) Error() string {
	s := "upstream " + e.Upstream + ": over its limit (" + e.Limit.String() + ")"
	if e.After > 0 {
		s += fmt.Sprintf(", room again in %v", e.After.Round(time.Millisecond))
	}
	return s
}

// LimiterOptions set a Limiter up; zero fields take the defaults.
type LimiterOptions struct {
	Name       string // the upstream's
	Limits     Limits
	MaxWaiting int // calls that may wait; 4,096
	// MaxPause bounds how long one header of the provider is believed; 1 min.
	MaxPause time.Duration
	// Fleet shares the limits with other sidecars; nil: they are this one's.
	Fleet *Fleet
}

// Limiter keeps an upstream's limits. A call that has room takes it with a few
// atomic operations and never waits for a lock or the network. A nil Limiter
// limits nothing.
type Limiter struct {
	o       LimiterOptions
	base    time.Time
	calls   slots
	local   atomic.Pointer[buckets]
	fleet   *fleet // nil: local only
	queue   waitQueue
	learnt  perModel[learnt]
	refused [limitKinds]atomic.Uint64
	waited  atomic.Uint64
}

// buckets are the limits of one sidecar on its own.
type buckets struct {
	rpm, tpm    *gcra // nil: no limit
	concurrency int
}

const minute = time.Minute

func newBuckets(l Limits) *buckets {
	b := &buckets{concurrency: unlimited}
	if l.RPM > 0 {
		b.rpm = newGCRA(l.RPM, minute, l.Burst)
	}
	if l.TPM > 0 {
		b.tpm = newGCRA(l.TPM, minute, l.Burst)
	}
	if l.Concurrency > 0 {
		b.concurrency = l.Concurrency
	}
	return b
}

// NewLimiter makes a limiter. It fails on limits that make no sense.
func NewLimiter(o LimiterOptions) (*Limiter, error) {
	if l := o.Limits; l.RPM < 0 || l.TPM < 0 || l.Concurrency < 0 || l.Burst < 0 || l.Burst > 1 {
		return nil, fmt.Errorf("upstream %s: limits: rpm, tpm and concurrency must not be negative, burst must be between 0 and 1", o.Name)
	}
	if o.Limits.Burst == 0 {
		o.Limits.Burst = .1
	}
	o.MaxWaiting = positive(o.MaxWaiting, 4096)
	o.MaxPause = positive(o.MaxPause, minute)
	l := &Limiter{o: o, base: time.Now()}
	l.queue.max = int64(o.MaxWaiting)
	l.learnt.max, l.learnt.make = 256, func() *learnt { return &learnt{} }
	b := newBuckets(o.Limits)
	if o.Fleet != nil && (o.Limits != Limits{Burst: o.Limits.Burst}) {
		f, err := newFleet(*o.Fleet, o.Name, o.Limits)
		if err != nil {
			return nil, fmt.Errorf("upstream %s: limits: %w", o.Name, err)
		}
		l.fleet = f
		b.drain(0) // until Redis has answered: no burst of each sidecar that starts
	}
	l.local.Store(b)
	l.calls.resize(b.concurrency)
	return l, nil
}

func (b *buckets) drain(now int64) {
	for _, g := range []*gcra{b.rpm, b.tpm} {
		if g != nil {
			g.drain(now)
		}
	}
}

// EstimateTokens is what a request is taken to cost before its answer says so:
// four bytes of body a token, and the longest answer that it allows.
func EstimateTokens(bodyBytes, maxTokens int) int { return bodyBytes/4 + maxTokens }

// now is the time since the limiter was made, in nanoseconds, by the monotonic
// clock.
func (l *Limiter) now() int64 { return int64(time.Since(l.base)) }

// TryTake takes room for a call if there is some at once and nobody waits for
// it; what is mirrored must not stand in the way of what is served. The error
// is a *LimitError.
func (l *Limiter) TryTake(model string, tokens int) (Lease, error) {
	return l.Take(context.Background(), model, tokens, 0)
}

// Take takes room for a call to a model (named as the upstream names it) that
// is estimated to cost so many tokens. It waits at most as long as wait, first
// come, first served, and not at all when the wait is known to be longer. The
// error is a *LimitError, or the cause of ctx's end. The lease must be released.
func (l *Limiter) Take(ctx context.Context, model string, tokens int, wait time.Duration) (Lease, error) {
	if l == nil {
		return Lease{}, nil
	}
	cost := int64(max(0, tokens))
	if limit := int64(l.o.Limits.TPM); limit > 0 {
		cost = min(cost, limit)
	}
	no := refusal{limit: Limit(l.queue.why.Load())}
	if !l.queue.busy() {
		var lease Lease
		if lease, no = l.try(model, cost); no.limit == NoLimit {
			return lease, nil
		}
	}
	if wait <= 0 || no.after > wait {
		l.missed(cost)
		return Lease{}, l.refuse(no)
	}
	return l.await(ctx, model, cost, wait)
}

// refusal says what stopped a call and how long it will stop it at least.
type refusal struct {
	limit Limit
	after time.Duration // 0: not known
}

func (l *Limiter) refuse(no refusal) error {
	if no.limit == NoLimit {
		no.limit = QueueLimit // others were first all the time
	}
	l.refused[no.limit].Add(1)
	return &LimitError{Upstream: l.o.Name, Limit: no.limit, After: no.after}
}

// await waits for room until the deadline.
func (l *Limiter) await(ctx context.Context, model string, cost int64, wait time.Duration) (Lease, error) {
	l.waited.Add(1)
	begun := l.now()
	until := begun + int64(wait)
	for {
		lease, no, err := l.standInLine(ctx, model, cost, until)
		if err != nil || no.limit == NoLimit {
			lease.queued = time.Duration(l.now() - begun)
			return lease, err
		}
		rest := time.Duration(until - l.now())
		if no.limit != ProviderLimit || no.after > rest {
			return Lease{}, l.refuse(no)
		}
		// What holds this model back holds no other: wait outside of the line.
		select {
		case <-ctx.Done():
			return Lease{}, context.Cause(ctx)
		case <-time.After(no.after):
		}
	}
}

// standInLine waits for the call's turn and then for room.
func (l *Limiter) standInLine(ctx context.Context, model string, cost, until int64) (Lease, refusal, error) {
	w, ok := l.queue.join(cost)
	if !ok {
		return Lease{}, refusal{limit: QueueLimit}, nil
	}
	defer l.queue.leave(w)
	deadline := time.NewTimer(time.Duration(until - l.now()))
	defer deadline.Stop()
	retry := time.NewTimer(time.Hour)
	defer retry.Stop()
	no := refusal{limit: Limit(l.queue.why.Load())}
	for {
		select {
		case <-w.wake:
		case <-retry.C:
		case <-deadline.C:
			if no.limit == NoLimit {
				no.limit = QueueLimit
			}
			return Lease{}, no, nil
		case <-ctx.Done():
			return Lease{}, refusal{}, context.Cause(ctx)
		}
		if !l.queue.leads(w) {
			continue
		}
		var lease Lease
		lease, no = l.try(model, cost)
		if no.limit == NoLimit || no.limit == ProviderLimit || no.after > time.Duration(until-l.now()) {
			return lease, no, nil
		}
		l.queue.why.Store(uint32(no.limit))
		l.fleet.want()
		if no.after > 0 {
			retry.Reset(no.after)
		}
	}
}

// try takes room under every limit, or under none.
func (l *Limiter) try(model string, cost int64) (Lease, refusal) {
	now := l.now()
	own := l.learnt.find(model)
	if after := own.holds(now, cost); after > 0 {
		return Lease{}, refusal{ProviderLimit, after}
	}
	if !l.calls.take() {
		return Lease{}, refusal{limit: ConcurrencyLimit}
	}
	lease := Lease{l: l, tokens: cost}
	var no refusal
	if f := l.fleet; f != nil && f.on.Load() {
		no = f.take(now, cost)
	} else {
		lease.from = l.local.Load()
		no = lease.from.take(now, cost)
	}
	if no.limit != NoLimit {
		l.calls.release()
		return Lease{}, no
	}
	own.spend(now, cost)
	return lease, refusal{}
}

func (b *buckets) take(now, cost int64) refusal {
	if b.rpm != nil {
		if after := b.rpm.take(now, 1); after > 0 {
			return refusal{RequestLimit, after}
		}
	}
	if b.tpm != nil {
		if after := b.tpm.take(now, cost); after > 0 {
			if b.rpm != nil {
				b.rpm.credit(1)
			}
			return refusal{TokenLimit, after}
		}
	}
	return refusal{}
}

// missed tells the fleet's bookkeeper of a call that found no room and did not
// wait, so that there may be some for the next.
func (l *Limiter) missed(cost int64) {
	if l.fleet != nil {
		l.fleet.miss(cost)
	}
}

// Lease is the room that one call has taken. The zero value holds none. A
// lease belongs to one goroutine at a time; a second Release does nothing.
type Lease struct {
	l       *Limiter
	tokens  int64    // charged so far
	from    *buckets // nil: from the fleet
	settled bool
	queued  time.Duration // waited for it
}

// Settle corrects the estimate by what the answer says that it used. An answer
// that does not say leaves the estimate in force.
func (t *Lease) Settle(u exchange.Usage) {
	if t.l == nil || t.settled || !u.Known || t.l.o.Limits.TPM <= 0 {
		return
	}
	t.settled = true
	t.adjust(int64(max(0, u.InputTokens)) + int64(max(0, u.OutputTokens)))
}

// atMost is an estimate of n tokens as far as it was charged: what is beyond
// the whole limit never was.
func (t *Lease) atMost(n int) int { return int(min(int64(n), t.tokens)) }

func (t *Lease) adjust(actual int64) {
	more := actual - t.tokens
	t.tokens = actual
	switch {
	case more == 0:
		return
	case t.from == nil:
		t.l.fleet.owe(more)
	case t.from.tpm == nil:
		return
	case more > 0:
		t.from.tpm.charge(t.l.now(), more)
		return
	default:
		t.from.tpm.credit(-more)
	}
	t.l.queue.notify()
}

// Release ends the call: another may take its place.
func (t *Lease) Release() {
	l := t.l
	if l == nil {
		return
	}
	t.l = nil
	l.calls.release()
	l.queue.notify()
	l.fleet.freed()
}

// Cancel gives everything back: the call was never made.
func (t *Lease) Cancel() {
	if t.l == nil {
		return
	}
	if t.from == nil {
		t.l.fleet.giveBack(t.l.now())
	} else if t.from.rpm != nil {
		t.from.rpm.credit(1)
	}
	if t.l.o.Limits.TPM > 0 && !t.settled {
		t.adjust(0)
	}
	t.Release()
}
