package stats

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

func TestEProcessGolden(t *testing.T) {
	near(t, "promote 0,300,0", Discordance{Zero: 300}.LogEPromote(.01), 1.009552, 1e-6)
	near(t, "promote 3,994,3", Discordance{Minus: 3, Zero: 994, Plus: 3}.LogEPromote(.01), 2.868709, 1e-6)
	near(t, "promote 10,1980,10", Discordance{Minus: 10, Zero: 1980, Plus: 10}.LogEPromote(.01), 5.264185, 1e-6)
	near(t, "harm 0,90,10", Discordance{Zero: 90, Plus: 10}.LogEHarm(0), 4.004927, 1e-6)
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

func TestPairsToPromote(t *testing.T) {
	if n, ok := (Discordance{Zero: 100}).PairsToPromote(.01, .05); !ok || n < 300 || n > 2500 {
		t.Errorf("equal and faultless: %v %v; the median is 600", n, ok)
	}
	if n, ok := (Discordance{Zero: 80, Plus: 20}).PairsToPromote(.01, .05); ok {
		t.Errorf("a bad relay is promoted after %v pairs", n)
	}
}
