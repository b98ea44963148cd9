package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"cutover/flags"
	"cutover/internal/admin"
	"cutover/internal/target"
	"cutover/internal/usage"
)

func newFlagsHistoryCommand(where *target.Target) *cobra.Command {
	limit := 20
	cmd := &cobra.Command{
		Use:               "history [KEY]",
		Short:             "Show the audit log: who changed what, when and why, newest first",
		Example:           "  cutover flags history relay-percentage --limit 50",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeKey,
	}
	cmd.Flags().IntVar(&limit, "limit", limit, "maximum number of entries")
	output := addOutputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if limit < 1 || limit > 10_000 {
			return usage.Errorf("--limit %d: use 1 to 10000", limit)
		}
		return where.WithFlags(func(p target.Flags) error {
			key := ""
			if len(args) > 0 {
				key = args[0]
			}
			entries, err := p.History(cmd.Context(), key, limit)
			if err != nil {
				return err
			}
			return output.write(cmd.OutOrStdout(), admin.EntryList{Entries: entries}, func(w io.Writer) error {
				return writeHistory(w, entries)
			})
		})
	}
	return cmd
}

func writeHistory(w io.Writer, entries []flags.Entry) error {
	if len(entries) == 0 {
		_, err := fmt.Fprintln(w, "no changes yet")
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
