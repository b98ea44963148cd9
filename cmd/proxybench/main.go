// Command proxybench measures what cutover costs: beside a plain Go reverse
// proxy, a bare Go mirror and nginx, in one run, on one machine, on loopback.
//
// It builds cutover, starts it and everything that it is compared with as
// processes of their own, loads them in turns and prints a table with the
// goals beside the figures. docs/benchmarks.md says how to read it.
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
	// After the first signal the next one has its usual effect; the children
	// end with this process then.
	context.AfterFunc(ctx, stop)
	if name := os.Getenv(roleVariable); name != "" {
		os.Exit(exitCode(os.Stderr, runRole(ctx, name)))
	}
	os.Exit(exitCode(os.Stderr, run(ctx, os.Args[1:], os.Stdout, os.Stderr)))
}

// usageError is a command line that can't be obeyed.
type usageError struct{ error }

// errMissed is a goal that was missed while -strict was given.
var errMissed = errors.New("a goal was missed")

// errStopped is a run that a signal has ended.
var errStopped = errors.New("stopped by a signal; everything that was started has ended")

// run is the program without its process.
func run(ctx context.Context, args []string, out, progress io.Writer) error {
	opt, err := parseOptions(args, progress)
	if err != nil {
		return err
	}
	report, err := measure(ctx, opt, progress)
	if ctx.Err() != nil {
		err = errStopped // whatever failed, failed because of that
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

// exitCode reports err and says how the process ends: 0 done, 1 failed, 2
// wrong usage.
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
