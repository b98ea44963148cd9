package main

import (
	"math"
	"slices"
	"time"
)

// quantile is the p-quantile of sorted durations, by the nearest rank.
func quantile(sorted []time.Duration, p float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(p*float64(len(sorted)))) - 1
	return sorted[min(max(rank, 0), len(sorted)-1)]
}

// median of at least one figure; 0 of none.
func median(xs []float64) float64 {
	if len(xs) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(xs))
	mid := len(s) / 2
	if len(s)%2 == 1 {
		return s[mid]
	}
	return (s[mid-1] + s[mid]) / 2
}

// each takes one figure from every round.
func each(rounds []sample, of func(sample) float64) []float64 {
	out := make([]float64, len(rounds))
	for i, s := range rounds {
		out[i] = of(s)
	}
	return out
}

// against pairs the rounds of two contenders and takes one figure from each pair: a
// disturbance in a round affects both.
func against(rounds, reference []sample, of func(s, ref sample) float64) []float64 {
	n := min(len(rounds), len(reference))
	out := make([]float64, n)
	for i := range out {
		out[i] = of(rounds[i], reference[i])
	}
	return out
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }

const mib = 1 << 20
