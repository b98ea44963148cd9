package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"cutover/compare"
	"cutover/exchange"
	"cutover/internal/redistest"
)

// startRedis starts a server of the test's own.
func startRedis(t *testing.T) *redis.Client {
	t.Helper()
	return redistest.Client(t)
}

// eachBackend runs a test on every implementation. make opens the same store
// again and again, as a second process would (after closing the first, where
// only one may have it).
func eachBackend(t *testing.T, test func(t *testing.T, open func(Options) Backend)) {
	t.Run("bbolt", func(t *testing.T) {
		dir := t.TempDir()
		var last *Store
		test(t, func(o Options) Backend {
			if last != nil {
				_ = last.Close()
			}
			last = open(t, dir, o)
			return last
		})
	})
	t.Run("redis", func(t *testing.T) {
		client := startRedis(t)
		test(t, func(o Options) Backend {
			s, err := NewRedis(client, "te*st", o)
			if err != nil {
				t.Fatal(err)
			}
			return s
		})
	})
}

// entry is a sample of a pair with the severity of its finding.
func entry(i int, severity compare.Severity, at time.Time, classes ...compare.Class) SampleEntry {
	r := result(i)
	r.At = at
	r.Findings = []compare.Finding{{Code: "text.refusal", Severity: severity, Arm: "relay"}}
	return SampleEntry{
		Sample:  compare.Sample{Result: r, Capture: compare.CaptureFull, Relay: compare.SampleBody{Text: "answer of the relay " + fmt.Sprint(i)}},
		Classes: classes,
	}
}

func TestBackendsKeepTheLatestResults(t *testing.T) {
	eachBackend(t, func(t *testing.T, open func(Options) Backend) {
		s := open(Options{Keep: 5})
		for i := 1; i < 20; i += 4 {
			if err := s.Put(results(i, i+4)...); err != nil {
				t.Fatal(err)
			}
		}
		s = open(Options{Keep: 5})
		got, err := s.Results(t.Context(), Filter{})
		if err != nil || ids(got) != "16 17 18 19 20" {
			t.Errorf("%s, %v", ids(got), err)
		}
		if got, _ := s.Results(t.Context(), Filter{Limit: 2}); ids(got) != "19 20" {
			t.Errorf("limit: %s", ids(got))
		}
	})
}

func TestBackendsMergeSummaries(t *testing.T) {
	eachBackend(t, func(t *testing.T, open func(Options) Backend) {
		now := time.Now().Truncate(time.Hour).Add(10 * time.Minute)
		total := 0
		for process := range 3 {
			s := open(Options{})
			for flush := range 4 {
				var one compare.Summary
				r := result(process)
				r.At = now.Add(-time.Duration(flush) * 6 * time.Minute)
				one.Add(r)
				if err := s.AddSummaries(map[time.Time]*compare.Summary{r.At: &one}, now); err != nil {
					t.Fatal(err)
				}
				total++
			}
		}
		s := open(Options{})
		whole, err := s.Summary(t.Context(), Filter{})
		if err != nil || whole.All.Pairs != uint64(total) {
			t.Errorf("%d of %d pairs, %v", whole.All.Pairs, total, err)
		}
		if part, _ := s.Summary(t.Context(), Filter{Since: now.Add(-8 * time.Minute), Model: "gpt-4o"}); part.All.Pairs != 6 {
			t.Errorf("%d pairs of the last eight minutes, want 6", part.All.Pairs)
		}
		if part, _ := s.Summary(t.Context(), Filter{Model: "none"}); part.All.Pairs != 0 {
			t.Errorf("%d pairs of another model", part.All.Pairs)
		}
	})
}

func TestBackendsKeepTheWorstTheNewestAndAFairShare(t *testing.T) {
	eachBackend(t, func(t *testing.T, open func(Options) Backend) {
		s := open(Options{Retention: Retention{PerClass: 5}})
		now := time.Now().Truncate(time.Second)
		var want []string
		var scores []uint64
		for i := range 60 {
			severity := compare.Info
			if i < 5 {
				severity = compare.Critical // the oldest are the worst
			}
			e := entry(i, severity, now.Add(time.Duration(i-60)*time.Second), compare.Classes()...)
			scores = append(scores, compare.ClassUniform.Score(&e.Sample.Result))
			if i < 5 || i >= 55 {
				want = append(want, e.Sample.Result.ID)
			}
			if err := s.PutSamples(t.Context(), []SampleEntry{e}, now); err != nil {
				t.Fatal(err)
			}
		}
		top := slices.Clone(scores)
		slices.Sort(top)
		for i, score := range scores {
			if id := result(i).ID; score >= top[55] && !slices.Contains(want, id) {
				want = append(want, id)
			}
		}
		slices.Sort(want)
		s = open(Options{Retention: Retention{PerClass: 5}})
		kept, err := s.SampleResults(t.Context(), Filter{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range kept {
			got = append(got, r.ID)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("kept %v\nwant %v", got, want)
		}
		if worst, _ := s.SampleResults(t.Context(), Filter{Severity: compare.Major, Code: "text.refusal"}); len(worst) != 5 {
			t.Errorf("%d of the worst", len(worst))
		}
		one, err := s.Sample(t.Context(), result(3).ID)
		if err != nil || one.Relay.Text != "answer of the relay 3" || one.Result.Findings[0].Severity != compare.Critical {
			t.Errorf("%+v, %v", one, err)
		}
		if _, err := s.Sample(t.Context(), "none"); !errors.Is(err, ErrNoSample) {
			t.Errorf("an id that is not there: %v", err)
		}
		if _, err := s.Sample(t.Context(), result(30).ID); !errors.Is(err, ErrNoSample) && !slices.Contains(want, result(30).ID) {
			t.Errorf("what fell out of all classes is still there: %v", err)
		}
	})
}

func TestBackendsDeleteByAgeAndSize(t *testing.T) {
	eachBackend(t, func(t *testing.T, open func(Options) Backend) {
		keep := Retention{Age: time.Hour, Bytes: 12000}
		s := open(Options{Retention: keep})
		now := time.Now()
		put := func(i int, age time.Duration, size int) {
			t.Helper()
			e := entry(i, compare.Info, now.Add(-age), compare.ClassNewest)
			e.Sample.Primary.Text = strings.Repeat("x", size)
			if err := s.PutSamples(t.Context(), []SampleEntry{e}, now); err != nil {
				t.Fatal(err)
			}
		}
		put(1, 2*time.Hour, 10)
		if got, _ := s.SampleResults(t.Context(), Filter{}); len(got) != 0 {
			t.Errorf("too old, but kept: %s", ids(got))
		}
		for i := 2; i < 7; i++ {
			put(i, time.Duration(10-i)*time.Minute, 3000)
		}
		got, err := s.SampleResults(t.Context(), Filter{})
		if err != nil || ids(got) != "4 5 6" {
			t.Errorf("by size: kept %s, %v", ids(got), err)
		}
	})
}

func TestBackendsEncryptAtRest(t *testing.T) {
	key := []byte("0123456789abcdef0123456789abcdef")
	eachBackend(t, func(t *testing.T, open func(Options) Backend) {
		s := open(Options{Key: key})
		e := entry(1, compare.Major, time.Now(), compare.Classes()...)
		if err := s.PutSamples(t.Context(), []SampleEntry{e}, time.Now()); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Sample(t.Context(), e.Sample.Result.ID); err != nil || got.Relay.Text != e.Sample.Relay.Text {
			t.Errorf("%+v, %v", got, err)
		}
		if raw := rawBytes(t, s, e.Sample.Result.ID); bytes.Contains(raw, []byte("answer of the relay")) || len(raw) == 0 {
			t.Errorf("readable at rest: %.200q", raw)
		}
		for name, o := range map[string]Options{"no key": {}, "another key": {Key: []byte("ffffffffffffffffffffffff")}} {
			s := open(o)
			if _, err := s.Sample(t.Context(), e.Sample.Result.ID); !errors.Is(err, ErrKey) {
				t.Errorf("%s: %v", name, err)
			}
			if _, err := s.SampleResults(t.Context(), Filter{}); !errors.Is(err, ErrKey) {
				t.Errorf("%s, list: %v", name, err)
			}
		}
	})
	if _, err := Open(t.TempDir(), Options{Key: []byte("short")}); err == nil || !strings.Contains(err.Error(), "16") {
		t.Errorf("a short key: %v", err)
	}
}

// rawBytes is what lies in the store.
func rawBytes(t *testing.T, b Backend, id string) []byte {
	t.Helper()
	if s, ok := b.(*Redis); ok {
		raw, err := s.client.Get(t.Context(), s.keys.Sample(id)).Bytes()
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	raw, err := os.ReadFile(b.(*Store).db.Load().Path())
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// A store that is gone must be an error, soon, and nothing worse.
func TestRedisThatIsGoneIsAnError(t *testing.T) {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1, DialerRetries: 1})
	defer func() { _ = client.Close() }()
	s, err := NewRedis(client, "", Options{})
	if err != nil {
		t.Fatal(err)
	}
	var one compare.Summary
	one.Add(result(1))
	for name, err := range map[string]error{
		"put":     s.Put(result(1)),
		"sums":    s.AddSummaries(map[time.Time]*compare.Summary{testStart: &one}, testStart),
		"samples": s.PutSamples(t.Context(), []SampleEntry{entry(1, 0, time.Now(), compare.ClassNewest)}, time.Now()),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestSamplerChoosesWhatIsWorthLookingAt(t *testing.T) {
	var kept []SampleEntry
	s := NewSampler(func(_ context.Context, entries []SampleEntry, _ time.Time) error {
		kept = append(kept, entries...)
		return nil
	}, SamplerOptions{PerClass: 10, perSecond: 1, queue: 4096})
	now := testStart
	for i := range 3000 {
		now = now.Add(10 * time.Millisecond)
		r := result(i)
		r.At = now
		if i%3 == 0 {
			r.Findings = []compare.Finding{{Code: "text.loop", Severity: compare.Major, Arm: "relay"}}
		}
		if i == 1500 {
			r.Findings = []compare.Finding{{Code: "tools.json", Severity: compare.Critical, Arm: "relay"}}
		}
		p := compare.Pair{Relay: &exchange.Exchange{Completion: exchange.Completion{Text: "mail jane@example.com"}}}
		s.Offer(p, &r, now)
		if i == 1500 && !r.Sampled {
			t.Error("the only pair with broken arguments was not sampled")
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Run(ctx); err != nil {
		t.Fatal(err)
	}
	uniform, worst := 0, 0
	for _, e := range kept {
		if slices.Contains(e.Classes, compare.ClassWorst) {
			worst++
		}
		if slices.Contains(e.Classes, compare.ClassUniform) {
			uniform++
		}
		if strings.Contains(e.Sample.Relay.Text, "jane") {
			t.Fatalf("not redacted: %q", e.Sample.Relay.Text)
		}
	}
	// The reservoir takes about k(1+ln(n/k)) in all; 30 s bring 30 more, and
	// the frequent finding its first 20.
	if uniform < 30 || uniform > 120 || len(kept) > 220 || worst != codeFirst+1 {
		t.Errorf("%d kept, %d for the reservoir, %d for their findings", len(kept), uniform, worst)
	}
	if s.Stored() != uint64(len(kept)) || s.Dropped() != 0 {
		t.Errorf("stored %d, dropped %d", s.Stored(), s.Dropped())
	}
}

func TestSamplerDropsAndCounts(t *testing.T) {
	broken := errors.New("disk full")
	s := NewSampler(func(context.Context, []SampleEntry, time.Time) error { return broken }, SamplerOptions{queue: 2})
	marked := 0
	for i := range 10 {
		r := result(i)
		if s.Offer(compare.Pair{}, &r, testStart); r.Sampled {
			marked++
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if marked != 2 || s.Dropped() != 8 || s.Lost() != 2 {
		t.Errorf("marked %d, dropped %d, lost %d", marked, s.Dropped(), s.Lost())
	}
}
