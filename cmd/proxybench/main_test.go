package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// TestMain lets the test binary run in the roles, like the tool's own binary.
func TestMain(m *testing.M) {
	if name := os.Getenv(roleVariable); name != "" {
		os.Exit(exitCode(os.Stderr, runRole(context.Background(), name)))
	}
	goleak.VerifyTestMain(m)
}

// A small run with real processes and everything that is compared.
func TestRun(t *testing.T) {
	var out, progress bytes.Buffer
	err := run(t.Context(), []string{
		"-quick", "-rounds", "1", "-slot", "100ms", "-streams", "20", "-cuts", "60", "-chunks", "8", "-output", "json",
	}, &out, &progress)
	if err != nil {
		t.Fatalf("run: %v\n%s", err, progress.String())
	}
	if progress.Len() > 0 {
		t.Errorf("progress was shown without a terminal: %s", progress.String())
	}
	var got report
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("the output is not JSON: %v\n%s", err, out.String())
	}
	for _, row := range got.Requests {
		if row.Sent == 0 || row.PerSecond <= 0 || row.Bad != 0 {
			t.Errorf("requests: %+v", row)
		}
		if row.Kind != direct && (row.CPUMicros <= 0 || row.Ratio <= 0) {
			t.Errorf("%s: no CPU time was measured: %+v", row.Kind, row)
		}
		// Not all: on a busy machine a mirror may drop some.
		if row.Kind.mirrors() && *row.Mirrored == 0 {
			t.Errorf("%s: nothing was mirrored", row.Kind)
		}
		if row.Kind == cutoverFull && *row.Compared == 0 {
			t.Errorf("nothing was compared: %+v", row)
		}
	}
	for _, row := range got.Streams {
		if row.Bad != 0 || row.CPUMillis <= 0 {
			t.Errorf("streams: %+v", row)
		}
	}
	for _, row := range got.Memory {
		if row.Streams != 20 || row.TotalMiB <= 0 {
			t.Errorf("memory: %+v", row)
		}
	}
	for _, row := range got.Cuts {
		if row.Sent != 60 {
			t.Errorf("cuts: %d were sent, not 60: %+v", row.Sent, row)
		}
		if row.Kind != unread && row.Cut+row.Differing+row.Failed > 0 {
			t.Errorf("cuts: %+v", row)
		}
	}
	if len(got.Requests) < 5 || len(got.Latency) < 10 || len(got.Streams) < 4 || len(got.Cuts) != 9 || len(got.BlackHole) != 2 {
		t.Errorf("parts are missing:\n%s", out.String())
	}
}

func TestRunEndsWhatItStarted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := run(ctx, []string{"-quick"}, &bytes.Buffer{}, &bytes.Buffer{})
	if !errors.Is(err, errStopped) {
		t.Fatalf("a run that was stopped before it started reported %v", err)
	}
	pids, err := familyOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if len(pids) != 1 {
		t.Errorf("children are left: %v", pids[1:])
	}
}

func TestOptions(t *testing.T) {
	for _, c := range []struct {
		args string
		want string // in the error; empty: no error
	}{
		{"", ""},
		{"-quick -only requests,cuts", ""},
		{"-rounds 0", "-rounds 0: expected 1 to 1000"},
		{"-chunks 3", "expected at least 4"},
		{"-slot 1ms", "-slot must be at least 10ms"},
		{"-output xml", `-output "xml": expected text, markdown or json`},
		{"-only speed", `-only "speed"`},
		{"-nonsense", "flag provided but not defined"},
		{"fast", `unexpected "fast"`},
	} {
		_, err := parseOptions(strings.Fields(c.args), &bytes.Buffer{})
		var usage usageError
		switch {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%q: got %v, want %q", c.args, err, c.want)
		case err != nil && (!errors.As(err, &usage) || exitCode(&bytes.Buffer{}, err) != 2):
			t.Errorf("%q: %v is not reported as wrong usage", c.args, err)
		}
	}
}

func TestLimitFollowsTheWork(t *testing.T) {
	for args, want := range map[string]string{
		"": "4m0s", "-quick": "1m0s", "-cuts 40000": "20m0s", "-quick -limit 5s": "5s",
	} {
		o, err := parseOptions(strings.Fields(args), &bytes.Buffer{})
		if err != nil || o.limit.String() != want {
			t.Errorf("%q: the limit is %s (%v), want %s", args, o.limit, err, want)
		}
	}
}

func TestOutcomeNames(t *testing.T) {
	for metric, want := range map[string]string{
		`cutover_mirror_outcomes_total{outcome="both",why=""`:           "both",
		`cutover_mirror_outcomes_total{outcome="dropped",why="bytes"`:   "dropped: bytes",
		`cutover_mirror_in_flight`:                                      "in flight",
		`cutover_requests_total{endpoint="models",served_by="primary"}`: "",
		`# HELP`: "",
	} {
		if got := outcomeName(metric); got != want {
			t.Errorf("%s: %q, want %q", metric, got, want)
		}
	}
}
