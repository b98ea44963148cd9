package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"cutover/flags"
	"cutover/internal/admin"
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

// shown is a value shortened for a table.
func shown(value string) string {
	if strings.HasPrefix(strings.TrimSpace(value), "{") {
		return "(definition)"
	}
	return oneLine(value)
}

// oneLine removes control characters, which could manipulate the terminal, and
// shortens long text.
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

// change is "old -> new".
func change(e flags.Entry) string { return stored(e.Old) + " -> " + stored(e.New) }

func stored(v *string) string {
	if v == nil {
		return "(not set)"
	}
	return shown(*v)
}

// writeFlip shows what changed.
func writeFlip(w io.Writer, output *outputFormat, entries []flags.Entry) error {
	if entries == nil {
		entries = []flags.Entry{}
	}
	return output.write(w, admin.EntryList{Entries: entries}, func(w io.Writer) error {
		for _, e := range entries {
			if _, err := fmt.Fprintf(w, "%s: %s (version %d)\n", e.Key, change(e), e.Version); err != nil {
				return err
			}
		}
		if len(entries) == 0 {
			_, err := fmt.Fprintln(w, "nothing to change: the value is already set")
			return err
		}
		return nil
	})
}
