package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows the progress of a long command: a bar on a terminal, and nothing
// elsewhere (a pipe, a file, a log). Its methods are safe for concurrent use.
type progress struct {
	bar *progressbar.ProgressBar // nil: nothing is shown
}

// newProgress starts a bar on w, usually standard error, that is full after total
// steps. A total below 1 means unknown, and shows a spinner.
func newProgress(w io.Writer, total int64, label string) *progress {
	if !isTerminal(w) {
		return &progress{}
	}
	return &progress{bar: newBar(w, total, label)}
}

func newBar(w io.Writer, total int64, label string) *progressbar.ProgressBar {
	if total < 1 {
		total = -1
	}
	return progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription(label),
		progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(total > 0),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionFullWidth(),
		progressbar.OptionClearOnFinish(),
	)
}

// isTerminal reports whether w is a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// add records n more steps. Errors of the bar are errors of writing to the terminal,
// and are ignored.
func (p *progress) add(n int64) {
	if p.bar != nil {
		_ = p.bar.Add64(n)
	}
}

// set records how many steps are done in total.
func (p *progress) set(n int64) {
	if p.bar != nil {
		_ = p.bar.Set64(n)
	}
}

// describe changes the text before the bar.
func (p *progress) describe(label string) {
	if p.bar != nil {
		p.bar.Describe(label)
	}
}

// end removes the bar, so that later output starts on a clean line.
func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}

// widthOf is the width of the terminal that w is; 0 if w is not a terminal.
func widthOf(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			return width
		}
	}
	return 0
}

// page shows the output of write in a pager if w is a terminal, and writes it to w
// otherwise. The pager is $PAGER, or less.
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
	// Quitting the pager early breaks the pipe, which is not an error.
	_ = write(in, true)
	_ = in.Close()
	if err := pager.Wait(); err != nil {
		return fmt.Errorf("pager %s: %w", words[0], err)
	}
	return nil
}
