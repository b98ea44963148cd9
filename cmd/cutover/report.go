package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"cutover/compare"
	"cutover/dashboards"
	"cutover/exchange"
	"cutover/internal/store"
	"cutover/internal/target"
	"cutover/internal/usage"
)

// errNoPairs is returned when there is nothing to report on.
var errNoPairs = errors.New("no pairs yet")

// newReportCommand is `cutover report`.
func newReportCommand(con console) *cobra.Command {
	where := &target.Target{Env: con.Env}
	var scope resultsScope
	output := dashboards.Text
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Show what the comparisons found, both providers side by side",
		Long: "Summarizes what the comparisons found. Reads from a running sidecar (--admin), from the\n" +
			"Redis of a fleet (--redis), or from the data directory of a stopped sidecar (--data).",
		Example: "  cutover report\n" +
			"  cutover report --output html > report.html\n" +
			"  cutover report --since 24h --model gpt-4o\n" +
			"  cutover report --data ./cutover-data --output json",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			now := time.Now().UTC()
			f, err := scope.filter(now)
			if err != nil {
				return err
			}
			report, err := where.Report(cmd.Context(), f, now)
			if err != nil {
				return err
			}
			if report.Requests == 0 && output != dashboards.JSON {
				return scope.nothing(&report)
			}
			return output.Write(cmd.OutOrStdout(), &report)
		},
	}
	addResultsFlags(cmd, where)
	scope.addFlags(cmd)
	cmd.Flags().Var(&output, "output", "`format`: text, json, markdown or html (one self-contained file)")
	// The only error is that the flag does not exist.
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(dashboards.Formats(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// addResultsFlags adds the flags for where results are read from.
func addResultsFlags(cmd *cobra.Command, where *target.Target) {
	where.AddFlags(cmd.Flags())
	where.AddDataFlag(cmd.Flags())
	cmd.MarkFlagsMutuallyExclusive("admin", "data", "redis")
}

// resultsScope holds the flags that restrict which results are used.
type resultsScope struct {
	since, model, endpoint string
}

func (s *resultsScope) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.since, "since", "", "only requests of this period until now (24h, 7d), or since this time (RFC 3339)")
	cmd.Flags().StringVar(&s.model, "model", "", "only requests for this model, as callers name it")
	cmd.Flags().StringVar(&s.endpoint, "endpoint", "", "only this endpoint, such as chat/completions")
}

func (s *resultsScope) filter(now time.Time) (f store.Filter, err error) {
	f.Model, f.Endpoint = s.model, s.endpoint
	if s.since != "" {
		if f.Since, err = store.ParseSince(s.since, now); err != nil {
			return f, usage.Errorf("--since: %v", err)
		}
	}
	return f, nil
}

// nothing is the error when there are no pairs: why that may be, and what to do.
func (s *resultsScope) nothing(report *compare.Report) error {
	if s.since != "" || s.model != "" || s.endpoint != "" {
		return fmt.Errorf("%w that match --since, --model and --endpoint: remove some of them", errNoPairs)
	}
	if n := len(report.NotMirrored); n > 1 || n == 1 && report.NotMirrored[exchange.SkipSample] == 0 {
		return fmt.Errorf("%w. %s; docs/reference.md explains the reasons", errNoPairs, report.NotMirroredLine())
	}
	return fmt.Errorf("%w: nothing has been mirrored. Set the flag shadow-percentage above 0 and send requests", errNoPairs)
}
