package limit

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cutover/exchange"
)

// startFleet runs n sidecars' limiters over one Redis until the test ends.
func startFleet(t *testing.T, r *redisServer, n int, limits Limits) []*Limiter {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	fleet := make([]*Limiter, n)
	for i := range fleet {
		l, err := New(Options{Name: "relay", Limits: limits, Fleet: &Fleet{Redis: r.client()}})
		if err != nil {
			t.Fatal(err)
		}
		fleet[i] = l
		wg.Go(func() {
			if err := l.Run(ctx); err != nil {
				t.Errorf("Run: %v", err)
			}
		})
	}
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	joined(t, fleet)
	return fleet
}

func joined(t *testing.T, fleet []*Limiter) {
	t.Helper()
	within(t, 10*time.Second, "the fleet knows itself", func() bool {
		for _, l := range fleet {
			if s := l.State(); s.Mode != "fleet" || s.Fleet != len(fleet) {
				return false
			}
		}
		return true
	})
}

// hammer has every limiter asked by callers as fast as they can until stop is
// closed, and returns when each call passed, since begin.
func hammer(fleet []*Limiter, callers int, tokens int, begin time.Time, stop <-chan struct{}) []time.Duration {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var passed []time.Duration
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, l := range fleet {
		for range callers {
			wg.Go(func() {
				for {
					lease, err := l.Acquire(ctx, "m", tokens, 500*time.Millisecond)
					select {
					case <-stop:
						lease.Cancel()
						return
					default:
					}
					if err == nil {
						mu.Lock()
						passed = append(passed, time.Since(begin))
						mu.Unlock()
						lease.Release()
					}
				}
			})
		}
	}
	<-stop
	cancel()
	wg.Wait()
	return passed
}

// Ten sidecars that all want more than there is: together they get the limit's
// burst and its rate, and not a call more.
func TestFleetKeepsOneLimit(t *testing.T) {
	const rpm = 12_000
	for _, row := range []struct {
		name   string
		limits Limits
		tokens int
		spare  int // calls that each sidecar has room for from before
	}{
		{"requests", Limits{RPM: rpm}, 0, 1},
		{"tokens", Limits{TPM: rpm * 100}, 100, firstCallTokens / 100},
		{"both", Limits{RPM: rpm, TPM: rpm * 1000}, 100, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			fleet := startFleet(t, startRedis(t), 10, row.limits)
			stop := make(chan struct{})
			time.AfterFunc(2*time.Second, func() { close(stop) })
			begin := time.Now()
			passed := hammer(fleet, 4, row.tokens, begin, stop)
			took := time.Since(begin)
			interval, burst := gcraParameters(rpm, minute+leaseTime, .1)
			most := int(burst) + int(took/time.Duration(interval)) + len(fleet)*row.spare
			if n := len(passed); n > most || n < most*85/100 {
				t.Errorf("%d calls passed in %v, want %d to %d", n, took, most*85/100, most)
			}
			t.Logf("%d of at most %d passed in %v", len(passed), most, took.Round(time.Millisecond))
		})
	}
}

// Far from the limit no call waits for Redis, and mirrored calls, which never
// wait, find room.
func TestFleetFarFromTheLimit(t *testing.T) {
	fleet := startFleet(t, startRedis(t), 10, Limits{RPM: 60_000, TPM: 60_000_000, Concurrency: 1000})
	warm := func(l *Limiter) bool {
		lease, err := l.TryAcquire("m", 500)
		lease.Release()
		return err == nil
	}
	for _, l := range fleet {
		within(t, 5*time.Second, "a permit to spare", func() bool { return warm(l) })
	}
	refused := 0
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for i := range 400 { // 200 a second, of 1,000 that are allowed
		<-tick.C
		lease, err := fleet[i%len(fleet)].TryAcquire("m", 500)
		if err != nil {
			refused++
			continue
		}
		lease.SettleTokens(exchange.Usage{Known: true, InputTokens: 300})
		lease.Release()
	}
	if refused > 4 {
		t.Errorf("%d of 400 calls found no room at a fifth of the limit", refused)
	}
}

// An idle sidecar does not keep what others need, and gets some when it asks.
func TestFleetSharesFollowTheNeed(t *testing.T) {
	t.Parallel()
	fleet := startFleet(t, startRedis(t), 10, Limits{Concurrency: 4})
	for round := range 3 {
		var leases []Lease
		for range 4 { // one sidecar alone may have all
			lease, err := fleet[round].Acquire(t.Context(), "m", 0, 5*time.Second)
			if err != nil {
				t.Fatalf("round %d, call %d: %v", round, len(leases), err)
			}
			leases = append(leases, lease)
		}
		if _, err := fleet[9].Acquire(t.Context(), "m", 0, 300*time.Millisecond); err == nil {
			t.Fatalf("round %d: a fifth call passed", round)
		}
		for i := range leases {
			leases[i].Release()
		}
	}
}

func TestFleetKeepsOneConcurrency(t *testing.T) {
	const limit = 8
	fleet := startFleet(t, startRedis(t), 10, Limits{Concurrency: limit})
	var now, most, calls atomic.Int64
	var wg sync.WaitGroup
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	for i, l := range fleet {
		for j := range 4 {
			wg.Go(func() {
				rnd := rand.New(rand.NewPCG(uint64(i), uint64(j)))
				hold := time.NewTimer(0)
				defer hold.Stop()
				for ctx.Err() == nil {
					lease, err := l.Acquire(ctx, "m", 0, time.Second)
					if err != nil {
						continue
					}
					n := now.Add(1)
					for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
					}
					calls.Add(1)
					hold.Reset(time.Duration(rnd.IntN(10)) * time.Millisecond)
					<-hold.C
					now.Add(-1)
					lease.Release()
				}
			})
		}
	}
	wg.Wait()
	if most.Load() > limit || most.Load() < limit-1 {
		t.Errorf("%d calls at once, want %d", most.Load(), limit)
	}
	if calls.Load() < 500 {
		t.Errorf("%d calls in 3 s", calls.Load())
	}
	t.Logf("%d calls, %d at once", calls.Load(), most.Load())
}

// Redis is killed and comes back, empty: meanwhile each keeps to its share and
// says so; beyond the limit there is one burst at most.
func TestFleetWithoutRedis(t *testing.T) {
	const rpm = 12_000
	r := startRedis(t)
	fleet := startFleet(t, r, 10, Limits{RPM: rpm, Concurrency: 100})
	stop := make(chan struct{})
	begin := time.Now()
	done := make(chan []time.Duration, 1)
	go func() { done <- hammer(fleet, 2, 0, begin, stop) }()
	wait := time.NewTimer(time.Second)
	<-wait.C
	r.Kill()
	within(t, 5*time.Second, "all know that Redis is away", func() bool {
		for _, l := range fleet {
			if l.State().Mode != "away" {
				return false
			}
		}
		return true
	})
	s := fleet[0].State()
	if s.ShareRPM != rpm/10 || s.Fleet != 10 || s.Reason == "" {
		t.Errorf("State without Redis = %+v", s)
	}
	away := time.Since(begin)
	wait.Reset(2 * time.Second)
	<-wait.C
	back := time.Since(begin)
	r.Restart()
	joined(t, fleet)
	wait.Reset(time.Second)
	<-wait.C
	close(stop)
	passed := <-done
	took := time.Since(begin)
	interval, burst := gcraParameters(rpm, minute, .1)
	// A second burst of a Redis without memory, and the shares of those who
	// look a second later than others whether it is back.
	most := 2*int(burst) + int((took+time.Second)/time.Duration(interval)) + 2*len(fleet)
	if len(passed) > most {
		t.Errorf("%d calls passed in %v, want at most %d", len(passed), took, most)
	}
	alone := 0
	for _, at := range passed {
		if at > away && at < back {
			alone++
		}
	}
	if want := int((back - away) / time.Duration(interval)); alone < want*80/100 || alone > want+len(fleet)+want/10 {
		t.Errorf("%d calls passed in %v without Redis, want about %d", alone, back-away, want)
	}
	t.Logf("%d of at most %d; %d without Redis", len(passed), most, alone)
}

// A Redis that hangs holds up nobody who has permits, and is away within a second.
func TestFleetWithAHangingRedis(t *testing.T) {
	t.Parallel()
	r := startRedis(t)
	fleet := startFleet(t, r, 2, Limits{RPM: 60_000})
	r.Pause()
	defer r.Resume()
	began := time.Now()
	within(t, 10*time.Second, "Redis is away", func() bool {
		lease, _ := fleet[0].TryAcquire("m", 0)
		lease.Release()
		return fleet[0].State().Mode == "away"
	})
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("noticed after %v", took)
	}
	within(t, time.Second, "its own share passes", func() bool {
		lease, err := fleet[0].TryAcquire("m", 0)
		lease.Release()
		return err == nil
	})
}

// Without Redis from the start a sidecar does not know the fleet: it keeps to
// the whole limit.
func TestFleetThatNeverMetRedis(t *testing.T) {
	t.Parallel()
	r := startRedis(t)
	r.Kill()
	l, err := New(Options{Name: "relay", Limits: Limits{RPM: 6000, Concurrency: 3}, Fleet: &Fleet{Redis: r.client()}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	within(t, 5*time.Second, "Redis is known to be away", func() bool { return l.State().Reason != "not yet connected to Redis" })
	for range 50 {
		lease, err := l.Acquire(t.Context(), "m", 0, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		lease.Release()
	}
	if s := l.State(); s.Mode != "away" || s.ShareRPM != 6000 || s.Fleet != 0 {
		t.Errorf("State = %+v", s)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
}

// A sidecar that dies keeps its slots from the others for memberGone only; one
// that stops gives them back at once.
func TestFleetMembersThatLeave(t *testing.T) {
	t.Parallel()
	r := startRedis(t)
	limits := Limits{Concurrency: 2}
	rest := startFleet(t, r, 1, limits)
	gone, err := New(Options{Name: "relay", Limits: limits, Fleet: &Fleet{Redis: r.client()}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- gone.Run(ctx) }()
	within(t, 5*time.Second, "two sidecars", func() bool { return gone.State().Fleet == 2 })
	for range 2 {
		if _, err := gone.Acquire(t.Context(), "m", 0, 5*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := rest[0].Acquire(t.Context(), "m", 0, 200*time.Millisecond); err == nil {
		t.Fatal("a third call passed")
	}
	cancel()
	<-ended
	lease, err := rest[0].Acquire(t.Context(), "m", 0, 3*time.Second)
	if err != nil {
		t.Fatalf("after the other signed off: %v", err)
	}
	lease.Release()
	keys, err := r.client().Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		ttl, err := r.client().TTL(t.Context(), k).Result()
		if err != nil || ttl <= 0 {
			t.Errorf("%s has no expiry: %v, %v", k, ttl, err)
		}
	}
}

// A call larger than the burst passes when the bucket is full, and those after
// it pay.
func TestFleetCallLargerThanTheBurst(t *testing.T) {
	t.Parallel()
	fleet := startFleet(t, startRedis(t), 2, Limits{TPM: 60_000})
	lease, err := fleet[0].Acquire(t.Context(), "m", 30_000, 3*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fleet[1].Acquire(t.Context(), "m", 5_000, 200*time.Millisecond); err == nil {
		t.Error("room for 5,000 tokens right after 30,000 of 60,000 a minute")
	}
	lease.SettleTokens(exchange.Usage{Known: true, InputTokens: 10})
	lease.Release()
	if _, err := fleet[1].Acquire(t.Context(), "m", 5_000, 5*time.Second); err != nil {
		t.Errorf("after nearly all was given back: %v", err)
	}
}

// Redis' clock is set back by an hour: the fleet neither waits for an hour nor
// forgets what it has spent, and a sidecar that died before is given up all the
// same.
func TestFleetWhenTheClockIsSetBack(t *testing.T) {
	t.Parallel()
	r := startRedis(t)
	fleet := startFleet(t, r, 2, Limits{RPM: 600, TPM: 600_000, Concurrency: 4})
	c := r.client()
	const key = "cutover:{default}:limit:relay"
	// An hour is added to all that Redis noted, which is the same.
	const ahead = float64(time.Hour / time.Microsecond)
	shift := c.Eval(t.Context(), `
		for _, f in ipairs({'rpm', 'tpm', 'at'}) do redis.call('HINCRBYFLOAT', KEYS[1], f, ARGV[1]) end
		for _, id in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do redis.call('ZINCRBY', KEYS[2], ARGV[1], id) end
		redis.call('ZADD', KEYS[2], redis.call('ZSCORE', KEYS[2], redis.call('ZRANGE', KEYS[2], 0, 0)[1]), 'dead')
		redis.call('HSET', KEYS[3], 'dead', 1)
		redis.call('HINCRBY', KEYS[3], '*', 1)
		return 1`, []string{key, key + ":members", key + ":slots"}, ahead)
	if err := shift.Err(); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	for i := range 30 {
		lease, err := fleet[i%2].Acquire(t.Context(), "m", 1000, 3*time.Second)
		if err != nil {
			t.Fatalf("call %d, %v after the clock was set back: %v", i, time.Since(begun), err)
		}
		lease.Release()
	}
	within(t, 20*time.Second, "the sidecar that died is given up", func() bool {
		return fleet[0].State().Fleet == 2 && fleet[1].State().Fleet == 2 && c.HExists(t.Context(), key+":slots", "dead").Val() == false
	})
	if full, err := c.HGet(t.Context(), key, "rpm").Float64(); err != nil || full > float64(time.Now().Add(10*time.Minute).UnixMicro()) {
		t.Errorf("the bucket is full again at %v, %v", time.UnixMicro(int64(full)), err)
	}
}
