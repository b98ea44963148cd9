package upstream_test

import (
	"net/http"
	"testing"
	"time"

	"cutover/upstream"
)

// With the default settings and dice that say .5: half of 500 ms, doubled each
// time, up to half of 8 s; a wait that the provider asks for is kept up to a
// minute, and lengthened by up to a tenth or a second.
func TestWaitsBeforeRetries(t *testing.T) {
	t.Parallel()
	policy := upstream.RetryPolicy{Attempts: 100}
	for attempt, want := range map[int]time.Duration{
		1: 250 * time.Millisecond, 2: 500 * time.Millisecond, 3: time.Second, 4: 2 * time.Second, 5: 4 * time.Second, 6: 4 * time.Second, 99: 4 * time.Second,
	} {
		if got, ok, why := policy.Next(upstream.Failure{Attempt: attempt, Status: 500}, .5); got != want || !ok {
			t.Errorf("after call %d: %v, %v because of %s, want %v", attempt, got, ok, why, want)
		}
	}
	for after, want := range map[string]time.Duration{"1": 1050 * time.Millisecond, "60": 60*time.Second + time.Second/2, "61": 0} {
		got, ok, why := policy.Next(upstream.Failure{Attempt: 1, Status: 429, Header: http.Header{"Retry-After": {after}}}, .5)
		if got != want || ok != (want > 0) {
			t.Errorf("asked to wait %s s: %v, %v because of %s, want %v", after, got, ok, why, want)
		}
	}
}

// A budget of half a retry for a request: two requests buy one.
func TestRetryBudgetByItsShare(t *testing.T) {
	t.Parallel()
	b := upstream.NewRetryBudget(.5, 1)
	if !b.Spend() || b.Spend() {
		t.Error("it begins with more or less than one retry")
	}
	b.AddRequest()
	if b.Spend() {
		t.Error("half a retry is one")
	}
	b.AddRequest()
	if !b.Spend() {
		t.Error("two halves are none")
	}
	for range 10 {
		b.AddRequest()
	}
	if b.Left() != 1 {
		t.Errorf("%v retries are saved up, want 1", b.Left())
	}
}
