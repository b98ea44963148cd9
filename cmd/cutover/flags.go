package main

import (
	"os"
	"os/user"

	"github.com/spf13/cobra"

	"cutover/internal/target"
)

// newFlagsCommand is `cutover flags` with its subcommands.
func newFlagsCommand(con console) *cobra.Command {
	where := &target.Target{Env: con.Env}
	cmd := &cobra.Command{
		Use:   "flags",
		Short: "Read and change the flags that move traffic",
		Long: `flags reads and changes the flags of a whole fleet in Redis (--redis), or of one
sidecar through its admin API (--admin). A change is validated, written only if
the flag still has the expected value, effective at once, and recorded in the
audit log with who, when and why. All percentages are shares of callers.`,
		Example: `  cutover flags list
  cutover flags set relay-percentage 5 --reason "canary"
  cutover flags set relay-enabled false --reason "relay returns garbage"   # the kill switch
  cutover flags undo
  cutover flags --redis redis://127.0.0.1:6379 watch
  cutover flags explain --key user-1 --model gpt-4o`,
	}
	where.AddFlags(cmd.PersistentFlags())
	cmd.MarkFlagsMutuallyExclusive("redis", "admin")
	cmd.AddCommand(
		newFlagsListCommand(where), newFlagsGetCommand(where),
		newFlagsSetCommand(where, con), newFlagsUnsetCommand(where, con),
		newFlagsUndoCommand(where, con), newFlagsHistoryCommand(where),
		newFlagsHaltCommand(where, con), newFlagsResumeCommand(where, con),
		newFlagsExportCommand(where), newFlagsImportCommand(where, con),
		newFlagsWatchCommand(where), newFlagsExplainCommand(where),
	)
	return cmd
}

// whoAmI is user@host, for the audit log.
func whoAmI(env func(string) string) string {
	name := env("USER")
	if u, err := user.Current(); err == nil && u.Username != "" {
		name = u.Username
	}
	if name == "" {
		name = "somebody"
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return name + "@" + host
}
