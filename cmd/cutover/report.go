package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"cutover/dashboards"
	"cutover/internal/store"
	"cutover/internal/target"
	"cutover/internal/usage"
)

// errNoPairs is the report's answer when there is nothing to report on.
var errNoPairs = errors.New("no pairs yet")

// newReportCommand is `cutover report`.
func newReportCommand(con console) *cobra.Command {
	where := &target.Target{Env: con.Env}
	var scope resultsScope
	output := dashboards.Text
	cmd := &cobra.Command{
		Use:   "report",
		Short: "What the comparisons found, both providers side by side",
		Long: "Sums up what the comparisons found. Asks a running sidecar by its admin address, or\n" +
			"reads the Redis of a fleet, or the data directory of a sidecar that is not running.",
		Example: "  cutover report\n" +
			"  cutover report --output html > report.html\n" +
			"  cutover report --since 24h --model gpt-4o\n" +
			"  cutover report --data ./cutover-data --output json",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			now := time.Now()
			f, err := scope.filter(now)
			if err != nil {
				return err
			}
			report, err := where.Report(cmd.Context(), f, now)
			if err != nil {
				return err
			}
			if report.Requests == 0 && output != dashboards.JSON {
				return scope.nothing()
			}
			return output.Write(cmd.OutOrStdout(), &report)
		},
	}
	addResultsFlags(cmd, where)
	scope.addFlags(cmd)
	cmd.Flags().Var(&output, "output", "`format`: text, json, markdown or html (one file that needs nothing else)")
	// The only error is that the flag does not exist.
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(dashboards.Formats(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// addResultsFlags adds the flags that say where results are read.
func addResultsFlags(cmd *cobra.Command, where *target.Target) {
	where.AddFlags(cmd.Flags())
	where.AddDataFlag(cmd.Flags())
	cmd.MarkFlagsMutuallyExclusive("admin", "data", "redis")
}

// resultsScope are the flags that restrict which results are looked at.
type resultsScope struct {
	since, model, endpoint string
}

func (s *resultsScope) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.since, "since", "", "only requests since a span before now (24h, 7d) or a moment (RFC 3339)")
	cmd.Flags().StringVar(&s.model, "model", "", "only requests for this model, as callers name it")
	cmd.Flags().StringVar(&s.endpoint, "endpoint", "", "only this endpoint, like chat/completions")
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

// nothing says why there may be no pairs, and what to do.
func (s *resultsScope) nothing() error {
	if s.since != "" || s.model != "" || s.endpoint != "" {
		return fmt.Errorf("%w that match --since, --model and --endpoint: leave some out", errNoPairs)
	}
	return fmt.Errorf("%w: nothing has been mirrored; set the flag shadow-percentage above 0 and send requests", errNoPairs)
}
