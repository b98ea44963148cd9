package compare_test

import (
	"math"
	"testing"

	"cutover/compare"
	"cutover/compare/stats"
)

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > tolerance {
		t.Errorf("%s: got %v, want %v within %v", what, got, want, tolerance)
	}
}

// moments are n figures of a mean and a deviation.
func moments(n uint64, mean, deviation float64) stats.Moments {
	sum := func(x float64) stats.Micro { return stats.Micro(math.Round(x * float64(n) * 1e6)) }
	return stats.Moments{N: n, Sum: sum(mean), Squares: sum(mean*mean + deviation*deviation)}
}

// (d(P,R) + d(P',R)) / 2 - d(P,P').
func TestExcessOfATriple(t *testing.T) {
	near(t, "excess", compare.Triple{Self: .5, Relay: .6, Again: .8}.Excess(), .2, 1e-12)
	var n compare.NoiseAggregate
	for _, relay := range []float64{.4, .5, .5, .5, .7, .8} {
		n.Add(compare.Triple{Self: .5, Relay: relay, Again: .5})
	}
	if n.Wins != 2 || n.Losses != 1 {
		t.Errorf("%d wins and %d losses, want 2 and 1: ties are neither", n.Wins, n.Losses)
	}
	near(t, "mean distance of the primary to itself", n.MeanSelf(), .5, 1e-9)
}

// At 400 triples of deviation .1 the boundary is .0144301. Seven wins of seven
// are evidence of 26.8 (by the mixture over Beta(1/2, 1/2)), six of 14.4, and
// 1 / alpha is 20.
func TestWhenTheRelayDiffersFromThePrimary(t *testing.T) {
	for _, c := range []struct {
		name            string
		n               uint64
		mean, deviation float64
		wins, losses    uint64
		want            compare.Answer
	}{
		{name: "near within the margin", n: 400, mean: 0, deviation: .1, want: compare.No},
		{name: "at the margin's edge, within", n: 400, mean: .0055, deviation: .1, want: compare.No},
		{name: "at the margin's edge, beyond", n: 400, mean: .0057, deviation: .1, want: compare.Unknown},
		{name: "seems near", n: 400, mean: .01, deviation: .1, want: compare.Unknown},
		{name: "seems far", n: 400, mean: .0143, deviation: .1, want: compare.Unknown},
		{name: "farther, though within the margin", n: 400, mean: .0146, deviation: .1, want: compare.Yes},
		{name: "nearer than the primary itself", n: 400, mean: -.1, deviation: .1, want: compare.No},
		{name: "99 triples tell nothing by their mean", n: 99, mean: 0, deviation: 0, want: compare.Unknown},
		{name: "nor that it is far", n: 99, mean: .5, deviation: 0, want: compare.Unknown},
		{name: "six of six", n: 6, mean: .1, wins: 6, want: compare.Unknown},
		{name: "seven of seven", n: 7, mean: .1, wins: 7, want: compare.Yes},
		{name: "seven of seven, but nearer on the whole", n: 7, mean: -.1, wins: 7, want: compare.Unknown},
		{name: "none of seven", n: 7, mean: .1, losses: 7, want: compare.Unknown},
	} {
		n := compare.NoiseAggregate{Excess: moments(c.n, c.mean, c.deviation), Wins: c.wins, Losses: c.losses}
		if got := n.Differs(.02, .05); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
