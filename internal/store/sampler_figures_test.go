package store_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"cutover/compare"
	"cutover/internal/store"
)

// chosen offers results to a sampler with its default settings, and counts the
// samples of each class.
func chosen(t *testing.T, offer func(offer func(compare.Result, time.Time))) map[compare.Class]int {
	t.Helper()
	count := map[compare.Class]int{}
	s := store.NewSampler(func(_ context.Context, entries []store.SampleEntry, _ time.Time) error {
		for _, e := range entries {
			for _, class := range e.Classes {
				count[class]++
			}
		}
		return nil
	}, store.SamplerOptions{}.WithQueue(10_000))
	offer(func(r compare.Result, now time.Time) {
		r.Primary.Called, r.Relay.Called = true, true
		s.Offer(compare.Pair{}, &r, now)
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // it writes what waits, and ends
	if err := s.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if s.Dropped() != 0 || s.Lost() != 0 {
		t.Errorf("%d dropped, %d lost", s.Dropped(), s.Lost())
	}
	return count
}

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func found(code, arm string, severity compare.Severity) compare.Result {
	return compare.Result{Findings: []compare.Finding{{Code: code, Arm: arm, Severity: severity}}}
}

// The first 20 pairs with a code are kept, then one a minute.
func TestSamplesOfACode(t *testing.T) {
	t.Parallel()
	for wait, want := range map[time.Duration]int{0: 20, time.Minute - 1: 20, time.Minute: 21} {
		got := chosen(t, func(offer func(compare.Result, time.Time)) {
			for range 50 {
				offer(found("text.loop", "relay", compare.Major), noon)
			}
			offer(found("text.loop", "relay", compare.Major), noon.Add(wait))
		})
		if got[compare.ClassWorst] != want {
			t.Errorf("%v after the first: %d are kept for their finding, want %d", wait, got[compare.ClassWorst], want)
		}
	}
}

// 500 codes are told apart, so that paths that callers make up don't fill memory.
func TestCodesOfSamplesAreBounded(t *testing.T) {
	t.Parallel()
	got := chosen(t, func(offer func(compare.Result, time.Time)) {
		for i := range 600 {
			offer(found(fmt.Sprint("code.", i), "relay", compare.Major), noon)
		}
	})
	if got[compare.ClassWorst] != 500 {
		t.Errorf("%d of 600 codes are kept, want 500", got[compare.ClassWorst])
	}
}

// Which findings are worth a sample: what callers may notice, and not what the
// primary does.
func TestFindingsWorthASample(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		arm      string
		severity compare.Severity
		want     int
	}{
		{"relay", compare.Info, 0}, {"relay", compare.Minor, 1}, {"relay", compare.Critical, 1}, {"", compare.Minor, 1},
		{"primary", compare.Minor, 0}, {"primary", compare.Critical, 0},
	} {
		got := chosen(t, func(offer func(compare.Result, time.Time)) { offer(found("some.code", c.arm, c.severity), noon) })
		if got[compare.ClassWorst] != c.want {
			t.Errorf("%s of %q: %d are kept for it, want %d", c.severity, c.arm, got[compare.ClassWorst], c.want)
		}
	}
}

// The reservoir is of 200, and of those with the highest scores.
func TestReservoirOfSamples(t *testing.T) {
	t.Parallel()
	results := make([]compare.Result, 1000)
	for i := range results {
		results[i].ID = fmt.Sprint("01J", i)
	}
	slices.SortFunc(results, func(a, b compare.Result) int {
		return -cmp.Compare(compare.ClassUniform.Score(&a), compare.ClassUniform.Score(&b))
	})
	falling := chosen(t, func(offer func(compare.Result, time.Time)) {
		for _, r := range results {
			offer(r, noon)
		}
	})
	slices.Reverse(results)
	rising := chosen(t, func(offer func(compare.Result, time.Time)) {
		for _, r := range results {
			offer(r, noon)
		}
	})
	if falling[compare.ClassUniform] != 200 || rising[compare.ClassUniform] != 1000 {
		t.Errorf("%d enter with falling scores and %d with rising ones, want 200 and 1,000", falling[compare.ClassUniform],
			rising[compare.ClassUniform])
	}
}

// Of others two a second.
func TestSamplesPerSecond(t *testing.T) {
	t.Parallel()
	got := chosen(t, func(offer func(compare.Result, time.Time)) {
		for i := range 500 { // within five seconds
			offer(compare.Result{}, noon.Add(time.Duration(i)*10*time.Millisecond))
		}
	})
	if n := got[compare.ClassNewest]; n != 2+9 { // two at once, and two a second for 4.99 s
		t.Errorf("%d are kept in five seconds, want 11", n)
	}
}

// A request for which nobody was called is no pair; one of which only a side
// was called is worth a look.
func TestSamplesAreOfCalls(t *testing.T) {
	t.Parallel()
	s := store.NewSampler(func(context.Context, []store.SampleEntry, time.Time) error { return nil }, store.SamplerOptions{})
	for _, c := range []struct{ primary, relay, want bool }{{false, false, false}, {true, false, true}, {false, true, true},
		{true, true, true}} {
		r := found("text.loop", "relay", compare.Major)
		r.Primary.Called, r.Relay.Called = c.primary, c.relay
		if s.Offer(compare.Pair{}, &r, noon); r.Sampled != c.want {
			t.Errorf("primary called %v, relay called %v: sampled %v, want %v", c.primary, c.relay, r.Sampled, c.want)
		}
	}
}
