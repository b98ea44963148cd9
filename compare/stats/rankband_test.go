package stats

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestRankBandGolden(t *testing.T) {
	for _, c := range []struct {
		n         int
		q         float64
		low, high float64
	}{
		{500, .95, .915, .979}, {500, .99, .972, 1}, {1000, .95, .927, .970},
		{1000, .99, .979, .998}, {5000, .95, .940, .959}, {5000, .99, .985, .994},
	} {
		b := RankBand(c.q, c.n, .05)
		near(t, "band low", b.Low, c.low, 6e-4)
		near(t, "band high", b.High, c.high, 6e-4)
	}
}

func TestQuantileRatioFindsASlowTail(t *testing.T) {
	var p, r Sketch
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range 5000 {
		p.Add(100 * math.Exp(.3*rng.NormFloat64()))
		v := 100 * math.Exp(.3*rng.NormFloat64())
		if i%10 == 0 {
			v *= 3
		}
		r.Add(v)
		if i == 500 {
			if _, ok := QuantileRatio(p, r, .99, .05); ok {
				t.Error("p99 of 500 values has an upper bound")
			}
		}
	}
	if i, ok := QuantileRatio(p, r, .99, .05); !ok || i.Low < 1.2 || i.High > 4 {
		t.Errorf("p99: %+v %v", i, ok)
	}
	if i, ok := QuantileRatio(p, r, .5, .05); !ok || i.Low > 1.03 || i.High < 1.03 {
		t.Errorf("p50: %+v %v", i, ok)
	}
	if i, ok := p.QuantileInterval(.95, .05); !ok || i.Low >= p.Quantile(.95)*.985 || i.High <= p.Quantile(.95)*1.015 ||
		i.High > p.Quantile(.98) {
		t.Errorf("p95: %+v around %v", i, p.Quantile(.95))
	}
	if i, ok := QuantileRatio(Sketch{}, r, .5, .05); ok {
		t.Errorf("an empty side: %+v", i)
	}
}
