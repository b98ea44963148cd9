package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"cutover/store"
)

// errNoPairs is the report's answer when there is nothing to report on.
var errNoPairs = errors.New("no pairs yet")

// newReportCommand is `cutover report`. getenv looks an environment variable up.
func newReportCommand(getenv func(string) string) *cobra.Command {
	var source resultsSource
	var scope resultsScope
	var output string
	cmd := &cobra.Command{
		Use:   "report",
		Short: "What the comparisons found, both providers side by side",
		Long: "Sums up what the comparisons found. Asks a running sidecar by its admin address,\n" +
			"or reads the data directory of one that is not running.",
		Example: "  cutover report\n" +
			"  cutover report --since 24h --model gpt-4o\n" +
			"  cutover report --data ./cutover-data --output json",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "text" && output != "json" {
				return usagef("--output %s: use text or json", quote(output))
			}
			now := time.Now()
			f, err := scope.filter(now)
			if err != nil {
				return err
			}
			source.Token = getenv(adminTokenVariable)
			report, err := source.Report(cmd.Context(), f, now)
			if err != nil {
				return err
			}
			if output == "json" {
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetIndent("", "  ")
				return e.Encode(report)
			}
			if report.Requests == 0 {
				return scope.nothing()
			}
			return report.WriteText(cmd.OutOrStdout())
		},
	}
	addSourceFlags(cmd, &source)
	scope.addFlags(cmd)
	cmd.Flags().StringVar(&output, "output", "text", "text or json")
	return cmd
}

// addSourceFlags adds --admin and --data.
func addSourceFlags(cmd *cobra.Command, s *resultsSource) {
	cmd.Flags().StringVar(&s.Admin, "admin", defaultAdmin, "admin address of a running sidecar; its token is read from "+adminTokenVariable)
	cmd.Flags().StringVar(&s.Data, "data", "", "data directory to read instead, when no sidecar runs on it")
	cmd.MarkFlagsMutuallyExclusive("admin", "data")
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
		if f.Since, err = parseSince(s.since, now); err != nil {
			return f, usagef("--since: %v", err)
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
