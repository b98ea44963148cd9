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
		Short: "Revert the last change, whoever made it",
		Long: `undo reverts the last change that has not been reverted yet; run it again to revert
the one before. It refuses if the same flags have been changed since.`,
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
