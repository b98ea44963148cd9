// Command mutants tests the tests: it makes one small mistake at a time in the
// code that weighs evidence, spends money and decides who is served by whom,
// and expects the tests to notice. A mistake that no test notices (a mutant that
// survives) is a rule that nothing holds. The working tree is never touched: go
// test reads the changed file through an overlay.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"time"

	"golang.org/x/term"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// run is the command; its error says why the exit code is 1.
func run(ctx context.Context, args []string, out, errOut io.Writer) error {
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	flags.SetOutput(errOut)
	only := flags.String("only", "", "only the mutants of which this regular expression matches the file or the description")
	list := flags.Bool("list", false, "list the mutants, run nothing")
	jobs := flags.Int("jobs", 1, "how many to run at once")
	timeout := flags.Duration("timeout", 3*time.Minute, "how long the tests of one may take")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *jobs < 1 {
		return fmt.Errorf("-jobs %d: give 1 or more", *jobs)
	}
	wanted, err := regexp.Compile(*only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	var mutants []Mutant
	for _, m := range Table() {
		if wanted.MatchString(m.File) || wanted.MatchString(m.Mistake) {
			mutants = append(mutants, m)
		}
	}
	if *list {
		for _, m := range mutants {
			fmt.Fprintf(out, "%s: %s\n", m.File, m.Mistake)
		}
		return nil
	}
	progress := terminalProgress(errOut)
	r := Runner{Root: ".", Jobs: *jobs, Timeout: *timeout, Progress: progress, Done: func(r Result) {
		progress(0, 0, "") // a line of the table takes its place
		printResult(out, r)
	}}
	begun := time.Now()
	results, err := r.Run(ctx, mutants)
	if err != nil {
		return err
	}
	return printSum(out, results, time.Since(begun))
}

// terminalProgress shows what is being tried on a terminal, and nothing
// anywhere else.
func terminalProgress(w io.Writer) func(done, all int, what string) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return func(int, int, string) {}
	}
	return func(done, all int, what string) {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil && len(what) > columns-14 {
			what = what[:max(0, columns-14)]
		}
		fmt.Fprintf(w, "\r\x1b[K")
		if what != "" {
			fmt.Fprintf(w, "%d of %d  %s", done, all, what)
		}
	}
}

// printResult prints a mutant's line of the table.
func printResult(out io.Writer, r Result) {
	fmt.Fprintf(out, "%-9s %5.1fs  %s: %s\n", r.Outcome, r.Took.Seconds(), r.Mutant.File, r.Mutant.Mistake)
	if r.By != "" {
		fmt.Fprintf(out, "%18s%s\n", "", r.By)
	}
}

// printSum prints what came of all. It is an error when one survived or could
// not be tried.
func printSum(out io.Writer, results []Result, took time.Duration) error {
	count := map[Outcome]int{}
	for _, r := range results {
		count[r.Outcome]++
	}
	fmt.Fprintf(out, "\n%d mutants: %d killed, %d of them by the time limit, %d survived, %d invalid; %s\n", len(results),
		count[Killed]+count[TimedOut], count[TimedOut], count[Survived], count[Invalid], took.Round(time.Second))
	if bad := count[Survived] + count[Invalid]; bad > 0 {
		return fmt.Errorf("%d of %d mutants survived or are invalid", bad, len(results))
	}
	return nil
}
