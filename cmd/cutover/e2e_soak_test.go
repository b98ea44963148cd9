package main

import (
	"context"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"cutover/compare"
	"cutover/internal/mock"
)

// soakLength is how long TestSoak runs: a moment in the suite, ten minutes by
// "make soak", any time by the environment.
func soakLength(t *testing.T) time.Duration {
	v := os.Getenv("CUTOVER_TEST_SOAK")
	if v == "" {
		return 3 * time.Second
	}
	d, err := time.ParseDuration(v)
	if err != nil {
		t.Fatalf("CUTOVER_TEST_SOAK=%s: %v", v, err)
	}
	return d
}

// TestSoak serves from a relay with mixed faults, mirrors half to the primary,
// and looks at every response: none may be mixed from two providers, none may be
// changed by the sidecar, the counts must add up, and nothing may be left over.
func TestSoak(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	t.Run("mixed faults", soak)
}

func soak(t *testing.T) {
	const perSecond = 200
	length := soakLength(t)
	primary := startProvider(t, mock.Config{Seed: 3, DrawSeed: 5, JournalSize: 1, Speech: mock.Speech{Say: strings.Repeat("PRIMARY ", 12)}})
	faults := []mock.Fault{}
	for _, kind := range []string{
		"refuse", "reset", "hang", "hang-after-0", "hang-after-3", "reset-after-0", "reset-after-3", "cut-after-4", "end-after-0", "no-done",
		"error-event", "error-event-after-3", "garbage-after-0", "garbage-after-2", "401", "404", "408", "429", "500", "503", "529", "400",
		"empty", "not-json", "truncated", "wrong-length", "invalid-utf8", "wrong-order", "no-usage",
	} {
		faults = append(faults, mock.Fault{Kind: kind, Rate: .015})
	}
	relay := startProvider(
		t,
		mock.Config{Seed: 3, DrawSeed: 9, JournalSize: 1, Faults: faults, Speech: mock.Speech{Say: strings.Repeat("RELAY ", 12)}},
	)
	r := startSidecar(
		t,
		primary,
		relay,
		"CUTOVER_FLAGS_RELAY_PERCENTAGE=100",
		"CUTOVER_FLAGS_SHADOW_PERCENTAGE=50",
		"CUTOVER_UPSTREAMS_RELAY_TIMEOUTS_HEADER=1s",
		"CUTOVER_UPSTREAMS_RELAY_TIMEOUTS_PLAIN=1s",
		"CUTOVER_UPSTREAMS_RELAY_TIMEOUTS_FIRST_TOKEN=1s",
		"CUTOVER_UPSTREAMS_RELAY_TIMEOUTS_IDLE=1s",
		"CUTOVER_UPSTREAMS_RELAY_RETRY_ATTEMPTS=2",
		"CUTOVER_UPSTREAMS_RELAY_RETRY_BASE=5ms",
		"CUTOVER_UPSTREAMS_RELAY_BREAKER_ENABLED=false",
		"CUTOVER_LOG_LEVEL=warn",
	)
	client := newHTTPClient(t)
	questions := mixed()
	ctx, cancel := context.WithTimeout(context.Background(), length+time.Minute)
	defer cancel()

	var sent, byRelay, byPrimary, broken atomic.Int64
	var group sync.WaitGroup
	tick := time.NewTicker(time.Second / perSecond)
	defer tick.Stop()
	for end := time.Now().Add(length); time.Now().Before(end) && !t.Failed(); {
		<-tick.C
		n := int(sent.Add(1))
		group.Go(func() {
			who, problem := soakOne(ctx, client, r, questions[n%len(questions)])
			switch {
			case problem != "":
				t.Error(problem)
			case who == "relay":
				byRelay.Add(1)
			case who == "primary":
				byPrimary.Add(1)
			default:
				broken.Add(1)
			}
		})
	}
	group.Wait()
	client.CloseIdleConnections()
	t.Logf(
		"%d requests in %s: %d served by the relay, %d by the primary, %d broken off",
		sent.Load(),
		length,
		byRelay.Load(),
		byPrimary.Load(),
		broken.Load(),
	)
	if byRelay.Load() == 0 || byPrimary.Load() == 0 {
		t.Errorf("served by relay %d, by primary %d: both must have served", byRelay.Load(), byPrimary.Load())
	}
	eventually(t, "an outcome for each request", func() bool { return r.Mirror.Counts().Total() == uint64(sent.Load()) },
		func() any { return r.Mirror.Counts().All() })
	eventually(t, "nothing in flight", func() bool {
		return r.Router.Active() == 0 && r.Mirror.InFlight() == 0 && r.Mirror.Held() == 0
	}, func() any { return []int64{r.Router.Active(), r.Mirror.InFlight(), r.Mirror.Held()} })
	if r.Mirror.Counts().Get(compare.Both) == 0 {
		t.Errorf("no pair has two responses: %v", r.Mirror.Counts().All())
	}
}

// soakOne sends one request. It returns who served, "" for a response that broke
// off, and what was wrong with the response.
func soakOne(ctx context.Context, client *http.Client, r *rig, q loadRequest) (who, problem string) {
	a, err := q.send(ctx, client, r.URL())
	text := string(a.body)
	switch {
	case strings.Contains(text, "PRIMARY") && strings.Contains(text, "RELAY"):
		return "", "a response of both providers: " + text
	case a.by == "primary" && strings.Contains(text, "RELAY"), a.by == "relay" && strings.Contains(text, "PRIMARY"):
		return "", "the response of " + a.by + " says " + text
	case err != nil:
		return "", "" // broken off, and seen to be
	case a.by == "cutover":
		return "", "the sidecar responded itself although the primary is healthy: " + text
	}
	return a.by, ""
}
