package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"cutover/compare"
	"cutover/internal/millis"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var testStart = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func result(i int) compare.Result {
	arm := compare.ArmResult{
		Called: true, Upstream: "relay", Asked: "gpt-4.1", Model: "gpt-4.1-2025-04-14", Status: 200,
		TTFB: millis.Duration(20 * time.Millisecond), TTFT: 51234567,
		Total: 512345678, Streamed: true, Bytes: 4321, Events: 40, UsageKnown: true, InputTokens: 123, OutputTokens: 45,
		FinishReason: "stop", TextBytes: 200,
	}
	return compare.Result{
		ID: fmt.Sprintf("01J%08d", i), At: testStart.Add(time.Duration(i) * time.Second), Endpoint: "chat/completions", Model: "gpt-4o",
		Stream:  true,
		Outcome: compare.Both, Primary: arm, Relay: arm, Checked: true, Similarity: .5,
	}
}

func results(from, to int) []compare.Result {
	var out []compare.Result
	for i := from; i < to; i++ {
		out = append(out, result(i))
	}
	return out
}

func open(t *testing.T, dir string, o Options) *Store {
	t.Helper()
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func ids(rs []compare.Result) string {
	var out []string
	for _, r := range rs {
		out = append(out, strings.TrimLeft(strings.TrimPrefix(r.ID, "01J"), "0"))
	}
	return strings.Join(out, " ")
}

func TestResultsSurviveARestartInOrder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "data")
	s := open(t, dir, Options{})
	if err := s.Put(results(1, 4)...); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, Options{ReadOnly: true})
	got, err := s.Results(t.Context(), Filter{})
	if err != nil || ids(got) != "1 2 3" {
		t.Fatalf("got %s, %v", ids(got), err)
	}
	if want := result(2); fmt.Sprint(got[1]) != fmt.Sprint(want) {
		t.Errorf("got %+v, want %+v", got[1], want)
	}
}

func TestOnlyTheNewestAreKept(t *testing.T) {
	s := open(t, t.TempDir(), Options{Keep: 5})
	for i := 0; i < 24; i += 3 {
		if err := s.Put(results(i+1, i+4)...); err != nil {
			t.Fatal(err)
		}
	}
	if got, _ := s.Results(t.Context(), Filter{}); ids(got) != "20 21 22 23 24" {
		t.Errorf("kept %s", ids(got))
	}
	if err := s.Put(results(30, 50)...); err != nil {
		t.Fatal(err)
	}
	if got, _ := s.Results(t.Context(), Filter{}); ids(got) != "45 46 47 48 49" {
		t.Errorf("more than the room in one write: kept %s", ids(got))
	}
}

func TestFilter(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	rs := results(1, 7)
	rs[1].Model = "o3"
	rs[2].Endpoint = "messages"
	rs[3].Findings = []compare.Finding{{Code: "outcome.error", Severity: compare.Major}}
	rs[4].Findings = []compare.Finding{{Code: "text.length", Severity: compare.Minor}}
	if err := s.Put(rs...); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		f    Filter
		want string
	}{
		"all":      {Filter{}, "1 2 3 4 5 6"},
		"since":    {Filter{Since: testStart.Add(5 * time.Second)}, "5 6"},
		"model":    {Filter{Model: "o3"}, "2"},
		"endpoint": {Filter{Endpoint: "messages"}, "3"},
		"code":     {Filter{Code: "outcome.error"}, "4"},
		"severity": {Filter{Severity: compare.Minor}, "4 5"},
		"limit":    {Filter{Limit: 2}, "5 6"},
	} {
		if got, err := s.Results(t.Context(), c.f); err != nil || ids(got) != c.want {
			t.Errorf("%s: got %s (%v), want %s", name, ids(got), err, c.want)
		}
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Results(canceled, Filter{}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Run("locked", func(t *testing.T) {
		dir := t.TempDir()
		open(t, dir, Options{})
		for _, readOnly := range []bool{false, true} {
			_, err := Open(dir, Options{ReadOnly: readOnly})
			if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), dir) {
				t.Errorf("read only %v: %v", readOnly, err)
			}
		}
	})
	t.Run("missing", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "none")
		_, err := Open(dir, Options{ReadOnly: true})
		if !errors.Is(err, ErrMissing) {
			t.Errorf("%v", err)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Error("reading made the directory")
		}
	})
	t.Run("no directory", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(file, Options{}); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%v", err)
		}
	})
	for name, content := range map[string][]byte{
		"not a database": []byte(strings.Repeat("garbage ", 4096)),
		"cut short":      []byte("short"),
		"zeros":          make([]byte, 1<<16),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, FileName), content, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(dir, Options{}); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), dir) {
				t.Errorf("%v", err)
			}
		})
	}
	t.Run("truncated", func(t *testing.T) {
		dir := t.TempDir()
		s := open(t, dir, Options{})
		if err := s.Put(results(1, 900)...); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(filepath.Join(dir, FileName), 40960); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, Options{}); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%v", err)
		}
	})
}

// A page that was overwritten must not take the process down.
func TestDamagedPagesAreErrors(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	if err := s.Put(results(1, 900)...); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, FileName)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	clear(content[2*os.Getpagesize():])
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err = Open(dir, Options{ReadOnly: true})
	if err == nil {
		defer func() { _ = s.Close() }()
		_, err = s.Results(t.Context(), Filter{})
	}
	if !errors.Is(err, ErrCorrupt) {
		t.Errorf("%v", err)
	}
}

func BenchmarkPut256(b *testing.B) {
	s, err := Open(b.TempDir(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	rs := results(0, 256)
	for b.Loop() {
		if err := s.Put(rs...); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/256, "µs/result")
}
