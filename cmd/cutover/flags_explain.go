package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"cutover/flags"
	"cutover/internal/target"
	"cutover/internal/usage"
)

func newFlagsExplainCommand(where *target.Target) *cobra.Command {
	var a flags.Attributes
	cmd := &cobra.Command{
		Use:   "explain",
		Short: "Show which provider would serve a caller, and why",
		Example: `  cutover flags explain --key user-1 --model gpt-4o
  cutover flags explain --key user-1 --endpoint messages --tenant acme --output json`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&a.TargetingKey, "key", "", "the caller's targeting key (X-Cutover-Key, user, ...)")
	cmd.Flags().StringVar(&a.Model, "model", "", "the model that the caller asks for")
	cmd.Flags().StringVar(&a.Endpoint, "endpoint", "chat/completions", "the endpoint")
	cmd.Flags().StringVar(&a.Tenant, "tenant", "", "the tenant")
	cmd.Flags().BoolVar(&a.Stream, "stream", false, "the caller asks for a stream")
	output := addOutputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if a.TargetingKey == "" {
			return usage.Errorf("--key is missing: give the targeting key of a caller")
		}
		return where.WithFlags(func(p target.Flags) error {
			e, err := p.Explain(cmd.Context(), a)
			if err != nil {
				return err
			}
			return output.write(cmd.OutOrStdout(), e, func(w io.Writer) error { return writeExplanation(w, e) })
		})
	}
	return cmd
}

func writeExplanation(w io.Writer, e flags.Explanation) error {
	d := e.Decision
	parts := []string{"the " + e.Serves + " serves"}
	other := "relay"
	if d.ServeRelay {
		other = "primary"
		if d.Fallback {
			parts = append(parts, "if it fails, the primary serves instead")
		}
	}
	if d.Shadow {
		parts = append(parts, "a shadow request goes to the "+other)
	}
	if d.Noise {
		parts = append(parts, "the primary gets the request twice")
	}
	if !d.RelayEnabled {
		parts = append(parts, "nothing goes to the relay")
	}
	if e.State.Halted != nil {
		parts = append(parts, "this sidecar's relay is halted")
	}
	if _, err := fmt.Fprintf(w, "caller %s: %s (version %d)\n\n", e.KeyHash, strings.Join(parts, "; "), d.Version); err != nil {
		return err
	}
	rows := [][]string{{"FLAG", "VALUE", "REASON", "SOURCE", ""}}
	for _, s := range e.Steps {
		rows = append(rows, []string{s.Key, oneLine(fmt.Sprint(s.Value)), s.Reason.String(), s.Source.String(), stepNote(s)})
	}
	if err := table(w, rows); err != nil {
		return err
	}
	if e.State.Status == flags.Stale {
		_, err := fmt.Fprintf(w, "\nSTALE: %s\n", e.State.Reason)
		return err
	}
	return nil
}

// stepNote says where the caller's bucket is.
func stepNote(s flags.ExplainStep) string {
	switch {
	case s.Error != "":
		return "the rule failed: " + oneLine(s.Error)
	case s.In == nil && s.Variant != "":
		return "variant " + oneLine(s.Variant)
	case s.In == nil:
		return ""
	case *s.In:
		return fmt.Sprintf("in: the caller's bucket is %.3f, below %v", *s.Bucket, *s.Share)
	}
	return fmt.Sprintf("out: the caller's bucket is %.3f", *s.Bucket)
}
