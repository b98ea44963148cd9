package stats

import "math"

// Proportions, and their difference when traffic is split and not paired.
//
// The beta-binomial confidence sequence of a rate after s successes in n is
//
//	{p : ln B(a+s, b+n-s) - ln B(a,b) - s ln p - (n-s) ln(1-p) < ln(1/alpha)}
//
// with a = b = 1/2. The difference of two rates takes alpha/2 for each side and
// opposite ends: [L_relay - U_primary, U_relay - L_primary].
//
// Sources: Howard and others, arXiv 1810.08240; Lindon and others,
// arXiv 2205.14762.
//
// Golden (alpha .05): 0 of 300 gives 0 to .02117; 10 of 1000 gives .00241 to
// .02616.

// lnBeta is the logarithm of the beta function.
func lnBeta(a, b float64) float64 {
	x, _ := math.Lgamma(a)
	y, _ := math.Lgamma(b)
	z, _ := math.Lgamma(a + b)
	return x + y - z
}

// betaBinomial is the logarithm of the likelihood ratio of s successes in n,
// the success rate mixed over Beta(a,b), to their likelihood at rate p. Its
// exponential is a martingale if p is the truth.
func betaBinomial(s, n, a, b, p float64) float64 {
	return lnBeta(a+s, b+n-s) - lnBeta(a, b) - product(s, math.Log(p)) - product(n-s, math.Log1p(-p))
}

// product is x*y, and 0 when x is 0, whatever y is.
func product(x, y float64) float64 {
	if x == 0 {
		return 0
	}
	return x * y
}

// ProportionInterval is the confidence sequence of a rate, in [0,1], after s
// successes in n. It is valid at all times with probability 1-alpha.
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
