package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"cutover/internal/mock"
	"cutover/ramp"
)

// TestRolloutAndConsole asks a running sidecar what its evidence allows, with a
// relay that is down and one that has not been asked yet.
func TestRolloutAndConsole(t *testing.T) {
	primary := startProvider(t, mock.Config{Seed: 7})
	relay := startProvider(t, mock.Config{Seed: 7, Faults: []mock.Fault{{Kind: "500", Rate: 1}}})
	r := startSidecar(t, primary, relay, mirrorAll)
	client := newHTTPClient(t)
	get := func(path string) string {
		resp, err := client.Get(r.AdminURL() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %s, %v", path, resp.StatusCode, text, err)
		}
		return string(text)
	}
	judged := func() (a struct {
		Verdict struct {
			Action  string
			Weight  float64
			Reasons []string
		}
	}) {
		if err := json.Unmarshal([]byte(get("/api/v1/rollout")), &a); err != nil {
			t.Fatal(err)
		}
		return a
	}
	if a := judged(); a.Verdict.Action != ramp.Hold.String() || len(a.Verdict.Reasons) == 0 {
		t.Errorf("without evidence: %+v, want hold with a reason", a)
	}
	if page := get("/"); !strings.Contains(page, "No data") {
		t.Errorf("the console shows %.200q, want that there is no data", page)
	}
	ask := loadRequest{"chat/completions", `{"model":"gpt-4o","messages":[{"role":"user","content":"hello"}]}`}
	for range 200 {
		if _, err := ask.send(within(t), client, r.URL()); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the relay is found to be down", func() bool { return judged().Verdict.Action == ramp.Rollback.String() },
		func() any { return judged() })
	if page := get("/"); !strings.Contains(page, "Stop:") {
		t.Errorf("the console shows %.300q, want that the relay is down", page)
	}
}
