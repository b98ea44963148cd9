package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"cutover/compare"
)

// newDiffCommand is `cutover diff`: single pairs to look at.
func newDiffCommand(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "diff",
		Short: "Look at single pairs: both answers side by side",
		Long: "Shows samples of compared pairs. The sidecar keeps the worst, the newest and a fair\n" +
			"share of all, with what its capture setting lets it keep.",
		Example: "  cutover diff list --severity major\n" +
			"  cutover diff show 01JQXYZ\n" +
			"  cutover diff show 01JQXYZ --html > pair.html",
	}
	cmd.AddCommand(newDiffListCommand(getenv), newDiffShowCommand(getenv))
	return cmd
}

func newDiffListCommand(getenv func(string) string) *cobra.Command {
	var source resultsSource
	var scope resultsScope
	var code, severity string
	var limit int
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the pairs of which a sample is kept, newest last",
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
				return usagef("--severity: %v", err)
			}
		}
		if limit < 0 {
			return usagef("--limit %d: use 0 for all, or how many", limit)
		}
		f.Code, f.Limit = code, limit
		source.read(getenv)
		results, err := source.SampleResults(cmd.Context(), f)
		if err != nil {
			return err
		}
		if len(results) == 0 && *output == outputText {
			return fmt.Errorf("no sample matches: see `cutover report` for what was compared at all")
		}
		if results == nil {
			results = []compare.Result{}
		}
		return output.write(cmd.OutOrStdout(), resultList{Results: results}, func(w io.Writer) error {
			return page(cmd.Context(), w, getenv, func(w io.Writer, _ bool) error { return writeSampleList(w, results) })
		})
	}
	addSourceFlags(cmd, &source)
	scope.addFlags(cmd)
	cmd.Flags().StringVar(&code, "code", "", "only pairs with this finding, like tools.json")
	cmd.Flags().StringVar(&severity, "severity", "", "only pairs with a finding of at least this severity: info, minor, major, critical")
	cmd.Flags().IntVar(&limit, "limit", 50, "the newest so many; 0 for all")
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
		alike := "–"
		if r.Checked {
			alike = fmt.Sprintf("%.3f", r.Similarity)
		}
		var codes []string
		for _, f := range r.Findings {
			codes = append(codes, f.Code+of(f.Arm))
		}
		if _, err := fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\n", r.ID, r.At.UTC().Format(time.DateTime), r.Endpoint, r.Model, alike, strings.Join(codes, " ")); err != nil {
			return err
		}
	}
	return tw.Flush()
}

// of marks the findings that are the primary's.
func of(arm string) string {
	if arm == "primary" {
		return "(primary)"
	}
	return ""
}

func newDiffShowCommand(getenv func(string) string) *cobra.Command {
	var source resultsSource
	var html bool
	cmd := &cobra.Command{
		Use:     "show ID",
		Short:   "Show one pair: request, both answers side by side, times and findings",
		Example: "  cutover diff show 01JQXYZ\n  cutover diff show 01JQXYZ --html > pair.html",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("name one pair by its id: see `cutover diff list`")
			}
			if strings.ContainsAny(args[0], "/\\?#%") || strings.Trim(args[0], ".") == "" {
				return usagef("%s is no pair's id: see `cutover diff list`", quote(args[0]))
			}
			return nil
		},
	}
	output := addOutputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		source.read(getenv)
		sample, err := source.Sample(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if html {
			return sample.WriteHTML(cmd.OutOrStdout())
		}
		if *output == outputJSON {
			e := json.NewEncoder(cmd.OutOrStdout())
			e.SetIndent("", "  ")
			e.SetEscapeHTML(true) // what was said may be markup
			return e.Encode(sample)
		}
		return page(cmd.Context(), cmd.OutOrStdout(), getenv, func(w io.Writer, colour bool) error {
			return sample.WriteText(w, compare.TextStyle{Width: widthOf(cmd.OutOrStdout()), Colour: colour && getenv("NO_COLOR") == ""})
		})
	}
	addSourceFlags(cmd, &source)
	cmd.Flags().BoolVar(&html, "html", false, "write one page of HTML that needs nothing else")
	cmd.MarkFlagsMutuallyExclusive("html", "output")
	return cmd
}

// widthOf is the width of the terminal behind w; 0 when it is none.
func widthOf(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			return width
		}
	}
	return 0
}

// page shows what write writes page by page when a person is looking at w, and
// writes it plainly otherwise. The pager is the one of $PAGER, else less.
func page(ctx context.Context, w io.Writer, getenv func(string) string, write func(w io.Writer, colour bool) error) error {
	if !isTerminal(w) {
		return write(w, false)
	}
	words := strings.Fields(getenv("PAGER"))
	if len(words) == 0 {
		words = []string{"less", "-FRX"}
	}
	path, err := exec.LookPath(words[0])
	if err != nil {
		return write(w, true)
	}
	pager := exec.CommandContext(ctx, path, words[1:]...)
	pager.Stdout, pager.Stderr = w, os.Stderr
	in, err := pager.StdinPipe()
	if err != nil {
		return write(w, true)
	}
	if err := pager.Start(); err != nil {
		return write(w, true)
	}
	// Whoever leaves the pager early breaks the pipe: that is no failure.
	_ = write(in, true)
	_ = in.Close()
	if err := pager.Wait(); err != nil {
		return fmt.Errorf("pager %s: %w", words[0], err)
	}
	return nil
}
