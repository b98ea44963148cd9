package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"cutover/internal/config"
	"cutover/internal/usage"
)

// The exit codes of every command.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2 // wrong usage or configuration
)

// exitCodes says what each exit code means.
func exitCodes() map[int]string {
	return map[int]string{
		exitDone:   "done",
		exitFailed: "failed, or `doctor` found something wrong: the message says what",
		exitUsage:  "the command line or the configuration is wrong; nothing was done",
	}
}

// errReported ends the program without a further message: the command has said
// already what failed. The exit code is 1, or that of an error joined to it.
var errReported = errors.New("failed")

// startedError marks an error that a command returned after it had started.
// Whatever comes without this mark was found by cobra while it read the
// command line.
type startedError struct {
	err error
}

func (e *startedError) Error() string { return e.err.Error() }
func (e *startedError) Unwrap() error { return e.err }

// markStarted wraps the commands of a tree so that their errors bear the mark.
func markStarted(cmd *cobra.Command) {
	if body := cmd.RunE; body != nil {
		cmd.RunE = func(c *cobra.Command, args []string) error {
			if err := body(c, args); err != nil {
				return &startedError{err}
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		markStarted(sub)
	}
}

// exitCode tells what an error means for the caller of the program.
func exitCode(err error) int {
	var (
		started *startedError
		misuse  *usage.Error
		wrong   *config.Error
	)
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &misuse), errors.As(err, &wrong), !errors.As(err, &started):
		return exitUsage
	}
	return exitFailed
}

// report writes an error for a person: one line for each thing that is wrong,
// and for a mistake on the command line where help is found.
func report(w io.Writer, cmd *cobra.Command, err error) {
	if errors.Is(err, errReported) {
		return
	}
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); line != "" {
			_, _ = fmt.Fprintf(w, "cutover: %s\n", line)
		}
	}
	var (
		started *startedError
		misuse  *usage.Error
	)
	if errors.As(err, &misuse) || !errors.As(err, &started) {
		_, _ = fmt.Fprintf(w, "Run '%s --help' for usage.\n", cmd.CommandPath())
	}
}
