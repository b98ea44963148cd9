package stats

import "math"

// Paired yes-or-no outcomes: the e-process of a bounded mean.
//
// D is +1 when only the relay had trouble, -1 when only the primary had, and 0
// otherwise. For a margin d, averaged over 24 bets c from .005 to .95,
//
//	promote, H0: E[D] >= d:  E = mean over c of prod (1 + c/(1-d) * (d - D_i))
//	harm,    H0: E[D] <= d:  E = mean over c of prod (1 + c/(1+d) * (D_i - d))
//
// Under its H0 either exceeds 1/alpha with probability at most alpha, however
// often one looks (Ville's inequality). The three counts of D are all that it
// takes.
//
// Source: Waudby-Smith and Ramdas, "Estimating means of bounded random
// variables by betting", arXiv 2010.09686.
//
// Golden, counts (minus, zero, plus): promote at d = .01: (0, 300, 0) ln E
// 1.009552; (3, 994, 3) 2.868709; (10, 1980, 10) 5.264185. Harm at d = 0:
// (0, 90, 10) 4.004927.

// Discordance counts pairs by which side had trouble. It is the state of the
// paired test; it merges by addition and does not depend on order.
type Discordance struct {
	Minus   uint64 `json:"minus"`             // only the primary had it
	Zero    uint64 `json:"zero"`              // both or neither
	Plus    uint64 `json:"plus"`              // only the relay had it
	Skipped uint64 `json:"skipped,omitempty"` // left out: they came in a burst (see Bursts)
	// BurstPlus and BurstMinus are the skipped pairs in which only the relay,
	// or only the primary, had it.
	BurstPlus  uint64 `json:"burst_plus,omitempty"`
	BurstMinus uint64 `json:"burst_minus,omitempty"`
}

// Add counts one pair.
func (d *Discordance) Add(primary, relay bool) {
	switch {
	case primary == relay:
		d.Zero++
	case relay:
		d.Plus++
	default:
		d.Minus++
	}
}

// Merge adds other counts.
func (d *Discordance) Merge(o Discordance) {
	d.Minus += o.Minus
	d.Zero += o.Zero
	d.Plus += o.Plus
	d.Skipped += o.Skipped
	d.BurstPlus += o.BurstPlus
	d.BurstMinus += o.BurstMinus
}

// Skip counts one pair that came while a burst lasted.
func (d *Discordance) Skip(primary, relay bool) {
	d.Skipped++
	switch {
	case relay && !primary:
		d.BurstPlus++
	case primary && !relay:
		d.BurstMinus++
	}
}

// minOutage is how many more pairs bursts must have cost the relay than the
// primary before they count as an outage.
const minOutage = 20

// Outage reports whether bursts cost the relay more pairs than the primary by
// over budget, a share of all pairs in [0,1]. It is a budget and not a test:
// failures in bursts are not independent.
func (d Discordance) Outage(budget float64) bool {
	if d.BurstPlus < d.BurstMinus+minOutage {
		return false
	}
	return float64(d.BurstPlus-d.BurstMinus) > budget*float64(d.N()+d.Skipped)
}

// N is how many pairs count as evidence.
func (d Discordance) N() uint64 { return d.Minus + d.Zero + d.Plus }

// Mean is the mean of relay minus primary, in [-1,1].
func (d Discordance) Mean() float64 {
	if d.N() == 0 {
		return 0
	}
	return (float64(d.Plus) - float64(d.Minus)) / float64(d.N())
}

// bets is how many bets of different sizes an e-process averages over.
const bets = 24

// betSize is the k-th of log-spaced sizes from .005 to .95.
func betSize(k int) float64 {
	const smallest, largest = .005, .95
	return smallest * math.Pow(largest/smallest, float64(k)/(bets-1))
}

// LogEPromote is the logarithm of the evidence that the relay has less trouble
// than the primary plus margin. margin is in (-1,1).
func (d Discordance) LogEPromote(margin float64) float64 {
	return d.logE(func(c float64) (minus, zero, plus float64) {
		g := c / (1 - margin)
		return math.Log1p(g * (margin + 1)), math.Log1p(g * margin), math.Log1p(g * (margin - 1))
	})
}

// LogEHarm is the logarithm of the evidence that the relay has more trouble
// than the primary plus margin. margin is in (-1,1).
func (d Discordance) LogEHarm(margin float64) float64 {
	return d.logE(func(c float64) (minus, zero, plus float64) {
		g := c / (1 + margin)
		return math.Log1p(g * (-1 - margin)), math.Log1p(-g * margin), math.Log1p(g * (1 - margin))
	})
}

// logE averages over the bets; growth gives the logarithms of one bet's factors
// for the three outcomes.
func (d Discordance) logE(growth func(c float64) (minus, zero, plus float64)) float64 {
	var logs [bets]float64
	for k := range logs {
		m, z, p := growth(betSize(k))
		logs[k] = product(float64(d.Minus), m) + product(float64(d.Zero), z) + product(float64(d.Plus), p)
	}
	return logMeanExp(logs[:])
}

// logMeanExp is ln(mean(exp(x))) without overflow.
func logMeanExp(xs []float64) float64 {
	top := math.Inf(-1)
	for _, x := range xs {
		top = max(top, x)
	}
	if math.IsInf(top, -1) {
		return top
	}
	sum := 0.
	for _, x := range xs {
		sum += math.Exp(x - top)
	}
	return top + math.Log(sum/float64(len(xs)))
}

// Interval is the confidence sequence of E[D], by inverting both e-processes,
// each at alpha/2.
func (d Discordance) Interval(alpha float64) Interval {
	if d.N() == 0 {
		return Interval{-1, 1}
	}
	bar := math.Log(2 / alpha)
	return Interval{
		Low:  bisect(d.Mean(), -1, func(m float64) bool { return d.LogEHarm(m) < bar }),
		High: bisect(d.Mean(), 1, func(m float64) bool { return d.LogEPromote(m) < bar }),
	}
}

// PairsToPromote estimates how many pairs it takes in all until LogEPromote
// reaches ln(1/alpha), if things go on as they are; ok is false when it is not
// expected to. It gives an order of magnitude, no more.
func (d Discordance) PairsToPromote(margin, alpha float64) (n float64, ok bool) {
	minus, zero, plus := float64(d.Minus)+.5, float64(d.Zero), float64(d.Plus)+.5
	all := minus + zero + plus
	best := 0.
	for k := range bets {
		g := betSize(k) / (1 - margin)
		growth := (minus*math.Log1p(g*(margin+1)) + zero*math.Log1p(g*margin) + plus*math.Log1p(g*(margin-1))) / all
		best = max(best, growth)
	}
	if best <= 0 {
		return 0, false
	}
	missing := math.Log(1/alpha) + .5*math.Log(bets) - d.LogEPromote(margin)
	return float64(d.N()) + max(0, missing)/best, true
}
