package router_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cutover/router"
)

// TestLatencyIsTheQuantile: the delay is the exact quantile, rounded up by no more
// than a bucket.
func TestLatencyIsTheQuantile(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		quantile := rapid.SampledFrom([]float64{.5, .9, .95, .99, .999}).Draw(t, "quantile")
		times := rapid.SliceOfN(rapid.Int64Range(1, int64(15*time.Minute)), 30, 400).Draw(t, "times")
		p, now := router.NewLatencyTracker(quantile), time.Now()
		for _, d := range times {
			p.Observe("m", true, time.Duration(d), now)
		}
		slices.Sort(times)
		exact := time.Duration(times[int(math.Ceil(quantile*float64(len(times))-1e-9))-1])
		if got := p.Delay("m", true, now); got < exact || got > max(time.Millisecond, exact+exact/20+time.Microsecond) {
			t.Fatalf("delay %s of %d calls, the exact quantile is %s", got, len(times), exact)
		}
	})
}

// lognormal draws times of about 800 ms with a long tail.
func lognormal(r *rand.Rand) time.Duration {
	return time.Duration(math.Exp(r.NormFloat64()*.6) * float64(800*time.Millisecond))
}

// TestLatencyDoesNotDrift: hedging hides how long the slow calls would have taken.
// The share of them must stay what it was over many windows all the same.
func TestLatencyDoesNotDrift(t *testing.T) {
	t.Parallel()
	for name, other := range map[string]time.Duration{"at once": 0, "soon": 150 * time.Millisecond, "slowly": 2 * time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(1, 7))
			p, now := router.NewLatencyTracker(.95), time.Now()
			const each, parts = 8000, 5
			for part := range parts {
				hedged, learned := 0, 0
				for range each {
					now = now.Add(300 * time.Millisecond)
					took, delay := lognormal(r), p.Delay("m", true, now)
					if delay > 0 {
						learned++
					}
					if delay > 0 && took > delay {
						hedged++
						if delay+other < took {
							p.Exceeded("m", true, delay+other, now)
							continue
						}
					}
					p.Observe("m", true, took, now)
				}
				if rate := float64(hedged) / float64(learned); rate < .035 || rate > .065 {
					t.Errorf("part %d: %.1f %% of the calls were hedged, want about 5 %%", part, 100*rate)
				}
			}
		})
	}
}

// TestLatencyFollows: what was learned is forgotten after 5 to 10 minutes.
func TestLatencyFollows(t *testing.T) {
	t.Parallel()
	p, now := router.NewLatencyTracker(.9), time.Now()
	fill := func(d time.Duration) {
		for range 30 {
			p.Observe("m", false, d, now)
		}
	}
	is := func(what string, want time.Duration) {
		t.Helper()
		if got := p.Delay("m", false, now); got < want || got > want+want/20 {
			t.Errorf("%s: delay %s, want %s", what, got, want)
		}
	}
	for range 29 {
		p.Observe("m", false, time.Second, now)
	}
	is("29 calls", 0)
	p.Observe("m", false, time.Second, now)
	is("30 calls", time.Second)
	if got := p.Delay("m", true, now); got != 0 {
		t.Errorf("streams: delay %s, and there were none", got)
	}
	now = now.Add(5 * time.Minute)
	is("in the second half", time.Second)
	fill(100 * time.Millisecond)
	is("both halves", time.Second)
	now = now.Add(5 * time.Minute)
	is("the first half is gone", 100*time.Millisecond)
	now = now.Add(10 * time.Minute)
	is("all is gone", 0)
	fill(3 * time.Second)
	is("again", 3*time.Second)
}

// TestLatencyOfManyModels: callers name models, and can't fill the memory with them.
func TestLatencyOfManyModels(t *testing.T) {
	t.Parallel()
	p, now := router.NewLatencyTracker(.5), time.Now()
	for i := range 1000 {
		for range 30 {
			p.Observe(fmt.Sprint("model-", i), i%2 == 0, time.Duration(i+1)*time.Millisecond, now)
		}
	}
	if d := p.Delay("model-9", false, now); d < 10*time.Millisecond || d > 11*time.Millisecond {
		t.Errorf("an early model's delay is %s, want its own", d)
	}
	if d := p.Delay("model-999", false, now); d < 500*time.Millisecond || d != p.Delay("never seen", false, now) {
		t.Errorf("a late model's delay is %s, want that of all late ones", d)
	}
	state := p.State(now)
	if len(state) != 128+2 || state[0].Model != "*" || state[0].Stream || !state[1].Stream || state[0].Calls < 10_000 {
		t.Errorf("%d models are told apart, the first is %+v; want 128 and the common ones", len(state), state[0])
	}
	p.Observe(strings.Repeat("x", 1<<20), true, time.Second, now)
	p.Exceeded("never responded", true, time.Second, now)
	if got := p.State(now); len(got) != len(state) || got[1].Calls != state[1].Calls+1 {
		t.Errorf("a very long name and one that never had a response make %d of %d", len(got), len(state))
	}
	now = now.Add(11 * time.Minute) // who is not called any more makes room
	for range 30 {
		p.Observe("new", true, time.Second, now)
	}
	if got := p.State(now); len(got) != 1 || got[0].Model != "new" || time.Duration(got[0].Delay) < time.Second {
		t.Errorf("afterwards %+v, want the new model alone", got)
	}
}

// TestLatencyOfNobody: nil learns nothing.
func TestLatencyOfNobody(t *testing.T) {
	t.Parallel()
	var p *router.LatencyTracker
	p.Observe("m", true, time.Second, time.Now())
	p.Exceeded("m", true, time.Second, time.Now())
	if p.Delay("m", true, time.Now()) != 0 || p.State(time.Now()) != nil {
		t.Error("nil knows something")
	}
}

// TestLatencyOfManyAtOnce: nothing is lost where many observe at once, also while
// windows are made.
func TestLatencyOfManyAtOnce(t *testing.T) {
	t.Parallel()
	p, now := router.NewLatencyTracker(.95), time.Now()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for k := range 500 {
				model := fmt.Sprint("m", k%20)
				p.Observe(model, false, time.Duration(i+1)*time.Second, now)
				p.Delay(model, false, now)
				p.State(now)
			}
		})
	}
	wg.Wait()
	calls := 0
	for _, s := range p.State(now) {
		calls += s.Calls
	}
	if calls != 8*500 {
		t.Errorf("%d calls are counted, want %d", calls, 8*500)
	}
}

func BenchmarkLatency(b *testing.B) {
	p, now := router.NewLatencyTracker(.95), time.Now()
	r := rand.New(rand.NewPCG(1, 7))
	for range 1000 {
		p.Observe("m", true, lognormal(r), now)
	}
	b.Run("observe", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.Observe("m", true, time.Second, now)
		}
	})
	b.Run("delay", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.Delay("m", true, now)
		}
	})
}
