package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"cutover/flags"
)

// table writes rows in columns.
func table(w io.Writer, rows [][]string) error {
	var out strings.Builder
	t := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		_, _ = fmt.Fprintln(t, strings.Join(row, "\t")) // a strings.Builder takes everything
	}
	_ = t.Flush()
	for line := range strings.Lines(out.String()) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

func writeFlagList(w io.Writer, l flagList) error {
	rows := [][]string{{"FLAG", "VALUE", "SOURCE", "SINCE", "BY", "WHY"}}
	for _, f := range l.Flags {
		row := []string{f.Key, shown(f.Value), f.Source.String(), "", "", ""}
		if s := f.Stored; s != nil && !s.At.IsZero() {
			row[3], row[4], row[5] = s.At.Local().Format(time.DateTime), oneLine(s.Who), oneLine(s.Why)
		}
		rows = append(rows, row)
	}
	if err := table(w, rows); err != nil {
		return err
	}
	if h := l.State.Halted; h != nil {
		_, err := fmt.Fprintf(w, "\nHALTED since %s by %s (%s): the relay gets nothing from this sidecar, until: cutover flags resume\n",
			h.At.Local().Format(time.DateTime), oneLine(h.Who), oneLine(h.Why))
		if err != nil {
			return err
		}
	}
	if l.State.Status == flags.Stale {
		_, err := fmt.Fprintf(w, "\nSTALE since %s: %s\n", l.State.Since.Local().Format(time.DateTime), l.State.Reason)
		return err
	}
	if l.StoreError != "" {
		_, err := fmt.Fprintf(w, "\nWho and since when is not known now: %s\n", l.StoreError)
		return err
	}
	return nil
}

// shown is a value as a table can hold it.
func shown(value string) string {
	if strings.HasPrefix(strings.TrimSpace(value), "{") {
		return "(definition)"
	}
	return oneLine(value)
}

// oneLine keeps what others wrote from taking a terminal over.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	const most = 60
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return s
}

func writeHistory(w io.Writer, entries []flags.Entry) error {
	if len(entries) == 0 {
		_, err := fmt.Fprintln(w, "no flips yet")
		return err
	}
	rows := [][]string{{"AT", "FLAG", "CHANGE", "BY", "WHY", "VERSION"}}
	for _, e := range entries {
		rows = append(rows, []string{
			e.At.Local().Format(time.DateTime), e.Key, change(e), oneLine(e.Who), oneLine(e.Why), fmt.Sprint(e.Version),
		})
	}
	return table(w, rows)
}

// change is "old -> new".
func change(e flags.Entry) string { return stored(e.Old) + " -> " + stored(e.New) }

func stored(v *string) string {
	if v == nil {
		return "(not set)"
	}
	return shown(*v)
}

// flipLine is one flip as watch prints it.
func flipLine(e flags.Entry) string {
	line := fmt.Sprintf("%s  %s: %s  by %s", e.At.Local().Format(time.DateTime), e.Key, change(e), oneLine(e.Who))
	if e.Why != "" {
		line += ": " + oneLine(e.Why)
	}
	return fmt.Sprintf("%s  (version %d)", line, e.Version)
}

// writeFlip shows what a flip changed.
func writeFlip(w io.Writer, output *outputFormat, entries []flags.Entry) error {
	if entries == nil {
		entries = []flags.Entry{}
	}
	return output.write(w, entryList{Entries: entries}, func(w io.Writer) error {
		for _, e := range entries {
			if _, err := fmt.Fprintf(w, "%s: %s (version %d)\n", e.Key, change(e), e.Version); err != nil {
				return err
			}
		}
		if len(entries) == 0 {
			_, err := fmt.Fprintln(w, "nothing to change: it was so already")
			return err
		}
		return nil
	})
}

func writeExplanation(w io.Writer, e flags.Explanation) error {
	d := e.Decision
	parts := []string{"the " + e.Serves + " serves"}
	other := "relay"
	if d.ServeRelay {
		other = "primary"
		if d.Fallback {
			parts = append(parts, "a failure of the relay is hidden")
		}
	}
	if d.Shadow {
		parts = append(parts, "a copy goes to the "+other)
	}
	if d.Noise {
		parts = append(parts, "the primary is called twice")
	}
	if !d.RelayEnabled {
		parts = append(parts, "nothing may go to the relay")
	}
	if e.State.Halted != nil {
		parts = append(parts, "this sidecar's relay is halted")
	}
	if _, err := fmt.Fprintf(w, "caller %s: %s (version %d)\n\n", e.KeyHash, strings.Join(parts, "; "), d.Version); err != nil {
		return err
	}
	rows := [][]string{{"FLAG", "VALUE", "REASON", "SOURCE", ""}}
	for _, s := range e.Steps {
		rows = append(rows, []string{s.Key, oneLine(fmt.Sprint(s.Value)), s.Reason.String(), s.Source.String(), stepNote(s)})
	}
	if err := table(w, rows); err != nil {
		return err
	}
	if e.State.Status == flags.Stale {
		_, err := fmt.Fprintf(w, "\nSTALE: %s\n", e.State.Reason)
		return err
	}
	return nil
}

// stepNote says where the caller stands.
func stepNote(s flags.ExplainBy) string {
	switch {
	case s.Error != "":
		return "the rule failed: " + oneLine(s.Error)
	case s.In == nil && s.Variant != "":
		return "variant " + oneLine(s.Variant)
	case s.In == nil:
		return ""
	case *s.In:
		return fmt.Sprintf("in: the caller stands at %.3f, below %v", *s.Bucket, *s.Share)
	}
	return fmt.Sprintf("out: the caller stands at %.3f", *s.Bucket)
}
