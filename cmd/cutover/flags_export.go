package main

import (
	"errors"

	"github.com/spf13/cobra"

	"cutover/flags"
	"cutover/internal/target"
)

func newFlagsExportCommand(where *target.Target) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:     "export",
		Short:   "Write the flags as a flagd file",
		Example: "  cutover flags export > flags.flagd.json",
		Args:    cobra.NoArgs,
	}
	cmd.Flags().BoolVar(&all, "all", false, "include flags that are not set, with their effective values")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return where.WithFlags(func(p target.Flags) error {
			l, err := p.List(cmd.Context())
			if err == nil && l.StoreError != "" {
				err = errors.New(l.StoreError)
			}
			if err != nil {
				return err
			}
			fields := map[string]string{}
			for _, row := range l.Flags {
				if all {
					fields[row.Key] = row.Value
				}
			}
			for key, f := range l.Stored {
				fields[key] = f.Value
			}
			file, err := flags.Export(fields)
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(file)
			return err
		})
	}
	return cmd
}
