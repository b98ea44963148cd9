package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cutover/compare"
	"cutover/internal/millis"
	"cutover/internal/mock"
	"cutover/router"
)

// metricSum adds up the series of a counter whose labels match.
func metricSum(t *testing.T, page, name, labels string) (sum int64) {
	t.Helper()
	for _, m := range regexp.MustCompile(`(?m)^`+name+`\{[^}]*`+labels+`[^}]*\} (\d+)`).FindAllStringSubmatch(page, -1) {
		n, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	return sum
}

// TestMirroringBesideRetriesAndFallback: with every request mirrored, a failing
// relay that is retried and replaced serves and spoils nothing. Each response is,
// byte for byte, what the provider has said that serves it, each provider's
// calls are all accounted for, and each request has its outcome.
func TestMirroringBesideRetriesAndFallback(t *testing.T) {
	t.Parallel()
	const requests, callers = 300, 8
	primary := startProvider(t, mock.Config{Seed: 7})
	var faults []mock.Fault
	for _, kind := range []string{"refuse", "reset", "500", "503", "429", "408", "error-event", "empty", "401"} {
		faults = append(faults, mock.Fault{Kind: kind, Rate: .05})
	}
	relay := startProvider(t, mock.Config{Seed: 8, DrawSeed: 3, Faults: faults})
	r := startSidecar(t, primary, relay, mirrorAll, "CUTOVER_FLAGS_RELAY_PERCENTAGE=100",
		"CUTOVER_UPSTREAMS_RELAY_RETRY_ATTEMPTS=3", "CUTOVER_UPSTREAMS_RELAY_RETRY_BASE=2ms", "CUTOVER_UPSTREAMS_RELAY_RETRY_BUDGET=1",
		"CUTOVER_UPSTREAMS_RELAY_AUTH=none", "CUTOVER_UPSTREAMS_RELAY_BREAKER_ENABLED=false")
	client, questions := newHTTPClient(t), mixed()[:9]
	var next, byPrimary atomic.Int64
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < requests && !t.Failed(); i = int(next.Add(1)) - 1 {
				q := questions[i%len(questions)]
				got, err := q.send(within(t), client, r.URL())
				from := relay
				if got.by == "primary" {
					from = primary
					byPrimary.Add(1)
				}
				if given := from.response(got.id); err != nil || got.status != http.StatusOK || len(got.body) == 0 ||
					!bytes.Equal(got.body, given.body) {
					t.Errorf("%s: %v, %d by %s: %s\nthe provider gave %s", q.path, err, got.status, got.by, clip(got.body), clip(given.body))
				}
			}
		})
	}
	group.Wait()
	if t.Failed() {
		return
	}
	eventually(t, "an outcome for each request, and nothing in flight", func() bool {
		return r.Mirror.Counts().Total() == requests && r.Mirror.InFlight() == 0 && r.Router.Active() == 0
	}, func() any { return r.Mirror.Counts().All() })
	counts := r.Mirror.Counts()
	if sum := counts.Get(compare.Both) + counts.Get(compare.PrimaryOnly); sum != requests || counts.Get(compare.Both) == 0 ||
		counts.Get(compare.PrimaryOnly) == 0 {
		t.Errorf("outcomes %v, want a pair of each request, some without a response of the relay", counts.All())
	}
	page := get(t, client, r.AdminURL()+"/metrics")
	fallbacks := metricSum(t, page, "cutover_attempts_failed_total", `next="fallback"`)
	retries := metricSum(t, page, "cutover_attempts_failed_total", `next="retry"`)
	if fallbacks == 0 || retries == 0 || fallbacks != byPrimary.Load() {
		t.Errorf("%d fallbacks and %d retries are counted, the primary served %d", fallbacks, retries, byPrimary.Load())
	}
	if p, q := int64(primary.Stats().Calls), int64(relay.Stats().Calls); p != requests+fallbacks || q != requests+retries {
		t.Errorf("the primary was called %d times, want %d copies and %d fallbacks; the relay %d times, want %d and %d retries",
			p, requests, fallbacks, q, requests, retries)
	}
}

// TestHedgeOfAWholeSidecar: the relay's own pace is learnt, shown in the status
// and kept to.
func TestHedgeOfAWholeSidecar(t *testing.T) {
	t.Parallel()
	primary := startProvider(t, mock.Config{Seed: 7})
	relay := startProvider(t, mock.Config{Seed: 7, Script: append(repeated("", 30), repeated("hang", 3)...)})
	r := startSidecar(t, primary, relay, "CUTOVER_FLAGS_RELAY_PERCENTAGE=100", "CUTOVER_FALLBACK_HEDGE_AFTER=p95")
	client := newHTTPClient(t)
	q := loadRequest{"chat/completions", `{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"hi"}]}`}
	var status struct {
		Hedge struct {
			After      millis.Duration `json:"after_ms"`
			Percentile float64         `json:"after_percentile"`
			Budget     float64         `json:"budget_left"`
			Models     []router.LatencyState
		}
	}
	for i := range 33 {
		want := "relay"
		if i >= 30 { // 30 calls are enough to know
			want = "primary"
		}
		if a, err := q.send(within(t), client, r.URL()); err != nil || a.by != want || a.status != http.StatusOK {
			t.Fatalf("request %d: %d by %s, %v; want %s", i, a.status, a.by, err, want)
		}
	}
	eventually(t, "all calls in the status", func() bool {
		if err := json.Unmarshal([]byte(get(t, client, r.AdminURL()+"/api/v1/status")), &status); err != nil {
			t.Fatal(err)
		}
		return len(status.Hedge.Models) == 1 && status.Hedge.Models[0].Calls == 33
	}, func() any { return status })
	m := status.Hedge.Models[0]
	if m.Model != "gpt-4o" || !m.Stream || m.Delay <= 0 || time.Duration(m.Delay) > 10*time.Second {
		t.Errorf("/api/v1/status says %+v of the model", m)
	}
	if status.Hedge.Percentile != 95 || status.Hedge.After != 0 || status.Hedge.Budget > 17.5 {
		t.Errorf("/api/v1/status says %+v", status.Hedge)
	}
	if n := metricSum(t, get(t, client, r.AdminURL()+"/metrics"), "cutover_hedges_total", `outcome="won"`); n != 3 {
		t.Errorf("%d hedges won, want 3", n)
	}
}

func repeated(s string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = s
	}
	return all
}
