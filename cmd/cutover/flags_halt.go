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
	cmd.Long = `halt is the kill switch of one sidecar, through its admin API: its relay gets
nothing, whatever the flags say and whether or not Redis is available. It survives
a restart. For a whole fleet set the flag relay-enabled to false; use halt when
that is not possible, or for a single sidecar.`
	cmd.Example = `  cutover flags halt --reason "Redis is unavailable and the relay returns garbage"
  for s in $SIDECARS; do cutover flags halt --admin http://$s:8081; done`
	return cmd
}

func newFlagsResumeCommand(where *target.Target, con console) *cobra.Command {
	cmd := newHaltSwitch(where, con, "resume")
	cmd.Short = "End a halt: the flags apply again"
	cmd.Example = "  cutover flags resume --reason \"Redis is back, relay-enabled is false\""
	return cmd
}

func newHaltSwitch(where *target.Target, con console, verb string) *cobra.Command {
	var reason, who string
	cmd := &cobra.Command{Use: verb, Args: cobra.NoArgs}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the log and the status")
	cmd.Flags().StringVar(&who, "who", "", "who (default user@host)")
	output := addOutputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if where.Redis != "" {
			return usage.Errorf("%s applies to one sidecar: use --admin instead of --redis. "+
				"For the fleet: cutover flags set relay-enabled false", verb)
		}
		// CUTOVER_REDIS is ignored: Redis may be what is unavailable.
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
			text := "the flags apply again"
			if state.Halted != nil {
				text = "this sidecar sends nothing to the relay until you run: cutover flags resume"
			}
			_, err := fmt.Fprintln(w, text)
			return err
		})
	}
	return cmd
}
