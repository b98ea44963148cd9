package upstream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// run keeps the books with Redis until ctx is done, then signs off.
func (f *fleet) run(ctx context.Context, l *Limiter) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			f.leave(l)
			return nil
		case <-f.wanted:
		case <-timer.C:
		}
		now := l.now()
		if early := f.tooEarly(l, now); early > 0 {
			timer.Reset(early)
			continue
		}
		err := f.sync(ctx, l)
		if ctx.Err() != nil {
			continue
		}
		f.judge(l, err)
		timer.Reset(f.nextSync(l))
	}
}

// tooEarly says how long to wait before Redis is asked again.
func (f *fleet) tooEarly(l *Limiter, now int64) time.Duration {
	switch {
	case f.fails > 0: // nobody's need brings Redis back
	case !l.queue.busy():
		return time.Duration(max(f.lastSync+int64(f.spacing), f.notUntil) - now)
	case l.queue.demand().seq != f.deniedTo:
		return 0 // another call's need was not judged yet
	}
	return time.Duration(f.notUntil - now)
}

// nextSync is when to ask without being told.
func (f *fleet) nextSync(l *Limiter) time.Duration {
	if f.fails > 0 || l.queue.busy() {
		return max(time.Duration(f.notUntil-l.now()), time.Millisecond)
	}
	return jitter(heartbeat)
}

// jitter shortens a rhythm by up to a fifth, so that sidecars don't march in step.
func jitter(d time.Duration) time.Duration { return d - rand.N(d/5+1) }

// judge switches between Redis and the share of one's own.
func (f *fleet) judge(l *Limiter, err error) {
	if err == nil {
		f.fails = 0
		if !f.on.Swap(true) {
			l.queue.notify()
		}
		return
	}
	f.fails++
	f.notUntil = l.now() + int64(jitter(50*time.Millisecond))
	if f.fails >= awayAfter {
		f.notUntil = l.now() + int64(jitter(time.Second))
		f.goAway(l, redisTrouble(err))
	}
}

// goAway falls back to a share of one's own. It begins without a burst: what
// the fleet spent last is not known.
func (f *fleet) goAway(l *Limiter, reason string) {
	f.reason.Store(&reason)
	if !f.on.Load() && f.members.Load() == 0 {
		return // never joined: the whole limit, as at the start
	}
	if f.on.Swap(false) {
		b := newBuckets(f.share(f.limits))
		b.drain(l.now())
		l.local.Store(b)
		l.calls.resize(b.concurrency)
		f.rpm.clear()
		f.tpm.clear()
		l.queue.notify()
	}
}

// leave signs off: the slots go back to the fleet at once.
func (f *fleet) leave(l *Limiter) {
	f.goAway(l, "this sidecar is stopping")
	ctx, cancel := context.WithTimeout(context.Background(), syncTimeout)
	defer cancel()
	a := f.ask(l, l.now())
	a[1] = 1
	_ = f.script.Run(ctx, f.o.Redis, f.keys, a...).Err() // a sidecar that says nothing is forgotten anyway
}

// sync is one round trip: what was used goes in, new permits come out.
func (f *fleet) sync(ctx context.Context, l *Limiter) error {
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	sent := l.now() // permits age from before Redis counted them
	f.lastSync = sent
	d := l.queue.demand()
	owed := f.owed.Swap(0)
	missing := f.missing.Swap(0)
	a := f.askFor(l, sent, d, owed, missing)
	v, err := f.script.Run(ctx, f.o.Redis, f.keys, a...).Int64Slice()
	if err == nil && len(v) != replyLength {
		err = fmt.Errorf("the script answered %d values", len(v))
	}
	if err != nil {
		f.owed.Add(owed)
		if errors.Is(err, context.Canceled) {
			f.missing.Store(missing)
		}
		return err
	}
	f.settle(l, sent, d, a, v)
	return nil
}

const replyLength = 7

// settle puts the script's answer v to the arguments a to use.
func (f *fleet) settle(l *Limiter, sent int64, d demand, a []any, v []int64) {
	requests, tokens, held, size := v[0], v[2], v[4], v[5]
	until := sent + int64(leaseTime)
	now := l.now()
	if requests > 0 {
		f.rpm.add(now, requests, until)
	}
	if tokens > 0 {
		f.tpm.add(now, tokens, until)
	}
	f.spacing = minSpacing
	if requests < a[6].(int64)+a[7].(int64) || tokens < a[11].(int64)+a[12].(int64) {
		f.spacing = tightSpacing // there is nothing to spare
	}
	wait := time.Duration(max(v[1], v[3])) * time.Microsecond
	f.rpmRoom.Store(now + v[1]*1000)
	if f.limits.Concurrency > 0 {
		l.calls.resize(int(held))
		f.fair = v[6]
		f.tight.Store(f.fair == 0)
		if held < int64(l.calls.used())+d.calls {
			wait = max(wait, slotsRetry)
		}
	}
	f.members.Store(size)
	f.deniedTo, f.notUntil = d.seq, 0
	if wait > 0 { // the more sidecars wait, the less often each asks
		// Others give back what they did not use: room may come sooner than told.
		wait = min(wait, askAgain*time.Duration(1+size/100))
		spread := wait * time.Duration(min(size, 64)) / 4
		f.notUntil = now + int64(wait+rand.N(min(spread, 250*time.Millisecond)+time.Microsecond))
	}
	l.queue.notify()
}

// ask is the script's arguments for a sidecar that wants nothing.
func (f *fleet) ask(l *Limiter, now int64) []any { return f.askFor(l, now, demand{}, 0, 0) }

// askFor is the script's arguments.
func (f *fleet) askFor(l *Limiter, now int64, d demand, owed, missing int64) []any {
	// Permits are only counted on as far as they live long enough to be used.
	alive := now + int64(syncTimeout)
	calls, head, waiting := d.calls, d.head, d.tokens
	if missing > 0 && calls == 0 { // room for the next one like it
		calls, head, waiting = 1, missing-1, missing-1
	}
	need := max(0, calls-f.rpm.left(alive))
	spare := max(0, f.usage[0].ahead(f.rpm.used.Load(), now, 1)-f.rpm.left(alive)+need)
	left := f.tpm.left(alive)
	headTokens := max(0, head-left)
	needTokens := max(0, waiting-left)
	call := f.perCall()
	spareTokens := max(0, f.usage[1].ahead(f.tpm.used.Load(), now, call)-left+needTokens)
	f.low[0].Store((f.usage[0].spare + 1) / 2)
	f.low[1].Store((f.usage[1].spare + 1) / 2)
	slots, wantSlots, spareSlots := 0, int64(0), int64(0)
	if f.limits.Concurrency > 0 {
		used := int64(l.calls.used())
		wantSlots = used + calls
		spareSlots = max(1, used/4)
		// Slots are given up here before they are given up there.
		if f.on.Load() {
			slots = l.calls.shrink(int(wantSlots + min(spareSlots, f.fair)))
		} else {
			slots = int(used)
		}
	}
	return []any{
		f.o.Member, 0, memberGone.Microseconds(),
		f.rpmInterval, f.rpmBurst, min(need, 1), need, spare,
		f.tpmInterval, f.tpmBurst, headTokens, needTokens, spareTokens, owed,
		f.limits.Concurrency, slots, wantSlots, spareSlots, min(call, max(1, spareTokens)),
	}
}

// firstCall is how many tokens the first call is expected to take.
const firstCall = 1000

// perCall is about how many tokens a call takes.
func (f *fleet) perCall() int64 {
	if calls := f.calls.Load(); calls > 0 {
		return max(1, f.tpm.used.Load()/calls)
	}
	return firstCall
}

// usageRate follows how fast permits are used.
type usageRate struct {
	seen, at int64
	rate     float64 // permits a nanosecond, smoothed
	spare    int64
}

// ahead is how many permits to hold for what comes until they expire: at least
// those of one call.
func (u *usageRate) ahead(used, now, one int64) int64 {
	if since := now - u.at; since >= int64(100*time.Millisecond) {
		rate := float64(used-u.seen) / float64(since)
		u.rate = max(rate, (u.rate+rate)/2) // rises at once, falls slowly
		u.seen, u.at = used, now
	}
	u.spare = max(one, int64(u.rate*1.5*float64(leaseTime))+one)
	return u.spare
}
