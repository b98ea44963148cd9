package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cutover/compare"
	"cutover/exchange"
	"cutover/flags"
	"cutover/internal/admin"
	"cutover/internal/config"
	"cutover/internal/millis"
	"cutover/internal/redistest"
	"cutover/internal/store"
	"cutover/internal/usage"
)

// storedResults fills a data directory with pairs, the relay failing each
// tenth, and returns the directory.
func storedResults(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		arm := compare.ArmResult{
			Called: true, Status: 200, Streamed: true,
			TTFT: millis.Duration(40 * time.Millisecond), Total: millis.Duration(400 * time.Millisecond),
		}
		r := compare.Result{
			ID: "01J" + string(rune('A'+i%26)), At: time.Now().Add(-time.Duration(n-i) * time.Hour), Endpoint: "chat/completions", Model: "gpt-4o",
			Outcome: compare.Both, Primary: arm, Relay: arm, Checked: true, Similarity: .75,
		}
		if i%10 == 9 {
			r.Relay.Status, r.Relay.Class, r.Checked = 500, exchange.ClassServer, false
		}
		var sum compare.Summary
		sum.Add(r)
		if err := errors.Join(s.Put(r), s.AddSummaries(map[time.Time]*compare.Summary{r.At: &sum}, time.Now())); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// adminOn serves the admin API on a data directory, as a sidecar does.
func adminOn(t *testing.T, dir string) string {
	t.Helper()
	s, err := store.Open(dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(admin.NewHandler(admin.Options{Results: s}))
	t.Cleanup(func() {
		server.Close()
		_ = s.Close()
	})
	return server.URL
}

// runReport runs the command as the program would.
func runReport(t *testing.T, args ...string) (out string, err error) {
	t.Helper()
	cmd := newReportCommand(console{Env: config.Environ{admin.TokenVariable + "=hush"}})
	var b bytes.Buffer
	cmd.SetOut(&b)
	cmd.SetErr(&b)
	cmd.SetArgs(args)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err = cmd.ExecuteContext(t.Context())
	return b.String(), err
}

func TestReportReadsTheDirectoryAndTheRunningSidecarAlike(t *testing.T) {
	dir := storedResults(t, 20)
	offline, err := runReport(t, "--data", dir)
	if err != nil {
		t.Fatal(err)
	}
	online, err := runReport(t, "--admin", adminOn(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	if offline != online {
		t.Errorf("offline:\n%s\nonline:\n%s", offline, online)
	}
	for _, want := range []string{"20 pairs compared", "both 20", "10.0 %", "0.750", "first token p95", "whole response p50"} {
		if !strings.Contains(online, want) {
			t.Errorf("no %q in:\n%s", want, online)
		}
	}
}

// TestReportByTheConfiguredCriteria: who signs a cutover can set the margins, for
// a running sidecar and for commands that read what it stored.
func TestReportByTheConfiguredCriteria(t *testing.T) {
	dir := storedResults(t, 20)
	report := func(env ...string) (string, error) {
		cmd := newReportCommand(console{Env: env})
		var b bytes.Buffer
		cmd.SetOut(&b)
		cmd.SetArgs([]string{"--data", dir, "--output", "json"})
		cmd.SilenceErrors, cmd.SilenceUsage = true, true
		err := cmd.ExecuteContext(t.Context())
		return b.String(), err
	}
	standard, err := report()
	if err != nil {
		t.Fatal(err)
	}
	wide, err := report("CUTOVER_CRITERIA_ERROR_MARGIN=0.07")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(standard, "7 percentage points") || !strings.Contains(wide, "7 percentage points") {
		t.Errorf("with a margin of .07 the report says:\n%s\nand without:\n%s", wide, standard)
	}
	var wrong *config.Error
	if _, err := report("CUTOVER_CRITERIA_ALPHA=2"); !errors.As(err, &wrong) || !strings.Contains(err.Error(), "criteria.alpha") {
		t.Errorf("a wrong criterion: %v", err)
	}
}

func TestReportAsJSON(t *testing.T) {
	out, err := runReport(t, "--data", storedResults(t, 20), "--output", "json", "--since", "6h")
	if err != nil {
		t.Fatal(err)
	}
	var r compare.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	if r.Pairs != 5 {
		t.Errorf("%d pairs in the last six hours, want 5", r.Pairs)
	}
}

func TestReportForAChangeRequest(t *testing.T) {
	dir := storedResults(t, 20)
	for format, want := range map[string]string{"html": "<!doctype html>", "markdown": "# Cutover report"} {
		if out, err := runReport(t, "--data", dir, "--output", format); err != nil || !strings.HasPrefix(out, want) {
			t.Errorf("%s: %.80q, %v", format, out, err)
		}
	}
}

func TestReportSaysWhatIsWrong(t *testing.T) {
	locked := storedResults(t, 1)
	running := adminOn(t, locked)
	damaged := t.TempDir()
	if err := os.WriteFile(filepath.Join(damaged, store.FileName), []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	website := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }))
	defer website.Close()
	guarded := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer hush" {
			t.Errorf("token sent: %q", r.Header.Get("Authorization"))
		}
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer guarded.Close()
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"nothing runs there", []string{"--admin", gone.URL}, "no sidecar responds at " + gone.URL},
		{"another server", []string{"--admin", website.URL}, "does not respond like a sidecar"},
		{"a token is needed", []string{"--admin", guarded.URL}, admin.TokenVariable},
		{"no URL", []string{"--admin", "localhost:8081"}, "is not a URL"},
		{"locked", []string{"--data", locked}, "in use by a running sidecar"},
		{"damaged", []string{"--data", damaged}, "can't be read"},
		{"no data", []string{"--data", t.TempDir()}, "no sidecar has stored"},
		{"no pairs", []string{"--data", storedResults(t, 0)}, "shadow-percentage"},
		{"no pairs in scope", []string{"--admin", running, "--model", "none"}, "that match"},
		{"wrong since", []string{"--since", "yesterday"}, "24h"},
		{"wrong output", []string{"--output", "xml"}, "expected text"},
		{"both sources", []string{"--admin", running, "--data", locked}, "admin data redis"},
		{"Redis is gone", []string{"--redis", "redis://127.0.0.1:1"}, "127.0.0.1:1"},
		{"no Redis URL", []string{"--redis", "nonsense"}, "--redis"},
	} {
		_, err := runReport(t, c.args...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q in it", c.name, err, c.want)
		}
		var misuse *usage.Error
		if c.name == "wrong since" && !errors.As(err, &misuse) {
			t.Errorf("%s: not a mistake of usage: %v", c.name, err)
		}
	}
}

func TestResultsAPI(t *testing.T) {
	base := adminOn(t, storedResults(t, 20))
	get := func(path string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		var b bytes.Buffer
		_, _ = b.ReadFrom(response.Body)
		return response.StatusCode, b.String()
	}
	for path, want := range map[string]int{
		"/api/v1/results?limit=3":                    3,
		"/api/v1/results":                            20,
		"/api/v1/results?since=90m":                  1,
		"/api/v1/results?model=none":                 0,
		"/api/v1/results?endpoint=chat/completions":  20,
		"/api/v1/results?severity=critical&limit=10": 0,
	} {
		status, body := get(path)
		var list admin.ResultList
		if err := json.Unmarshal([]byte(body), &list); err != nil || status != 200 || len(list.Results) != want || list.Results == nil {
			t.Errorf("%s: %d, %d results, want %d (%v)", path, status, len(list.Results), want, err)
		}
	}
	for format, want := range map[string]string{"text": "Wait", "markdown": "# Cutover report", "html": "<!doctype html>", "json": "{"} {
		if status, body := get("/api/v1/report?format=" + format); status != 200 || !strings.HasPrefix(body, want) {
			t.Errorf("%s: %d %.100s", format, status, body)
		}
	}
	for _, path := range []string{"/api/v1/report?format=pdf", "/api/v1/results?limit=0", "/api/v1/results?severity=bad",
		"/api/v1/report?since=never"} {
		if status, body := get(path); status != 400 || !strings.Contains(body, `"error"`) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

// A report must not be a second old when the ledger can be told to hurry, nor
// fail when it can't.
func TestReportFlushesFirst(t *testing.T) {
	flushed := 0
	backend := emptyBackend{read: func() {
		if flushed == 0 {
			t.Error("read before the flush")
		}
	}}
	w := httptest.NewRecorder()
	admin.NewHandler(admin.Options{
		Results: backend,
		Flush:   func(context.Context) error { flushed++; return errors.New("slow disk") },
	}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost/api/v1/report", nil))
	if w.Code != 200 || flushed != 1 {
		t.Errorf("%d %s, flushed %d times", w.Code, w.Body, flushed)
	}
}

// emptyBackend holds nothing, and says when it is read.
type emptyBackend struct {
	store.Backend
	read func()
}

func (b emptyBackend) Summary(context.Context, store.Filter) (compare.Summary, error) {
	b.read()
	return compare.Summary{}, nil
}

func TestReportReadsTheRedisOfAFleet(t *testing.T) {
	url := "redis://" + redistest.Start(t)
	client, err := flags.DialRedis(flags.RedisOptions{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	for range 3 { // three sidecars
		s, err := store.NewRedis(client, "", store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var sum compare.Summary
		r := compare.Result{
			ID:      "01JA",
			At:      time.Now(),
			Outcome: compare.Both,
			Primary: compare.ArmResult{Called: true, Status: 200},
			Relay:   compare.ArmResult{Called: true, Status: 200},
		}
		sum.Add(r)
		if err := s.AddSummaries(map[time.Time]*compare.Summary{r.At: &sum}, r.At); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := runReport(t, "--redis", url); err != nil || !strings.Contains(out, "3 pairs compared") {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := runReport(t, "--redis", url, "--namespace", "other"); !errors.Is(err, errNoPairs) {
		t.Errorf("another fleet: %v", err)
	}
}
