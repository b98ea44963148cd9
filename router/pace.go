package router

import (
	"maps"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Pace learns how long an upstream's calls take to speak (streams: to the first
// content, other answers: to their end), and says after how long all but a
// share of them have. It keeps the last 5 to 10 minutes, for each model and
// streams apart. Observing and asking take no lock, and are safe for concurrent
// use. A nil Pace learns nothing and knows nothing.
//
// A call that was cancelled because another spoke first has taken at least as
// long as it was waited for; how long it would have taken is not known. To
// forget such calls would make the delay shorter, cancel more of them, and so
// on; to take the wait for the whole would do nearly the same. They are counted
// as still silent (the estimate of Kaplan and Meier).
type Pace struct {
	quantile float64
	base     time.Time
	pots     atomic.Pointer[map[paceKey]*pot]
	common   [2]*pot // of models beyond the bound, and with names beyond any
}

type paceKey struct {
	model  string
	stream bool
}

const (
	paceHalf    = 5 * time.Minute // half of the window
	paceEnough  = 30              // calls in the window, before which there is no delay
	paceModels  = 128             // models, with and without streams, that are told apart
	paceName    = 256             // bytes of a model's name
	paceBuckets = 288             // 1 ms to 20 min
	paceLowest  = time.Millisecond
	paceGrowth  = 1.05 // from one bucket to the next
)

// pot holds the times of one model.
type pot struct{ window atomic.Pointer[paceWindow] }

// paceWindow is two tallies: of the present half and of the one before.
type paceWindow struct {
	half        int64 // number of the present one, since the pace was made
	now, before *tally
}

// tally counts calls by how long they took.
type tally struct {
	spoke  [paceBuckets]atomic.Uint32
	silent [paceBuckets]atomic.Uint32 // they had not spoken yet
}

// NewPace makes a Pace whose delays all but a share of 1 - quantile of the calls
// keep within; .95 is the 95th percentile.
func NewPace(quantile float64) *Pace {
	p := &Pace{quantile: quantile, base: time.Now()}
	p.pots.Store(&map[paceKey]*pot{})
	for i := range p.common {
		p.common[i] = newPot()
	}
	return p
}

func newPot() *pot {
	b := &pot{}
	b.window.Store(&paceWindow{half: math.MinInt64})
	return b
}

// Observe takes in how long a call took to speak.
func (p *Pace) Observe(model string, stream bool, took time.Duration, now time.Time) {
	if p == nil {
		return
	}
	half := p.half(now)
	p.pot(model, stream, half).at(half).spoke[paceBucket(took)].Add(1)
}

// Exceeded takes in that a call had not spoken after so long, when nobody
// waited for it any more.
func (p *Pace) Exceeded(model string, stream bool, waited time.Duration, now time.Time) {
	if p == nil {
		return
	}
	b, known := p.find(model, stream)
	if !known { // a name that was never answered may be no model at all
		return
	}
	b.at(p.half(now)).silent[paceBucket(waited)].Add(1)
}

// Delay is after how long a call is among the slow ones; 0: not enough is known.
func (p *Pace) Delay(model string, stream bool, now time.Time) time.Duration {
	if p == nil {
		return 0
	}
	b, _ := p.find(model, stream)
	d, _ := b.delay(p.quantile, p.half(now))
	return d
}

// PaceState is what a Pace knows of one model.
type PaceState struct {
	Model  string        `json:"model"` // "*": all those that are not told apart
	Stream bool          `json:"stream"`
	Calls  int           `json:"calls"`    // in the window
	Delay  time.Duration `json:"delay_ns"` // 0: too few calls for one
}

// State lists the models that were called lately, by name.
func (p *Pace) State(now time.Time) []PaceState {
	if p == nil {
		return nil
	}
	half := p.half(now)
	var all []PaceState
	add := func(k paceKey, b *pot) {
		if d, calls := b.delay(p.quantile, half); calls > 0 {
			all = append(all, PaceState{Model: k.model, Stream: k.stream, Calls: calls, Delay: d})
		}
	}
	for k, b := range *p.pots.Load() {
		add(k, b)
	}
	for i, b := range p.common {
		add(paceKey{"*", i == 1}, b)
	}
	slices.SortFunc(all, func(a, b PaceState) int {
		if c := strings.Compare(a.Model, b.Model); c != 0 || a.Stream == b.Stream {
			return c
		} else if a.Stream {
			return 1
		}
		return -1
	})
	return all
}

func (p *Pace) half(now time.Time) int64 { return int64(now.Sub(p.base) / paceHalf) }

// find returns a model's pot, else the common one and false.
func (p *Pace) find(model string, stream bool) (*pot, bool) {
	if b := (*p.pots.Load())[paceKey{model, stream}]; b != nil {
		return b, true
	}
	if stream {
		return p.common[1], false
	}
	return p.common[0], false
}

// pot is find that makes a pot where there is room for one. Models that nobody
// has called for a whole window make room.
func (p *Pace) pot(model string, stream bool, half int64) *pot {
	for {
		old := p.pots.Load()
		b, known := p.find(model, stream)
		if known || len(model) > paceName {
			return b
		}
		next := maps.Clone(*old)
		if len(next) >= paceModels {
			maps.DeleteFunc(next, func(_ paceKey, b *pot) bool { return b.window.Load().half < half-1 })
			if len(next) >= paceModels {
				return b
			}
		}
		b = newPot()
		next[paceKey{strings.Clone(model), stream}] = b
		if p.pots.CompareAndSwap(old, &next) {
			return b
		}
	}
}

// at is the tally of a half. The first call of a new half turns the window.
func (b *pot) at(half int64) *tally {
	for {
		w := b.window.Load()
		if w.half >= half {
			return w.now
		}
		next := &paceWindow{half: half, now: &tally{}}
		if w.half == half-1 {
			next.before = w.now
		}
		if b.window.CompareAndSwap(w, next) {
			return next.now
		}
	}
}

// delay is the quantile of what is in the window, rounded up to the end of a
// bucket, and the number of calls in it.
func (b *pot) delay(quantile float64, half int64) (d time.Duration, calls int) {
	w := b.window.Load()
	var tallies [2]*tally
	switch w.half {
	case half:
		tallies = [2]*tally{w.before, w.now}
	case half - 1:
		tallies[0] = w.now
	}
	var spoke, silent [paceBuckets]int
	last := -1 // bucket behind which nobody is known to have spoken
	for _, t := range tallies {
		if t == nil {
			continue
		}
		for i := range paceBuckets {
			n, m := int(t.spoke[i].Load()), int(t.silent[i].Load())
			spoke[i] += n
			silent[i] += m
			if calls += n + m; n > 0 {
				last = max(last, i)
			}
		}
	}
	if calls < paceEnough {
		return 0, calls
	}
	left, share := calls, 1.0
	for i := range paceBuckets {
		gone := spoke[i]
		if i > last {
			gone += silent[i] // all that is known of the slowest: so long at least
		}
		if gone > 0 {
			share *= 1 - float64(gone)/float64(left)
		}
		if share <= 1-quantile+1e-9 {
			return paceEdge(i), calls
		}
		left -= spoke[i] + silent[i]
	}
	return paceEdge(paceBuckets - 1), calls
}

// paceBucket is the bucket of a time: the first ends at paceLowest, the last
// has no end.
func paceBucket(d time.Duration) int {
	if d < paceLowest {
		return 0
	}
	return min(1+int(math.Log(float64(d)/float64(paceLowest))/math.Log(paceGrowth)), paceBuckets-1)
}

// paceEdge is where a bucket ends.
func paceEdge(i int) time.Duration {
	return time.Duration(float64(paceLowest) * math.Pow(paceGrowth, float64(i)))
}
