package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"cutover/internal/admin"
	"cutover/internal/target"
	"cutover/internal/usage"
)

func newFlagsHaltCommand(where *target.Target, con console) *cobra.Command {
	cmd := newHaltSwitch(where, con, "halt")
	cmd.Short = "Stop the relay in one sidecar, with or without Redis"
	cmd.Long = `halt is the kill switch of one sidecar, by its admin API: from now on its relay
gets nothing, whatever the flags say and whether or not Redis can be reached. It
outlives a restart. For a whole fleet flip the flag relay-enabled; halt is for
when that can't be done, or for one sidecar alone.`
	cmd.Example = `  cutover flags halt --reason "Redis is away and the relay answers nonsense"
  for s in $SIDECARS; do cutover flags halt --admin http://$s:8081; done`
	return cmd
}

func newFlagsResumeCommand(where *target.Target, con console) *cobra.Command {
	cmd := newHaltSwitch(where, con, "resume")
	cmd.Short = "End a halt: the flags rule again"
	cmd.Example = "  cutover flags resume --reason \"Redis is back, relay-enabled is false\""
	return cmd
}

func newHaltSwitch(where *target.Target, con console, verb string) *cobra.Command {
	var reason, who string
	cmd := &cobra.Command{Use: verb, Args: cobra.NoArgs}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the log and for whoever looks")
	cmd.Flags().StringVar(&who, "who", "", "who (default user@host)")
	output := addOutputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if where.Redis != "" {
			return usage.Errorf("%s is about one sidecar: name it with --admin. For the fleet: cutover flags set relay-enabled false", verb)
		}
		// Not the Redis of the environment: it may be what is unavailable.
		sidecar, err := where.Sidecar()
		if err != nil {
			return err
		}
		defer func() { _ = sidecar.Close() }()
		if who == "" {
			who = whoAmI(con.Env.Get)
		}
		state, err := sidecar.Halt(cmd.Context(), verb == "resume", admin.HaltRequest{Who: who, Why: reason})
		if err != nil {
			return err
		}
		return output.write(cmd.OutOrStdout(), state, func(w io.Writer) error {
			text := "the flags rule again"
			if state.Halted != nil {
				text = "the relay gets nothing from this sidecar, until: cutover flags resume"
			}
			_, err := fmt.Fprintln(w, text)
			return err
		})
	}
	return cmd
}
