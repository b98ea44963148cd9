package main

import (
	"os"
	"os/user"

	"github.com/spf13/cobra"

	"cutover/internal/target"
)

// newFlagsCommand is `cutover flags` with its verbs.
func newFlagsCommand(con console) *cobra.Command {
	where := &target.Target{Env: con.Env}
	cmd := &cobra.Command{
		Use:   "flags",
		Short: "Read and flip the flags that move traffic",
		Long: `flags reads and flips the flags: of a whole fleet in Redis (--redis), or of one
sidecar by its admin API (--admin). A flip is checked, compared before it is
set, in force at once, and kept in the audit with who, when and why.`,
		Example: `  cutover flags list
  cutover flags set relay-percentage 5 --reason "canary"
  cutover flags set relay-enabled false --reason "relay answers nonsense"   # the kill switch
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

// whoAmI is user@host, for the audit.
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
