package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cutover/internal/admin"
	"cutover/internal/mock"
	"cutover/internal/redistest"
	"cutover/internal/store"
)

// TestDamagedFilesStopNobody starts a sidecar on a data directory in which everything is
// damaged: it serves, says so on /readyz and in a metric, and keeps the files.
func TestDamagedFilesStopNobody(t *testing.T) {
	t.Parallel()
	primary, relay := startProvider(t, mock.Config{Seed: 7}), startProvider(t, mock.Config{Seed: 7})
	data := t.TempDir()
	damaged := []string{"cutover.db", "flags.yaml", "flags-audit.jsonl"}
	for _, name := range damaged {
		if err := os.WriteFile(filepath.Join(data, name), []byte(strings.Repeat("\xff{[\n", 3000)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := startServe(t, primary, relay, []string{mirrorAll}, "--data", data)
	client := newHTTPClient(t)
	if text, err := openChat(t, client, s.url).rest(); err != nil {
		t.Fatalf("%v %s", err, text)
	}
	var ready admin.Readiness
	if err := json.Unmarshal([]byte(get(t, client, s.admin+"/readyz")), &ready); err != nil || !ready.Ready {
		t.Fatalf("readyz: %+v, %v", ready, err)
	}
	parts := map[string]string{}
	for _, p := range ready.Degraded {
		parts[p.Part] = p.Reason
	}
	if len(parts) != 3 || parts["store"] == "" || parts["flags"] == "" || parts["audit"] == "" {
		t.Errorf("degraded: %+v; want store, flags and audit", parts)
	}
	for _, name := range damaged {
		if aside, err := filepath.Glob(filepath.Join(data, name+".damaged-20*")); err != nil || len(aside) != 1 {
			t.Errorf("%s was set aside as %v, %v", name, aside, err)
		}
	}
	if page := get(t, client, s.admin+"/metrics"); !strings.Contains(page, `cutover_degraded{part="store"} 1`) ||
		!strings.Contains(page, `cutover_degraded{part="results"} 0`) {
		t.Error("the metrics lack cutover_degraded")
	}
	if relay.calls() != 0 {
		t.Error("the relay got something, although the flags could not be read")
	}
}

// TestKilledProcessesAddUp kills a sidecar under load, again and again: what the report says
// then equals the results that were written.
func TestKilledProcessesAddUp(t *testing.T) {
	t.Parallel()
	primary, relay := startProvider(t, mock.Config{Seed: 7}), startProvider(t, mock.Config{Seed: 7})
	data := t.TempDir()
	client := newHTTPClient(t)
	before := uint64(0)
	for round := range 5 {
		s := startServe(t, primary, relay, []string{mirrorAll}, "--data", data)
		for i := range 40 {
			if text, err := openChat(t, client, s.url).rest(); err != nil {
				t.Fatalf("%v %s", err, text)
			}
			if i == 20+3*round {
				eventually(t, "20 more pairs in the report", func() bool { return reported(t, client, s.admin) >= before+20 },
					func() any { return reported(t, client, s.admin) })
			}
		}
		if err := s.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		<-s.ended
		kept, err := store.Open(data, store.Options{ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		results, err := kept.Results(context.Background(), store.Filter{})
		sum, sumErr := kept.Summary(context.Background(), store.Filter{})
		_ = kept.Close()
		if err != nil || sumErr != nil || sum.All.Pairs < before+20 || uint64(len(results)) != sum.All.Pairs {
			t.Errorf("after %d kills: %d results and sums of %d pairs, %v, %v", round+1, len(results), sum.All.Pairs, err, sumErr)
		}
		before = sum.All.Pairs
	}
}

// TestRedisAwayForSecondsLosesNoResult stops Redis under a little traffic: one line of the
// log tells, and when Redis is back every pair is there.
func TestRedisAwayForSecondsLosesNoResult(t *testing.T) {
	t.Parallel()
	server := redistest.New(t, "--save", "", "--appendonly", "yes")
	primary, relay := startProvider(t, mock.Config{Seed: 7}), startProvider(t, mock.Config{Seed: 7})
	settings := []string{mirrorAll, "CUTOVER_STORE_REDIS=redis://" + server.Addr()}
	s := startServe(t, primary, relay, settings, "--data", t.TempDir())
	client := newHTTPClient(t)
	const each = 15
	send := func() {
		for range each {
			if text, err := openChat(t, client, s.url).rest(); err != nil {
				t.Fatalf("%v %s", err, text)
			}
		}
	}
	send()
	eventually(t, "the first pairs", func() bool { return reported(t, client, s.admin) == each },
		func() any { return reported(t, client, s.admin) })
	server.Kill()
	send()
	degraded := func() bool { return strings.Contains(get(t, client, s.admin+"/readyz"), `"part":"results"`) }
	eventually(t, "the failure on /readyz", degraded, func() any { return get(t, client, s.admin+"/readyz") })
	failed := time.Now()
	eventually(t, "several ticks of the ledger, each of which fails", func() bool { return time.Since(failed) > 3*time.Second },
		func() any { return nil })
	server.Restart()
	eventually(t, "every pair after the outage", func() bool {
		text := get(t, client, s.admin+"/api/v1/status")
		var st admin.Status
		return json.Unmarshal([]byte(text), &st) == nil && st.Store.Written == 2*each && st.Store.Lost == 0 && !degraded()
	}, func() any { return get(t, client, s.admin+"/api/v1/status") })
	if n := reported(t, client, s.admin); n != 2*each {
		t.Errorf("the report is about %d pairs, want %d", n, 2*each)
	}
	if n := strings.Count(s.err.String(), `"part":"results"`); n != 2 {
		t.Errorf("%d lines about results, want one when they fail and one when they don't:\n%s", n, s.err.String())
	}
}

// calls is how many requests a provider got.
func (p *provider) calls() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.said)
}
