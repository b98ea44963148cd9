package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"cutover/flags"
	"cutover/internal/target"
	"cutover/internal/usage"
)

// bigStep is how many percentage points a percentage may rise without confirmation.
const bigStep = 25

// flipOptions are the options of every command that changes flags.
type flipOptions struct {
	reason, who string
	yes         bool
	output      *outputFormat
}

func (o *flipOptions) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.reason, "reason", "", "why, for the audit log")
	cmd.Flags().StringVar(&o.who, "who", "", "who, for the audit log (default user@host)")
	cmd.Flags().BoolVar(&o.yes, "yes", false, fmt.Sprintf("do not ask before raising a percentage by more than %d percentage points", bigStep))
	o.output = addOutputFlag(cmd)
}

func (o *flipOptions) name(con console) string { return cmp.Or(o.who, whoAmI(con.Env.Get)) }

// flip reads the stored values, plans the change, asks for confirmation if needed,
// writes, and shows what changed. After a confirmation, values that have no
// --expect must still be those that the person was shown.
func flip(cmd *cobra.Command, con console, p target.Flags, o *flipOptions, create bool,
	plan func(flags.Fields) (flags.Flip, error),
) error {
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
		// The store checks definitions that refer to shared rules.
		if c.Value != nil && !strings.Contains(*c.Value, `"$ref"`) {
			if err := flags.ValidateValue(c.Key, *c.Value); err != nil {
				return usage.Errorf("%v", err)
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
		return usage.Errorf("%v", err)
	}
	if err != nil {
		return err
	}
	return writeFlip(cmd.OutOrStdout(), o.output, entries)
}

// expectLooked makes a change conditional on the values that the person was shown.
func expectLooked(f *flags.Flip, have flags.Fields) {
	for i, c := range f.Changes {
		if c.Expect == nil {
			value := have.Values[c.Key].Value
			f.Changes[i].Expect = &value
		}
	}
}

// confirm asks before large increases. It reports whether it asked.
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
		return false, usage.Errorf("this raises %s: use --yes to raise a percentage by more than %d percentage points",
			strings.Join(steps, " and "), bigStep)
	}
	_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "This raises %s. Continue? [y/N] ", strings.Join(steps, " and "))
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

// percentages are a change's old and new percentage, if both are plain numbers.
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

// asksPerson reports whether a person can be asked.
func asksPerson(in io.Reader) bool {
	f, ok := in.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
