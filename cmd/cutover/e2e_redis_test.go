package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"cutover/internal/mock"
	"cutover/internal/redistest"
	"cutover/internal/store"
)

// TestFleetInRedis runs a sidecar whose flags, results, samples, spending,
// limits and ids live in a Redis, as a user with no more than the documented
// rights, known by name and password.
func TestFleetInRedis(t *testing.T) {
	admin := redistest.Client(t)
	ctx := context.Background()
	grant := []any{}
	for _, word := range strings.Fields(documentedRights(t)) {
		grant = append(grant, strings.Replace(word, ">SECRET", ">of-the-sidecar", 1))
	}
	if err := admin.Do(ctx, grant...).Err(); err != nil {
		t.Fatalf("the documented line is refused: %v", err)
	}
	primary := startProvider(t, mock.Config{Seed: 1, Speech: mock.Speech{Noise: .2}})
	relay := startProvider(t, mock.Config{Seed: 1, DrawSeed: 2, Speech: mock.Speech{Noise: .2}})
	r := startSidecar(
		t,
		primary,
		relay,
		mirrorAll,
		"CUTOVER_REDIS=redis://"+admin.Options().Addr,
		"CUTOVER_STORE_REDIS_USERNAME=cutover-sidecar",
		"CUTOVER_REDIS_PASSWORD=of-the-sidecar",
		"CUTOVER_FLAGS_NOISE_PERCENTAGE=100",
		"CUTOVER_SHADOW_BUDGET_USD_PER_DAY=100",
		"CUTOVER_UPSTREAMS_RELAY_LIMITS_RPM=60000",
		"CUTOVER_UPSTREAMS_RELAY_LIMITS_CONCURRENCY=50",
		`CUTOVER_UPSTREAMS_PRIMARY_PRICES={"default":{"input":1,"output":1}}`,
		`CUTOVER_UPSTREAMS_RELAY_PRICES={"default":{"input":1,"output":1}}`,
	)
	client := newHTTPClient(t)

	// A flip by hand, as an operator would make it.
	if err := admin.HSet(ctx, "cutover:{default}:flags", "relay-percentage", "100").Err(); err != nil {
		t.Fatal(err)
	}
	ask := loadRequest{"chat/completions", `{"model":"gpt-4o","messages":[{"role":"user","content":"hello"}]}`}
	eventually(t, "the relay serves", func() bool {
		a, err := ask.send(within(t), client, r.URL())
		return err == nil && a.by == "relay"
	}, func() any { return r.Flags.State() })

	// What the relay makes is found again after the share is back at 0.
	req, _ := http.NewRequestWithContext(within(t), http.MethodPost, r.URL()+"/v1/vector_stores", strings.NewReader(`{"name":"x"}`))
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if by := resp.Header.Get("X-Cutover-Served-By"); by != "relay" || resp.StatusCode != http.StatusOK {
		t.Fatalf("made by %s: %d %s", by, resp.StatusCode, body)
	}

	eventually(t, "results, samples and spending are in Redis", func() bool {
		if _, err := ask.send(within(t), client, r.URL()); err != nil {
			t.Fatal(err)
		}
		if err := r.Ledger.Flush(within(t)); err != nil {
			t.Fatal(err)
		}
		results, err := r.Results.Results(within(t), store.Filter{})
		keys := strings.Join(admin.Keys(ctx, "*").Val(), " ")
		return err == nil && len(results) > 0 && r.Sampler.Stored() > 0 && strings.Contains(keys, ":spent:") &&
			strings.Contains(keys, ":limit:") && strings.Contains(keys, ":version")
	}, func() any { return []any{admin.Keys(ctx, "*").Val(), r.Mirror.Counts().All()} })
	if log := admin.Do(ctx, "ACL", "LOG").Val(); len(log.([]any)) > 0 {
		t.Errorf("the documented rights are not enough: %v", log)
	}
	for _, complaint := range []string{"NOPERM", "can't be", "could not be"} {
		if text := r.log.String(); strings.Contains(text, complaint) {
			t.Errorf("the log complains (%s):\n%s", complaint, text)
		}
	}
}

// documentedRights is the line for a sidecar's user.
func documentedRights(t *testing.T) string {
	t.Helper()
	doc, err := os.ReadFile("../../docs/flags.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(doc)) {
		if strings.HasPrefix(line, "ACL SETUSER cutover-sidecar ") {
			return line
		}
	}
	t.Fatal("docs/flags.md does not say what a sidecar's user needs")
	return ""
}
