package main

import (
	"io"
	"os"

	"github.com/spf13/cobra"

	"cutover/flags"
	"cutover/internal/admin"
	"cutover/internal/target"
	"cutover/internal/usage"
)

func newFlagsImportCommand(where *target.Target, con console) *cobra.Command {
	var o flipOptions
	var replace bool
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Set the flags from a file, in flagd's format or a plain mapping, in one change",
		Example: `  cutover flags import flags.flagd.json --reason "from flagd"
  cutover flags export | cutover flags --redis redis://other:6379 import - --yes`,
		Args: cobra.ExactArgs(1),
	}
	o.add(cmd)
	cmd.Flags().BoolVar(&replace, "replace", false, "also unset flags that are not in the file")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		data, err := readFileOr(con.In, args[0])
		if err != nil {
			return err
		}
		fields, err := flags.ParseFile(data)
		if err != nil {
			return usage.Errorf("%s: %v", args[0], err)
		}
		return where.WithFlags(func(p target.Flags) error {
			return flip(cmd, con, p, &o, true, func(have flags.Fields) (flags.Flip, error) {
				return flags.ImportFlip(have, fields, replace), nil
			})
		})
	}
	return cmd
}

// readFileOr reads a file, or for "-" the standard input.
func readFileOr(stdin io.Reader, path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(io.LimitReader(stdin, admin.MaxFlagsBody))
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, usage.Errorf("%v", err)
	}
	return data, nil
}
