package limit_test

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"cutover/upstream/limit"
)

func headers(kv ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(kv); i += 2 {
		h.Set(kv[i], kv[i+1])
	}
	return h
}

// What providers say of their own limits, and how long a call is held back
// after it (0: not at all).
func TestLearn(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		name   string
		status int
		header http.Header
		cost   int
		want   time.Duration
	}{
		{"nothing", 200, headers(), 10, 0},
		{"plenty", 200, headers("x-ratelimit-limit-requests", "60", "x-ratelimit-remaining-requests", "59", "x-ratelimit-reset-requests",
			"1s"), 10, 0},
		{"one left", 200, headers("x-ratelimit-limit-requests", "60", "x-ratelimit-remaining-requests", "1", "x-ratelimit-reset-requests",
			"59s"), 10, 0},
		{"none left", 200, headers("x-ratelimit-limit-requests", "60", "x-ratelimit-remaining-requests", "0",
			"x-ratelimit-reset-requests", "1m0s"), 10, time.Second},
		{"none left, limit not told", 200, headers("x-ratelimit-remaining-requests", "0", "x-ratelimit-reset-requests", "6.5s"), 10,
			6500 * time.Millisecond},
		{"none left, in seconds", 200, headers("x-ratelimit-remaining-requests", "0", "x-ratelimit-reset-requests", "7"), 10, 7 * time.Second},
		{"none left, Unix time", 200, headers("x-ratelimit-remaining-requests", "0", "x-ratelimit-reset-requests", "1772366408"), 10,
			8 * time.Second},
		{"none left, for a day", 200, headers("x-ratelimit-remaining-requests", "0", "x-ratelimit-reset-requests", "24h"), 10, time.Minute},
		{"few tokens", 200, headers("x-ratelimit-limit-tokens", "6000", "x-ratelimit-remaining-tokens", "100", "x-ratelimit-reset-tokens",
			"59s"), 200, time.Second},
		{"enough tokens", 200, headers("x-ratelimit-limit-tokens", "6000", "x-ratelimit-remaining-tokens", "100",
			"x-ratelimit-reset-tokens", "59s"), 100, 0},
		{"a call larger than the bucket", 200, headers("x-ratelimit-limit-tokens", "6000", "x-ratelimit-remaining-tokens", "5900",
			"x-ratelimit-reset-tokens", "1s"), 1 << 50, time.Second},
		{"Anthropic, none left", 200, headers("anthropic-ratelimit-requests-limit", "50", "anthropic-ratelimit-requests-remaining", "0",
			"anthropic-ratelimit-requests-reset", "2026-03-01T12:00:50Z"), 10, time.Second},
		{"Anthropic, no input tokens", 200, headers("anthropic-ratelimit-input-tokens-limit", "40000",
			"anthropic-ratelimit-input-tokens-remaining", "0",
			"anthropic-ratelimit-input-tokens-reset", "2026-03-01T12:00:20Z"), 10, 2 * time.Second},
		{"429", 429, headers("Retry-After", "3"), 10, 3 * time.Second},
		{"429, finer", 429, headers("Retry-After", "3", "Retry-After-Ms", "2500"), 10, 2500 * time.Millisecond},
		{"429, date", 429, headers("Retry-After", "Sun, 01 Mar 2026 12:00:09 GMT"), 10, 9 * time.Second},
		{"429, an hour", 429, headers("Retry-After", "3600"), 10, time.Minute},
		{"529", 529, headers("Retry-After", "4"), 10, 4 * time.Second},
		{"500", 500, headers("Retry-After", "4"), 10, 0},
		{"nonsense", 429, headers("Retry-After", "soon", "x-ratelimit-remaining-requests", "-", "x-ratelimit-reset-requests", "never"), 10, 0},
		{"hostile numbers", 429, headers("Retry-After", "-1e999", "x-ratelimit-limit-requests", "9223372036854775807",
			"x-ratelimit-remaining-requests", "9223372036854775806", "x-ratelimit-reset-requests", "1e300"), 10, 0},
		{"not a number", 429, headers("Retry-After", "NaN", "Retry-After-Ms", "NaN"), 10, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t, limit.Limits{})
			l.ObserveHeaders("gpt-4.1", row.status, row.header, at)
			lease, err := l.TryAcquire("gpt-4.1", row.cost)
			lease.Release()
			var over *limit.Error
			if (err != nil) != (row.want > 0) || errors.As(err, &over) && (over.Kind != limit.Provider ||
				over.After.Round(10*time.Millisecond) != row.want) {
				t.Errorf("%s: %v, want %v", row.name, err, row.want)
			}
			if paused := l.State().Paused; row.want > 0 && row.cost == 10 && len(paused) == 0 && row.name != "one left" {
				t.Errorf("%s: State names no pause", row.name)
			}
			if lease, err := l.TryAcquire("other", row.cost); err != nil {
				t.Errorf("%s: another model is held back: %v", row.name, err)
			} else {
				lease.Release()
			}
			if row.want == 0 {
				return
			}
			lease, err = l.Acquire(t.Context(), "gpt-4.1", row.cost, 2*time.Minute)
			if err != nil {
				t.Errorf("%s: after waiting: %v", row.name, err)
			}
			lease.Release()
		})
	}
}

// A model that its provider holds back does not stop the line.
func TestLearnedPauseHoldsBackItsModelOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, limit.Limits{Concurrency: 1})
		held, _ := l.TryAcquire("b", 0)
		l.ObserveHeaders("a", 429, headers("Retry-After", "30"), time.Now())
		begun := time.Now()
		ends := map[string]chan time.Duration{"a": make(chan time.Duration, 1), "b": make(chan time.Duration, 1)}
		for _, model := range []string{"a", "b"} {
			go func() {
				lease, err := l.Acquire(t.Context(), model, 0, time.Minute)
				if err != nil {
					t.Errorf("%s: %v", model, err)
				}
				lease.Release()
				ends[model] <- time.Since(begun)
			}()
			synctest.Wait()
		}
		time.Sleep(time.Second)
		held.Release()
		if d := <-ends["b"]; d != time.Second {
			t.Errorf("b waited %v", d)
		}
		if d := <-ends["a"]; d != 30*time.Second {
			t.Errorf("a waited %v", d)
		}
	})
}
