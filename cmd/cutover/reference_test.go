package main

import (
	"strconv"
	"testing"

	"cutover/internal/doctable"
)

// TestReferenceExitCodes writes the list of exit codes.
func TestReferenceExitCodes(t *testing.T) {
	rows := [][]string{{"code", "meaning"}}
	for code := range len(exitCodes()) {
		meaning, ok := exitCodes()[code]
		if !ok {
			t.Errorf("exit codes have a gap at %d", code)
		}
		rows = append(rows, []string{strconv.Itoa(code), meaning})
	}
	doctable.Hold(t, "../../docs/reference.md", "exit codes", doctable.Table(rows...))
}
