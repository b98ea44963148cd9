package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// report is what one run measured. Its JSON form is the tool's JSON output.
type report struct {
	Machine   Machine        `json:"machine"`
	Settings  Settings       `json:"settings"`
	Seconds   float64        `json:"seconds"`
	Requests  []RequestRow   `json:"requests,omitempty"`
	Latency   []LatencyRow   `json:"latency,omitempty"`
	Streams   []StreamRow    `json:"streams,omitempty"`
	Memory    []MemoryRow    `json:"memory,omitempty"`
	Cuts      []CutRow       `json:"cuts,omitempty"`
	BlackHole []BlackHoleRow `json:"silent_relay,omitempty"`
	Callers   []CallersRow   `json:"callers,omitempty"`
	Goals     []Goal         `json:"goals"`
	Notes     []string       `json:"notes,omitempty"`
}

// Machine describes where it was measured.
type Machine struct {
	CPU   string `json:"cpu"`
	CPUs  int    `json:"cpus"`
	OS    string `json:"os"`
	Go    string `json:"go"`
	Nginx string `json:"nginx,omitempty"`
	Began string `json:"began"` // RFC 3339
	// Others is the percentage of the machine's CPU time used meanwhile by processes
	// outside the benchmark.
	Others *float64 `json:"others_percent"`
}

// Settings are the options that change the figures.
type Settings struct {
	Rounds            int     `json:"rounds"`
	SlotSeconds       float64 `json:"slot_seconds"`
	Concurrency       int     `json:"concurrency"`
	StreamConcurrency int     `json:"stream_concurrency"`
	Chunks            int     `json:"chunks"`
	GapMillis         float64 `json:"gap_ms"`
	RequestBytes      int     `json:"request_bytes"`
	ResponseBytes     int     `json:"response_bytes"`
	ChunkBytes        int     `json:"chunk_bytes"`
}

func newReport(b *bench) *report {
	r := &report{
		Machine: Machine{
			CPU: processor(), CPUs: runtime.NumCPU(), OS: runtime.GOOS + "/" + runtime.GOARCH,
			Go: runtime.Version(), Began: time.Now().Format(time.RFC3339),
		},
		Settings: Settings{
			Rounds: b.opt.rounds, SlotSeconds: b.opt.slot.Seconds(), Concurrency: b.opt.concurrency,
			StreamConcurrency: b.opt.streamConcurrency, Chunks: b.opt.chunks, GapMillis: float64(b.opt.gap.Microseconds()) / 1e3,
			RequestBytes: len(
				requestBody(modelJSON, 0),
			), ResponseBytes: len(jsonResponse(armPrimary, job{model: modelJSON})), ChunkBytes: chunkSize,
		},
	}
	if b.nginx == "" {
		r.note("nginx is not installed, so it is not in the tables.")
	} else {
		r.Machine.Nginx = nginxVersion(b.nginx)
	}
	return r
}

func (r *report) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// quiet is the percentage of CPU time up to which other processes do not matter.
const quiet = 3

// others notes how much CPU time other processes used.
func (r *report) others(percent float64, err error) {
	if err != nil {
		r.note("How much CPU time other processes used is unknown: %v", err)
		return
	}
	r.Machine.Others = &percent
	if percent > quiet {
		r.note(
			"Other processes used %.1f %% of the machine's CPU time: the machine was not quiet, and the figures are less reliable.",
			percent,
		)
	}
}

// print writes the report as text, markdown or json.
func (r *report) print(w io.Writer, as string) error {
	if as == "json" {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	out := bufio.NewWriter(w)
	writeTable := textTable
	if as == "markdown" {
		writeTable = markdownTable
	}
	m := r.Machine
	fmt.Fprintf(out, "%s, %d CPUs, %s, %s", m.CPU, m.CPUs, m.OS, m.Go)
	if m.Nginx != "" {
		fmt.Fprintf(out, ", %s", m.Nginx)
	}
	fmt.Fprintf(out, "\n%d rounds, turns of %g s, started %s, took %.0f s", r.Settings.Rounds, r.Settings.SlotSeconds, m.Began, r.Seconds)
	if m.Others != nil {
		fmt.Fprintf(out, "; other processes used %.1f %% of the machine's CPU time", *m.Others)
	}
	fmt.Fprint(out, "\n\n")
	for _, t := range r.tables() {
		writeTable(out, t)
	}
	for _, note := range r.Notes {
		fmt.Fprintln(out, note)
	}
	return out.Flush()
}

// processor is the processor's name, as far as Linux tells.
func processor() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}

func nginxVersion(path string) string {
	out, err := exec.Command(path, "-v").CombinedOutput()
	if err != nil {
		return "nginx"
	}
	_, version, _ := strings.Cut(strings.TrimSpace(string(out)), ": ")
	return version
}
