package main

import (
	"os"
	"strings"

	"github.com/spf13/cobra"

	"cutover/flags"
	"cutover/internal/target"
	"cutover/internal/usage"
)

func newFlagsSetCommand(where *target.Target, con console) *cobra.Command {
	var o flipOptions
	var expect string
	var create bool
	cmd := &cobra.Command{
		Use:   "set KEY VALUE",
		Short: "Set a flag",
		Long: `set sets a flag: a percentage from 0 to 100, true or false, primary or relay, or
a flagd flag definition in JSON (@FILE reads it from a file). Raising a percentage
by more than 25 percentage points prompts for confirmation on a terminal and needs
--yes elsewhere; lowering it never does.`,
		Example: `  cutover flags set relay-percentage 5 --reason "canary"
  cutover flags set relay-percentage 10 --expect 5
  cutover flags set relay-percentage @only-acme.json`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: completeKeys,
	}
	o.add(cmd)
	cmd.Flags().StringVar(&expect, "expect", "", "set only if this is the stored value; empty: only if the flag is not set")
	cmd.Flags().BoolVar(&create, "create", false, "allow a flag of your own, which is not one of cutover's")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		value, err := valueArgument(args[1])
		if err != nil {
			return err
		}
		c := flags.Change{Key: args[0], Value: &value}
		if cmd.Flags().Changed("expect") {
			expect = flags.Normalize(args[0], expect)
			c.Expect = &expect
		}
		return where.WithFlags(func(p target.Flags) error {
			return flip(cmd, con, p, &o, create, func(flags.Fields) (flags.Flip, error) {
				return flags.Flip{Changes: []flags.Change{c}}, nil
			})
		})
	}
	return cmd
}

// valueArgument returns a value, or the content of the file for @FILE.
func valueArgument(arg string) (string, error) {
	path, ok := strings.CutPrefix(arg, "@")
	if !ok {
		return arg, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", usage.Errorf("can't read the value: %v", err)
	}
	return strings.TrimSpace(string(data)), nil
}
