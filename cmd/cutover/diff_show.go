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
		Short:   "Show one pair: the request, both responses side by side, times and findings",
		Example: "  cutover diff show 01JQXYZ\n  cutover diff show 01JQXYZ --html > pair.html",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage.Errorf("give the id of one pair: see `cutover diff list`")
			}
			if strings.ContainsAny(args[0], "/\\?#%") || strings.Trim(args[0], ".") == "" {
				return usage.Errorf("%s is not a pair's id: see `cutover diff list`", wording.Quote(args[0]))
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
			e.SetEscapeHTML(true) // the text of a response may be markup
			return e.Encode(sample)
		}
		return page(cmd.Context(), cmd.OutOrStdout(), con.Env.Get, func(w io.Writer, colour bool) error {
			style := compare.TextStyle{Width: widthOf(cmd.OutOrStdout()), Colour: colour && con.Env.Get("NO_COLOR") == ""}
			return sample.WriteText(w, style)
		})
	}
	addResultsFlags(cmd, where)
	cmd.Flags().BoolVar(&html, "html", false, "write a self-contained HTML page")
	cmd.MarkFlagsMutuallyExclusive("html", "output")
	return cmd
}
