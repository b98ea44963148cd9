package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// TestCallers is a small run of the measurement with many callers, with real
// processes.
func TestCallers(t *testing.T) {
	var out, progress bytes.Buffer
	args := []string{"-quick", "-only", "callers", "-callers", "60", "-strict", "-output", "json"}
	if err := run(t.Context(), args, &out, &progress); err != nil {
		t.Fatalf("run: %v\n%s", err, out.String())
	}
	var got report
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Callers) != 5 {
		t.Fatalf("%d setups were measured, want 5", len(got.Callers))
	}
	for _, row := range got.Callers {
		if row.Whole != 60 || row.Cut+row.Differing+row.Failed != 0 || row.FirstP50 <= 0 {
			t.Errorf("%+v", row)
		}
		if strings.HasPrefix(row.Way, "direct") {
			continue
		}
		if row.AtOnce != 60 || row.Connections != 1 || row.PeakMiB <= 0 || row.CPUMillis <= 0 {
			t.Errorf("%+v; want all open at once over one connection", row)
		}
	}
	if both := got.Callers[4].Outcomes["both"]; both != 60 {
		t.Errorf("the mirror's outcomes are %v, want 60 pairs", got.Callers[4].Outcomes)
	}
}

// TestCallersGoal: a caller without its complete response misses the goal.
func TestCallersGoal(t *testing.T) {
	r := report{Callers: []CallersRow{{Callers: 10, Whole: 10}, {Callers: 10, Whole: 9, Cut: 1}}}
	r.judge()
	last := r.Goals[len(r.Goals)-1]
	if !strings.HasPrefix(last.Name, "concurrent callers") || last.State != Missed || *last.Measured != 1 {
		t.Errorf("%+v, want one caller missed", last)
	}
}
