package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"cutover/flags"
	"cutover/internal/target"
)

func newFlagsWatchCommand(where *target.Target) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "watch",
		Short:   "Print changes as they happen",
		Example: "  cutover flags watch\n  cutover flags watch --output json | jq .key",
		Args:    cobra.NoArgs,
	}
	output := addOutputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
		defer stop()
		begun := false
		err := where.WithFlags(func(p target.Flags) error {
			return p.Watch(ctx, func(e *flags.Entry) error {
				switch {
				case e == nil && !begun:
					begun = true
					_, _ = fmt.Fprintln(cmd.ErrOrStderr(), "watching for changes; stop with Ctrl-C")
					return nil
				case e == nil:
					return nil
				case *output == outputJSON:
					return json.NewEncoder(cmd.OutOrStdout()).Encode(e)
				}
				_, err := fmt.Fprintln(cmd.OutOrStdout(), flipLine(*e))
				return err
			})
		})
		if errors.Is(err, context.Canceled) {
			return nil // stopped by a signal
		}
		return err
	}
	return cmd
}

// flipLine is one change as watch prints it.
func flipLine(e flags.Entry) string {
	line := fmt.Sprintf("%s  %s: %s  by %s", e.At.Local().Format(time.DateTime), e.Key, change(e), oneLine(e.Who))
	if e.Why != "" {
		line += ": " + oneLine(e.Why)
	}
	return fmt.Sprintf("%s  (version %d)", line, e.Version)
}
