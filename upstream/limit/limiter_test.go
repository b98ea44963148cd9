package limit_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cutover/exchange"
	"cutover/upstream/limit"
)

func newLimiter(t *testing.T, l limit.Limits) *limit.Limiter {
	t.Helper()
	out, err := limit.New(limit.Options{Name: "relay", Limits: l})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Estimates that are too high hold calls back, but not for ever: over a long
// time what was really used comes near the limit and never beyond it.
func TestTokensAreSettledByUsage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const tpm = 60_000
		l := newLimiter(t, limit.Limits{TPM: tpm, Burst: .25})
		r := rand.New(rand.NewPCG(1, 2))
		var wg sync.WaitGroup
		var mu sync.Mutex
		used := 0
		begun := time.Now()
		for range 4000 {
			lease, err := l.Acquire(t.Context(), "m", 4000, time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			actual := 100 + r.IntN(500)
			took := time.Duration(1+r.IntN(20)) * time.Second
			wg.Go(func() {
				time.Sleep(took)
				lease.SettleTokens(exchange.Usage{Known: true, InputTokens: 50, OutputTokens: actual - 50})
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
		l := newLimiter(t, limit.Limits{TPM: 6000})
		lease, err := l.TryAcquire("m", 10)
		if err != nil {
			t.Fatal(err)
		}
		lease.SettleTokens(exchange.Usage{Known: true, InputTokens: 5000, OutputTokens: 1000})
		lease.SettleTokens(exchange.Usage{Known: true}) // counts once
		lease.Release()
		_, err = l.TryAcquire("m", 10)
		var over *limit.Error
		if !errors.As(err, &over) || over.Kind != limit.Tokens || over.After < 55*time.Second {
			t.Fatalf("after 6,000 tokens: %v, want tpm for about a minute", err)
		}
		time.Sleep(over.After)
		if lease, err = l.TryAcquire("m", 10); err != nil {
			t.Fatalf("after the time that was told: %v", err)
		}
		lease.Cancel()
	})
}

func TestLimitsAreNamed(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		limits limit.Limits
		want   limit.Kind
		text   string
	}{
		{limit.Limits{RPM: 1}, limit.Requests, "rpm"},
		{limit.Limits{TPM: 100}, limit.Tokens, "tpm"},
		{limit.Limits{Concurrency: 1}, limit.Concurrency, "concurrency"},
	} {
		l := newLimiter(t, row.limits)
		first, err := l.TryAcquire("m", 1_000_000)
		if err != nil {
			t.Fatalf("%+v: the first call: %v", row.limits, err)
		}
		_, err = l.TryAcquire("m", 1_000_000)
		var over *limit.Error
		if !errors.As(err, &over) || over.Kind != row.want || over.Kind.String() != row.text {
			t.Errorf("%+v: the second call: %v, want %v", row.limits, err, row.want)
		}
		if s := l.State(); s.Refused[row.text] != 1 || s.InFlight != 1 {
			t.Errorf("%+v: State = %+v", row.limits, s)
		}
		first.Cancel()
		first.Cancel()
		first.Release()
		again, err := l.TryAcquire("m", 50)
		if err != nil {
			t.Errorf("%+v: after a call that was never made: %v", row.limits, err)
		}
		again.Release()
		again.Release()
		if s := l.State(); s.InFlight != 0 {
			t.Errorf("%+v: %d in flight", row.limits, s.InFlight)
		}
	}
	for _, bad := range []limit.Limits{{RPM: -1}, {Burst: 2}} {
		if _, err := limit.New(limit.Options{Limits: bad}); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
}

func TestNilLimiterLimitsNothing(t *testing.T) {
	t.Parallel()
	var l *limit.Limiter
	lease, err := l.Acquire(t.Context(), "m", 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	l.ObserveHeaders("m", 429, http.Header{}, time.Now())
	lease.SettleTokens(exchange.Usage{Known: true})
	lease.Release()
	lease.Cancel()
	if s := l.State(); s.Mode != "local" {
		t.Errorf("State = %+v", s)
	}
}

func TestWaitersAreServedInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, limit.Limits{Concurrency: 2})
		a, _ := l.TryAcquire("m", 0)
		b, _ := l.TryAcquire("m", 0)
		var mu sync.Mutex
		var order []int
		for i := range 10 {
			go func() {
				lease, err := l.Acquire(t.Context(), "m", 0, time.Minute)
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
		if _, err := l.TryAcquire("m", 0); err == nil {
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
		l := newLimiter(t, limit.Limits{Concurrency: 1, RPM: 60, Burst: 1})
		held, _ := l.TryAcquire("m", 0)
		gone := errors.New("the caller is gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		ended := make(chan error, 3)
		wait := func(ctx context.Context, d time.Duration) {
			go func() {
				lease, err := l.Acquire(ctx, "m", 0, d)
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
		var over *limit.Error
		if err := <-ended; !errors.As(err, &over) || over.Kind != limit.Concurrency || time.Since(begun) != time.Second {
			t.Errorf("the second ended with %v after %v", err, time.Since(begun))
		}
		held.Release()
		if err := <-ended; err != nil {
			t.Errorf("the third: %v", err)
		}
		l = newLimiter(t, limit.Limits{RPM: 2})
		for range 2 {
			lease, err := l.Acquire(t.Context(), "m", 0, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			lease.Release()
		}
		begun = time.Now()
		if _, err := l.Acquire(t.Context(), "m", 0, 5*time.Second); !errors.As(err, &over) || over.After <= 5*time.Second {
			t.Errorf("a wait in vain: %v", err)
		}
		if d := time.Since(begun); d != 0 {
			t.Errorf("waited %v for what was known to be in vain", d)
		}
	})
}

// A storm of callers with every limit, some of whom give up: no more than the
// limits allow at any time, and nothing left behind.
func TestLimiterUnderAStorm(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, limit.Limits{Concurrency: 7, RPM: 6_000_000, TPM: 600_000_000})
	var wg sync.WaitGroup
	var inFlight atomic.Int64
	for i := range 64 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 3))
			for range 300 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(r.IntN(2000))*time.Microsecond)
				lease, err := l.Acquire(ctx, "m", r.IntN(100), time.Duration(r.IntN(3))*time.Millisecond)
				cancel()
				if err != nil {
					continue
				}
				if inFlight.Add(1) > 7 {
					t.Error("more calls than the limit")
				}
				inFlight.Add(-1)
				if i%3 == 0 {
					lease.Cancel()
				}
				lease.SettleTokens(exchange.Usage{Known: true, InputTokens: 3})
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
	l, _ := limit.New(limit.Options{Limits: limit.Limits{Concurrency: 1 << 20, RPM: 1 << 30, TPM: 1 << 40}})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			lease, _ := l.TryAcquire("gpt-4.1", 300)
			lease.SettleTokens(exchange.Usage{Known: true, InputTokens: 100, OutputTokens: 100})
			lease.Release()
		}
	})
}
