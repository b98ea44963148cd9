package stats

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestMeanGolden(t *testing.T) {
	near(t, "rho", sequenceRho(.05), .079554, 1e-6)
	near(t, "h(100)", sequenceRadius(100, 1, .05), .367907, 1e-6)
	near(t, "h(1000)", sequenceRadius(1000, 1, .05), .087883, 1e-6)
}

func TestMomentsHoldTheirError(t *testing.T) {
	const runs, pairs = 200, 3000
	out := 0
	for run := range runs {
		rng := rand.New(rand.NewPCG(uint64(run), 17))
		var l LogRatio
		for i := range pairs {
			l.Add(1, math.Exp(.5*rng.NormFloat64()))
			if i%20 != 0 {
				continue
			}
			if in, ok := l.Interval(.05); ok && (in.Low > 0 || in.High < 0) {
				out++
				break
			}
		}
	}
	if out > 16 {
		t.Errorf("the truth was outside at some time in %d of %d runs", out, runs)
	}
}

func TestPairsToShowBelow(t *testing.T) {
	var l LogRatio
	rng := rand.New(rand.NewPCG(4, 4))
	for range 60 {
		l.Add(1, math.Exp(.4*rng.NormFloat64()-.01))
	}
	if n, ok := l.PairsToShowBelow(math.Log(1.1), .05); !ok || n < 100 || n > 3000 {
		t.Errorf("latency: %v %v; the median is 175", n, ok)
	}
	if _, ok := l.PairsToShowBelow(-1, .05); ok {
		t.Error("a bound below the mean is reached")
	}
}
