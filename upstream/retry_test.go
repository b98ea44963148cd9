package upstream

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cutover/exchange"
)

func headers(kv ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(kv); i += 2 {
		h.Set(kv[i], kv[i+1])
	}
	return h
}

func TestRetryDecisions(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	three := RetryPolicy{Attempts: 3}
	own := RetryPolicy{Attempts: 3, Base: time.Second, Max: 3 * time.Second, MaxAfter: 5 * time.Second,
		Statuses: []int{418}, Classes: []exchange.Class{exchange.ClassHeaderTimeout}}
	for _, row := range []struct {
		name   string
		policy *RetryPolicy
		f      Failure
		wait   time.Duration // with random .5
		ok     bool
		why    string
	}{
		{"nil", nil, Failure{Attempt: 1, Status: 500}, 0, false, RetryOff},
		{"zero", &RetryPolicy{}, Failure{Attempt: 1, Status: 500}, 0, false, RetryOff},
		{"first", &three, Failure{Attempt: 1, Status: 500}, 250 * time.Millisecond, true, RetryBackoff},
		{"second", &three, Failure{Attempt: 2, Status: 529}, 500 * time.Millisecond, true, RetryBackoff},
		{"third", &three, Failure{Attempt: 3, Status: 500}, 0, false, RetryAttempts},
		{"400", &three, Failure{Attempt: 1, Status: 400}, 0, false, RetryNot},
		{"401", &three, Failure{Attempt: 1, Status: 401}, 0, false, RetryNot},
		{"408", &three, Failure{Attempt: 1, Status: 408}, 250 * time.Millisecond, true, RetryBackoff},
		{"409", &three, Failure{Attempt: 1, Status: 409}, 250 * time.Millisecond, true, RetryBackoff},
		{"429", &three, Failure{Attempt: 1, Status: 429}, 250 * time.Millisecond, true, RetryBackoff},
		{"429 with seconds", &three, Failure{Attempt: 1, Status: 429, Header: headers("Retry-After", "2")}, 2100 * time.Millisecond, true,
			RetryAfter},
		{"429 with milliseconds", &three, Failure{Attempt: 1, Status: 429, Header: headers("Retry-After", "2", "Retry-After-Ms", "100")},
			105 * time.Millisecond, true, RetryAfter},
		{"503 with a date", &three, Failure{Attempt: 1, Status: 503, Now: now, Header: headers("Retry-After",
			"Sun, 01 Mar 2026 12:00:10 GMT")}, 10500 * time.Millisecond, true, RetryAfter},
		{"503 with a date gone by", &three, Failure{Attempt: 1, Status: 503, Now: now, Header: headers("Retry-After",
			"Sun, 01 Mar 2026 11:00:10 GMT")}, 0, true, RetryAfter},
		{"429 for an hour", &three, Failure{Attempt: 1, Status: 429, Header: headers("Retry-After", "3600")}, 0, false, RetryTooLong},
		{"429 with nonsense", &three, Failure{Attempt: 1, Status: 429, Header: headers("Retry-After", "soon")}, 250 * time.Millisecond,
			true, RetryBackoff},
		{"500, not to be retried", &three, Failure{Attempt: 1, Status: 500, Header: headers("X-Should-Retry", "false")}, 0, false,
			RetryForbidden},
		{"400, to be retried", &three, Failure{Attempt: 1, Status: 400, Header: headers("X-Should-Retry", "true")},
			250 * time.Millisecond, true, RetryBackoff},
		{"no connection", &three, Failure{Attempt: 1, Class: exchange.ClassConnect}, 250 * time.Millisecond, true, RetryBackoff},
		{"broken before a header", &three, Failure{Attempt: 1, Class: exchange.ClassBroken}, 250 * time.Millisecond, true, RetryBackoff},
		{"broken inside an answer", &three, Failure{Attempt: 1, Class: exchange.ClassBroken, Status: 200}, 0, false, RetryNot},
		{"bad certificate", &three, Failure{Attempt: 1, Class: exchange.ClassTLS}, 0, false, RetryNot},
		{"header timeout", &three, Failure{Attempt: 1, Class: exchange.ClassHeaderTimeout}, 0, false, RetryNot},
		{"the caller went away", &three, Failure{Attempt: 1, Class: exchange.ClassAborted, Header: headers("X-Should-Retry", "true")}, 0,
			false, RetryNot},
		{"not sent", &three, Failure{Attempt: 1, Class: exchange.ClassNotSent}, 0, false, RetryNot},
		{"in time", &three, Failure{Attempt: 1, Status: 500, Elapsed: time.Second, Deadline: 1300 * time.Millisecond},
			250 * time.Millisecond, true, RetryBackoff},
		{"too late", &three, Failure{Attempt: 1, Status: 500, Elapsed: time.Second, Deadline: 1250 * time.Millisecond}, 0, false, RetryDeadline},
		{"own statuses", &own, Failure{Attempt: 1, Status: 418}, 500 * time.Millisecond, true, RetryBackoff},
		{"not among own statuses", &own, Failure{Attempt: 1, Status: 500}, 0, false, RetryNot},
		{"own classes", &own, Failure{Attempt: 2, Class: exchange.ClassHeaderTimeout}, time.Second, true, RetryBackoff},
		{"not among own classes", &own, Failure{Attempt: 1, Class: exchange.ClassConnect}, 0, false, RetryNot},
		{"own longest wait", &own, Failure{Attempt: 1, Status: 418, Header: headers("Retry-After", "6")}, 0, false, RetryTooLong},
	} {
		wait, ok, why := row.policy.Next(row.f, .5)
		if wait != row.wait || ok != row.ok || why != row.why {
			t.Errorf("%s: Next = %v, %v, %q, want %v, %v, %q", row.name, wait, ok, why, row.wait, row.ok, row.why)
		}
	}
}

// Backoff stays within its limit at any attempt, and reaches all of it.
func TestRetryBackoffIsBounded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := RetryPolicy{Attempts: 1 << 30, Base: time.Duration(rapid.Int64Range(1, 1e10).Draw(t, "base")),
			Max: time.Duration(rapid.Int64Range(1, 1e11).Draw(t, "max"))}
		attempt := rapid.IntRange(1, 1<<29).Draw(t, "attempt")
		wait, ok, _ := p.Next(Failure{Attempt: attempt, Status: 500}, rapid.Float64Range(0, .999999).Draw(t, "random"))
		if !ok || wait < 0 || wait >= p.Max+1 {
			t.Fatalf("wait %v, ok %v, longest %v", wait, ok, p.Max)
		}
	})
}

func TestRetryBudget(t *testing.T) {
	t.Parallel()
	b := NewRetryBudget(.1, 5)
	spent := 0
	for b.Spend() {
		spent++
	}
	if spent != 5 {
		t.Errorf("%d retries to begin with, want 5", spent)
	}
	var retries atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 1000 {
				b.AddRequest()
				if b.Spend() {
					retries.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if n := retries.Load(); n > 400 || n < 390 {
		t.Errorf("%d retries for 4,000 requests, want a tenth", n)
	}
	for range 10_000 {
		b.AddRequest()
	}
	if b.Left() != 5 {
		t.Errorf("%v retries saved up, want 5", b.Left())
	}
	var none *RetryBudget
	none.AddRequest()
	if !none.Spend() {
		t.Error("a nil budget ends")
	}
}
