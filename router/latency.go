package router

import (
	"maps"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"cutover/internal/millis"
)

// LatencyTracker learns how long an upstream's calls take to their first output
// (streams: the first content; other responses: their end), and says how long it
// takes all but a share of them. It keeps the last 5 to 10 minutes, for each
// model, with streams apart. Observing and asking take no lock, and are safe for
// concurrent use. A nil LatencyTracker learns nothing and knows nothing.
//
// A call that was cancelled because another won has taken at least as long as
// it was waited for; how long it would have taken is not known. Ignoring such
// calls would shorten the delay, cancel more of them, and so on; taking the wait
// for the whole would do nearly the same. They are counted as censored (the
// Kaplan-Meier estimator).
type LatencyTracker struct {
	quantile float64
	base     time.Time
	windows  atomic.Pointer[map[latencyKey]*window]
	common   [2]*window // of models beyond the bound, and with names beyond any; [1]: streams
}

type latencyKey struct {
	model  string
	stream bool
}

const (
	latencyHalf     = 5 * time.Minute // half of the window
	minLatencyCalls = 30              // calls in the window, below which there is no delay
	maxModels       = 128             // models, with and without streams, that are tracked on their own
	maxModelName    = 256             // bytes of a model's name
	latencyBuckets  = 288             // 1 ms to 20 min
	lowestLatency   = time.Millisecond
	bucketGrowth    = 1.05 // from one bucket to the next
)

// window holds the times of one model.
type window struct{ halves atomic.Pointer[halves] }

// halves are the histograms of the present half of the window and of the one
// before.
type halves struct {
	number      int64 // of the present half, since the tracker was made
	now, before *latencyHistogram
}

// latencyHistogram counts calls by how long they took.
type latencyHistogram struct {
	done     [latencyBuckets]atomic.Uint32
	censored [latencyBuckets]atomic.Uint32 // no output yet when they were given up
}

// NewLatencyTracker makes a tracker whose delays all but a share of 1 - quantile
// of the calls keep within; .95 is the 95th percentile.
func NewLatencyTracker(quantile float64) *LatencyTracker {
	t := &LatencyTracker{quantile: quantile, base: time.Now()}
	t.windows.Store(&map[latencyKey]*window{})
	for i := range t.common {
		t.common[i] = newWindow()
	}
	return t
}

func newWindow() *window {
	w := &window{}
	w.halves.Store(&halves{number: math.MinInt64})
	return w
}

// Observe records how long a call took to its first output.
func (t *LatencyTracker) Observe(model string, stream bool, took time.Duration, now time.Time) {
	if t == nil {
		return
	}
	half := t.half(now)
	t.window(model, stream, half).at(half).done[latencyBucket(took)].Add(1)
}

// Exceeded records that a call had no output after so long, when nobody waited
// for it any more.
func (t *LatencyTracker) Exceeded(model string, stream bool, waited time.Duration, now time.Time) {
	if t == nil {
		return
	}
	w, known := t.find(model, stream)
	if !known { // a name that never had a response may be no model at all
		return
	}
	w.at(t.half(now)).censored[latencyBucket(waited)].Add(1)
}

// Delay is after how long a call is among the slow ones; 0: not enough is known.
func (t *LatencyTracker) Delay(model string, stream bool, now time.Time) time.Duration {
	if t == nil {
		return 0
	}
	w, _ := t.find(model, stream)
	d, _ := w.delay(t.quantile, t.half(now))
	return d
}

// LatencyState is what a LatencyTracker knows of one model.
type LatencyState struct {
	Model  string          `json:"model"`    // "*": all those that are not tracked on their own
	Stream bool            `json:"stream"`   // of requests for streams
	Calls  int             `json:"calls"`    // in the window
	Delay  millis.Duration `json:"delay_ms"` // 0: too few calls for one
}

// State lists the models that were called lately, by name.
func (t *LatencyTracker) State(now time.Time) []LatencyState {
	if t == nil {
		return nil
	}
	half := t.half(now)
	var all []LatencyState
	add := func(k latencyKey, w *window) {
		if d, calls := w.delay(t.quantile, half); calls > 0 {
			all = append(all, LatencyState{Model: k.model, Stream: k.stream, Calls: calls, Delay: millis.Duration(d)})
		}
	}
	for k, w := range *t.windows.Load() {
		add(k, w)
	}
	for i, w := range t.common {
		add(latencyKey{"*", i == 1}, w)
	}
	slices.SortFunc(all, func(a, b LatencyState) int {
		if c := strings.Compare(a.Model, b.Model); c != 0 || a.Stream == b.Stream {
			return c
		} else if a.Stream {
			return 1
		}
		return -1
	})
	return all
}

func (t *LatencyTracker) half(now time.Time) int64 { return int64(now.Sub(t.base) / latencyHalf) }

// find returns a model's window, else the common one and false.
func (t *LatencyTracker) find(model string, stream bool) (*window, bool) {
	if w := (*t.windows.Load())[latencyKey{model, stream}]; w != nil {
		return w, true
	}
	if stream {
		return t.common[1], false
	}
	return t.common[0], false
}

// window is find that makes a window where there is capacity for one. Models
// that nobody has called for a whole window are dropped.
func (t *LatencyTracker) window(model string, stream bool, half int64) *window {
	for {
		old := t.windows.Load()
		w, known := t.find(model, stream)
		if known || len(model) > maxModelName {
			return w
		}
		next := maps.Clone(*old)
		if len(next) >= maxModels {
			maps.DeleteFunc(next, func(_ latencyKey, w *window) bool { return w.halves.Load().number < half-1 })
			if len(next) >= maxModels {
				return w
			}
		}
		w = newWindow()
		next[latencyKey{strings.Clone(model), stream}] = w
		if t.windows.CompareAndSwap(old, &next) {
			return w
		}
	}
}

// at is the histogram of a half. The first call of a new half moves the window.
func (w *window) at(half int64) *latencyHistogram {
	for {
		h := w.halves.Load()
		if h.number >= half {
			return h.now
		}
		next := &halves{number: half, now: &latencyHistogram{}}
		if h.number == half-1 {
			next.before = h.now
		}
		if w.halves.CompareAndSwap(h, next) {
			return next.now
		}
	}
}

// delay is the quantile of what is in the window, rounded up to the end of a
// bucket, and the number of calls in it.
func (w *window) delay(quantile float64, half int64) (d time.Duration, calls int) {
	h := w.halves.Load()
	var histograms [2]*latencyHistogram
	switch h.number {
	case half:
		histograms = [2]*latencyHistogram{h.before, h.now}
	case half - 1:
		histograms[0] = h.now
	}
	var done, censored [latencyBuckets]int
	last := -1 // bucket after which no call is known to have had output
	for _, t := range histograms {
		if t == nil {
			continue
		}
		for i := range latencyBuckets {
			n, m := int(t.done[i].Load()), int(t.censored[i].Load())
			done[i] += n
			censored[i] += m
			if calls += n + m; n > 0 {
				last = max(last, i)
			}
		}
	}
	if calls < minLatencyCalls {
		return 0, calls
	}
	left, share := calls, 1.0
	for i := range latencyBuckets {
		gone := done[i]
		if i > last {
			gone += censored[i] // all that is known of the slowest: so long at least
		}
		if gone > 0 {
			share *= 1 - float64(gone)/float64(left)
		}
		if share <= 1-quantile+1e-9 {
			return bucketEnd(i), calls
		}
		left -= done[i] + censored[i]
	}
	return bucketEnd(latencyBuckets - 1), calls
}

// latencyBucket is the bucket of a time: the first ends at lowestLatency, the
// last has no end.
func latencyBucket(d time.Duration) int {
	if d < lowestLatency {
		return 0
	}
	return min(1+int(math.Log(float64(d)/float64(lowestLatency))/math.Log(bucketGrowth)), latencyBuckets-1)
}

// bucketEnd is where a bucket ends.
func bucketEnd(i int) time.Duration {
	return time.Duration(float64(lowestLatency) * math.Pow(bucketGrowth, float64(i)))
}
