package exchange

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// exempt are files outside the dialects' own that may name a dialect or compare
// with the name of an endpoint, and why.
func exempt() map[string]string {
	return map[string]string{
		"exchange/dialect.go": "it is the table",
		"exchange/problem.go": "callers that can't be told apart get OpenAI's errors",
	}
}

// TestDialectsStandInTheirFiles: whatever is special to one dialect is in its
// file, dialect_<name>.go. No other file mentions a dialect's constant or
// compares anything with the name of an endpoint that has one. So a new dialect
// needs no search for switches. Tests and the mock providers, which share no
// code with what they test, are free to do so.
func TestDialectsStandInTheirFiles(t *testing.T) {
	t.Parallel()
	constants, endpoints := dialectNames(t)
	used := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		name := filepath.ToSlash(strings.TrimPrefix(path, ".."+string(filepath.Separator)))
		switch {
		case err != nil:
			return err
		case d.IsDir() && (name == "internal/mock" || path != ".." && strings.HasPrefix(d.Name(), ".")):
			return fs.SkipDir
		case d.IsDir(), filepath.Ext(name) != ".go", strings.HasSuffix(name, "_test.go"):
			return nil
		case strings.HasPrefix(name, "exchange/dialect_"):
			return nil
		}
		for _, found := range dialectMentions(t, path, strings.HasPrefix(name, "exchange/"), constants, endpoints) {
			if exempt()[name] == "" {
				t.Errorf("%s: %s belongs into a file of its dialect, behind a field of exchange.DialectSpec", name, found)
			}
			used[name] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range exempt() {
		if !used[name] {
			t.Errorf("%s needs no exemption any more", name)
		}
	}
}

// TestEveryDialectHasItsFile: the value of a dialect is made in dialect_*.go, by
// a function that no other dialect uses.
func TestEveryDialectHasItsFile(t *testing.T) {
	t.Parallel()
	files := map[string]bool{}
	for _, d := range Dialects() {
		at := sourceFile(d.Spec().readBody)
		if !strings.HasPrefix(at, "dialect_") {
			t.Errorf("%s: bodies are read in %s, not in a dialect's file", d.Spec().Name, at)
		}
		files[at] = true
	}
	want := "dialect_" + strings.ReplaceAll(OpenAIChat.Spec().Name, "-", "_") + ".go"
	if !files[want] {
		t.Errorf("bodies are read in %v, want %s among them", files, want)
	}
	for _, d := range Dialects() {
		name := "dialect_" + strings.ReplaceAll(d.Spec().Name, "-", "_") + ".go"
		if found, err := filepath.Glob(name); err != nil || len(found) != 1 {
			t.Errorf("%s has no file %s", d.Spec().Name, name)
		}
	}
}

// sourceFile is the name of the file that a function is written in.
func sourceFile(f any) string {
	pc := reflect.ValueOf(f).Pointer()
	file, _ := runtime.FuncForPC(pc).FileLine(pc)
	return filepath.Base(file)
}

// dialectNames returns the names of the dialects' constants, and of the
// endpoints whose bodies have a dialect.
func dialectNames(t *testing.T) (constants, endpoints []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "dialect.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		group, ok := n.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST || !isDialect(group.Specs[0]) {
			return true
		}
		for _, spec := range group.Specs[1:] { // the first is DialectNone
			if name := spec.(*ast.ValueSpec).Names[0]; name.IsExported() {
				constants = append(constants, name.Name)
			}
		}
		return true
	})
	if len(constants) != len(Dialects()) {
		t.Fatalf("the constants %v were found for %d dialects", constants, len(Dialects()))
	}
	for _, d := range Dialects() {
		for _, row := range d.Spec().endpoints {
			endpoints = append(endpoints, row.name())
		}
	}
	return constants, endpoints
}

func isDialect(spec ast.Spec) bool {
	value, ok := spec.(*ast.ValueSpec)
	if !ok {
		return false
	}
	kind, ok := value.Type.(*ast.Ident)
	return ok && kind.Name == "Dialect"
}

// dialectMentions finds what a file says of single dialects: their constants
// (in package exchange by the bare name), and comparisons with the names of
// their endpoints.
func dialectMentions(t *testing.T, path string, inside bool, constants, endpoints []string) (found []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	compared := func(list ...ast.Expr) {
		for _, e := range list {
			lit, ok := e.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				continue
			}
			if s, err := strconv.Unquote(lit.Value); err == nil && slices.Contains(endpoints, s) {
				found = append(found, "the endpoint "+lit.Value)
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if pkg, ok := n.X.(*ast.Ident); ok && pkg.Name == "exchange" && slices.Contains(constants, n.Sel.Name) {
				found = append(found, "exchange."+n.Sel.Name)
			}
		case *ast.Ident:
			if inside && slices.Contains(constants, n.Name) {
				found = append(found, n.Name)
			}
		case *ast.CaseClause:
			compared(n.List...)
		case *ast.BinaryExpr:
			if n.Op == token.EQL || n.Op == token.NEQ {
				compared(n.X, n.Y)
			}
		}
		return true
	})
	return found
}
