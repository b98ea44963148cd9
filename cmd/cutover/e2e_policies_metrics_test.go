package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"cutover/internal/mock"
)

// TestCareIsInMetricsAndStatus: whoever watches a migration sees a breaker that
// is open, a limit that is reached and a key that was set aside, whatever names
// callers give to their models.
func TestCareIsInMetricsAndStatus(t *testing.T) {
	t.Parallel()
	relay := mock.Config{Seed: 1, Faults: []mock.Fault{{Kind: "401", Rate: 1}}}
	r := startSidecar(t, startProvider(t, mock.Config{Seed: 1}), startProvider(t, relay),
		"CUTOVER_FLAGS_RELAY_PERCENTAGE=100",
		"CUTOVER_UPSTREAMS_RELAY_PRICES=gpt-4o=1/2", "CUTOVER_UPSTREAMS_RELAY_BREAKER_MIN_CALLS=3",
		"CUTOVER_UPSTREAMS_RELAY_LIMITS_CONCURRENCY=9")
	client := newHTTPClient(t)
	ask := func(model string) {
		t.Helper()
		body := fmt.Sprintf(`{"model":"%s","messages":[{"role":"user","content":"hi"}]}`, model)
		resp, err := client.Post(r.URL()+"/v1/chat/completions", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("status %d for model %q", resp.StatusCode, model)
		}
	}
	for range 5 {
		ask("gpt-4o")
	}
	// What callers write is no label: it could be a secret, or spoil the whole page.
	for _, model := range []string{"\xff\xfe", strings.Repeat("x", 100) + "a", "my patient Jane Roe", `a\"b\n`} {
		ask(model)
	}
	resp, err := client.Get(r.URL() + "/v1/files") // of no model
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	page := get(t, client, r.AdminURL()+"/metrics")
	for _, line := range []string{
		`cutover_breaker_state{model="gpt-4o",upstream="relay"} 2`,
		`cutover_breaker_trips_total{model="gpt-4o",upstream="relay"} 1`,
		`cutover_breaker_refused_total{model="gpt-4o",upstream="relay"} 2`,
		`cutover_breaker_state{model="other",upstream="relay"} [012]`,
		`cutover_limit_in_flight{upstream="relay"} 0`,
		`cutover_limit_refused_total{limit="concurrency",upstream="relay"} 0`,
		`cutover_keys{state="quarantined",upstream="relay"} 1`,
		`cutover_keys{state="in_use",upstream="relay"} 0`,
		`cutover_affinity_store_failing 0`,
		`cutover_attempts_failed_total{error_type="auth",next="fallback",upstream="relay"} [1-9]`,
	} {
		if !regexp.MustCompile(`(?m)^` + strings.ReplaceAll(strings.ReplaceAll(line, "{", `\{`), "}", `\}`)).MatchString(page) {
			t.Errorf("/metrics lacks %s", line)
		}
	}
	if strings.Contains(page, "Jane") || strings.Contains(page, "xxxx") {
		t.Error("/metrics shows what callers wrote")
	}
	var status struct {
		Relay struct {
			Breaker []struct {
				Model, State string
				OpenFor      float64 `json:"open_for_ms"`
			}
			Keys []struct{ Quarantine string }
		}
		Affinity struct{ Failing *bool }
	}
	if err := json.Unmarshal([]byte(get(t, client, r.AdminURL()+"/api/v1/status")), &status); err != nil {
		t.Fatal(err)
	}
	open := false
	for _, b := range status.Relay.Breaker {
		open = open || b.Model == "gpt-4o" && b.State == "open" && b.OpenFor > 0
	}
	if !open || len(status.Relay.Keys) != 1 || status.Relay.Keys[0].Quarantine != "401" || status.Affinity.Failing == nil {
		t.Errorf("/api/v1/status says %+v", status)
	}
}

// get reads a page that must be there.
func get(t *testing.T, client *http.Client, url string) string {
	t.Helper()
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d, %v\n%s", url, resp.StatusCode, err, clip(page))
	}
	return string(page)
}
