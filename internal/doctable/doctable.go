// Package doctable keeps the tables of the documentation true: a test writes them
// from the code, and fails while a page holds an older one.
package doctable

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables of the documentation anew")

// Hold compares the part of a page between "<!-- NAME: begin -->" and
// "<!-- NAME: end -->" with what the code says; with -update it writes it.
func Hold(t *testing.T, page, name, want string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- "+name+": begin -->\n", "<!-- "+name+": end -->"
	head, rest, found := strings.Cut(string(text), begin)
	old, tail, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no place for %s: put it between %q and %q", page, name, begin, end)
	}
	if old == want {
		return
	}
	if !*update {
		t.Fatalf("the part %s of %s is stale: run this test with -update", name, page)
	}
	if err := os.WriteFile(page, []byte(head+begin+want+end+tail), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Table is a Markdown table; the first row is its head. Cells must not hold "|"
// unescaped: it is escaped here.
func Table(rows ...[]string) string {
	var b strings.Builder
	b.WriteByte('\n')
	for i, row := range rows {
		for _, cell := range row {
			b.WriteString("| " + strings.ReplaceAll(cell, "|", `\|`) + " ")
		}
		b.WriteString("|\n")
		if i == 0 {
			b.WriteString(strings.Repeat("|---", len(row)) + "|\n")
		}
	}
	b.WriteByte('\n')
	return b.String()
}

// HoldFile compares a whole file with what the code says; with -update it writes it.
func HoldFile(t *testing.T, file string, want []byte) {
	t.Helper()
	old, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if bytes.Equal(old, want) {
		return
	}
	if !*update {
		t.Fatalf("%s is stale: run this test with -update", file)
	}
	if err := os.WriteFile(file, want, 0o644); err != nil {
		t.Fatal(err)
	}
}
