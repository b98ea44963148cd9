package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Outcome is what became of a mutant.
type Outcome string

// The outcomes.
const (
	Killed   Outcome = "killed"
	TimedOut Outcome = "timed out" // killed, since the tests did not end
	Survived Outcome = "SURVIVED"
	Invalid  Outcome = "INVALID" // the row is stale or does not compile
)

// Result is a mutant with what became of it.
type Result struct {
	Mutant  Mutant
	Outcome Outcome
	By      string // the first test that failed, or why the row is invalid
	Took    time.Duration
}

// Runner tries mutants.
type Runner struct {
	Root    string        // the module's directory
	Jobs    int           // how many at once
	Timeout time.Duration // for the tests of one mutant
	// Progress is told what is tried next, and "" at the end; Done what came of
	// each mutant, in the order of their ends. Neither is called twice at once.
	Progress func(done, all int, what string)
	Done     func(Result)
}

// Run first runs the tests on the code as it is, since tests that fail anyway
// would kill every mutant. The error says that they do; results are in the
// mutants' order.
func (r Runner) Run(ctx context.Context, mutants []Mutant) ([]Result, error) {
	root, err := filepath.Abs(r.Root)
	if err != nil {
		return nil, err
	}
	r.Root = root
	defer r.Progress(0, 0, "")
	if err := r.baseline(ctx, mutants); err != nil {
		return nil, err
	}
	results := make([]Result, len(mutants))
	next := make(chan int)
	var workers sync.WaitGroup
	var telling sync.Mutex
	for range r.Jobs {
		workers.Go(func() {
			for i := range next {
				telling.Lock()
				r.Progress(i, len(mutants), mutants[i].File+": "+mutants[i].Mistake)
				telling.Unlock()
				results[i] = r.try(ctx, mutants[i])
				if ctx.Err() != nil {
					continue // interrupted: the outcome means nothing
				}
				telling.Lock()
				r.Done(results[i])
				telling.Unlock()
			}
		})
	}
	for i := range mutants {
		next <- i
	}
	close(next)
	workers.Wait()
	return results, ctx.Err()
}

// baseline runs each set of tests once without a mistake.
func (r Runner) baseline(ctx context.Context, mutants []Mutant) error {
	var seen []string
	for i, m := range mutants {
		key := m.Package() + " " + m.Tests
		if slices.Contains(seen, key) {
			continue
		}
		seen = append(seen, key)
		r.Progress(i, len(mutants), "unchanged: "+key)
		if got := r.test(ctx, m, ""); got.Outcome != Survived {
			return fmt.Errorf("the tests of %s fail without any mistake: %s %s", m.Package(), got.Outcome, got.By)
		}
	}
	return ctx.Err()
}

// try runs the tests with the mutant's mistake in the code.
func (r Runner) try(ctx context.Context, m Mutant) Result {
	overlay, remove, err := r.overlay(m)
	if err != nil {
		return Result{Mutant: m, Outcome: Invalid, By: err.Error()}
	}
	defer remove()
	return r.test(ctx, m, overlay)
}

// overlay writes the changed file and the description by which go build takes
// it for the real one.
func (r Runner) overlay(m Mutant) (path string, remove func(), err error) {
	original := filepath.Join(r.Root, filepath.FromSlash(m.File))
	text, err := os.ReadFile(original)
	if err != nil {
		return "", nil, err
	}
	changed, err := m.Apply(text)
	if err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return "", nil, err
	}
	file := filepath.Join(dir, filepath.Base(m.File))
	path = filepath.Join(dir, "overlay.json")
	description, err := json.Marshal(map[string]any{"Replace": map[string]string{original: file}})
	err = errors.Join(err, os.WriteFile(file, changed, 0o600), os.WriteFile(path, description, 0o600))
	return path, func() { _ = os.RemoveAll(dir) }, err
}

// test runs the mutant's tests until the first failure.
func (r Runner) test(ctx context.Context, m Mutant, overlay string) Result {
	args := []string{"test", "-json", "-failfast", "-vet=off", "-timeout", r.Timeout.String()}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	if m.Tests != "" {
		args = append(args, "-run", m.Tests)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, m.Package())...)
	cmd.Dir = r.Root
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	begun := time.Now()
	err := cmd.Run()
	result := Result{Mutant: m, Outcome: Survived, Took: time.Since(begun)}
	if err != nil {
		result.Outcome, result.By = failure(out.Bytes())
	}
	return result
}

// failure reads from go test's events why it failed.
func failure(events []byte) (Outcome, string) {
	var test, running, output string
	outcome := Killed
	for line := range bytes.Lines(events) {
		var e struct{ Action, Test, Output string }
		if json.Unmarshal(line, &e) != nil {
			output += string(line)
			continue
		}
		// Of these the second is go's own, of a test that does not even panic in time.
		if strings.Contains(e.Output, "panic: test timed out") || strings.Contains(e.Output, "Test killed with quit: ran too long") {
			outcome = TimedOut
		}
		switch e.Action {
		case "run", "cont":
			running = e.Test
		case "build-output", "output":
			output += e.Output
		case "build-fail":
			outcome = Invalid
		case "fail":
			if test == "" {
				test = e.Test
			}
		}
	}
	if outcome == Invalid || test == "" && outcome == Killed {
		words := strings.Join(strings.Fields(output), " ")
		return Invalid, words[max(0, len(words)-400):]
	}
	return outcome, cmp.Or(test, running)
}
