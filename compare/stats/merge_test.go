package stats_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"cutover/compare/stats"
	"cutover/internal/mergetest"
)

func TestDiscordanceMerges(t *testing.T) {
	t.Parallel()
	type pair struct{ primary, relay, burst bool }
	mergetest.Check(t, mergetest.Kind[stats.Discordance, pair]{
		Draw: func(t *rapid.T) pair {
			return pair{rapid.Bool().Draw(t, "primary"), rapid.Bool().Draw(t, "relay"), rapid.Bool().Draw(t, "burst")}
		},
		Add: func(d *stats.Discordance, p pair) {
			if p.burst {
				d.Skip(p.primary, p.relay)
			} else {
				d.Add(p.primary, p.relay)
			}
		},
		Merge: (*stats.Discordance).Merge,
		// The e-processes read nothing but the counters.
		Says: func(d stats.Discordance) any {
			return fmt.Sprint(d, d.LogEPromote(.01), d.LogEHarm(0), d.Interval(.05))
		},
	})
}

func TestMomentsMerge(t *testing.T) {
	t.Parallel()
	mergetest.Check(t, mergetest.Kind[stats.Moments, float64]{
		Draw:  func(t *rapid.T) float64 { return rapid.Float64Range(-4, 4).Draw(t, "figure") },
		Add:   (*stats.Moments).Add,
		Merge: (*stats.Moments).Merge,
		Says:  func(m stats.Moments) any { return m },
	})
}

func TestSketchesMerge(t *testing.T) {
	t.Parallel()
	mergetest.Check(t, mergetest.Kind[stats.Sketch, float64]{
		Draw: func(t *rapid.T) float64 {
			return rapid.OneOf(rapid.Float64Range(1e-7, 1e10), rapid.SampledFrom([]float64{0, -1, 20, 20.1})).Draw(t, "value")
		},
		Add:   (*stats.Sketch).Add,
		Merge: (*stats.Sketch).Merge,
		Says: func(s stats.Sketch) any {
			said := fmt.Sprint(s.N())
			for q := range 21 {
				said += fmt.Sprint(" ", s.Quantile(float64(q)/20))
			}
			return said
		},
	})
}

// A sketch, merged or not, holds its values within its accuracy.
func TestMergedSketchesAreExactToOnePercent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(.01, 1e6), 1, 60).Draw(t, "values")
		var a, b stats.Sketch
		for i, v := range values {
			if i%2 == 0 {
				a.Add(v)
			} else {
				b.Add(v)
			}
		}
		a.Merge(b)
		slices.Sort(values)
		for i, v := range values {
			// The i-th value of n is at the rank i / (n - 1); a little more, for rounding.
			if got := a.Quantile((float64(i) + .25) / float64(max(1, len(values)-1))); got < v*.9899 || got > v*1.0101 {
				t.Fatalf("value %d of %d is %v, read as %v", i, len(values), v, got)
			}
		}
	})
}
