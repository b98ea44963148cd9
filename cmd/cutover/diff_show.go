package main

import (
	"encoding/json"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"cutover/compare"
	"cutover/dashboards"
	"cutover/internal/target"
	"cutover/internal/usage"
	"cutover/internal/wording"
)

func newDiffShowCommand(con console) *cobra.Command {
	where := &target.Target{Env: con.Env}
	var html bool
	cmd := &cobra.Command{
		Use:     "show ID",
		Short:   "Show one pair: request, both answers side by side, times and findings",
		Example: "  cutover diff show 01JQXYZ\n  cutover diff show 01JQXYZ --html > pair.html",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage.Errorf("name one pair by its id: see `cutover diff list`")
			}
			if strings.ContainsAny(args[0], "/\\?#%") || strings.Trim(args[0], ".") == "" {
				return usage.Errorf("%s is no pair's id: see `cutover diff list`", wording.Quote(args[0]))
			}
			return nil
		},
	}
	output := addOutputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		sample, err := where.Sample(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if html {
			return dashboards.WriteSample(cmd.OutOrStdout(), &sample)
		}
		if *output == outputJSON {
			e := json.NewEncoder(cmd.OutOrStdout())
			e.SetIndent("", "  ")
			e.SetEscapeHTML(true) // what was said may be markup
			return e.Encode(sample)
		}
		return page(cmd.Context(), cmd.OutOrStdout(), con.Env.Get, func(w io.Writer, colour bool) error {
			return sample.WriteText(w, compare.TextStyle{Width: widthOf(cmd.OutOrStdout()), Colour: colour && con.Env.Get("NO_COLOR") == ""})
		})
	}
	addResultsFlags(cmd, where)
	cmd.Flags().BoolVar(&html, "html", false, "write one page of HTML that needs nothing else")
	cmd.MarkFlagsMutuallyExclusive("html", "output")
	return cmd
}
