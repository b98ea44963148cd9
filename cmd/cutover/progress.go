package main

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows how far a long command has come: a bar on a terminal, and
// nothing at all anywhere else (a pipe, a file, a log). Its methods are safe
// for concurrent use.
type progress struct {
	bar *progressbar.ProgressBar // nil: nothing is shown
}

// newProgress begins a bar on w, usually standard error, that is full after
// total steps; a total below 1 is unknown, and spins.
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

// isTerminal reports whether a person is looking at w.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// add records n more steps. The bar's errors are those of writing to the
// terminal: not worth ending anything for.
func (p *progress) add(n int64) {
	if p.bar != nil {
		_ = p.bar.Add64(n)
	}
}

// set records how many steps are done in all.
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

// end takes the bar away, so that what is printed next begins on a clean line.
func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
