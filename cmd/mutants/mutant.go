package main

import (
	"bytes"
	"fmt"
	"path"
)

// Mutant is one mistake that the tests must notice.
type Mutant struct {
	File    string // from the module's root, with slashes
	Old     string // the text to change; it occurs exactly once in File
	New     string // what stands there by mistake
	Mistake string // the mistake in words
	In      string // the package whose tests must notice, "./compare"; "" is File's own
	Tests   string // which of its tests (go test -run), where all of them take long; "" is all
}

// Package is the package whose tests must notice.
func (m Mutant) Package() string {
	if m.In != "" {
		return m.In
	}
	return "./" + path.Dir(m.File)
}

// Apply makes the mistake in the file's text.
func (m Mutant) Apply(text []byte) ([]byte, error) {
	if n := bytes.Count(text, []byte(m.Old)); n != 1 {
		return nil, fmt.Errorf("%s: the old text occurs %d times, want once: %s", m.File, n, m.Old)
	}
	return bytes.Replace(text, []byte(m.Old), []byte(m.New), 1), nil
}
