package compare

import "math"

// lnBeta is the logarithm of the beta function.
func lnBeta(a, b float64) float64 {
	x, _ := math.Lgamma(a)
	y, _ := math.Lgamma(b)
	z, _ := math.Lgamma(a + b)
	return x + y - z
}

// betaBinomial is the logarithm of the likelihood ratio of s successes in n,
// the success rate mixed over Beta(a,b), to the same at rate p: a martingale
// if p is the truth.
func betaBinomial(s, n, a, b, p float64) float64 {
	return lnBeta(a+s, b+n-s) - lnBeta(a, b) - times(s, math.Log(p)) - times(n-s, math.Log1p(-p))
}

// times is x*y with 0 times anything being 0.
func times(x, y float64) float64 {
	if x == 0 {
		return 0
	}
	return x * y
}

// ProportionInterval is the beta-binomial confidence sequence of a rate after s
// successes in n, valid at all times with probability 1-alpha.
func ProportionInterval(s, n uint64, alpha float64) Interval {
	if n == 0 {
		return Interval{0, 1}
	}
	bar := math.Log(1 / alpha)
	rate := float64(s) / float64(n)
	inside := func(p float64) bool { return betaBinomial(float64(s), float64(n), .5, .5, p) < bar }
	i := Interval{0, 1}
	if s > 0 {
		i.Low = bisect(rate, 0, inside)
	}
	if s < n {
		i.High = bisect(rate, 1, inside)
	}
	return i
}

// DifferenceInterval is the confidence sequence of relay's rate minus
// primary's when their requests were split, not paired: alpha/2 for each.
func DifferenceInterval(primaryS, primaryN, relayS, relayN uint64, alpha float64) Interval {
	p := ProportionInterval(primaryS, primaryN, alpha/2)
	r := ProportionInterval(relayS, relayN, alpha/2)
	return Interval{r.Low - p.High, r.High - p.Low}
}

// SignLogE is the logarithm of the evidence that a coin which fell one way
// wins times and the other way losses times is not fair, by a Beta(1/2,1/2)
// mixture.
func SignLogE(wins, losses uint64) float64 {
	w, l := float64(wins), float64(losses)
	return lnBeta(.5+w, .5+l) - lnBeta(.5, .5) + (w+l)*math.Ln2
}
