package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"cutover/compare"
	"cutover/internal/admin"
	"cutover/internal/target"
	"cutover/internal/usage"
)

func newDiffListCommand(con console) *cobra.Command {
	where := &target.Target{Env: con.Env}
	var scope resultsScope
	var code, severity string
	var limit int
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the sampled pairs, newest last",
		Example: "  cutover diff list --severity critical\n" +
			"  cutover diff list --code tools.json --since 24h",
		Args: cobra.NoArgs,
	}
	output := addOutputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		f, err := scope.filter(time.Now())
		if err != nil {
			return err
		}
		if severity != "" {
			if f.Severity, err = compare.ParseSeverity(severity); err != nil {
				return usage.Errorf("--severity: %v", err)
			}
		}
		if limit < 0 {
			return usage.Errorf("--limit %d: use 0 for all, or a number above 0", limit)
		}
		f.Code, f.Limit = code, limit
		results, err := where.SampleResults(cmd.Context(), f)
		if err != nil {
			return err
		}
		if len(results) == 0 && *output == outputText {
			return fmt.Errorf("no sample matches; `cutover report` shows what was compared")
		}
		if results == nil {
			results = []compare.Result{}
		}
		return output.write(cmd.OutOrStdout(), admin.ResultList{Results: results}, func(w io.Writer) error {
			return page(cmd.Context(), w, con.Env.Get, func(w io.Writer, _ bool) error { return writeSampleList(w, results) })
		})
	}
	addResultsFlags(cmd, where)
	scope.addFlags(cmd)
	cmd.Flags().StringVar(&code, "code", "", "only pairs with this finding, such as tools.json")
	cmd.Flags().StringVar(&severity, "severity", "", "only pairs with a finding of at least this severity: info, minor, major, critical")
	cmd.Flags().IntVar(&limit, "limit", 50, "show only this many of the newest; 0 for all")
	return cmd
}

// writeSampleList writes one line for each pair.
func writeSampleList(w io.Writer, results []compare.Result) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if _, err := fmt.Fprintln(tw, "ID\tTIME\tENDPOINT\tMODEL\tSIMILARITY\tFINDINGS"); err != nil {
		return err
	}
	for i := range results {
		r := &results[i]
		similarity := "–"
		if r.Checked {
			similarity = fmt.Sprintf("%.3f", r.Similarity)
		}
		var codes []string
		for _, f := range r.Findings {
			codes = append(codes, f.Code+of(f.Arm))
		}
		_, err := fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\n", r.ID, r.At.UTC().Format(time.DateTime),
			r.Endpoint, r.Model, similarity, strings.Join(codes, " "))
		if err != nil {
			return err
		}
	}
	return tw.Flush()
}

// of marks findings about the primary.
func of(arm string) string {
	if arm == "primary" {
		return "(primary)"
	}
	return ""
}
