package main

import "fmt"

// table is a part of the report. The first column is text, the others are
// figures.
type table struct {
	title string
	about string
	head  []string
	rows  [][]string
	notes []string
}

// tables are the tables of everything that was measured.
func (r *report) tables() []table {
	var all []table
	for _, t := range []table{
		r.requestTable(), r.latencyTable(), r.streamTable(), r.memoryTable(), r.cutTable(), r.silentTable(), r.callersTable(), r.goalTable(),
	} {
		if len(t.rows) > 0 {
			all = append(all, t)
		}
	}
	return all
}

func (r *report) requestTable() table {
	s := r.Settings
	t := table{
		title: "Requests",
		about: fmt.Sprintf(
			"POST of %d bytes, JSON response of %d bytes, %d connections in a closed loop; CPU time of the proxy's processes only.",
			s.RequestBytes,
			s.ResponseBytes,
			s.Concurrency,
		),
		head: []string{"", "CPU µs/request", "ratio", "each round", "requests/s", "mirrored", "compared", "bad"},
	}
	for _, row := range r.Requests {
		if row.Kind == direct {
			t.rows = append(t.rows, []string{row.Kind.title(), "", "", "", fmt.Sprintf("%.0f", row.PerSecond), "", "", fmt.Sprint(row.Bad)})
			continue
		}
		t.rows = append(t.rows, []string{
			row.Kind.title(), fmt.Sprintf("%.1f", row.CPUMicros), fmt.Sprintf("%.2f", row.Ratio), list(row.Ratios),
			fmt.Sprintf("%.0f", row.PerSecond), percent(row.Mirrored), percent(row.Compared), fmt.Sprint(row.Bad),
		})
		t.remark(row.Kind, row.Traffic)
	}
	return t
}

func (r *report) latencyTable() table {
	t := table{
		title: "Latency",
		about: "The same requests at low concurrency: from the first byte sent to the last one read, in µs, " +
			"and the difference to direct calls in the same round.",
		head: []string{"", "at a time", "p50", "p99", "added p50", "added p99", "bad"},
	}
	for _, row := range r.Latency {
		added50, added99 := fmt.Sprintf("%.0f", row.AddedP50), fmt.Sprintf("%.0f", row.AddedP99)
		if row.Kind == direct {
			added50, added99 = "", ""
		}
		t.rows = append(t.rows, []string{
			row.Kind.title(), fmt.Sprint(row.Concurrency), fmt.Sprintf("%.0f", row.P50), fmt.Sprintf("%.0f", row.P99),
			added50, added99, fmt.Sprint(row.Bad),
		})
	}
	return t
}

func (r *report) streamTable() table {
	s := r.Settings
	t := table{
		title: "Streams",
		about: fmt.Sprintf("%d chunks of %d bytes, one every %g ms, %d streams at a time; CPU time of the proxy's processes only.",
			s.Chunks, s.ChunkBytes, s.GapMillis, s.StreamConcurrency),
		head: []string{"", "CPU ms/stream", "CPU µs/chunk", "ratio", "each round", "streams/s", "mirrored", "compared", "bad"},
	}
	for _, row := range r.Streams {
		t.rows = append(t.rows, []string{
			row.Kind.title(), fmt.Sprintf("%.2f", row.CPUMillis), fmt.Sprintf("%.1f", row.MicrosPerChunk),
			fmt.Sprintf("%.2f", row.Ratio), list(row.Ratios), fmt.Sprintf("%.0f", row.PerSecond),
			percent(row.Mirrored), percent(row.Compared), fmt.Sprint(row.Bad),
		})
		t.remark(row.Kind, row.Traffic)
	}
	return t
}

func (r *report) memoryTable() table {
	t := table{
		title: "Memory",
		about: "Streams that stay open, with a chunk per second on each; resident memory of fresh processes.",
		head:  []string{"", "open streams", "before MiB", "then MiB", "KiB/stream"},
	}
	for _, row := range r.Memory {
		t.rows = append(t.rows, []string{
			row.Kind.title(), fmt.Sprint(row.Streams), fmt.Sprintf("%.1f", row.BeforeMiB),
			fmt.Sprintf("%.1f", row.TotalMiB), fmt.Sprintf("%.1f", row.PerStream),
		})
	}
	return t
}

func (r *report) cutTable() table {
	t := table{
		title: "Short streams to POSTs",
		about: fmt.Sprintf("%d chunks without a pause; each response is compared byte by byte with what the upstream sent.", cutChunks),
		head:  []string{"", "at a time", "sent", "cut", "changed", "failed", "streams/s"},
	}
	for _, row := range r.Cuts {
		t.rows = append(t.rows, []string{
			row.Kind.title(), fmt.Sprint(row.Concurrency), fmt.Sprint(row.Sent), fmt.Sprint(row.Cut),
			fmt.Sprint(row.Differing), fmt.Sprint(row.Failed), fmt.Sprintf("%.0f", row.PerSecond),
		})
		if row.FirstWhy != "" {
			t.notes = append(
				t.notes,
				fmt.Sprintf("%s, %d at a time: first bad response: %s", row.Kind.title(), row.Concurrency, row.FirstWhy),
			)
		}
	}
	return t
}

func (r *report) silentTable() table {
	t := table{
		title: "A silent relay",
		about: "100 % mirrored to a relay that accepts every shadow request and never responds, compared with mirroring off: " +
			"times in µs, memory in MiB.",
		head: []string{
			"at a time",
			"p50 off",
			"p50",
			"added",
			"p99 off",
			"p99",
			"added",
			"memory off",
			"first round",
			"last round",
			"peak",
		},
	}
	for _, row := range r.BlackHole {
		t.rows = append(t.rows, []string{
			fmt.Sprint(row.Concurrency),
			fmt.Sprintf("%.0f", row.OffP50), fmt.Sprintf("%.0f", row.P50), fmt.Sprintf("%+.0f", row.MoreP50),
			fmt.Sprintf("%.0f", row.OffP99), fmt.Sprintf("%.0f", row.P99), fmt.Sprintf("%+.0f", row.MoreP99),
			fmt.Sprintf(
				"%.1f",
				row.OffPeakMiB,
			), fmt.Sprintf("%.1f", row.FirstMiB), fmt.Sprintf("%.1f", row.LastMiB), fmt.Sprintf("%.1f", row.PeakMiB),
		})
		t.notes = append(t.notes, fmt.Sprintf("%d at a time, outcomes of the shadow requests: %s", row.Concurrency, counted(row.Outcomes)))
		t.remark(cutoverOff, row.Off)
		t.remark(cutoverSilent, row.Silent)
	}
	return t
}

func (r *report) goalTable() table {
	t := table{title: "Goals", head: []string{"", "at most", "measured", "unit", "state", "why"}}
	for _, g := range r.Goals {
		measured := ""
		if g.Measured != nil {
			measured = short(*g.Measured)
		}
		t.rows = append(t.rows, []string{g.Name, short(g.Limit), measured, g.Unit, string(g.State), g.Why})
	}
	return t
}

// remark explains misleading figures.
func (t *table) remark(k kind, tr Traffic) {
	if tr.Bad > 0 {
		t.notes = append(t.notes, fmt.Sprintf("%s: %d of %d responses were bad; the first: %s", k.title(), tr.Bad, tr.Sent, tr.BadWhy))
	}
	if tr.Compared != nil && *tr.Compared < enough {
		t.notes = append(
			t.notes,
			fmt.Sprintf("%s: not everything was compared, so the ratio is too low: %s", k.title(), counted(tr.Outcomes)),
		)
	}
}
