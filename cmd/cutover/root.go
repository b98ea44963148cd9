package main

import (
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cutover/internal/config"
	"cutover/internal/usage"
	"cutover/internal/wording"
)

// console is the program's input, output and environment. Tests pass buffers.
type console struct {
	In       io.Reader
	Out, Err io.Writer
	Env      config.Environ
}

// execute runs one command line and returns the exit code. Commands that serve stop
// when ctx is done.
func execute(ctx context.Context, args []string, con console) int {
	root := newRootCommand(con)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil {
		report(con.Err, cmd, err)
	}
	return exitCode(err)
}

// The groups of commands in the help text.
const (
	groupRun     = "run"
	groupMigrate = "migrate"
	groupOther   = "other"
)

// newRootCommand builds the tree of commands.
func newRootCommand(con console) *cobra.Command {
	root := &cobra.Command{
		Use:   "cutover",
		Short: "Move live LLM traffic from one provider to another, and prove that it is safe",
		Long: `cutover is a sidecar between your programs and their LLM provider (the primary).
It passes everything on unchanged, mirrors the requests of a share of callers to
the provider that you want to move to (the relay), compares both responses, and
moves callers over step by step with feature flags and instant rollback.`,
		Example: `  # try it: two mock providers, a sidecar and simulated callers in one process
  cutover demo

  # in front of OpenAI; callers change their base URL to http://127.0.0.1:8080/v1
  RELAY_API_KEY=... cutover serve --primary https://api.openai.com/v1 --relay https://relay.example/v1

  # can everything be reached?
  cutover doctor --primary https://api.openai.com/v1 --relay https://relay.example/v1`,
		SilenceErrors:         true, // execute reports them
		SilenceUsage:          true,
		DisableFlagsInUseLine: true,
	}
	root.SetIn(con.In)
	root.SetOut(con.Out)
	root.SetErr(con.Err)
	root.AddGroup(
		&cobra.Group{ID: groupRun, Title: "Run:"},
		&cobra.Group{ID: groupMigrate, Title: "Migrate:"},
		&cobra.Group{ID: groupOther, Title: "Other:"},
	)
	root.SetHelpCommandGroupID(groupOther)
	root.SetCompletionCommandGroupID(groupOther)
	root.SetFlagErrorFunc(flagError)
	addCommands(root, con)
	completeGroups(root)
	markStarted(root)
	return root
}

// completeGroups makes commands that only have subcommands show their help, and
// suggest the nearest command for an unknown word.
func completeGroups(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		completeGroups(sub)
	}
	if cmd.Runnable() || !cmd.HasSubCommands() && cmd.HasParent() {
		return
	}
	cmd.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	cmd.Args = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		var known []string
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() {
				known = append(known, sub.Name())
			}
		}
		if near := wording.Nearest(args[0], known); near != "" {
			return usage.Errorf("unknown command %s: did you mean '%s %s'?", wording.Quote(args[0]), c.CommandPath(), near)
		}
		return usage.Errorf("unknown command %s: expected one of %s", wording.Quote(args[0]), wording.List(known))
	}
}

// addCommands adds every subcommand to its group.
func addCommands(root *cobra.Command, con console) {
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add(groupRun, newServeCommand(con), newDemoCommand(con), newMockCommand())
	add(groupMigrate, newFlagsCommand(con), newReportCommand(con), newDiffCommand(con))
	add(groupOther, newDoctorCommand(con.Env), newVersionCommand())
}

// flagError rewords cobra's error about a flag, and suggests the flag that was
// probably meant.
func flagError(cmd *cobra.Command, err error) error {
	text := err.Error()
	name, ok := strings.CutPrefix(text, "unknown flag: --")
	if !ok {
		return usage.Errorf("%s", text)
	}
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			known = append(known, f.Name)
		}
	})
	if near := wording.Nearest(name, known); near != "" {
		return usage.Errorf("unknown flag --%s: did you mean --%s?", name, near)
	}
	return usage.Errorf("unknown flag --%s", name)
}
