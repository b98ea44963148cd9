package compare

import (
	"math"
	"time"
)

// Moments are the sums of paired figures from which a confidence sequence of
// their mean is made. They merge by addition, exactly.
type Moments struct {
	N       uint64 `json:"n"`
	Sum     Micro  `json:"sum"`
	Squares Micro  `json:"squares"`
}

// Add counts one figure.
func (m *Moments) Add(y float64) {
	m.N++
	m.Sum += micro(y)
	m.Squares += micro(y * y)
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

// MomentsLeast is how many figures an asymptotic interval needs to be one.
const MomentsLeast = 100

// nOptimal is the number of pairs at which the intervals are tightest.
const nOptimal = 1000

// Interval is the asymptotic confidence sequence of the mean
// (arXiv 2103.06476), alpha/2 at each side; ok is false below MomentsLeast.
func (m Moments) Interval(alpha float64) (i Interval, ok bool) {
	if m.N < MomentsLeast {
		return Interval{math.Inf(-1), math.Inf(1)}, false
	}
	h := m.Radius(alpha / 2)
	return Interval{m.Mean() - h, m.Mean() + h}, true
}

// Radius is how far the mean may be from the truth at one side.
func (m Moments) Radius(alpha float64) float64 {
	return sequenceRadius(float64(m.N), m.Deviation(), alpha)
}

// sequenceRadius is the one-sided boundary for n figures of deviation s.
func sequenceRadius(n, s, alpha float64) float64 {
	rho := sequenceRho(alpha)
	x := n*rho*rho + 1
	return s * math.Sqrt(2*x/(n*rho*n*rho)*math.Log(1+math.Sqrt(x)/(2*alpha)))
}

func sequenceRho(alpha float64) float64 {
	l := -2 * math.Log(2*alpha)
	return math.Sqrt((l + math.Log(1+l)) / nOptimal)
}

// PairsToShowBelow estimates how many figures it takes until the mean is shown
// to be below a bound, if things go on as they are; ok is false when it is not
// to be expected within ten million.
func (m Moments) PairsToShowBelow(bound, alpha float64) (n float64, ok bool) {
	const most = 1e7
	mean, s := m.Mean(), m.Deviation()
	below := func(n float64) bool { return mean+sequenceRadius(n, s, alpha) < bound }
	if m.N < 2 || !below(most) {
		return 0, false
	}
	low, high := float64(MomentsLeast), most
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

// logRatioClip bounds the logarithm of a ratio: a factor of some fifty, so that
// one freak pair can't move a mean.
const logRatioClip = 4

// LogRatio are the moments of ln(relay/primary) over pairs.
type LogRatio struct{ Moments }

// Add counts a pair of positive figures; others are left out.
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
