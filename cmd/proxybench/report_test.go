package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

func pct(x float64) *float64 { return &x }

// measured is a report with every goal reached.
func measured() *report {
	all := Traffic{Sent: 100, Compared: pct(100)}
	return &report{
		Requests: []RequestRow{{Kind: plain, Ratio: 1}, {Kind: cutoverOff, Ratio: 1.1}, {Kind: cutoverFull, Ratio: 1.9, Traffic: all}},
		Streams:  []StreamRow{{Kind: cutoverOff, Ratio: 1.2}, {Kind: cutoverFull, Ratio: 1.8, Traffic: all}},
		Memory: []MemoryRow{
			{Kind: plain, Streams: 5000, TotalMiB: 900}, {Kind: cutoverOff, Streams: 1000, TotalMiB: 80},
			{Kind: cutoverOff, Streams: 5000, TotalMiB: 400}, {Kind: cutoverFull, Streams: 5000, TotalMiB: 420},
		},
		Cuts:      []CutRow{{Kind: unread, Sent: 100, Cut: 5}, {Kind: cutoverOff, Sent: 100}},
		BlackHole: []BlackHoleRow{{Concurrency: 1, OffP50: 100, OffP99: 9000, MoreP50: 150, MoreP99: 440, OffPeakMiB: 30, PeakMiB: 60}},
	}
}

func TestGoals(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*report)
		goal   string // the one that is missed; empty: none
		state  State
	}{
		{"all reached", func(*report) {}, "", ""},
		{"off too expensive", func(r *report) { r.Requests[1].Ratio = 1.26 }, "CPU per request, mirroring off", Missed},
		{"100 % too expensive", func(r *report) { r.Requests[2].Ratio = 2.01 }, "CPU per request, mirroring 100 %", Missed},
		{"streams too expensive", func(r *report) { r.Streams[0].Ratio = 1.21 }, "CPU per stream, mirroring off", Missed},
		{"cheap by not comparing", func(r *report) { r.Requests[2].Compared = pct(80) }, "CPU per request, mirroring 100 %", Missed},
		{"cheap by failing", func(r *report) { r.Streams[1].Bad = 1 }, "CPU per stream, mirroring 100 %", Missed},
		{"memory", func(r *report) { r.Memory[3].TotalMiB = 601 }, "resident with 5000 open streams", Missed},
		{"memory of fewer streams", func(r *report) { r.Memory = r.Memory[:2] }, "resident with 5000 open streams", NotMeasured},
		{"cut", func(r *report) { r.Cuts[1].Cut = 1 }, "short streams cut or changed", Missed},
		{"changed", func(r *report) { r.Cuts[1].Differing = 1 }, "short streams cut or changed", Missed},
		{"nothing measured", func(r *report) { r.Cuts = nil }, "short streams cut or changed", NotMeasured},
		{"slow with a silent relay", func(r *report) { r.BlackHole[0].MoreP50 = 201 }, "silent relay: added p50, 1 at a time", Missed},
		{"5 % of much", func(r *report) { r.BlackHole[0].MoreP99 = 451 }, "silent relay: added p99, 1 at a time", Missed},
		{"large with a silent relay", func(r *report) { r.BlackHole[0].PeakMiB = 100 }, "silent relay: added resident memory", Missed},
	} {
		r := measured()
		c.change(r)
		r.judge()
		for _, g := range r.Goals {
			want := Reached
			if g.Name == c.goal {
				want = c.state
			}
			if g.State != want {
				t.Errorf("%s: %q is %q, want %q (%+v)", c.name, g.Name, g.State, want, g)
			}
		}
		if got, want := r.missed(), c.state == Missed; got != want {
			t.Errorf("%s: missed() is %t, want %t", c.name, got, want)
		}
	}
}

func TestReportForms(t *testing.T) {
	r := measured()
	r.Requests[2].Compared = pct(80)
	r.Requests[2].Outcomes = map[string]int64{"both": 80, "dropped: compare_queue": 20}
	r.judge()
	for form, wants := range map[string][]string{
		"text": {"REQUESTS\n", "cutover, mirroring off", "only 80.0 % of the requests were compared",
			"not everything was compared, so the ratio is too low: both 80, dropped: compare_queue 20", "missed"},
		"markdown": {"### Requests\n", "| cutover, mirroring off |", "|---|---:|", "- cutover, mirroring 100 %: not everything"},
		"json":     {`"cpu_ratio": 1.1`, `"compared_percent": 80`, `"state": "missed"`},
	} {
		var out bytes.Buffer
		if err := r.print(&out, form); err != nil {
			t.Fatalf("%s: %v", form, err)
		}
		for _, want := range wants {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: %q is missing in\n%s", form, want, out.String())
			}
		}
		if form == "json" && !json.Valid(out.Bytes()) {
			t.Errorf("the JSON form is not valid JSON:\n%s", out.String())
		}
	}
}

func TestStrictMissIsAFailure(t *testing.T) {
	var said bytes.Buffer
	if code := exitCode(&said, errMissed); code != 1 || !strings.Contains(said.String(), "goal") {
		t.Errorf("exit code %d, output %q", code, said.String())
	}
	if code := exitCode(&said, errHelp); code != 0 {
		t.Errorf("--help exits with %d", code)
	}
	if code := exitCode(&said, errors.Join(usageError{errors.New("no")}, nil)); code != 2 {
		t.Errorf("wrong usage exits with %d", code)
	}
}

func TestFigures(t *testing.T) {
	var ms []time.Duration
	for i := range 100 {
		ms = append(ms, time.Duration(i+1)*time.Millisecond)
	}
	for p, want := range map[float64]time.Duration{0: 1, .5: 50, .99: 99, 1: 100} {
		if got := quantile(ms, p); got != want*time.Millisecond {
			t.Errorf("quantile %g of 1..100 ms: %s, want %d ms", p, got, want)
		}
	}
	if got := quantile(nil, .5); got != 0 {
		t.Errorf("quantile of nothing: %s", got)
	}
	for want, xs := range map[float64][]float64{0: nil, 2: {3, 1, 2}, 2.5: {4, 1, 3, 2}} {
		if got := median(xs); math.Abs(got-want) > 1e-9 {
			t.Errorf("median of %v: %g, want %g", xs, got, want)
		}
	}
}

// Ratios are computed within a round: a round that was slow for both does not change
// them.
func TestRatiosAreOfTheSameRound(t *testing.T) {
	round := func(cpu time.Duration) sample { return sample{outcome: outcome{sent: 10}, cpu: cpu} }
	ours := []sample{round(200), round(2200), round(240)}
	plain := []sample{round(100), round(1100), round(100)}
	got := against(ours, plain, cpuRatio)
	if len(got) != 3 || got[0] != 2 || got[1] != 2 || got[2] != 2.4 || median(got) != 2 {
		t.Errorf("ratios %v, want 2, 2 and 2.4", got)
	}
}
