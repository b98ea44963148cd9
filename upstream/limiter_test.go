package upstream

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"cutover/exchange"
)

func newLimiter(t *testing.T, l Limits) *Limiter {
	t.Helper()
	out, err := NewLimiter(LimiterOptions{Name: "relay", Limits: l})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// In no minute, wherever it begins, does more pass than the limit, whatever
// comes when; and somebody who always asks gets nearly all of it.
func TestBucketNeverExceedsItsLimit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 2000).Draw(t, "limit")
		burst := rapid.Float64Range(0.001, 1).Draw(t, "burst")
		g := newGCRA(limit, time.Minute, burst)
		units := g.room / g.interval
		type event struct{ at, n int64 }
		var passed []event
		now := int64(0)
		for range rapid.IntRange(1, 400).Draw(t, "asks") {
			now += rapid.Int64Range(0, 2*g.interval).Draw(t, "pause")
			n := rapid.Int64Range(1, units).Draw(t, "n")
			foretold := g.after(now, n)
			after := g.take(now, n)
			if after != foretold {
				t.Fatalf("take says %v, after said %v", after, foretold)
			}
			if after == 0 {
				passed = append(passed, event{now, n})
				continue
			}
			if later := now + int64(after); g.after(later, n) != 0 || g.after(later-1, n) == 0 {
				t.Fatalf("%d of %d units do not fit exactly %v later", n, units, after)
			}
		}
		sum, from := int64(0), 0
		for _, e := range passed {
			sum += e.n
			for passed[from].at <= e.at-int64(time.Minute) {
				sum -= passed[from].n
				from++
			}
			if sum > int64(limit) {
				t.Fatalf("%d units within a minute that ends at %v, limit %d", sum, time.Duration(e.at), limit)
			}
		}
	})
}

func TestBucketGivesNearlyAllOfItsLimit(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{1, 2, 9, 60, 600, 100_000} {
		g := newGCRA(limit, time.Minute, .1)
		got := int64(0)
		for now := int64(0); now < int64(10*time.Minute); now += int64(time.Minute) / int64(8*limit) {
			if g.take(now, 1) == 0 {
				got++
			}
		}
		if want := int64(limit) * 10 * 89 / 100; got < want || got > int64(limit)*10 {
			t.Errorf("limit %d a minute: %d passed in 10 minutes, want %d to %d", limit, got, want, limit*10)
		}
	}
}

// Estimates that are too high hold calls back, but not for ever: over a long
// time what was really used comes near the limit and never beyond it.
func TestTokensAreSettledByUsage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const tpm = 60_000
		l := newLimiter(t, Limits{TPM: tpm, Burst: .25})
		r := rand.New(rand.NewPCG(1, 2))
		var wg sync.WaitGroup
		var mu sync.Mutex
		used := 0
		begun := time.Now()
		for range 4000 {
			lease, err := l.Take(t.Context(), "m", 4000, time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			actual := 100 + r.IntN(500)
			took := time.Duration(1+r.IntN(20)) * time.Second
			wg.Go(func() {
				time.Sleep(took)
				lease.Settle(exchange.Usage{Known: true, InputTokens: 50, OutputTokens: actual - 50})
				lease.Release()
				mu.Lock()
				used += actual
				mu.Unlock()
			})
		}
		wg.Wait()
		minutes := time.Since(begun).Minutes()
		if rate := float64(used) / minutes; rate > tpm || rate < tpm*.7 {
			t.Errorf("%.0f tokens a minute over %.1f minutes, want .7 to 1.0 of %d", rate, minutes, tpm)
		}
		if n := l.State().InFlight; n != 0 {
			t.Errorf("%d calls in flight at the end", n)
		}
	})
}

func TestUsageBeyondTheEstimateIsPaidFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, Limits{TPM: 6000})
		lease, err := l.TryTake("m", 10)
		if err != nil {
			t.Fatal(err)
		}
		lease.Settle(exchange.Usage{Known: true, InputTokens: 5000, OutputTokens: 1000})
		lease.Settle(exchange.Usage{Known: true}) // counts once
		lease.Release()
		_, err = l.TryTake("m", 10)
		var over *LimitError
		if !errors.As(err, &over) || over.Limit != TokenLimit || over.After < 55*time.Second {
			t.Fatalf("after 6,000 tokens: %v, want tpm for about a minute", err)
		}
		time.Sleep(over.After)
		if lease, err = l.TryTake("m", 10); err != nil {
			t.Fatalf("after the time that was told: %v", err)
		}
		lease.Cancel()
	})
}

func TestLimitsAreNamed(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		limits Limits
		want   Limit
		text   string
	}{
		{Limits{RPM: 1}, RequestLimit, "rpm"},
		{Limits{TPM: 100}, TokenLimit, "tpm"},
		{Limits{Concurrency: 1}, ConcurrencyLimit, "concurrency"},
	} {
		l := newLimiter(t, row.limits)
		first, err := l.TryTake("m", 1_000_000)
		if err != nil {
			t.Fatalf("%+v: the first call: %v", row.limits, err)
		}
		_, err = l.TryTake("m", 1_000_000)
		var over *LimitError
		if !errors.As(err, &over) || over.Limit != row.want || over.Limit.String() != row.text {
			t.Errorf("%+v: the second call: %v, want %v", row.limits, err, row.want)
		}
		if s := l.State(); s.Refused[row.text] != 1 || s.InFlight != 1 {
			t.Errorf("%+v: State = %+v", row.limits, s)
		}
		first.Cancel()
		first.Cancel()
		first.Release()
		again, err := l.TryTake("m", 50)
		if err != nil {
			t.Errorf("%+v: after a call that was never made: %v", row.limits, err)
		}
		again.Release()
		again.Release()
		if s := l.State(); s.InFlight != 0 {
			t.Errorf("%+v: %d in flight", row.limits, s.InFlight)
		}
	}
	for _, bad := range []Limits{{RPM: -1}, {Burst: 2}} {
		if _, err := NewLimiter(LimiterOptions{Limits: bad}); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
}

func TestNilLimiterLimitsNothing(t *testing.T) {
	t.Parallel()
	var l *Limiter
	lease, err := l.Take(t.Context(), "m", 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	l.Learn("m", 429, http.Header{}, time.Now())
	lease.Settle(exchange.Usage{Known: true})
	lease.Release()
	lease.Cancel()
	if s := l.State(); s.Mode != "local" {
		t.Errorf("State = %+v", s)
	}
}

func TestWaitersAreServedInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, Limits{Concurrency: 2})
		a, _ := l.TryTake("m", 0)
		b, _ := l.TryTake("m", 0)
		var mu sync.Mutex
		var order []int
		for i := range 10 {
			go func() {
				lease, err := l.Take(t.Context(), "m", 0, time.Minute)
				if err != nil {
					t.Errorf("waiter %d: %v", i, err)
					return
				}
				mu.Lock()
				order = append(order, i)
				mu.Unlock()
				time.Sleep(time.Second)
				lease.Release()
			}()
			synctest.Wait()
		}
		if s := l.State(); s.Waiting != 10 {
			t.Fatalf("State = %+v", s)
		}
		if _, err := l.TryTake("m", 0); err == nil {
			t.Error("a mirrored call overtakes those who wait")
		}
		a.Release()
		b.Release()
		time.Sleep(time.Minute)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if !slices.IsSorted(order) || len(order) != 10 {
			t.Errorf("served in the order %v", order)
		}
		if s := l.State(); s.Waiting != 0 || s.InFlight != 0 || s.Waited != 10 {
			t.Errorf("State = %+v", s)
		}
	})
}

func TestWaitingEndsWithItsContextItsTimeOrAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, Limits{Concurrency: 1, RPM: 60, Burst: 1})
		held, _ := l.TryTake("m", 0)
		gone := errors.New("the caller is gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		ended := make(chan error, 3)
		wait := func(ctx context.Context, d time.Duration) {
			go func() {
				lease, err := l.Take(ctx, "m", 0, d)
				lease.Release()
				ended <- err
			}()
			synctest.Wait()
		}
		wait(ctx, time.Hour)           // the head
		wait(t.Context(), time.Second) // behind it
		wait(t.Context(), time.Minute) // who gets it in the end
		cancel(gone)
		if err := <-ended; !errors.Is(err, gone) {
			t.Errorf("the head ended with %v", err)
		}
		begun := time.Now()
		var over *LimitError
		if err := <-ended; !errors.As(err, &over) || over.Limit != ConcurrencyLimit || time.Since(begun) != time.Second {
			t.Errorf("the second ended with %v after %v", err, time.Since(begun))
		}
		held.Release()
		if err := <-ended; err != nil {
			t.Errorf("the third: %v", err)
		}
		l = newLimiter(t, Limits{RPM: 2})
		for range 2 {
			lease, err := l.Take(t.Context(), "m", 0, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			lease.Release()
		}
		begun = time.Now()
		if _, err := l.Take(t.Context(), "m", 0, 5*time.Second); !errors.As(err, &over) || over.After <= 5*time.Second {
			t.Errorf("a wait in vain: %v", err)
		}
		if d := time.Since(begun); d != 0 {
			t.Errorf("waited %v for what was known to be in vain", d)
		}
	})
}

func TestTheLineIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, err := NewLimiter(LimiterOptions{Limits: Limits{Concurrency: 1}, MaxWaiting: 3})
		if err != nil {
			t.Fatal(err)
		}
		held, _ := l.TryTake("m", 0)
		for range 3 {
			go func() {
				lease, _ := l.Take(t.Context(), "m", 0, time.Minute)
				lease.Release()
			}()
		}
		synctest.Wait()
		var over *LimitError
		if _, err := l.Take(t.Context(), "m", 0, time.Minute); !errors.As(err, &over) || over.Limit != QueueLimit {
			t.Errorf("the fourth in a line of three: %v", err)
		}
		held.Release()
	})
}

// A storm of callers with every limit, some of whom give up: no more than the
// limits allow at any time, and nothing left behind.
func TestLimiterUnderAStorm(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, Limits{Concurrency: 7, RPM: 6_000_000, TPM: 600_000_000})
	var wg sync.WaitGroup
	var calls slots
	calls.resize(7)
	for i := range 64 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 3))
			for range 300 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(r.IntN(2000))*time.Microsecond)
				lease, err := l.Take(ctx, "m", r.IntN(100), time.Duration(r.IntN(3))*time.Millisecond)
				cancel()
				if err != nil {
					continue
				}
				if !calls.take() {
					t.Error("more calls than the limit")
				} else {
					calls.release()
				}
				if i%3 == 0 {
					lease.Cancel()
				}
				lease.Settle(exchange.Usage{Known: true, InputTokens: 3})
				lease.Release()
			}
		})
	}
	wg.Wait()
	if s := l.State(); s.InFlight != 0 || s.Waiting != 0 {
		t.Errorf("State = %+v", s)
	}
}

func BenchmarkLimiterTake(b *testing.B) {
	l, _ := NewLimiter(LimiterOptions{Limits: Limits{Concurrency: 1 << 20, RPM: 1 << 30, TPM: 1 << 40}})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			lease, _ := l.TryTake("gpt-4.1", 300)
			lease.Settle(exchange.Usage{Known: true, InputTokens: 100, OutputTokens: 100})
			lease.Release()
		}
	})
}
