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

// errReported ends the program without another message, because the command has
// already reported what failed. The exit code is 1, or that of an error joined to
// it.
var errReported = errors.New("failed")

// startedError marks an error that a command returned after it had started. Errors
// without this mark come from cobra's parsing of the command line.
type startedError struct {
	err error
}

func (e *startedError) Error() string { return e.err.Error() }
func (e *startedError) Unwrap() error { return e.err }

// markStarted wraps the commands of a tree so that their errors are marked.
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

// exitCode is the exit code for an error.
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

// report writes an error for a person, one line for each problem. For a usage error
// it adds where to find help.
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
