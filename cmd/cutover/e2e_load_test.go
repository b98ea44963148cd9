package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"cutover/compare"
	"cutover/internal/mock"
)

// loadRequest is one request of the mixed load.
type loadRequest struct{ path, body string }

// mixed are requests of every kind that can be mirrored, and a few that can't.
func mixed() []loadRequest {
	var all []loadRequest
	for i := range 4 {
		chat := fmt.Sprintf(`"messages":[{"role":"system","content":"as %s"},{"role":"user","content":"What about %d?"}]`, secretWords, i)
		all = append(
			all,
			loadRequest{"chat/completions", `{"model":"gpt-4o",` + chat + `}`},
			loadRequest{"chat/completions", `{"model":"gpt-4o","stream":true,` + chat + `}`},
			loadRequest{"chat/completions", `{"model":"gpt-4o","stream":true,"stream_options":{"include_usage":true},` + chat + `}`},
			loadRequest{"responses", fmt.Sprintf(`{"model":"gpt-4.1","input":"What about %d?"}`, i)},
			loadRequest{"responses", fmt.Sprintf(`{"model":"gpt-4.1","stream":true,"input":"What about %d?"}`, i)},
			loadRequest{
				"messages",
				fmt.Sprintf(`{"model":"claude-sonnet-4-5","max_tokens":300,"messages":[{"role":"user","content":"What about %d?"}]}`, i),
			},
			loadRequest{
				"messages",
				fmt.Sprintf(`{"model":"claude-sonnet-4-5","max_tokens":300,"stream":true,"messages":[{"role":"user","content":"What about %d?"}]}`, i),
			},
			loadRequest{"embeddings", fmt.Sprintf(`{"model":"text-embedding-3-small","dimensions":64,"input":"text %d"}`, i)},
			loadRequest{"completions", fmt.Sprintf(`{"model":"gpt-3.5-turbo-instruct","prompt":"text %d"}`, i)},
			loadRequest{"chat/completions", `{"model":"gpt-4o"}`}, // a 400
			loadRequest{"models", ""},
			loadRequest{"responses", fmt.Sprintf(`{"model":"gpt-4.1","input":"What about %d?","background":true}`, i)},
		)
	}
	return all
}

// loadAnswer is what came of a loadRequest.
type loadAnswer struct {
	status int
	body   []byte
	id, by string // the provider's request id; who served it
}

// text is the body less what differs between any two calls.
func (a loadAnswer) text() string { return newNormal().text(string(a.body)) }

func (q loadRequest) send(ctx context.Context, client *http.Client, base string) (a loadAnswer, err error) {
	method, reader := http.MethodPost, io.Reader(strings.NewReader(q.body))
	if q.body == "" {
		method, reader = http.MethodGet, nil
	}
	r, err := http.NewRequestWithContext(ctx, method, base+"/v1/"+q.path, reader)
	if err != nil {
		return a, err
	}
	r.Header.Set("Authorization", "Bearer "+callerKey)
	r.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(r)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	a.status, a.id, a.by = resp.StatusCode, requestIDOf(resp.Header), resp.Header.Get("X-Cutover-Served-By")
	a.body, err = io.ReadAll(resp.Body)
	return a, err
}

// TestFaultyRelay sends many requests of all kinds while the relay does
// everything wrong that it can: no caller may notice, and every copy must be
// accounted for.
func TestFaultyRelay(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	t.Run("load", faultyRelay)
}

func faultyRelay(t *testing.T) {
	const requests, callers = 2000, 16
	primary := startProvider(t, mock.Config{Seed: 7, JournalSize: 1})
	relay := startProvider(t, mock.Config{Seed: 7, JournalSize: 1, Faults: []mock.Fault{
		{Kind: "reset", Rate: .06}, {Kind: "refuse", Rate: .06}, {Kind: "hang", Rate: .03}, {Kind: "hang-after-2", Rate: .03},
		{Kind: "reset-after-3", Rate: .06}, {Kind: "cut-after-3", Rate: .06}, {Kind: "500", Rate: .06}, {Kind: "429", Rate: .06},
		{Kind: "garbage-after-1", Rate: .06}, {Kind: "not-json", Rate: .06}, {Kind: "wrong-length", Rate: .06}, {Kind: "invalid-utf8", Rate: .06},
		{Kind: "error-event-after-2", Rate: .06}, {Kind: "truncated", Rate: .06}, {Kind: "empty", Rate: .06},
	}})
	r := startSidecar(
		t,
		primary,
		relay,
		mirrorAll,
		"CUTOVER_UPSTREAMS_RELAY_TIMEOUTS_HEADER=300ms",
		"CUTOVER_UPSTREAMS_RELAY_TIMEOUTS_PLAIN=300ms",
		"CUTOVER_UPSTREAMS_RELAY_TIMEOUTS_FIRST_TOKEN=300ms",
		"CUTOVER_UPSTREAMS_RELAY_TIMEOUTS_IDLE=300ms",
		"CUTOVER_LOG_LEVEL=info",
	)
	client := newHTTPClient(t)
	questions := mixed()
	want := direct(t, client, questions)

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var next, wrong atomic.Int64
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= requests || wrong.Load() > 10 {
					return
				}
				n := i % len(questions)
				if problem := askOne(ctx, client, r, questions[n], want[n], i < len(questions)); problem != "" {
					wrong.Add(1)
					t.Errorf("%s %s: %s", questions[n].path, questions[n].body, problem)
				}
			}
		})
	}
	group.Wait()
	if t.Failed() {
		return
	}
	checkAccounts(t, r, requests)
}

// askOne sends one request and says what is wrong with its response. It must be,
// byte for byte, what the primary gave, and as long as the direct one; thorough
// looks whether it also reads the same, which takes longer.
func askOne(ctx context.Context, client *http.Client, r *rig, q loadRequest, want loadAnswer, thorough bool) string {
	got, err := q.send(ctx, client, r.URL())
	if err != nil {
		return err.Error()
	}
	given := r.primary.response(got.id)
	switch {
	case got.by != "primary":
		return "served by " + got.by
	case got.status != want.status, len(got.body) != len(want.body), thorough && got.text() != want.text():
		return fmt.Sprintf("got %d %s, want %d %s", got.status, clip(got.body), want.status, clip(want.body))
	case !bytes.Equal(got.body, given.body):
		return fmt.Sprintf("got %s, the provider gave %s", clip(got.body), clip(given.body))
	}
	return ""
}

// direct are the responses without a sidecar, from a provider that says the same.
func direct(t *testing.T, client *http.Client, questions []loadRequest) []loadAnswer {
	p := startProvider(t, mock.Config{Seed: 7})
	var all []loadAnswer
	for _, q := range questions {
		a, err := q.send(within(t), client, p.url)
		if err != nil || len(a.body) == 0 {
			t.Fatalf("%s %s directly: %d %q %v", q.path, q.body, a.status, a.body, err)
		}
		all = append(all, a)
	}
	return all
}

// checkAccounts wants every request's outcome, and nothing left over.
func checkAccounts(t *testing.T, r *rig, requests uint64) {
	t.Helper()
	if got := r.primary.Stats().Calls; got != requests {
		t.Errorf("the primary was called %d times for %d requests", got, requests)
	}
	results := r.settled(t)
	counts := r.Mirror.Counts()
	t.Logf("outcomes: %v, stored %d", counts.All(), len(results))
	if counts.Total() != requests {
		t.Errorf("%d outcomes for %d requests: %v", counts.Total(), requests, counts.All())
	}
	if n := counts.Get(compare.Skipped); n == 0 || n > requests/4 {
		t.Errorf("%d requests were skipped: %v", n, counts.All())
	}
	if counts.Get(compare.PrimaryOnly) == 0 || counts.Get(compare.Both) == 0 || counts.Get(compare.RelayOnly) > 0 {
		t.Errorf("the outcomes do not fit the relay's faults: %v", counts.All())
	}
	if r.Mirror.InFlight() != 0 || r.Mirror.Held() != 0 {
		t.Errorf("the mirror still has %d copies and holds %d bytes", r.Mirror.InFlight(), r.Mirror.Held())
	}
	eventually(t, "the relay's end of all calls", func() bool { return r.relay.Stats().Active == 0 }, func() any { return r.relay.Stats() })
	if n := r.Router.Active(); n != 0 {
		t.Errorf("%d requests are still being served", n)
	}
	checkMetrics(t, r, requests)
}

// checkMetrics wants /metrics to tell the same.
func checkMetrics(t *testing.T, r *rig, requests uint64) {
	t.Helper()
	families, err := r.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var total float64
	for _, f := range families {
		if f.GetName() == "cutover_mirror_outcomes_total" {
			for _, m := range f.GetMetric() {
				total += m.GetCounter().GetValue()
			}
		}
	}
	if total != float64(requests) {
		t.Errorf("cutover_mirror_outcomes_total adds up to %v, want %d", total, requests)
	}
	if bytes.Contains([]byte(r.log.String()), []byte(`"level":"error"`)) {
		t.Errorf("the log has errors:\n%s", clip([]byte(r.log.String())))
	}
}
