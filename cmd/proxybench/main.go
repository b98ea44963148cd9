// Command proxybench measures what cutover costs, compared with a plain Go reverse
// proxy, a bare Go mirror and nginx, in one run, on one machine, over loopback.
//
// It builds cutover, starts it and everything that it is compared with as separate
// processes, loads them in turn and prints tables with figures and goals.
// docs/benchmarks.md explains how to read them.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the next one has its default effect, and the children end
	// with this process.
	context.AfterFunc(ctx, stop)
	if name := os.Getenv(roleVariable); name != "" {
		os.Exit(exitCode(os.Stderr, runRole(ctx, name)))
	}
	os.Exit(exitCode(os.Stderr, run(ctx, os.Args[1:], os.Stdout, os.Stderr)))
}

// usageError is an invalid command line.
type usageError struct{ error }

// errMissed means that a goal was missed with -strict.
var errMissed = errors.New("a goal was missed")

// errStopped means that a signal stopped the run.
var errStopped = errors.New("stopped by a signal; all child processes have ended")

// run is the program; tests call it too.
func run(ctx context.Context, args []string, out, progress io.Writer) error {
	opt, err := parseOptions(args, progress)
	if err != nil {
		return err
	}
	report, err := measure(ctx, opt, progress)
	if ctx.Err() != nil {
		err = errStopped // the failure is a consequence of that
	}
	if report != nil {
		if perr := report.print(out, opt.output); perr != nil {
			return errors.Join(err, perr)
		}
	}
	if err != nil {
		return err
	}
	if opt.strict && report.missed() {
		return errMissed
	}
	return nil
}

// exitCode prints err and returns the exit code: 0 done, 1 failed, 2 wrong usage.
func exitCode(w io.Writer, err error) int {
	var usage usageError
	switch {
	case err == nil, errors.Is(err, errHelp):
		return 0
	case errors.As(err, &usage):
		fmt.Fprintln(w, "proxybench:", err)
		return 2
	}
	fmt.Fprintln(w, "proxybench:", err)
	return 1
}
