package main

import (
	"cmp"
	"fmt"
)

// State says whether a goal was reached.
type State string

// States of a goal.
const (
	NotMeasured State = "not measured"
	Reached     State = "reached"
	Missed      State = "missed"
)

// Goal is one figure with the limit that it must not exceed.
type Goal struct {
	Name     string   `json:"name"`
	Limit    float64  `json:"limit"`
	Measured *float64 `json:"measured"`
	Unit     string   `json:"unit,omitempty"`
	State    State    `json:"state"`
	Why      string   `json:"why,omitempty"` // why it was missed or not measured
}

// The goals' limits. Ratios are relative to the plain Go proxy.
const (
	limitCPUOff      = 1.25
	limitCPUFull     = 2.0
	limitStreamsOff  = 1.2
	limitStreamsFull = 1.8
	limitMemoryMiB   = 600
	limitSilentShare = .05 // of the time without mirroring
	limitSilentTime  = 200 // or this, in microseconds
	limitSilentMiB   = 64  // resident, above a sidecar that mirrors nothing
)

// judge compares what was measured with the goals.
func (r *report) judge() {
	r.Goals = nil
	r.ratioGoal("CPU per request, mirroring off", limitCPUOff, findRequest(r.Requests, cutoverOff))
	r.ratioGoal("CPU per request, mirroring 100 %", limitCPUFull, findRequest(r.Requests, cutoverFull))
	r.ratioGoal("CPU per stream, mirroring off", limitStreamsOff, findStream(r.Streams, cutoverOff))
	r.ratioGoal("CPU per stream, mirroring 100 %", limitStreamsFull, findStream(r.Streams, cutoverFull))
	r.memoryGoal()
	r.cutGoal()
	r.silentGoals()
	r.callersGoal()
}

// ratioFigure is a ratio and whether all of the work was done.
type ratioFigure struct {
	ratio float64
	Traffic
}

func findRequest(rows []RequestRow, k kind) *ratioFigure {
	for _, r := range rows {
		if r.Kind == k {
			return &ratioFigure{r.Ratio, r.Traffic}
		}
	}
	return nil
}

func findStream(rows []StreamRow, k kind) *ratioFigure {
	for _, r := range rows {
		if r.Kind == k {
			return &ratioFigure{r.Ratio, r.Traffic}
		}
	}
	return nil
}

func (r *report) ratioGoal(name string, limit float64, f *ratioFigure) {
	g := Goal{Name: name, Limit: limit, Unit: "x plain Go proxy"}
	if f != nil {
		g.set(f.ratio)
		// A proxy that skips part of the work is cheap.
		if !f.whole() {
			g.State = Missed
			g.Why = fmt.Sprintf("%d of %d responses were bad", f.Bad, f.Sent)
			if f.Compared != nil && *f.Compared < enough {
				g.Why = fmt.Sprintf("only %.1f %% of the requests were compared", *f.Compared)
			}
		}
	}
	r.add(g)
}

func (r *report) memoryGoal() {
	g := Goal{Name: fmt.Sprintf("resident with %d open streams", goalStreams), Limit: limitMemoryMiB, Unit: "MiB"}
	for _, row := range r.Memory {
		if (row.Kind == cutoverOff || row.Kind == cutoverFull) && row.Streams >= goalStreams &&
			(g.Measured == nil || *g.Measured < row.TotalMiB) {
			g.set(row.TotalMiB)
		}
	}
	if g.Measured == nil {
		g.Why = fmt.Sprintf("-streams %d measures it", goalStreams)
	}
	r.add(g)
}

func (r *report) cutGoal() {
	g := Goal{Name: "short streams cut or changed", Limit: 0}
	var bad, sent int64
	for _, row := range r.Cuts {
		if row.Kind != unread {
			bad += row.Cut + row.Differing + row.Failed
			sent += row.Sent
		}
	}
	if sent > 0 {
		g.set(float64(bad))
		g.Unit = fmt.Sprintf("of %d", sent)
	}
	r.add(g)
}

func (r *report) silentGoals() {
	var memory *Goal
	for _, row := range r.BlackHole {
		for _, q := range []struct {
			name      string
			off, more float64
		}{{"p50", row.OffP50, row.MoreP50}, {"p99", row.OffP99, row.MoreP99}} {
			g := Goal{
				Name: fmt.Sprintf("silent relay: added %s, %d at a time", q.name, row.Concurrency),
				// 5 % or 0.2 ms, whichever is greater.
				Limit: max(q.off*limitSilentShare, limitSilentTime), Unit: "µs",
			}
			g.set(q.more)
			if bad := row.Off.Bad + row.Silent.Bad; bad > 0 {
				g.State, g.Why = Missed, fmt.Sprintf("%d responses were bad", bad)
			}
			r.add(g)
		}
		if memory == nil {
			memory = &Goal{Name: "silent relay: added resident memory", Limit: limitSilentMiB, Unit: "MiB"}
		}
		memory.set(row.PeakMiB - row.OffPeakMiB)
	}
	if memory == nil {
		r.add(Goal{Name: "silent relay: added latency", Limit: limitSilentTime, Unit: "µs"})
		return
	}
	r.add(*memory)
}

func (g *Goal) set(measured float64) {
	g.Measured, g.State = &measured, Reached
	if measured > g.Limit {
		g.State = Missed
	}
}

func (r *report) add(g Goal) {
	g.State = cmp.Or(g.State, NotMeasured)
	r.Goals = append(r.Goals, g)
}

// missed reports whether a goal was measured and missed.
func (r *report) missed() bool {
	for _, g := range r.Goals {
		if g.State == Missed {
			return true
		}
	}
	return false
}
