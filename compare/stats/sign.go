package stats

import "math"

// The sign test, anytime-valid.
//
// If two things are the same, which of them is greater is a fair coin. The
// e-value against that is the likelihood ratio of w wins and l losses under a
// Beta(1/2,1/2) mixture to the fair coin:
//
//	E = B(1/2 + w, 1/2 + l) / B(1/2, 1/2) * 2^(w+l)
//
// Source: Howard and others, arXiv 1810.08240 (beta-binomial mixture).
//
// Golden: ln E(0,0) = 0, ln E(1,0) = 0, ln E(5,0) = ln(32 * 63/256).

// SignLogE is the logarithm of the evidence that a coin which fell one way
// wins times and the other way losses times is not fair.
func SignLogE(wins, losses uint64) float64 {
	w, l := float64(wins), float64(losses)
	return lnBeta(.5+w, .5+l) - lnBeta(.5, .5) + (w+l)*math.Ln2
}
