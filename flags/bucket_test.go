package flags_test

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"cutover/flags"
)

// The buckets were computed by an independent implementation of
// murmur3-x86-32 (seed 0) over flag key, then targeting key.
func TestBucketVectors(t *testing.T) {
	for _, v := range []struct {
		flag, key string
		bucket    uint32
	}{
		{"relay-percentage", "", 49827},
		{"relay-percentage", "user-1", 93662},
		{"shadow-percentage", "user-1", 13349},
		{"noise-percentage", "user-1", 56121},
		{"relay-percentage", "süßer-kunde-\u4e16\u754c", 91304},
		{"relay-percentage", fmt.Sprintf("%0300d", 7), 88873}, // longer than the buffer on the stack
	} {
		if got := flags.Bucket(v.flag, v.key); got != v.bucket {
			t.Errorf("Bucket(%q, %.20q) = %d, want %d", v.flag, v.key, got, v.bucket)
		}
	}
}

// Callers that sit exactly at an edge of the ranges that people set.
func TestPercentageEdges(t *testing.T) {
	for _, v := range []struct {
		key    string
		bucket uint32
		in     []float64
		out    []float64
	}{
		{"caller-64843", 0, []float64{.001, .01, 50, 99.99, 100}, []float64{0, -1, math.NaN()}},
		{"caller-72289", 9, []float64{.01, 50}, []float64{0, .009}},
		{"caller-41553", 10, []float64{.011, .02, 50}, []float64{0, .01}},
		{"caller-243430", 49999, []float64{50, 100}, []float64{0, 49.99}},
		{"caller-147874", 50000, []float64{50.01, 100}, []float64{0, 50}},
		{"caller-131756", 99989, []float64{99.99, 100}, []float64{0, 99.98}},
		{"caller-28222", 99990, []float64{100, 250}, []float64{99.99}},
		{"caller-29205", 99999, []float64{100, math.Inf(1)}, []float64{99.99, 99.999}},
	} {
		if got := flags.Bucket(flags.KeyRelayPercentage, v.key); got != v.bucket {
			t.Fatalf("Bucket(%q) = %d, want %d", v.key, got, v.bucket)
		}
		for _, p := range v.in {
			if !flags.Included(flags.KeyRelayPercentage, v.key, p) {
				t.Errorf("bucket %d is out at %v %%, want in", v.bucket, p)
			}
		}
		for _, p := range v.out {
			if flags.Included(flags.KeyRelayPercentage, v.key, p) {
				t.Errorf("bucket %d is in at %v %%, want out", v.bucket, p)
			}
		}
	}
}

// The order of the parts matters: flag first.
func TestBucketHashesTheFlagFirst(t *testing.T) {
	if flags.Bucket("ab", "cd") != flags.Bucket("abc", "d") {
		t.Error("the parts are not simply joined")
	}
	if flags.Bucket("ab", "cd") == flags.Bucket("cd", "ab") {
		t.Error("the order of flag and targeting key makes no difference")
	}
}

// Raising a percentage never moves a caller out.
func TestRampsAreMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.Float64Range(0, 100).Draw(t, "a")
		b := rapid.Float64Range(0, 100).Draw(t, "b")
		low, high := min(a, b), max(a, b)
		key := rapid.String().Draw(t, "key")
		for _, flag := range flags.Keys() {
			if flags.Included(flag, key, low) && !flags.Included(flag, key, high) {
				t.Fatalf("%s: %q is in at %v %% but out at %v %%", flag, key, low, high)
			}
		}
	})
}

// Who is in the first 5 % of one flag is in the first 5 % of another one no
// more often than anybody else, and each share is met.
func TestDrawsAreIndependentAndFair(t *testing.T) {
	const callers, share = 200_000, 5.0
	drawn := []string{flags.KeyRelayPercentage, flags.KeyShadowPercentage, flags.KeyNoisePercentage}
	single := map[string]int{}
	both := map[string]int{}
	for i := range callers {
		key := fmt.Sprintf("caller-%d", i)
		for n, a := range drawn {
			if !flags.Included(a, key, share) {
				continue
			}
			single[a]++
			for _, b := range drawn[n+1:] {
				if flags.Included(b, key, share) {
					both[a+" and "+b]++
				}
			}
		}
	}
	near := func(what string, got int, p float64) {
		want := callers * p
		if bound := 5 * math.Sqrt(want*(1-p)); math.Abs(float64(got)-want) > bound {
			t.Errorf("%s: %d of %d callers, want %.0f within %.0f (five standard deviations)", what, got, callers, want, bound)
		}
	}
	for _, a := range drawn {
		near(a, single[a], share/100)
	}
	for pair, n := range both {
		near(pair, n, share/100*share/100)
	}
	if len(both) != 3 {
		t.Errorf("pairs seen: %v, want three", both)
	}
}
