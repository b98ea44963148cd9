package stats

import "math"

// Quantiles (p50, p95, p99), by a band of ranks read in a sketch.
//
// A value below the quantile q is a success of probability q, so the number of
// values below it is a sum of Bernoulli(q) trials. A rank p is inside the band
// while the two-sided beta-binomial mixture martingale of p*t successes in t
// trials is below 1/alpha:
//
//	ln B(a+pt, b+t-pt) - ln B(a,b) - pt ln q - (t-pt) ln(1-q) < ln(1/alpha)
//
// with a = r/(1-q), b = r/q, r = rho - q(1-q) and
// rho = nOpt q(1-q) / (2 ln(1/alpha) + ln(1 + 2 ln(1/alpha))). The values at the
// two ranks bound the quantile; a sketch widens them by its own accuracy.
//
// Source: Howard and others, "Time-uniform, nonparametric, nonasymptotic
// confidence sequences", arXiv 1810.08240.
//
// Golden (alpha .05): n=500 p95 .915 to .979, p99 .972 to 1; n=1000 p95 .927 to
// .970, p99 .979 to .998; n=5000 p95 .940 to .959, p99 .985 to .994.

// bandOptimal is nOpt, the number of values at which the bands are tightest.
const bandOptimal = 2000

// RankBand is the band of ranks, in [0,1], that holds the quantile q of a
// distribution of which n values were seen, at all times with probability
// 1-alpha.
func RankBand(q float64, n int, alpha float64) Interval {
	if n <= 0 || q <= 0 || q >= 1 {
		return Interval{0, 1}
	}
	bar := math.Log(1 / alpha)
	variance := q * (1 - q)
	rho := bandOptimal * variance / (2*bar + math.Log(1+2*bar))
	r := max(rho-variance, variance/1000)
	a, b := r/(1-q), r/q
	t := float64(n)
	inside := func(rank float64) bool { return betaBinomial(rank*t, t, a, b, q) < bar }
	return Interval{bisect(q, 0, inside), bisect(q, 1, inside)}
}

// QuantileInterval is the interval of a quantile, in the sketch's unit: the
// rank band read in the sketch, widened by the sketch's accuracy. ok is false
// when the band reaches the end of the ranks, so that nothing bounds the
// quantile.
func (s Sketch) QuantileInterval(q, alpha float64) (i Interval, ok bool) {
	band := RankBand(q, s.N(), alpha)
	i = Interval{s.Quantile(band.Low) * (1 - SketchAccuracy), s.Quantile(band.High) * (1 + SketchAccuracy)}
	n := float64(s.N())
	return i, n > 0 && band.Low*n >= 1 && (1-band.High)*n >= 1
}

// QuantileRatio is the interval of relay's quantile divided by primary's:
// alpha/2 for each, dividing opposite ends.
func QuantileRatio(primary, relay Sketch, q, alpha float64) (i Interval, ok bool) {
	p, okP := primary.QuantileInterval(q, alpha/2)
	r, okR := relay.QuantileInterval(q, alpha/2)
	if !okP || !okR || p.Low <= 0 || p.High <= 0 {
		return Interval{0, math.Inf(1)}, false
	}
	return Interval{r.Low / p.High, r.High / p.Low}, true
}
