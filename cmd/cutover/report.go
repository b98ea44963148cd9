package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"cutover/compare"
	"cutover/internal/store"
)

// errNoPairs is the report's answer when there is nothing to report on.
var errNoPairs = errors.New("no pairs yet")

// newReportCommand is `cutover report`. getenv looks an environment variable up.
func newReportCommand(getenv func(string) string) *cobra.Command {
	var source resultsSource
	var scope resultsScope
	output := reportText
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
			source.read(getenv)
			report, err := source.Report(cmd.Context(), f, now)
			if err != nil {
				return err
			}
			if report.Requests == 0 && output != reportJSON {
				return scope.nothing()
			}
			return output.write(cmd.OutOrStdout(), &report)
		},
	}
	addSourceFlags(cmd, &source)
	scope.addFlags(cmd)
	cmd.Flags().Var(&output, "output", "`format`: text, json, markdown or html (one file that needs nothing else)")
	// The only error is that the flag does not exist.
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json", "markdown", "html"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// reportFormat is the value of the report's --output.
type reportFormat string

// The formats.
const (
	reportText     reportFormat = "text"
	reportJSON     reportFormat = "json"
	reportMarkdown reportFormat = "markdown"
	reportHTML     reportFormat = "html"
)

// String is the word.
func (f *reportFormat) String() string { return string(*f) }

// Type names the kind of value for --help.
func (f *reportFormat) Type() string { return "format" }

// Set takes one of the formats.
func (f *reportFormat) Set(s string) error {
	switch v := reportFormat(s); v {
	case reportText, reportJSON, reportMarkdown, reportHTML:
		*f = v
		return nil
	}
	return fmt.Errorf("found %s, expected text, json, markdown or html", quote(s))
}

// contentType is the format's media type.
func (f *reportFormat) contentType() string {
	switch *f {
	case reportJSON:
		return "application/json"
	case reportMarkdown:
		return "text/markdown; charset=utf-8"
	case reportHTML:
		return "text/html; charset=utf-8"
	}
	return "text/plain; charset=utf-8"
}

// write writes a report in the format.
func (f *reportFormat) write(w io.Writer, r *compare.Report) error {
	switch *f {
	case reportJSON:
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(r)
	case reportMarkdown:
		return r.WriteMarkdown(w)
	case reportHTML:
		return r.WriteHTML(w)
	}
	return r.WriteText(w)
}

// addSourceFlags adds --admin, --data, --redis and --namespace.
func addSourceFlags(cmd *cobra.Command, s *resultsSource) {
	cmd.Flags().StringVar(&s.Admin, "admin", defaultAdmin, "admin address of a running sidecar; its token is read from "+adminTokenVariable)
	cmd.Flags().StringVar(&s.Data, "data", "", "data directory to read instead, when no sidecar runs on it")
	cmd.Flags().StringVar(&s.Redis, "redis", "", "`URL` of the Redis to read instead, where a fleet stores its results")
	cmd.Flags().StringVar(&s.Namespace, "namespace", "", "which fleet in that Redis; default: $CUTOVER_NAMESPACE or default")
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
