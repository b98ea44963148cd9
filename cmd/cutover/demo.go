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

// newDemoCommand is `cutover demo`: the whole product in one process.
func newDemoCommand(con console) *cobra.Command {
	var o demo.Options
	var log bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Try it: two mock providers, a sidecar and simulated callers in one process",
		Long: `demo starts two mock providers, a sidecar and simulated callers, all in this
process and on free ports. The first provider serves every request, and each
request is mirrored to the second. At the end demo prints how the two compare.
It needs no keys, Redis or files, and leaves nothing behind.`,
		Example: `  cutover demo
  cutover demo --for 1m --callers 40

  # keep running afterwards, to look around and send requests by hand
  cutover demo --stay`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().DurationVar(&o.Length, "for", 20*time.Second, "how long to send traffic")
	cmd.Flags().BoolVar(&o.Stay, "stay", false, "keep running after the traffic, until Ctrl-C")
	cmd.Flags().IntVar(&o.Callers, "callers", 16, "number of concurrent callers")
	cmd.Flags().BoolVar(&log, "log", false, "write the sidecar's log to standard error")
	format := addOutputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		switch {
		case o.Length <= 0:
			return usage.Errorf("--for %s: use a duration above 0, such as 20s", o.Length)
		case o.Callers < 1 || o.Callers > 1000:
			return usage.Errorf("--callers %d: use a number from 1 to 1000", o.Callers)
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

// runDemo runs the demo and shows its progress and outcome.
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

const demoPicture = `cutover demo: everything shown here runs in this process

  callers ─> sidecar %s/v1 ─> primary %s   serves every request
                       └─ mirror ─> relay   %s   gets a shadow request; the responses are compared

`
