package stats

import (
	"math"
	"time"
)

// Means, and ratios by the mean of their logarithm: the asymptotic confidence
// sequence.
//
// After n figures of standard deviation s the mean is within h of the truth, at
// one side, with
//
//	h   = s * sqrt(2 (n rho^2 + 1) / (n rho)^2 * ln(1 + sqrt(n rho^2 + 1) / (2 alpha)))
//	rho = sqrt((-2 ln(2 alpha) + ln(1 - 2 ln(2 alpha))) / nOpt)
//
// at all times together with probability 1-alpha.
//
// Source: Waudby-Smith and others, "Time-uniform central limit theory and
// asymptotic confidence sequences", arXiv 2103.06476.
//
// Golden (alpha .05, nOpt 1000): rho .079554; h of s = 1: .367907 at n = 100,
// .087883 at n = 1000.

// Moments are the sums of figures from which the confidence sequence of their
// mean is made. They merge by addition, exactly.
type Moments struct {
	N       uint64 `json:"n"`
	Sum     Micro  `json:"sum"`
	Squares Micro  `json:"squares"`
}

// Add counts one figure.
func (m *Moments) Add(y float64) {
	m.N++
	m.Sum += NewMicro(y)
	m.Squares += NewMicro(y * y)
}

// Merge adds other sums.
func (m *Moments) Merge(o Moments) {
	m.N += o.N
	m.Sum += o.Sum
	m.Squares += o.Squares
}

// Mean is the mean; 0 for none.
func (m Moments) Mean() float64 {
	if m.N == 0 {
		return 0
	}
	return m.Sum.Float() / float64(m.N)
}

// Deviation is the standard deviation.
func (m Moments) Deviation() float64 {
	if m.N == 0 {
		return 0
	}
	mean := m.Mean()
	return math.Sqrt(max(0, m.Squares.Float()/float64(m.N)-mean*mean))
}

// MinMoments is how many figures it takes before the asymptotic interval can be
// relied on.
const MinMoments = 100

// meanOptimal is nOpt, the number of figures at which the intervals are
// tightest.
const meanOptimal = 1000

// Interval is the confidence sequence of the mean, alpha/2 at each side; ok is
// false below MinMoments.
func (m Moments) Interval(alpha float64) (i Interval, ok bool) {
	if m.N < MinMoments {
		return Interval{math.Inf(-1), math.Inf(1)}, false
	}
	h := m.Radius(alpha / 2)
	return Interval{m.Mean() - h, m.Mean() + h}, true
}

// Radius is h, how far the mean may be from the truth at one side.
func (m Moments) Radius(alpha float64) float64 {
	return sequenceRadius(float64(m.N), m.Deviation(), alpha)
}

// sequenceRadius is h for n figures of standard deviation s.
func sequenceRadius(n, s, alpha float64) float64 {
	rho := sequenceRho(alpha)
	x := n*rho*rho + 1
	return s * math.Sqrt(2*x/(n*rho*n*rho)*math.Log(1+math.Sqrt(x)/(2*alpha)))
}

func sequenceRho(alpha float64) float64 {
	l := -2 * math.Log(2*alpha)
	return math.Sqrt((l + math.Log(1+l)) / meanOptimal)
}

// PairsToShowBelow estimates how many figures it takes in all until the mean is
// shown to be below a bound, if things go on as they are; ok is false when it
// is not expected to within ten million.
func (m Moments) PairsToShowBelow(bound, alpha float64) (n float64, ok bool) {
	const limit = 1e7
	mean, s := m.Mean(), m.Deviation()
	below := func(n float64) bool { return mean+sequenceRadius(n, s, alpha) < bound }
	if m.N < 2 || !below(limit) {
		return 0, false
	}
	low, high := float64(MinMoments), limit
	if below(low) {
		return max(low, float64(m.N)), true
	}
	for high/low > 1.001 {
		if mid := math.Sqrt(low * high); below(mid) {
			high = mid
		} else {
			low = mid
		}
	}
	return max(high, float64(m.N)), true
}

// logRatioClip bounds the logarithm of a ratio, to a factor of about 55, so that
// one extreme pair can't move a mean.
const logRatioClip = 4

// LogRatio holds the moments of ln(relay/primary) over pairs.
type LogRatio struct{ Moments }

// Add counts a pair of positive figures. Any other pair is left out.
func (l *LogRatio) Add(primary, relay float64) {
	if !(primary > 0 && relay > 0) {
		return
	}
	l.Moments.Add(min(max(math.Log(relay/primary), -logRatioClip), logRatioClip))
}

// AddDurations counts a pair of durations.
func (l *LogRatio) AddDurations(primary, relay time.Duration) {
	l.Add(float64(primary), float64(relay))
}

// Ratio is the geometric mean of relay/primary; 1 for none.
func (l LogRatio) Ratio() float64 { return math.Exp(l.Mean()) }

// RatioInterval is the confidence sequence of the ratio.
func (l LogRatio) RatioInterval(alpha float64) (i Interval, ok bool) {
	i, ok = l.Interval(alpha)
	return Interval{math.Exp(i.Low), math.Exp(i.High)}, ok
}
