package compare

import "math"

// bandOptimal is the number of values at which the rank bands are tightest.
const bandOptimal = 2000

// RankBand is the band of ranks, in [0,1], that holds the quantile q of a
// distribution of which n values were seen, at all times with probability
// 1-alpha (two-sided beta-binomial mixture, Howard et al., arXiv 1810.08240).
func RankBand(q float64, n int, alpha float64) Interval {
	if n <= 0 || q <= 0 || q >= 1 {
		return Interval{0, 1}
	}
	bar := math.Log(1 / alpha)
	// The mixture's prior is centred on q, as wide as makes the band
	// tightest at bandOptimal.
	variance := q * (1 - q)
	rho := bandOptimal * variance / (2*bar + math.Log(1+2*bar))
	r := max(rho-variance, variance/1000)
	a, b := r/(1-q), r/q
	t := float64(n)
	inside := func(rank float64) bool { return betaBinomial(rank*t, t, a, b, q) < bar }
	return Interval{bisect(q, 0, inside), bisect(q, 1, inside)}
}

// QuantileInterval is the interval of a quantile: the rank band read in the
// sketch, widened by the sketch's accuracy. ok is false when the band reaches
// the end of the ranks, so that nothing bounds the quantile.
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
