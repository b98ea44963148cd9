package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"cutover/flags"
)

// bigStep is by how many points a percentage may rise without being asked.
const bigStep = 25

// flipOptions are what every command that flips takes.
type flipOptions struct {
	reason, who string
	yes         bool
	output      *outputFormat
}

func (o *flipOptions) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.reason, "reason", "", "why, for the audit")
	cmd.Flags().StringVar(&o.who, "who", "", "who, for the audit (default user@host)")
	cmd.Flags().BoolVar(&o.yes, "yes", false, fmt.Sprintf("do not ask before a percentage rises by more than %d points", bigStep))
	o.output = addOutputFlag(cmd)
}

func (o *flipOptions) name(con console) string {
	if o.who != "" {
		return o.who
	}
	return whoAmI(con.Env.get)
}

func newFlagsSetCommand(target *flagsTarget, con console) *cobra.Command {
	var o flipOptions
	var expect string
	var create bool
	cmd := &cobra.Command{
		Use:   "set KEY VALUE",
		Short: "Set a flag",
		Long: `set sets a flag: a percentage from 0 to 100, true or false, primary or relay, or
a flagd flag definition in JSON (@FILE reads it from a file). A percentage that
rises by more than 25 points is asked about on a terminal and needs --yes
elsewhere; going down never does.`,
		Example: `  cutover flags set relay-percentage 5 --reason "canary"
  cutover flags set relay-percentage 10 --expect 5
  cutover flags set relay-percentage @only-acme.json`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: completeKeys,
	}
	o.add(cmd)
	cmd.Flags().StringVar(&expect, "expect", "", "set only if this is stored; empty: only if the flag is not set")
	cmd.Flags().BoolVar(&create, "create", false, "the flag is one of your own, not cutover's")
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
		return target.with(func(p flagsPlace) error {
			return flip(cmd, con, p, &o, create, func(flags.Fields) (flags.Flip, error) {
				return flags.Flip{Changes: []flags.Change{c}}, nil
			})
		})
	}
	return cmd
}

// valueArgument reads a value, or the file that @ names.
func valueArgument(arg string) (string, error) {
	path, ok := strings.CutPrefix(arg, "@")
	if !ok {
		return arg, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", usagef("the value can't be read: %v", err)
	}
	return strings.TrimSpace(string(data)), nil
}

func newFlagsUnsetCommand(target *flagsTarget, con console) *cobra.Command {
	var o flipOptions
	cmd := &cobra.Command{
		Use:               "unset KEY",
		Short:             "Unset a flag: the configured value or the default rules again",
		Example:           "  cutover flags unset relay-percentage --reason \"back to the file\"",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeKey,
	}
	o.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return target.with(func(p flagsPlace) error {
			return flip(cmd, con, p, &o, false, func(flags.Fields) (flags.Flip, error) {
				return flags.Flip{Changes: []flags.Change{{Key: args[0]}}}, nil
			})
		})
	}
	return cmd
}

func newFlagsImportCommand(target *flagsTarget, con console) *cobra.Command {
	var o flipOptions
	var replace bool
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Set the flags of a file, flagd's or a plain one, in one flip",
		Example: `  cutover flags import flags.flagd.json --reason "from flagd"
  cutover flags export | cutover flags --redis redis://other:6379 import - --yes`,
		Args: cobra.ExactArgs(1),
	}
	o.add(cmd)
	cmd.Flags().BoolVar(&replace, "replace", false, "also unset what the file does not have")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		data, err := readFileOr(con.In, args[0])
		if err != nil {
			return err
		}
		fields, err := flags.ParseFile(data)
		if err != nil {
			return usagef("%s: %v", args[0], err)
		}
		return target.with(func(p flagsPlace) error {
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
		return io.ReadAll(io.LimitReader(stdin, maxFlagsBody))
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, usagef("%v", err)
	}
	return data, nil
}

func newFlagsUndoCommand(target *flagsTarget, con console) *cobra.Command {
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
		return target.with(func(p flagsPlace) error {
			entries, err := flags.Undo(cmd.Context(), p, o.name(con), o.reason)
			if err != nil {
				return err
			}
			return writeFlip(cmd.OutOrStdout(), o.output, entries)
		})
	}
	return cmd
}

// flip looks at what is stored, makes the flip out of it, asks where it must,
// writes, and shows what changed. Where nobody named an expected value the
// values looked at are expected: what was asked about is what is done.
func flip(cmd *cobra.Command, con console, p flagsPlace, o *flipOptions, create bool, plan func(flags.Fields) (flags.Flip, error)) error {
	have, err := p.Fields(cmd.Context())
	if err != nil {
		return err
	}
	f, err := plan(have)
	if err != nil {
		return err
	}
	for _, c := range f.Changes {
		if err := checkKey(c.Key, have.Values, create); err != nil {
			return err
		}
		// A definition that refers to shared rules is for the store to check.
		if c.Value != nil && !strings.Contains(*c.Value, `"$ref"`) {
			if err := flags.ValidateValue(c.Key, *c.Value); err != nil {
				return usagef("%v", err)
			}
		}
	}
	asked, err := confirm(cmd, con, o, f, have)
	if err != nil {
		return err
	}
	if asked {
		expectLooked(&f, have)
	}
	f.Who, f.Why = o.name(con), o.reason
	if len(f.Changes) == 0 {
		return writeFlip(cmd.OutOrStdout(), o.output, nil)
	}
	entries, err := p.Write(cmd.Context(), f)
	var invalid *flags.InvalidError
	if errors.As(err, &invalid) {
		return usagef("%v", err)
	}
	if err != nil {
		return err
	}
	return writeFlip(cmd.OutOrStdout(), o.output, entries)
}

// expectLooked makes a flip conditional on the values that a person was shown.
func expectLooked(f *flags.Flip, have flags.Fields) {
	for i, c := range f.Changes {
		if c.Expect == nil {
			value := have.Values[c.Key].Value
			f.Changes[i].Expect = &value
		}
	}
}

// confirm asks before big steps up. It reports whether it asked.
func confirm(cmd *cobra.Command, con console, o *flipOptions, f flags.Flip, have flags.Fields) (bool, error) {
	if o.yes {
		return false, nil
	}
	var steps []string
	for _, c := range f.Changes {
		from, to, ok := percentages(c, have)
		if ok && to-from > bigStep {
			steps = append(steps, fmt.Sprintf("%s from %v to %v %%", c.Key, from, to))
		}
	}
	if len(steps) == 0 {
		return false, nil
	}
	if !asksPerson(con.In) {
		return false, usagef("this raises %s; say --yes for a step of more than %d points", strings.Join(steps, " and "), bigStep)
	}
	_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "This raises %s. Go on? [y/N] ", strings.Join(steps, " and "))
	line, err := bufio.NewReader(con.In).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return true, err
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return true, nil
	}
	return true, errors.New("nothing was changed")
}

// percentages are a change's old and new share, where both are plain.
func percentages(c flags.Change, have flags.Fields) (from, to float64, ok bool) {
	if c.Value == nil || !strings.HasSuffix(c.Key, "-percentage") {
		return 0, 0, false
	}
	to, err := strconv.ParseFloat(flags.Normalize(c.Key, *c.Value), 64)
	if err != nil {
		return 0, 0, false
	}
	if stored, set := have.Values[c.Key]; set {
		from, err = strconv.ParseFloat(flags.Normalize(c.Key, stored.Value), 64)
	}
	return from, to, err == nil
}

// asksPerson reports whether somebody can answer.
func asksPerson(in io.Reader) bool {
	f, ok := in.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
