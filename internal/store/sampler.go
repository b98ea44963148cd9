package store

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"cutover/compare"
)

// SamplerOptions of a Sampler; zero fields take the defaults.
type SamplerOptions struct {
	Capture compare.Capture // what samples may hold; default redacted
	// Secrets are the sidecar's own keys at the moment, which no sample may hold; nil:
	// there are none. Salt is that of the hashes that stand for people in a redacted
	// sample; nil, or after an error, it is one of this process alone.
	Secrets  func() []string
	Salt     func(context.Context) ([]byte, error)
	PerClass int // size of the uniform reservoir, as in Retention; default 200
	// After is called with the error of each write, nil for one that worked; may be nil.
	After func(error)

	perSecond float64 // samples a second at most, besides the reservoir's
	queue     int     // pairs that may wait, with their bodies
}

// Sampler chooses pairs for people to look at, and stores them. A full queue or
// a broken store loses samples, which are counted, and nothing else.
type Sampler struct {
	put   func(context.Context, []SampleEntry, time.Time) error
	o     SamplerOptions
	queue chan offered

	mu        sync.Mutex
	limit     *rate.Limiter
	codes     map[string]codeSeen
	reservoir []uint64 // the scores that this process has kept, lowest first

	saltValue []byte // these three are Run's own
	saltKnown bool   // it is the deployment's
	saltTried time.Time

	stored, dropped, lost atomic.Uint64
}

// offered is a pair on its way to the store.
type offered struct {
	pair    compare.Pair
	result  compare.Result
	classes []compare.Class
}

// codeSeen is when a code of findings was sampled last, and how often.
type codeSeen struct {
	n    int
	last time.Time
}

// After the first samples with a code, more are taken only now and then, so that
// frequent findings do not crowd out rare ones.
const (
	codeFirst = 20
	codeEvery = time.Minute
	maxCodes  = 500
)

// NewSampler makes a sampler for a store's PutSamples.
func NewSampler(put func(context.Context, []SampleEntry, time.Time) error, o SamplerOptions) *Sampler {
	if o.Capture == "" {
		o.Capture = compare.CaptureRedacted
	}
	if o.PerClass <= 0 {
		o.PerClass = 200
	}
	if o.perSecond <= 0 {
		o.perSecond = 2
	}
	if o.queue <= 0 {
		o.queue = 16
	}
	if o.After == nil {
		o.After = func(error) {}
	}
	return &Sampler{
		put: put, o: o, queue: make(chan offered, o.queue),
		limit: rate.NewLimiter(rate.Limit(o.perSecond), max(1, int(o.perSecond))),
		codes: map[string]codeSeen{},
	}
}

// Offer decides whether to keep a sample of a compared pair, queues it if so, and
// notes that in the result. It never blocks. The pair must not change
// afterwards.
func (s *Sampler) Offer(p compare.Pair, r *compare.Result, now time.Time) {
	if !r.Primary.Called && !r.Relay.Called {
		return
	}
	classes := s.choose(r, now)
	if len(classes) == 0 {
		return
	}
	r.Sampled = true
	select {
	case s.queue <- offered{p, *r, classes}:
	default:
		r.Sampled = false
		s.dropped.Add(1)
	}
}

// choose returns the classes for which a result is a candidate.
func (s *Sampler) choose(r *compare.Result, now time.Time) (classes []compare.Class) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.enterReservoir(compare.ClassUniform.Score(r)) {
		classes = append(classes, compare.ClassUniform)
	}
	if s.rare(r, now) {
		return append(classes, compare.ClassWorst, compare.ClassNewest)
	}
	if s.limit.AllowN(now, 1) {
		classes = append(classes, compare.ClassNewest)
	}
	return classes
}

// enterReservoir reports whether a score is among the highest so far, and
// remembers it.
func (s *Sampler) enterReservoir(score uint64) bool {
	if len(s.reservoir) >= s.o.PerClass {
		if score <= s.reservoir[0] {
			return false
		}
		s.reservoir = s.reservoir[1:]
	}
	i, _ := slices.BinarySearch(s.reservoir, score)
	s.reservoir = slices.Insert(s.reservoir, i, score)
	return true
}

// rare reports whether a result has a finding against the relay of a kind that
// was not sampled often or lately.
func (s *Sampler) rare(r *compare.Result, now time.Time) bool {
	found := false
	for _, f := range r.Findings {
		if f.Arm == "primary" || f.Severity < compare.Minor {
			continue
		}
		seen, known := s.codes[f.Code]
		if !known && len(s.codes) >= maxCodes {
			continue
		}
		if seen.n < codeFirst || now.Sub(seen.last) >= codeEvery {
			s.codes[f.Code] = codeSeen{seen.n + 1, now}
			found = true
		}
	}
	return found
}

// Samples are written together: each write is a transaction, and a wait for
// the disk.
const (
	sampleWait  = 500 * time.Millisecond // for more to come
	sampleBatch = 64
)

// Run stores what is offered until ctx ends, then what still waits. Call it
// once; end it after the last Offer.
func (s *Sampler) Run(ctx context.Context) error {
	due := time.NewTimer(time.Hour)
	defer due.Stop()
	var batch []SampleEntry
	for {
		select {
		case o := <-s.queue:
			// Making the entry now releases the pair.
			if batch = append(batch, s.entry(o)); len(batch) == 1 {
				due.Reset(sampleWait)
			}
			if len(batch) < sampleBatch {
				continue
			}
		case <-due.C:
		case <-ctx.Done():
			s.write(s.rest(batch))
			return nil
		}
		s.write(batch)
		batch = nil
	}
}

// rest adds what still waits to a batch.
func (s *Sampler) rest(batch []SampleEntry) []SampleEntry {
	for {
		select {
		case o := <-s.queue:
			batch = append(batch, s.entry(o))
		default:
			return batch
		}
	}
}

// write stores a batch.
func (s *Sampler) write(batch []SampleEntry) {
	if len(batch) == 0 {
		return
	}
	// Not the caller's context: what was accepted is written also when the
	// process is about to end.
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := s.put(ctx, batch, time.Now())
	if err != nil {
		s.lost.Add(uint64(len(batch)))
	} else {
		s.stored.Add(uint64(len(batch)))
	}
	s.o.After(err)
}

func (s *Sampler) entry(o offered) SampleEntry {
	known := compare.Known{Salt: s.salt()}
	if s.o.Secrets != nil {
		known.Secrets = s.o.Secrets()
	}
	return SampleEntry{Sample: compare.NewSample(o.pair, o.result, s.o.Capture, known), Classes: o.classes}
}

// salt returns the deployment's salt; while it can't be read, one of this process. It is
// Run's own.
func (s *Sampler) salt() []byte {
	if s.saltKnown || s.o.Capture != compare.CaptureRedacted {
		return s.saltValue
	}
	if s.o.Salt != nil && time.Since(s.saltTried) > saltEvery {
		ctx, cancel := context.WithTimeout(context.Background(), saltTimeout)
		defer cancel()
		if salt, err := s.o.Salt(ctx); err == nil {
			s.saltValue, s.saltKnown = salt, true
			return salt
		}
		s.saltTried = time.Now()
	}
	if s.saltValue == nil {
		s.saltValue = newSalt()
	}
	return s.saltValue
}

// How often a salt that can't be read is asked for again, and for how long.
const (
	saltEvery   = 10 * time.Second
	saltTimeout = 2 * time.Second
)

// Stored is how many samples were written.
func (s *Sampler) Stored() uint64 { return s.stored.Load() }

// Dropped is how many found the queue full.
func (s *Sampler) Dropped() uint64 { return s.dropped.Load() }

// Lost is how many samples failed writes lost.
func (s *Sampler) Lost() uint64 { return s.lost.Load() }
