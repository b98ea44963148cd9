package main

import "github.com/spf13/cobra"

// newDiffCommand is `cutover diff`: single pairs to inspect.
func newDiffCommand(con console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "diff",
		Short: "Inspect single pairs: both responses side by side",
		Long: "Shows samples of compared pairs. The sidecar keeps the worst, the newest and a random\n" +
			"sample of all pairs, with as much of their text as capture.mode allows.",
		Example: "  cutover diff list --severity major\n" +
			"  cutover diff show 01JQXYZ\n" +
			"  cutover diff show 01JQXYZ --html > pair.html",
	}
	cmd.AddCommand(newDiffListCommand(con), newDiffShowCommand(con))
	return cmd
}
