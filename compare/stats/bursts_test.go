package stats

import (
	"math"
	"math/rand/v2"
	"testing"
)

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
