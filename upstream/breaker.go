package upstream

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	"cutover/exchange"
	"cutover/internal/millis"
	"cutover/upstream/internal/permodel"
)

// BreakerOptions configure a Breaker; zero fields take the defaults.
type BreakerOptions struct {
	Window    time.Duration // over which the rates are taken; 30 s
	MinCalls  int           // fewer calls in a window prove nothing; 20
	ErrorRate float64       // share of failed calls at which it opens; .5
	SlowAfter time.Duration // a call that takes longer is slow; 0: none is
	SlowRate  float64       // share of slow calls at which it opens; .9
	OpenFor   time.Duration // how long it stays open the first time; 10 s
	MaxOpen   time.Duration // doubled each time in a row, up to this; 2 min
	Jitter    float64       // share by which an open time is lengthened at random; .2
	Probes    int           // calls at a time when half-open, and successes that close it; 3
	MaxModels int           // models with a circuit of their own; 256
	// Health is what a call's class says about the upstream; nil: ClassHealth.
	Health func(exchange.Class) Health
	// Random returns numbers in [0,1); nil is math/rand/v2.
	Random func() float64
}

func (o *BreakerOptions) setDefaults() {
	o.Window = positive(o.Window, 30*time.Second)
	o.MinCalls = positive(o.MinCalls, 20)
	o.OpenFor = positive(o.OpenFor, 10*time.Second)
	o.MaxOpen = max(positive(o.MaxOpen, 2*time.Minute), o.OpenFor)
	o.Probes = positive(o.Probes, 3)
	o.MaxModels = positive(o.MaxModels, 256)
	for _, v := range []struct {
		p *float64
		d float64
	}{{&o.ErrorRate, .5}, {&o.SlowRate, .9}, {&o.Jitter, .2}} {
		if *v.p <= 0 {
			*v.p = v.d
		}
	}
	if o.Health == nil {
		o.Health = ClassHealth
	}
	if o.Random == nil {
		o.Random = rand.Float64
	}
}

// Health is what one call says about its upstream.
type Health uint8

// HealthUnknown says nothing, for or against.
const (
	HealthUnknown Health = iota
	HealthGood
	HealthBad
)

// ClassHealth is the default: the upstream's own failures count against it. An
// error of the caller's (a bad request, a wrong key, an unknown model) shows that
// it responds. A 429 says that it is busy, which is for the limiter to handle, and a
// caller that disconnected says nothing.
func ClassHealth(c exchange.Class) Health {
	switch c {
	case exchange.ClassNone, exchange.ClassBadRequest, exchange.ClassAuth, exchange.ClassPayment, exchange.ClassNotFound:
		return HealthGood
	case exchange.ClassRateLimited, exchange.ClassAborted, exchange.ClassNotSent:
		return HealthUnknown
	}
	return HealthBad
}

// affectsAllModels reports whether a failure concerns the whole upstream and not
// one model.
func affectsAllModels(c exchange.Class) bool {
	return c == exchange.ClassConnect || c == exchange.ClassTLS
}

// Breaker stops calls to an upstream, or to one of its models, while it fails or is
// slow: all of them for a while, then all but a few probes, until those succeed.
// Failures to connect count for the upstream as a whole, everything else for the
// model. It takes a lock only to add a model. A nil Breaker allows every call.
type Breaker struct {
	o      BreakerOptions
	base   time.Time
	whole  *circuit
	models *permodel.Map[circuit]
}

// NewBreaker makes a breaker with all circuits closed.
func NewBreaker(o BreakerOptions, now time.Time) *Breaker {
	o.setDefaults()
	b := &Breaker{o: o, base: now}
	b.whole = newCircuit(&b.o)
	b.models = permodel.New(o.MaxModels, func() *circuit { return newCircuit(&b.o) })
	return b
}

// Admission is a breaker's permission to make one call. Report must be called once.
type Admission struct {
	b            *Breaker
	whole, model circuitAdmission
	// Probe says that the call tests an upstream that was failing.
	Probe bool
}

// circuitAdmission is the permission of one circuit.
type circuitAdmission struct {
	c     *circuit
	trips uint32 // of the circuit when the call began
	probe bool
}

// Allow asks for permission to call a model, by the upstream's name for it. If it is
// refused there is nothing to report.
func (b *Breaker) Allow(model string, now time.Time) (a Admission, ok bool) {
	if b == nil {
		return Admission{}, true
	}
	at := b.at(now)
	a.b = b
	if a.whole, ok = b.whole.allow(at); !ok {
		return Admission{}, false
	}
	if a.model, ok = b.models.Get(model, at).allow(at); !ok {
		a.whole.report(HealthUnknown, false, at)
		return Admission{}, false
	}
	a.Probe = a.whole.probe || a.model.probe
	return a, true
}

// Report says how the call ended: its class, and how long it took (to the first
// content of a stream, else to the end).
func (a Admission) Report(class exchange.Class, took time.Duration, now time.Time) {
	if a.b == nil {
		return
	}
	at := a.b.at(now)
	health := a.b.o.Health(class)
	slow := a.b.o.SlowAfter > 0 && took > a.b.o.SlowAfter
	a.model.report(health, slow, at)
	if health == HealthBad && !affectsAllModels(class) {
		health = HealthGood // it could be reached
	}
	a.whole.report(health, false, at)
}

// at is the time since the breaker was made.
func (b *Breaker) at(now time.Time) time.Duration { return max(0, now.Sub(b.base)) }

// CircuitState is one circuit's state for metrics and for /api/v1/status.
type CircuitState struct {
	Model   string          `json:"model"`                 // "": the upstream as a whole
	State   string          `json:"state"`                 // "closed", "open" or "half_open"
	Since   time.Time       `json:"since"`                 // when it came into this state
	Until   time.Time       `json:"until,omitzero"`        // of an open one; else zero
	Calls   int             `json:"calls"`                 // in the window
	Errors  int             `json:"errors"`                // failed calls among them
	Slow    int             `json:"slow"`                  // slow calls among them
	Trips   uint64          `json:"trips"`                 // total times that it opened
	Refused uint64          `json:"refused"`               // total calls that it refused
	OpenFor millis.Duration `json:"open_for_ms,omitempty"` // how long it stays open, from Since
}

// noModel is the name under which State lists calls without a model.
const noModel = "(none)"

// State lists the circuits: the whole upstream's first, then the models' in no
// particular order.
func (b *Breaker) State(now time.Time) []CircuitState {
	if b == nil {
		return nil
	}
	out := []CircuitState{b.state("", b.whole, now)}
	for model, c := range b.models.All() {
		if model == "" {
			model = noModel
		}
		out = append(out, b.state(model, c, now))
	}
	return out
}

// Open reports whether a call to the model would be refused now.
func (b *Breaker) Open(model string, now time.Time) bool {
	if b == nil {
		return false
	}
	at := b.at(now)
	if b.whole.refuses(at) {
		return true
	}
	c := b.models.Lookup(model, at)
	return c != nil && c.refuses(at)
}

// OpenFor is how long it takes until a call to the model may be a probe; 0: it
// may now, or as soon as a probe has ended.
func (b *Breaker) OpenFor(model string, now time.Time) time.Duration {
	if b == nil {
		return 0
	}
	at, left := b.at(now), time.Duration(0)
	for _, c := range [...]*circuit{b.whole, b.models.Lookup(model, at)} {
		if c == nil {
			continue
		}
		if s := c.state.Load(); s.kind == open {
			left = max(left, s.until-at)
		}
	}
	return left
}

func (b *Breaker) state(model string, c *circuit, now time.Time) CircuitState {
	s, at := c.state.Load(), b.at(now)
	sum := c.window.sum(at, s.since)
	out := CircuitState{
		Model: model, State: s.kind.String(), Since: b.base.Add(s.since),
		Calls: sum.calls, Errors: sum.bad, Slow: sum.slow,
		Trips: uint64(s.trips), Refused: c.refused.Load(),
	}
	if s.kind == open {
		out.Until, out.OpenFor = b.base.Add(s.until), millis.Duration(s.until-s.since)
	}
	return out
}

// window counts calls by time. Each bucket is one word with the number of its time
// slice and three counts, so that no count lands in another slice.
type window struct {
	slice   time.Duration
	buckets [windowSlices]atomic.Uint64 // slice number, calls, bad, slow: 16 bits each
}

const windowSlices = 10

type windowCounts struct{ calls, bad, slow int }

// add counts a call. A full slice stops counting: its shares stay right.
func (w *window) add(at time.Duration, bad, slow bool) {
	n := uint64(at / w.slice)
	b := &w.buckets[n%windowSlices]
	for {
		old := b.Load()
		next := old
		if old>>48 != n&0xFFFF {
			next = n & 0xFFFF << 48
		}
		if next>>32&0xFFFF == 0xFFFF {
			return
		}
		next += 1 << 32
		if bad {
			next += 1 << 16
		}
		if slow {
			next++
		}
		if b.CompareAndSwap(old, next) {
			return
		}
	}
}

// sum adds up the window that ends at the given time, without what is before since.
func (w *window) sum(at, since time.Duration) (t windowCounts) {
	n := int64(at / w.slice)
	for i := max(0, n-windowSlices+1, int64(since/w.slice)); i <= n; i++ {
		if v := w.buckets[i%windowSlices].Load(); v>>48 == uint64(i)&0xFFFF {
			t.calls += int(v >> 32 & 0xFFFF)
			t.bad += int(v >> 16 & 0xFFFF)
			t.slow += int(v & 0xFFFF)
		}
	}
	return t
}
