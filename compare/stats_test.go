package compare

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > tolerance {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// The golden values of this file were computed by two independent programs.
func TestEProcessGolden(t *testing.T) {
	near(t, "promote 0,300,0", Discordance{Zero: 300}.LogEPromote(.01), 1.009552, 1e-6)
	near(t, "promote 3,994,3", Discordance{Minus: 3, Zero: 994, Plus: 3}.LogEPromote(.01), 2.868709, 1e-6)
	near(t, "promote 10,1980,10", Discordance{Minus: 10, Zero: 1980, Plus: 10}.LogEPromote(.01), 5.264185, 1e-6)
	near(t, "harm 0,90,10", Discordance{Zero: 90, Plus: 10}.LogEHarm(0), 4.004927, 1e-6)
}

func TestIntervalsGolden(t *testing.T) {
	i := ProportionInterval(0, 300, .05)
	near(t, "0 of 300, low", i.Low, 0, 0)
	near(t, "0 of 300, high", i.High, .02117, 5e-6)
	i = ProportionInterval(10, 1000, .05)
	near(t, "10 of 1000, low", i.Low, .00241, 5e-6)
	near(t, "10 of 1000, high", i.High, .02616, 5e-6)
	near(t, "rho", sequenceRho(.05), .079554, 1e-6)
	near(t, "h(100)", sequenceRadius(100, 1, .05), .367907, 1e-6)
	near(t, "h(1000)", sequenceRadius(1000, 1, .05), .087883, 1e-6)
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

func TestIntervalsHoldTheMeanAndShrink(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := Discordance{
			Minus: rapid.Uint64Range(0, 500).Draw(t, "minus"),
			Zero:  rapid.Uint64Range(0, 5000).Draw(t, "zero"),
			Plus:  rapid.Uint64Range(0, 500).Draw(t, "plus"),
		}
		i, wide := d.Interval(.05), d.Interval(.01)
		if !(i.Low <= d.Mean() && d.Mean() <= i.High && i.Low >= -1 && i.High <= 1) {
			t.Fatalf("%+v: %+v around %v", d, i, d.Mean())
		}
		if wide.Low > i.Low || wide.High < i.High {
			t.Fatalf("%+v: more certainty made it narrower: %+v, %+v", d, i, wide)
		}
		s, n := d.Plus, d.N()
		if p := ProportionInterval(s, n, .05); n > 0 && (p.Low > float64(s)/float64(n) || p.High < float64(s)/float64(n)) {
			t.Fatalf("%d of %d: %+v", s, n, p)
		}
	})
}

// simulate runs a test that looks after every pair, and returns how many of the
// runs it fires in.
func simulate(runs, pairs int, step func(rng *rand.Rand, d *Discordance), fires func(Discordance) bool) int {
	fired := 0
	for run := range runs {
		rng := rand.New(rand.NewPCG(uint64(run), 99))
		var d Discordance
		for i := range pairs {
			step(rng, &d)
			if i%25 == 0 && fires(d) {
				fired++
				break
			}
		}
	}
	return fired
}

// However often one looks, the error rate must hold; and a relay that is bad
// must be found.
func TestErrorRatesHold(t *testing.T) {
	const runs, pairs = 100, 4000
	bar := math.Log(1 / .05)
	arms := func(primary, relay float64) func(*rand.Rand, *Discordance) {
		return func(rng *rand.Rand, d *Discordance) { d.Add(rng.Float64() < primary, rng.Float64() < relay) }
	}
	harm := func(d Discordance) bool { return d.LogEHarm(0) > bar }
	promote := func(d Discordance) bool { return d.LogEPromote(.01) > bar }
	for _, c := range []struct {
		name           string
		primary, relay float64
		fires          func(Discordance) bool
		least, most    int // of 100 runs
	}{
		{"false roll-back", .02, .02, harm, 0, 6},
		{"false promotion at the margin", .01, .02, promote, 0, 6},
		{"roll-back of 5 %", .01, .05, harm, 97, 100},
		{"promotion of an equal relay", .001, .001, promote, 95, 100},
	} {
		if n := simulate(runs, pairs, arms(c.primary, c.relay), c.fires); n < c.least || n > c.most {
			t.Errorf("%s: fired in %d of %d runs, want %d to %d", c.name, n, runs, c.least, c.most)
		}
	}
}

// Outages that hit either side at random, in bursts, must hardly ever roll a
// healthy relay back; a relay that fails steadily must be found all the same.
func TestBurstsAreNotBetOn(t *testing.T) {
	const runs, pairs = 100, 4000
	bar := math.Log(1 / .05)
	outages := func(guard bool) int {
		return simulate(runs, pairs, func() func(*rand.Rand, *Discordance) {
			var b Bursts
			left, side := 0, false
			return func(rng *rand.Rand, d *Discordance) {
				if left == 0 && rng.IntN(1000) == 0 {
					left, side = 30, rng.IntN(2) == 0
				}
				hit := left > 0 && rng.IntN(2) == 0
				left = max(0, left-1)
				primary, relay := hit && !side, hit && side
				if b.Observe(primary, relay) && guard {
					d.Skipped++
				} else {
					d.Add(primary, relay)
				}
			}
		}(), func(d Discordance) bool { return d.LogEHarm(0) > bar })
	}
	if without, with := outages(false), outages(true); without < 40 || with > 20 {
		t.Errorf("a healthy relay was rolled back in %d of %d runs without the guard and %d with it", without, runs, with)
	}
	steady := simulate(runs, 2000, func() func(*rand.Rand, *Discordance) {
		var b Bursts
		return func(rng *rand.Rand, d *Discordance) {
			primary, relay := rng.Float64() < .01, rng.Float64() < .05
			if !b.Observe(primary, relay) {
				d.Add(primary, relay)
			}
		}
	}(), func(d Discordance) bool { return d.LogEHarm(0) > bar })
	if steady < 95 {
		t.Errorf("a relay at 5 %% errors was found in %d of %d runs", steady, runs)
	}
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
	if i, ok := p.QuantileInterval(.95, .05); !ok || i.Low >= p.Quantile(.95)*.985 || i.High <= p.Quantile(.95)*1.015 || i.High > p.Quantile(.98) {
		t.Errorf("p95: %+v around %v", i, p.Quantile(.95))
	}
	if i, ok := QuantileRatio(Sketch{}, r, .5, .05); ok {
		t.Errorf("an empty side: %+v", i)
	}
}

func TestPairsStillNeeded(t *testing.T) {
	if n, ok := (Discordance{Zero: 100}).PairsToPromote(.01, .05); !ok || n < 300 || n > 2500 {
		t.Errorf("equal and faultless: %v %v; the median is 600", n, ok)
	}
	if n, ok := (Discordance{Zero: 80, Plus: 20}).PairsToPromote(.01, .05); ok {
		t.Errorf("a bad relay is promoted after %v pairs", n)
	}
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

func TestSignLogE(t *testing.T) {
	near(t, "none", SignLogE(0, 0), 0, 1e-12)
	near(t, "one", SignLogE(1, 0), 0, 1e-12)
	near(t, "five of five", SignLogE(5, 0), math.Log(32*63./256), 1e-9)
	if SignLogE(50, 50) > 0 {
		t.Error("a fair coin is evidence")
	}
}
