package main

import (
	"github.com/spf13/cobra"

	"cutover/flags"
	"cutover/internal/target"
)

func newFlagsUndoCommand(where *target.Target, con console) *cobra.Command {
	var o flipOptions
	cmd := &cobra.Command{
		Use:   "undo",
		Short: "Take back the last flip, whoever made it",
		Long: `undo takes back the last flip that has not been taken back yet; called again, the
one before. It refuses if the same flags have been changed since.`,
		Example: "  cutover flags undo --reason \"error rate\"",
		Args:    cobra.NoArgs,
	}
	o.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return where.WithFlags(func(p target.Flags) error {
			entries, err := flags.Undo(cmd.Context(), p, o.name(con), o.reason)
			if err != nil {
				return err
			}
			return writeFlip(cmd.OutOrStdout(), o.output, entries)
		})
	}
	return cmd
}
