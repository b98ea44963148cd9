package stats_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cutover/compare/stats"
)

// The figures of this file come from the formulas in its comments, worked out
// apart from the code: each constant of the statistics stands in one of them.

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > tolerance {
		t.Errorf("%s: got %v, want %v within %v", what, got, want, tolerance)
	}
}

// moments are n figures of a mean and a deviation.
func moments(n uint64, mean, deviation float64) stats.Moments {
	sum := func(x float64) stats.Micro { return stats.Micro(math.Round(x * float64(n) * 1e6)) }
	return stats.Moments{N: n, Sum: sum(mean), Squares: sum(mean*mean + deviation*deviation)}
}

// Who had trouble: both or neither is 0, the relay alone +1, the primary alone -1.
func TestDiscordanceCounts(t *testing.T) {
	var d stats.Discordance
	for _, pair := range [][2]bool{{false, false}, {true, true}, {false, true}, {false, true}, {false, true}, {true, false}} {
		d.Add(pair[0], pair[1])
		d.Skip(pair[0], pair[1])
	}
	if want := (stats.Discordance{Minus: 1, Zero: 2, Plus: 3, Skipped: 6, BurstPlus: 3, BurstMinus: 1}); d != want {
		t.Errorf("got %+v, want %+v", d, want)
	}
	if d.N() != 6 {
		t.Errorf("%d pairs are bet on, want 6", d.N())
	}
	near(t, "mean of (3 - 1) / 6", d.Mean(), 1./3, 1e-15)
}

// The e-process of harm: mean over 24 log-spaced c from .005 to .95 of
// prod (1 + c / (1 + margin) * (D - margin)).
func TestHarmBeyondAMargin(t *testing.T) {
	near(t, "ln E of (0, 90, 10) beyond .01", stats.Discordance{Zero: 90, Plus: 10}.LogEHarm(.01), 3.208395, 1e-6)
	// Swapped sides and a swapped question are the same: E[-D] >= -margin.
	d, swapped := stats.Discordance{Minus: 3, Zero: 90, Plus: 9}, stats.Discordance{Minus: 9, Zero: 90, Plus: 3}
	near(t, "by symmetry", d.LogEHarm(.02), swapped.LogEPromote(-.02), 1e-12)
}

// The interval inverts both e-processes, each at alpha / 2: it ends where ln E
// of that end is ln(2 / .05) = 3.688879.
func TestIntervalOfTheDifference(t *testing.T) {
	for _, c := range []struct {
		d         stats.Discordance
		low, high float64
	}{
		{stats.Discordance{Zero: 90, Plus: 10}, .00388367, .23096747},
		{stats.Discordance{Minus: 3, Zero: 994, Plus: 3}, -.01134021, .01134021},
		{stats.Discordance{Minus: 5, Zero: 80, Plus: 15}, -.05307010, .26060952},
	} {
		i := c.d.Interval(.05)
		near(t, "low", i.Low, c.low, 1e-8)
		near(t, "high", i.High, c.high, 1e-8)
		near(t, "evidence at the low end", c.d.LogEHarm(i.Low), math.Log(2/.05), 1e-6)
		near(t, "evidence at the high end", c.d.LogEPromote(i.High), math.Log(2/.05), 1e-6)
	}
	if i := (stats.Discordance{}).Interval(.05); i.Low != -1 || i.High != 1 {
		t.Errorf("of nothing: %+v, want everything", i)
	}
}

// An outage costs the relay 20 pairs more than the primary, and more than the
// budget's share of all pairs, those in bursts included.
func TestOutageIsABudget(t *testing.T) {
	for _, c := range []struct {
		name string
		d    stats.Discordance
		want bool
	}{
		{"20 of 500, budget 5", stats.Discordance{Zero: 480, Skipped: 20, BurstPlus: 20}, true},
		{"19 are too few", stats.Discordance{Zero: 481, Skipped: 19, BurstPlus: 19}, false},
		{"20 more than the primary's", stats.Discordance{Zero: 400, Skipped: 70, BurstPlus: 45, BurstMinus: 25}, true},
		{"19 more than the primary's", stats.Discordance{Zero: 400, Skipped: 70, BurstPlus: 44, BurstMinus: 25}, false},
		{"20 of 2,000 is exactly 1 %", stats.Discordance{Zero: 1980, Skipped: 20, BurstPlus: 20}, false},
		{"20 of 1,999 is more", stats.Discordance{Zero: 1979, Skipped: 20, BurstPlus: 20}, true},
		{"30 more of 4,000, though 60 are 1.5 %", stats.Discordance{Zero: 3900, Skipped: 100, BurstPlus: 60, BurstMinus: 30}, false},
		{"only the primary", stats.Discordance{Zero: 400, Skipped: 100, BurstMinus: 100}, false},
	} {
		if got := c.d.Outage(.01); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// n + max(0, ln(1 / alpha) + ln(24) / 2 - ln E) / g, where g is the best mean
// log-growth per pair with 1/2 more in each discordant cell.
func TestPairsUntilPromotion(t *testing.T) {
	for _, c := range []struct {
		d    stats.Discordance
		want float64
	}{
		{stats.Discordance{Zero: 100}, 1241.771808},
		{stats.Discordance{Minus: 1, Zero: 398, Plus: 1}, 1243.519257},
		{stats.Discordance{Minus: 5, Zero: 300, Plus: 7}, 31206.644816},
	} {
		got, ok := c.d.PairsToPromote(.01, .05)
		if near(t, "pairs", got, c.want, 1e-5); !ok {
			t.Errorf("%+v: no conclusion is expected", c.d)
		}
	}
}

// Requests that were split: alpha / 2 for each side's beta-binomial sequence
// (prior 1/2, 1/2), and the difference of opposite ends. 10 of 1,000 at .025 is
// [.00219972, .02724304], 30 of 1,000 is [.01368296, .05546804].
func TestDifferenceOfSplitRequests(t *testing.T) {
	i := stats.DifferenceInterval(10, 1000, 30, 1000, .05)
	near(t, "low", i.Low, .01368296-.02724304, 2e-8)
	near(t, "high", i.High, .05546804-.00219972, 2e-8)
}

// One deviation and 100 figures: the boundary is .387648 at .025 (alpha / 2 at
// each side), .367907 at .05. 99 figures make no interval.
func TestIntervalOfAMean(t *testing.T) {
	var m stats.Moments
	for i := range 100 {
		if _, ok := m.Interval(.05); ok {
			t.Fatalf("%d figures make an interval", i)
		}
		m.Add(float64(i%2)*2 - 1)
	}
	near(t, "deviation", m.Deviation(), 1, 1e-9)
	i, ok := m.Interval(.05)
	if near(t, "low", i.Low, -.387648, 1e-6); !ok {
		t.Error("100 figures make no interval")
	}
	near(t, "high", i.High, .387648, 1e-6)
	near(t, "at one side", m.Radius(.05), .367907, 1e-6)
	// The deviation is about the mean, wherever that is.
	near(t, "deviation at a mean of 3", moments(400, 3, .5).Deviation(), .5, 1e-6)
}

func TestPairsUntilAMeanIsShown(t *testing.T) {
	// .4 times the boundary is below ln 1.1 from 181.335 figures on.
	n, ok := moments(60, 0, .4).PairsToShowBelow(math.Log(1.1), .05)
	if near(t, "figures", n, 181.335, .2); !ok {
		t.Error("no conclusion is expected")
	}
	// Never fewer than make an interval.
	if n, ok := moments(2, -5, 0).PairsToShowBelow(0, .05); !ok || n != 100 {
		t.Errorf("plain after 2: %v %v, want 100", n, ok)
	}
	if _, ok := moments(1, -5, 0).PairsToShowBelow(0, .05); ok {
		t.Error("one figure tells how many it takes")
	}
	// The boundary is .00125147 at ten million figures and .00090428 at twenty.
	if _, ok := moments(200, 0, 1).PairsToShowBelow(.0013, .05); !ok {
		t.Error("within ten million, and not said so")
	}
	if n, ok := moments(200, 0, 1).PairsToShowBelow(.0012, .05); ok {
		t.Errorf("%v figures, beyond ten million", n)
	}
}

// ln(relay / primary), clipped at -4 and 4; a pair in which one time is not
// positive is left out.
func TestLogRatios(t *testing.T) {
	for _, c := range []struct{ primary, relay, want float64 }{
		{1, math.E, 1}, {math.E, 1, -1}, {1, math.Exp(3), 3}, {1, math.Exp(10), 4}, {math.Exp(10), 1, -4},
	} {
		var l stats.LogRatio
		l.Add(c.primary, c.relay)
		near(t, "log-ratio", l.Mean(), c.want, 1e-6)
		near(t, "ratio", l.Ratio(), math.Exp(c.want), 1e-4)
	}
	var l stats.LogRatio
	for _, p := range [][2]float64{{0, 5}, {5, 0}, {-1, 5}, {5, -1}, {math.NaN(), 1}, {1, math.NaN()}} {
		if l.Add(p[0], p[1]); l.N != 0 {
			t.Fatalf("%v was counted", p)
		}
	}
	l.AddDurations(time.Second, 2*time.Second)
	near(t, "of durations", l.Mean(), math.Ln2, 1e-6)
	if i, ok := l.RatioInterval(.05); ok {
		t.Errorf("one pair makes the interval %+v", i)
	}
}

// The sketch's own error widens the interval by 1 % at both ends. Where all
// values are one, the ranks make no difference.
func TestQuantileIntervalsHoldTheSketchsError(t *testing.T) {
	var s stats.Sketch
	for range 1000 {
		s.Add(250)
	}
	i, ok := s.QuantileInterval(.5, .05)
	if at := s.Quantile(.5); !ok || math.Abs(i.Low-at*.99) > 1e-9 || math.Abs(i.High-at*1.01) > 1e-9 {
		t.Errorf("%+v %v, want 1 %% around %v", i, ok, at)
	}
	if at := s.Quantile(.5); math.Abs(at/250-1) > .01 {
		t.Errorf("250 is read as %v, want within 1 %%", at)
	}
}

// Nothing bounds a quantile where the band of ranks reaches an end: the p99 of
// 500 values from above, and likewise the p1 from below.
func TestQuantilesWithoutABound(t *testing.T) {
	var few, many stats.Sketch
	for i := range 5000 {
		if i < 500 {
			few.Add(float64(i + 1))
		}
		many.Add(float64(i + 1))
	}
	for _, q := range []float64{.01, .99} {
		if i, ok := few.QuantileInterval(q, .05); ok {
			t.Errorf("q%v of 500 values is in %+v", q, i)
		}
		if _, ok := many.QuantileInterval(q, .05); !ok {
			t.Errorf("q%v of 5,000 values has no interval", q)
		}
	}
}

// A ratio of quantiles: opposite ends of the two intervals, each at alpha / 2.
func TestQuantileRatioOfOppositeEnds(t *testing.T) {
	var primary, relay stats.Sketch
	for i := range 1000 { // so steep that a few ranks make a difference
		primary.Add(math.Pow(1.02, float64(i)))
		relay.Add(1.3 * math.Pow(1.02, float64(i)))
	}
	p, _ := primary.QuantileInterval(.95, .025)
	r, _ := relay.QuantileInterval(.95, .025)
	got, ok := stats.QuantileRatio(primary, relay, .95, .05)
	if near(t, "low", got.Low, r.Low/p.High, 1e-12); !ok {
		t.Error("1,000 values have no interval")
	}
	near(t, "high", got.High, r.High/p.Low, 1e-12)
}

// From a nanosecond to eleven days, in milliseconds; what lies outside counts at
// the bound, what is not positive not at all.
func TestSketchRange(t *testing.T) {
	for _, c := range []struct{ v, want float64 }{{1e-6, 1e-6}, {.001, .001}, {.5, .5}, {120_000, 120_000}, {1e9, 1e9}, {1e-9, 1e-6},
		{1e12, 1e9}} {
		var s stats.Sketch
		s.Add(c.v)
		near(t, "quantile", s.Quantile(.5)/c.want, 1, .01)
	}
	var s stats.Sketch
	for _, v := range []float64{0, -1, math.NaN()} {
		if s.Add(v); s.N() != 0 {
			t.Fatalf("%v was counted", v)
		}
	}
	s.AddDuration(1500 * time.Millisecond)
	near(t, "a second and a half, in milliseconds", s.Quantile(.5)/1500, 1, .01)
}

// A burst lasts while 4 of the 20 pairs before the one at hand were discordant.
func TestBurstsByTheirDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		often := rapid.IntRange(1, 12).Draw(t, "one in")
		var b stats.Bursts
		var discordant []bool
		for i := range rapid.IntRange(0, 200).Draw(t, "pairs") {
			primary, relay := rapid.IntRange(0, often).Draw(t, "primary") == 0, rapid.IntRange(0, often).Draw(t, "relay") == 0
			seen := 0
			for _, d := range discordant[max(0, i-20):] {
				if d {
					seen++
				}
			}
			if got := b.Observe(primary, relay); got != (seen >= 4) {
				t.Fatalf("pair %d: burst is %v after %d discordant of the last 20", i, got, seen)
			}
			discordant = append(discordant, primary != relay)
		}
	})
}
