package main

import "github.com/spf13/cobra"

// newDiffCommand is `cutover diff`: single pairs to look at.
func newDiffCommand(con console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "diff",
		Short: "Look at single pairs: both answers side by side",
		Long: "Shows samples of compared pairs. The sidecar keeps the worst, the newest and a fair\n" +
			"share of all, with what its capture setting lets it keep.",
		Example: "  cutover diff list --severity major\n" +
			"  cutover diff show 01JQXYZ\n" +
			"  cutover diff show 01JQXYZ --html > pair.html",
	}
	cmd.AddCommand(newDiffListCommand(con), newDiffShowCommand(con))
	return cmd
}
