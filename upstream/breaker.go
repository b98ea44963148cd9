package upstream

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	"cutover/exchange"
)

// BreakerOptions set a Breaker up; zero fields take the defaults.
type BreakerOptions struct {
	Window    time.Duration // what the rates are of; 30 s
	MinCalls  int           // fewer calls in a window say nothing; 20
	ErrorRate float64       // share of failed calls from which it opens; .5
	SlowAfter time.Duration // a call that takes longer is slow; 0: none is
	SlowRate  float64       // share of slow calls from which it opens; .9
	OpenFor   time.Duration // how long it stays open the first time; 10 s
	MaxOpen   time.Duration // doubled each time in a row up to this; 2 min
	Jitter    float64       // share by which an open time is stretched at random; .2
	Probes    int           // calls at a time when half-open, and successes that close it; 3
	MaxModels int           // models told apart; 256
	// Judge says what a call's class says of the upstream; nil is JudgeClass.
	Judge func(exchange.Class) Health
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
	if o.Judge == nil {
		o.Judge = JudgeClass
	}
	if o.Random == nil {
		o.Random = rand.Float64
	}
}

// Health is what one call says of its upstream.
type Health uint8

// The verdicts. Unknown says nothing, for or against.
const (
	HealthUnknown Health = iota
	HealthGood
	HealthBad
)

// JudgeClass is the default judgement: the upstream's own failures count
// against it. What the caller did (a bad request, a wrong key, an unknown
// model) shows that it answers. A 429 says that it is busy, which is the
// limiter's matter, and a caller that went away says nothing.
func JudgeClass(c exchange.Class) Health {
	switch c {
	case exchange.ClassNone, exchange.ClassBadRequest, exchange.ClassAuth, exchange.ClassPayment, exchange.ClassNotFound:
		return HealthGood
	case exchange.ClassRateLimited, exchange.ClassAborted, exchange.ClassNotSent:
		return HealthUnknown
	}
	return HealthBad
}

// concernsAll reports whether a failure speaks of the whole upstream and not of
// one model.
func concernsAll(c exchange.Class) bool {
	return c == exchange.ClassConnect || c == exchange.ClassTLS
}

// Breaker stops calls to an upstream, or to one of its models, that fails or is
// slow: first all of them for a while, then all but a few probes, until those
// succeed. Failures to connect count for the upstream as a whole, everything
// else for the model. It takes no lock but to make room for a new model. A nil
// Breaker lets everything pass.
type Breaker struct {
	o      BreakerOptions
	base   time.Time
	whole  *circuit
	models perModel[circuit]
}

// NewBreaker makes a breaker; all circuits are closed.
func NewBreaker(o BreakerOptions, now time.Time) *Breaker {
	o.setDefaults()
	b := &Breaker{o: o, base: now}
	b.whole = newCircuit(&b.o)
	b.models.max, b.models.make = o.MaxModels, func() *circuit { return newCircuit(&b.o) }
	return b
}

// Pass is the leave to make one call. Its Report must be called once.
type Pass struct {
	b            *Breaker
	whole, model ticket
	// Probe says that the call tries out an upstream that was failing.
	Probe bool
}

// ticket is a pass of one circuit.
type ticket struct {
	c     *circuit
	trip  uint32 // the circuit's count of trips when the call began
	probe bool
}

// Allow asks for leave to call a model, named as the upstream names it. When it
// is refused the pass is the zero Pass, and nothing is to be reported.
func (b *Breaker) Allow(model string, now time.Time) (p Pass, ok bool) {
	if b == nil {
		return Pass{}, true
	}
	at := b.at(now)
	p.b = b
	if p.whole, ok = b.whole.allow(at); !ok {
		return Pass{}, false
	}
	if p.model, ok = b.models.get(model).allow(at); !ok {
		p.whole.report(HealthUnknown, false, at)
		return Pass{}, false
	}
	p.Probe = p.whole.probe || p.model.probe
	return p, true
}

// Report tells how the call ended: its class, and how long it took to be of use
// (to the first content of a stream, else to the end).
func (p Pass) Report(class exchange.Class, took time.Duration, now time.Time) {
	if p.b == nil {
		return
	}
	at := p.b.at(now)
	health := p.b.o.Judge(class)
	slow := p.b.o.SlowAfter > 0 && took > p.b.o.SlowAfter
	p.model.report(health, slow, at)
	if health == HealthBad && !concernsAll(class) {
		health = HealthGood // it could be reached
	}
	p.whole.report(health, false, at)
}

// at is the time since the breaker was made.
func (b *Breaker) at(now time.Time) time.Duration { return max(0, now.Sub(b.base)) }

// CircuitState is one circuit's state for metrics and for /api/v1/status.
type CircuitState struct {
	Model   string        `json:"model"` // "": the upstream as a whole
	State   string        `json:"state"` // "closed", "open" or "half-open"
	Since   time.Time     `json:"since"`
	Until   time.Time     `json:"until,omitzero"` // of an open one; else zero
	Calls   int           `json:"calls"`          // in the window
	Errors  int           `json:"errors"`
	Slow    int           `json:"slow"`
	Trips   uint64        `json:"trips"`   // times that it opened, ever
	Refused uint64        `json:"refused"` // calls that it refused, ever
	OpenFor time.Duration `json:"open_for_ns,omitempty"`
}

// noModel is the name under which calls that name no model are listed.
const noModel = "(none)"

// State lists the circuits: the whole upstream's first, then the models' in no
// order.
func (b *Breaker) State(now time.Time) []CircuitState {
	if b == nil {
		return nil
	}
	out := []CircuitState{b.state("", b.whole, now)}
	b.models.each(func(model string, c *circuit) {
		if model == "" {
			model = noModel
		}
		out = append(out, b.state(model, c, now))
	})
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
	c := b.models.find(model)
	return c != nil && c.refuses(at)
}

func (b *Breaker) state(model string, c *circuit, now time.Time) CircuitState {
	s, at := c.state.Load(), b.at(now)
	sum := c.window.sum(at, s.since)
	out := CircuitState{
		Model: model, State: s.kind.String(), Since: b.base.Add(s.since),
		Calls: sum.calls, Errors: sum.bad, Slow: sum.slow,
		Trips: uint64(s.trip), Refused: c.refused.Load(),
	}
	if s.kind == open {
		out.Until, out.OpenFor = b.base.Add(s.until), s.until-s.since
	}
	return out
}

// window counts calls by time: each bucket is one word that holds the slice of
// time that it is of and three counts, so a count never lands in the wrong one.
type window struct {
	slice   time.Duration
	buckets [windowSlices]atomic.Uint64 // slice number, calls, bad, slow: 16 bits each
}

const windowSlices = 10

type tally struct{ calls, bad, slow int }

// add counts a call. A slice that is full counts no more: its shares stay right.
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

// sum adds up the window that ends at a moment, as far as it lies after since.
func (w *window) sum(at, since time.Duration) (t tally) {
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
