package compare

import "math"

// Discordance counts pairs by who had trouble: the state of a test on paired
// yes-or-no outcomes. It merges by addition and does not depend on order.
type Discordance struct {
	Minus   uint64 `json:"minus"`             // only the primary had it
	Zero    uint64 `json:"zero"`              // both or neither
	Plus    uint64 `json:"plus"`              // only the relay had it
	Skipped uint64 `json:"skipped,omitempty"` // not bet on, since a burst lasted
	// BurstPlus and BurstMinus are those of the skipped in which only the
	// relay, or only the primary, had it.
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

// outageLeast is the number of pairs lost to bursts that make an outage.
const outageLeast = 20

// Outage reports whether bursts cost the relay more than a share of all pairs
// beyond what they cost the primary. It is a budget and no test: failures in
// bursts are not independent, and nothing bets on them.
func (d Discordance) Outage(budget float64) bool {
	if d.BurstPlus < d.BurstMinus+outageLeast {
		return false
	}
	return float64(d.BurstPlus-d.BurstMinus) > budget*float64(d.N()+d.Skipped)
}

// N is how many pairs were bet on.
func (d Discordance) N() uint64 { return d.Minus + d.Zero + d.Plus }

// Mean is the mean of relay minus primary, in [-1,1].
func (d Discordance) Mean() float64 {
	if d.N() == 0 {
		return 0
	}
	return (float64(d.Plus) - float64(d.Minus)) / float64(d.N())
}

// bets is how many bets of different sizes an e-process mixes.
const bets = 24

// betSize is the k-th of log-spaced sizes from .005 to .95.
func betSize(k int) float64 {
	const least, most = .005, .95
	return least * math.Pow(most/least, float64(k)/(bets-1))
}

// LogEPromote is the logarithm of the evidence that the relay has at most
// margin more trouble than the primary: the e-process of H0: E[D] >= margin
// (Waudby-Smith and Ramdas, arXiv 2010.09686). Under H0 it exceeds ln(1/alpha)
// with probability at most alpha, however often one looks. margin is in (-1,1).
func (d Discordance) LogEPromote(margin float64) float64 {
	return d.logE(func(c float64) (minus, zero, plus float64) {
		g := c / (1 - margin)
		return math.Log1p(g * (margin + 1)), math.Log1p(g * margin), math.Log1p(g * (margin - 1))
	})
}

// LogEHarm is likewise the evidence that the relay has over margin more
// trouble than the primary: the e-process of H0: E[D] <= margin.
func (d Discordance) LogEHarm(margin float64) float64 {
	return d.logE(func(c float64) (minus, zero, plus float64) {
		g := c / (1 + margin)
		return math.Log1p(g * (-1 - margin)), math.Log1p(-g * margin), math.Log1p(g * (1 - margin))
	})
}

// logE mixes the bets' winnings; growth gives the logarithms of one bet's
// factors for the three outcomes.
func (d Discordance) logE(growth func(c float64) (minus, zero, plus float64)) float64 {
	var logs [bets]float64
	for k := range logs {
		m, z, p := growth(betSize(k))
		logs[k] = weigh(d.Minus, m) + weigh(d.Zero, z) + weigh(d.Plus, p)
	}
	return logMeanExp(logs[:])
}

// weigh is n*x, and 0 when there are none, whatever x is.
func weigh(n uint64, x float64) float64 {
	if n == 0 {
		return 0
	}
	return float64(n) * x
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

// Interval is a confidence sequence's state: the truth is inside at all times
// together with the probability that it was made for.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
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

// bisect finds where inside turns false on the way from a point where it holds
// to the end of the range.
func bisect(from, to float64, inside func(float64) bool) float64 {
	if !inside(from) {
		return from
	}
	a, b := from, to
	for range 50 {
		mid := a + (b-a)/2
		if inside(mid) {
			a = mid
		} else {
			b = mid
		}
	}
	return b
}

// PairsToPromote estimates how many pairs there will have been when
// LogEPromote reaches ln(1/alpha), if things go on as they are; ok is false when
// no conclusion is to be expected. It tells the order of magnitude, no more.
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
