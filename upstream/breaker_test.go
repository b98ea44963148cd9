package upstream

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cutover/exchange"
)

var breakerStart = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// breakerBench is a breaker with a clock of the test's own.
type breakerBench struct {
	t   *testing.T
	b   *Breaker
	now time.Time
}

func newBreakerBench(t *testing.T, o BreakerOptions) *breakerBench {
	o.Random = func() float64 { return .5 }
	return &breakerBench{t, NewBreaker(o, breakerStart), breakerStart}
}

// call makes a call if it may; it reports whether it could.
func (b *breakerBench) call(model string, class exchange.Class, took time.Duration) bool {
	p, ok := b.b.Allow(model, b.now)
	if ok {
		p.Report(class, took, b.now)
	}
	return ok
}

func (b *breakerBench) state(model string) CircuitState {
	b.t.Helper()
	for _, s := range b.b.State(b.now) {
		if s.Model == model {
			return s
		}
	}
	b.t.Fatalf("no state of %q", model)
	return CircuitState{}
}

func TestBreakerClasses(t *testing.T) {
	t.Parallel()
	for class, opens := range map[exchange.Class]bool{
		exchange.ClassNone: false, exchange.ClassConnect: true, exchange.ClassTLS: true, exchange.ClassHeaderTimeout: true,
		exchange.ClassFirstToken: true, exchange.ClassIdle: true, exchange.ClassTimeout: true, exchange.ClassNotSent: false,
		exchange.ClassBadRequest: false, exchange.ClassAuth: false, exchange.ClassNotFound: false, exchange.ClassRateLimited: false,
		exchange.ClassServer: true, exchange.ClassOverloaded: true, exchange.ClassErrorEvent: true, exchange.ClassMalformed: true,
		exchange.ClassEmpty: true, exchange.ClassBroken: true, exchange.ClassUnfinished: true, exchange.ClassAborted: false,
	} {
		b := newBreakerBench(t, BreakerOptions{MinCalls: 4})
		for range 100 {
			b.call("m", class, 0)
		}
		if got := b.b.Open("m", b.now); got != opens {
			t.Errorf("100 calls that end as %q: open is %v, want %v", class, got, opens)
		}
		// What can't be reached is open for every model, what fails for its own.
		whole := class == exchange.ClassConnect || class == exchange.ClassTLS
		if got := b.b.Open("other", b.now); got != whole {
			t.Errorf("100 calls that end as %q: open for another model is %v, want %v", class, got, whole)
		}
	}
	b := newBreakerBench(t, BreakerOptions{MinCalls: 4, Health: func(c exchange.Class) Health {
		if c == exchange.ClassRateLimited {
			return HealthBad
		}
		return ClassHealth(c)
	}})
	for range 4 {
		b.call("m", exchange.ClassRateLimited, 0)
	}
	if !b.b.Open("m", b.now) {
		t.Error("a judgement of one's own is not used")
	}
}

func TestBreakerOpensProbesAndCloses(t *testing.T) {
	t.Parallel()
	b := newBreakerBench(t, BreakerOptions{MinCalls: 10, ErrorRate: .5, Window: 10 * time.Second, OpenFor: 10 * time.Second,
		MaxOpen: 35 * time.Second, Jitter: .2, Probes: 2})
	for range 9 {
		b.call("m", exchange.ClassServer, 0)
	}
	if b.b.Open("m", b.now) {
		t.Fatal("open after 9 calls of at least 10")
	}
	b.now = b.now.Add(20 * time.Second) // those are of before the window
	for i := range 9 {
		b.call("m", [...]exchange.Class{exchange.ClassServer, exchange.ClassNone}[i%2], 0)
	}
	if s := b.state("m"); s.State != "closed" || s.Calls != 9 || s.Errors != 5 {
		t.Fatalf("%+v", s)
	}
	b.call("m", exchange.ClassServer, 0)
	for i, want := range []time.Duration{11 * time.Second, 22 * time.Second, 38500 * time.Millisecond, 38500 * time.Millisecond} {
		s := b.state("m")
		if s.State != "open" || time.Duration(s.OpenFor) != want || s.Trips != uint64(i+1) {
			t.Fatalf("trip %d: %+v, want %v", i+1, s, want)
		}
		b.now = s.Until.Add(-1)
		if b.call("m", exchange.ClassNone, 0) {
			t.Fatal("a call passes before its time")
		}
		b.now = s.Until
		if !b.call("m", exchange.ClassServer, 0) {
			t.Fatal("no probe passes")
		}
	}
	b.now = b.state("m").Until
	first, ok := b.b.Allow("m", b.now)
	second, ok2 := b.b.Allow("m", b.now)
	if !ok || !ok2 || !first.Probe || !second.Probe || b.call("m", exchange.ClassNone, 0) {
		t.Fatal("want two probes and no third")
	}
	if s := b.state("m"); s.State != "half_open" {
		t.Fatalf("%+v", s)
	}
	first.Report(exchange.ClassAborted, 0, b.now) // says nothing, makes room
	second.Report(exchange.ClassNone, 0, b.now)
	if !b.call("m", exchange.ClassBadRequest, 0) {
		t.Fatal("no room for another probe")
	}
	if s := b.state("m"); s.State != "closed" || s.Refused != 5 {
		t.Fatalf("after two good probes: %+v", s)
	}
	p, ok := b.b.Allow("m", b.now)
	if !ok || p.Probe {
		t.Fatal("closed, but still probing")
	}
	// Well for long: the next trip is short again.
	b.now = b.now.Add(10 * time.Minute)
	for range 10 {
		b.call("m", exchange.ClassServer, 0)
	}
	if s := b.state("m"); time.Duration(s.OpenFor) != 11*time.Second {
		t.Errorf("after ten good minutes it opens for %v", s.OpenFor)
	}
	p.Report(exchange.ClassServer, 0, b.now) // of before the trip: no matter
}

func TestBreakerOnSlowCalls(t *testing.T) {
	t.Parallel()
	b := newBreakerBench(t, BreakerOptions{MinCalls: 10, SlowAfter: time.Second, SlowRate: .8})
	for i := range 40 {
		took := time.Second + 1
		if i%4 == 0 {
			took = time.Second
		}
		b.call("m", exchange.ClassNone, took)
	}
	if b.b.Open("m", b.now) {
		t.Fatal("open at 75 % of slow calls, limit 80 %")
	}
	for range 10 {
		b.call("m", exchange.ClassNone, 2*time.Second)
	}
	s := b.state("m")
	if s.State != "open" {
		t.Fatalf("%+v", s)
	}
	b.now = s.Until
	b.call("m", exchange.ClassNone, 2*time.Second)
	if b.state("m").State != "open" {
		t.Error("a slow probe does not open it again")
	}
}

func TestLostProbesAreGivenUp(t *testing.T) {
	t.Parallel()
	b := newBreakerBench(t, BreakerOptions{MinCalls: 1, Probes: 1, MaxOpen: time.Minute})
	b.call("m", exchange.ClassServer, 0)
	b.now = b.state("m").Until
	if _, ok := b.b.Allow("m", b.now); !ok {
		t.Fatal("no probe passes")
	}
	if b.call("m", exchange.ClassNone, 0) {
		t.Fatal("two probes of one")
	}
	b.now = b.now.Add(time.Minute)
	if !b.call("m", exchange.ClassNone, 0) || b.state("m").State != "closed" {
		t.Error("a probe that never came back stops all others")
	}
}

func TestNilBreakerAllowsAll(t *testing.T) {
	t.Parallel()
	var b *Breaker
	p, ok := b.Allow("m", breakerStart)
	p.Report(exchange.ClassServer, 0, breakerStart)
	if !ok || b.Open("m", breakerStart) || b.State(breakerStart) != nil {
		t.Error("a nil breaker does something")
	}
}

func TestBreakerModelsAreBounded(t *testing.T) {
	t.Parallel()
	b := newBreakerBench(t, BreakerOptions{MaxModels: 3})
	for i := range 1000 {
		b.call(string(rune('a'+i)), exchange.ClassNone, 0)
	}
	if n := len(b.b.State(b.now)); n != 5 { // the whole, three, the others
		t.Errorf("%d circuits, want 5", n)
	}
}

// Whatever is called and reported when: an open circuit lets nothing pass
// before its time, no more probes are out than allowed, and a closed one opens
// exactly when the window's shares say so.
func TestBreakerProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		o := BreakerOptions{
			Window: 10 * time.Second, MinCalls: rapid.IntRange(1, 8).Draw(t, "min"), ErrorRate: rapid.Float64Range(.05, 1).Draw(t, "rate"),
			OpenFor: 5 * time.Second, MaxOpen: 20 * time.Second, Probes: rapid.IntRange(1, 3).Draw(t, "probes"),
		}
		b := NewBreaker(o, breakerStart)
		type record struct {
			slice int64
			bad   bool
		}
		var seen []record
		var under []Admission
		now, probes := breakerStart, 0
		c := b.models.Get("m", 0)
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond)
			before := *c.state.Load()
			if len(under) < 6 && rapid.Bool().Draw(t, "begin") {
				p, ok := b.Allow("m", now)
				if before.kind == open && ok != (b.at(now) >= before.until) {
					t.Fatalf("open until %v, at %v: allowed is %v", before.until, b.at(now), ok)
				}
				if before.kind == closed && !ok {
					t.Fatal("closed, but refused")
				}
				if ok {
					under = append(under, p)
					if p.Probe {
						if before.kind == open || b.at(now) >= before.until {
							probes = 0 // a new round
						}
						if probes++; probes > o.Probes {
							t.Fatalf("%d probes out, allowed %d", probes, o.Probes)
						}
					}
				}
				continue
			}
			if len(under) == 0 {
				continue
			}
			i := rapid.IntRange(0, len(under)-1).Draw(t, "which")
			p := under[i]
			under = append(under[:i], under[i+1:]...)
			bad := rapid.Bool().Draw(t, "bad")
			class := exchange.ClassNone
			if bad {
				class = exchange.ClassServer
			}
			p.Report(class, 0, now)
			after := *c.state.Load()
			switch {
			case p.Probe:
				if after.kind == halfOpen && probes > 0 {
					probes--
				}
				if after.kind == closed && before.kind == halfOpen {
					seen = nil
				}
			case before.kind == closed && p.model.trips == before.trips:
				slice := int64(b.at(now) / time.Second)
				seen = append(seen, record{slice, bad})
				calls, failed := 0, 0
				for _, r := range seen {
					if r.slice > slice-windowSlices && r.slice >= int64(before.since/time.Second) {
						calls++
						if r.bad {
							failed++
						}
					}
				}
				want := bad && calls >= o.MinCalls && float64(failed) >= o.ErrorRate*float64(calls)
				if got := after.kind == open; got != want {
					t.Fatalf("%d of %d failed, rate %.2f, at least %d: open is %v", failed, calls, o.ErrorRate, o.MinCalls, got)
				}
			case after.kind != before.kind:
				t.Fatalf("a late report turned %v into %v", before.kind, after.kind)
			}
		}
	})
}

func TestBreakerUnderAStorm(t *testing.T) {
	t.Parallel()
	b := NewBreaker(BreakerOptions{MinCalls: 5, OpenFor: time.Millisecond, MaxOpen: 4 * time.Millisecond, Probes: 2,
		Window: 20 * time.Millisecond}, time.Now())
	var wg sync.WaitGroup
	var probes atomic.Int64
	for i := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 9))
			for range 20_000 {
				p, ok := b.Allow("m", time.Now())
				if !ok {
					continue
				}
				if p.Probe {
					probes.Add(1)
				}
				class := exchange.ClassNone
				if r.IntN(3) > 0 {
					class = exchange.ClassServer
				}
				p.Report(class, 0, time.Now())
			}
		})
	}
	wg.Wait()
	if probes.Load() == 0 {
		t.Error("it never probed")
	}
	for _, s := range b.State(time.Now()) {
		if s.Calls < s.Errors || s.Calls > 160_000 {
			t.Errorf("%+v", s)
		}
	}
}

func BenchmarkBreaker(b *testing.B) {
	br := NewBreaker(BreakerOptions{}, time.Now())
	now := time.Now()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			p, _ := br.Allow("gpt-4.1", now)
			p.Report(exchange.ClassNone, 0, now)
		}
	})
}
