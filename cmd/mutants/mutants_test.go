package main

import (
	"bytes"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The table must not go stale while files move: every row still applies, and
// what comes out is Go.
func TestEveryRowApplies(t *testing.T) {
	root := filepath.Join("..", "..")
	seen := map[string]bool{}
	for _, m := range Table() {
		if key := m.File + m.Old + m.New; seen[key] {
			t.Errorf("%s: twice in the table: %s", m.File, m.Mistake)
		} else {
			seen[key] = true
		}
		if m.Mistake == "" {
			t.Errorf("%s: no words for %q", m.File, m.New)
		}
		if _, err := os.Stat(filepath.Join(root, m.Package())); err != nil {
			t.Errorf("%s: %s: no such package: %v", m.File, m.Mistake, err)
		}
		text, err := os.ReadFile(filepath.Join(root, m.File))
		if err != nil {
			t.Errorf("%s: %v", m.Mistake, err)
			continue
		}
		changed, err := m.Apply(text)
		if err != nil {
			t.Errorf("%s: %v", m.Mistake, err)
			continue
		}
		if bytes.Equal(text, changed) {
			t.Errorf("%s: %s: old and new are the same", m.File, m.Mistake)
		}
		if strings.HasSuffix(m.File, ".go") {
			if _, err := parser.ParseFile(token.NewFileSet(), m.File, changed, parser.SkipObjectResolution); err != nil {
				t.Errorf("%s: %v", m.Mistake, err)
			}
		}
	}
}

// A module of its own, with tests that hold one rule of two.
func TestRunner(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module sums\n\ngo 1.26\n",
		"sum.go": "package sums\n\nfunc Sum(a, b int) int {\n\tfor a > 1e9 {\n\t\ta--\n\t}\n\treturn a + b\n}\n\nfunc Half(a int) int { " +
			"return a / 2 }\n",
		"sum_test.go": "package sums\n\nimport \"testing\"\n\n" +
			"func TestSum(t *testing.T) {\n\tif Sum(2, 3) != 5 {\n\t\tt.Fatal(\"no\")\n\t}\n}\n\nfunc TestHalf(t *testing.T) { Half(4) }\n",
	} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rows := []struct {
		m    Mutant
		want Outcome
		by   string
	}{
		{Mutant{File: "sum.go", Old: "a + b", New: "a - b"}, Killed, "TestSum"},
		{Mutant{File: "sum.go", Old: "a + b", New: "a - b", Tests: "Half"}, Survived, ""},
		{Mutant{File: "sum.go", Old: "a / 2", New: "a / 3", Mistake: "a half is a third"}, Survived, ""},
		{Mutant{File: "sum.go", Old: "a > 1e9", New: "a != 0 || b != 0"}, TimedOut, "TestSum"},
		{Mutant{File: "sum.go", Old: "a / 2", New: "a / x"}, Invalid, "undefined: x"},
		{Mutant{File: "sum.go", Old: "int", New: "uint"}, Invalid, "4 times"},
		{Mutant{File: "sum.go", Old: "gone", New: "uint"}, Invalid, "0 times"},
	}
	var mutants []Mutant
	for _, row := range rows {
		mutants = append(mutants, row.m)
	}
	var out bytes.Buffer
	r := Runner{
		Root: root, Jobs: 2, Timeout: 2 * time.Second,
		Progress: func(int, int, string) {}, Done: func(r Result) { printResult(&out, r) },
	}
	results, err := r.Run(t.Context(), mutants)
	if err != nil {
		t.Fatal(err)
	}
	for i, got := range results {
		if want := rows[i]; got.Mutant != want.m || got.Outcome != want.want || !strings.Contains(got.By, want.by) {
			t.Errorf("%q for %q: %s by %q, want %s by %q", want.m.New, want.m.Old, got.Outcome, got.By, want.want, want.by)
		}
	}
	err = printSum(&out, results, time.Minute)
	for _, want := range []string{
		"7 mutants: 2 killed, 1 of them by the time limit, 2 survived, 3 invalid; 1m0s", "sum.go: a half is a third", "TestSum\n",
	} {
		if err == nil || !strings.Contains(out.String(), want) {
			t.Errorf("%v, and not %q:\n%s", err, want, &out)
		}
	}
	if text, _ := os.ReadFile(filepath.Join(root, "sum.go")); !strings.Contains(string(text), "return a + b") {
		t.Errorf("the working tree was changed: %s", text)
	}
	// Tests that fail anyway kill nothing.
	if err := os.WriteFile(filepath.Join(root, "bad_test.go"),
		[]byte("package sums\n\nimport \"testing\"\n\nfunc TestBad(t *testing.T) { t.Fail() }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Run(t.Context(), mutants[:1]); err == nil || !strings.Contains(err.Error(), "TestBad") {
		t.Errorf("with tests that fail anyway: %v", err)
	}
}

func TestArguments(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string // in the output, or in the error
	}{
		{[]string{"-list", "-only", "flags/bucket"}, "flags/bucket.go: the caller at the edge is in\n"},
		{[]string{"-only", "("}, "-only"},
		{[]string{"-jobs", "0"}, "-jobs"},
		{[]string{"-only", "no such mutant"}, "0 mutants"},
	} {
		var out, errOut bytes.Buffer
		err := run(t.Context(), c.args, &out, &errOut)
		if got := out.String() + fmt.Sprint(err); !strings.Contains(got, c.want) {
			t.Errorf("%v: %q, want %q in it", c.args, got, c.want)
		}
	}
}
