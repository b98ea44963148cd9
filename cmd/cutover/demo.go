package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"cutover/internal/config"
	"cutover/internal/demo"
	"cutover/internal/usage"
)

// newDemoCommand shows the whole product in one process.
func newDemoCommand(con console) *cobra.Command {
	var o demo.Options
	var log bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See it work: two rehearsal providers, a sidecar and traffic, in one process",
		Long: `demo starts two rehearsal providers and a sidecar between them and some callers,
all in this process and on free ports of this machine. Every request is served
by the first provider and mirrored to the second; at the end it prints how the
two compare. Nothing needs to be there beforehand, and nothing is left behind.`,
		Example: `  cutover demo
  cutover demo --for 1m --callers 40

  # stay up afterwards, to look around and to send requests by hand
  cutover demo --stay`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().DurationVar(&o.Length, "for", 20*time.Second, "how long to send traffic")
	cmd.Flags().BoolVar(&o.Stay, "stay", false, "stay up after the traffic, until Ctrl-C")
	cmd.Flags().IntVar(&o.Callers, "callers", 16, "callers at the same time")
	cmd.Flags().BoolVar(&log, "log", false, "write the sidecar's log to standard error")
	format := addOutputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		switch {
		case o.Length <= 0:
			return usage.Errorf("--for %s: give a time above 0, such as 20s", o.Length)
		case o.Callers < 1 || o.Callers > 1000:
			return usage.Errorf("--callers %d: give a number from 1 to 1000", o.Callers)
		}
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		if log {
			var err error
			if o.Log, err = newLogger(con.Err, config.LogConfig{Level: "info", Format: "auto"}); err != nil {
				return err
			}
		}
		return runDemo(ctx, con, o, format)
	}
	return cmd
}

// runDemo shows what happens on the terminal.
func runDemo(ctx context.Context, con console, o demo.Options, format *outputFormat) error {
	var bar *progress
	o.Started = func(at demo.Addresses) {
		if *format == outputText {
			_, _ = fmt.Fprintf(con.Out, demoPicture, at.Sidecar, at.Primary, at.Relay)
		}
		bar = newProgress(con.Err, o.Length.Milliseconds(), "sending requests")
	}
	o.Progress = func(ms int64) { bar.set(ms) }
	o.Done = func(outcome *demo.Outcome) error {
		bar.end()
		return format.write(con.Out, outcome, func(w io.Writer) error { return outcome.WriteText(w, o.Stay) })
	}
	return demo.Run(ctx, o)
}

const demoPicture = `cutover demo: everything below runs in this process

  callers ─> sidecar %s/v1 ─> primary %s   serves every request
                       └─ mirror ─> relay   %s   gets a shadow request; the responses are compared

`
