package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"cutover/flags"
	"cutover/internal/admin"
	"cutover/internal/target"
)

func newFlagsListCommand(where *target.Target) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List every flag: value, source, since when and by whom",
		Example: "  cutover flags list\n  cutover flags --redis redis://127.0.0.1:6379 list --output json",
		Args:    cobra.NoArgs,
	}
	output := addOutputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return where.WithFlags(func(p target.Flags) error {
			l, err := p.List(cmd.Context())
			if err != nil {
				return err
			}
			return output.write(cmd.OutOrStdout(), l, func(w io.Writer) error { return writeFlagList(w, l) })
		})
	}
	return cmd
}

func writeFlagList(w io.Writer, l admin.FlagList) error {
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
		_, err := fmt.Fprintf(w, "\nHALTED since %s by %s (%s): this sidecar sends nothing to the relay until you run: cutover flags resume\n",
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
		_, err := fmt.Fprintf(w, "\nWho made the last changes, and when, is unknown at the moment: %s\n", l.StoreError)
		return err
	}
	return nil
}
