package main

import (
	"github.com/spf13/cobra"

	"cutover/flags"
	"cutover/internal/target"
)

func newFlagsUnsetCommand(where *target.Target, con console) *cobra.Command {
	var o flipOptions
	cmd := &cobra.Command{
		Use:               "unset KEY",
		Short:             "Unset a flag: the configured value or the default applies again",
		Example:           "  cutover flags unset relay-percentage --reason \"back to the file\"",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeKey,
	}
	o.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return where.WithFlags(func(p target.Flags) error {
			return flip(cmd, con, p, &o, false, func(flags.Fields) (flags.Flip, error) {
				return flags.Flip{Changes: []flags.Change{{Key: args[0]}}}, nil
			})
		})
	}
	return cmd
}
