package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"cutover/compare"
	"cutover/internal/mock"
)

// TestKilledProcessLosesTheLastFlushOnly kills a sidecar: what it had written
// before must be in its data directory, for reports and for the next process.
func TestKilledProcessLosesTheLastFlushOnly(t *testing.T) {
	t.Parallel()
	primary, relay := startProvider(t, mock.Config{Seed: 7}), startProvider(t, mock.Config{Seed: 7})
	data := t.TempDir()
	s := startServe(t, primary, relay, []string{mirrorAll}, "--data", data)
	client := newHTTPClient(t)
	send := func(n int) {
		for range n {
			if text, err := openChat(t, client, s.url).rest(); err != nil {
				t.Fatalf("%v %s", err, text)
			}
		}
	}
	const before, after = 20, 5
	send(before)
	eventually(t, "the first pairs in the report", func() bool { return reported(t, client, s.admin) == before },
		func() any { return reported(t, client, s.admin) }) // a report flushes
	send(after)
	if err := s.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.ended
	p := start(t, nil, "report", "--data", data, "--output", "json")
	if code := p.exit(t); code != 0 {
		t.Fatalf("report: exit code %d: %s", code, p.err.String())
	}
	var report compare.Report
	if err := json.Unmarshal([]byte(p.out.String()), &report); err != nil || report.Pairs < before || report.Pairs > before+after {
		t.Errorf("the report is about %d pairs, want %d at least: %v %s", report.Pairs, before, err, p.out.String())
	}
	again := startServe(t, primary, relay, []string{mirrorAll}, "--data", data)
	if text := again.err.String(); strings.Contains(text, `"level":"error"`) {
		t.Errorf("the next process complains:\n%s", text)
	}
}

// reported is the number of pairs in a running sidecar's report.
func reported(t *testing.T, client *http.Client, admin string) uint64 {
	t.Helper()
	resp, err := client.Get(admin + "/api/v1/report")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var report compare.Report
	if err := json.NewDecoder(resp.Body).Decode(&report); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("report: %d, %v", resp.StatusCode, err)
	}
	return report.Pairs
}
