package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"cutover/internal/admin"
	"cutover/internal/target"
	"cutover/internal/usage"
)

func newFlagsGetCommand(where *target.Target) *cobra.Command {
	cmd := &cobra.Command{
		Use:               "get KEY",
		Short:             "Show the value of one flag",
		Example:           "  cutover flags get relay-percentage",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeKey,
	}
	output := addOutputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return where.WithFlags(func(p target.Flags) error {
			l, err := p.List(cmd.Context())
			if err != nil {
				return err
			}
			i := slices.IndexFunc(l.Flags, func(row admin.FlagRow) bool { return row.Key == args[0] })
			if i < 0 {
				return usage.Errorf("%v", admin.UnknownFlag(args[0]))
			}
			return output.write(cmd.OutOrStdout(), l.Flags[i], func(w io.Writer) error {
				_, err := fmt.Fprintln(w, l.Flags[i].Value)
				return err
			})
		})
	}
	return cmd
}
