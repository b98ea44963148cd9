package compare

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cutover/internal/doctable"
)

// stringsIn returns the string literals of a file that pick accepts.
func stringsIn(t *testing.T, file string, pick func(n ast.Node) []ast.Expr) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	ast.Inspect(parsed, func(n ast.Node) bool {
		for _, e := range pick(n) {
			if literal, ok := e.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				value, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				found = append(found, value)
			}
		}
		return true
	})
	return found
}

// TestReferenceCodes writes the list of finding codes: those that have a constant,
// one for each error class, and one for each fault of form.
func TestReferenceCodes(t *testing.T) {
	codes := stringsIn(t, "codes.go", func(n ast.Node) []ast.Expr {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "Code") {
			return spec.Values
		}
		return nil
	})
	for _, class := range stringsIn(t, "../exchange/exchange.go", func(n ast.Node) []ast.Expr {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "Class") {
			return spec.Values
		}
		return nil
	}) {
		// An aborted or unsent call is no finding about a provider.
		if class != "" && class != "aborted" && class != "not_sent" {
			codes = append(codes, codeOutcome+class)
		}
	}
	for _, fault := range stringsIn(t, "descriptions.go", func(n ast.Node) []ast.Expr {
		if f, ok := n.(*ast.FuncDecl); ok && f.Name.Name == "describeFault" {
			var cases []ast.Expr
			ast.Inspect(f, func(n ast.Node) bool {
				if c, ok := n.(*ast.CaseClause); ok {
					cases = append(cases, c.List...)
				}
				return true
			})
			return cases
		}
		return nil
	}) {
		codes = append(codes, codeConformance+fault)
	}
	slices.Sort(codes)
	codes = slices.Compact(codes)
	rows := [][]string{{"code", "severity", "meaning"}}
	for _, code := range codes {
		d := describe(code)
		if d.sentence == (describeContents("")).sentence {
			t.Errorf("%s has no sentence of its own", code)
		}
		rows = append(rows, []string{"`" + code + "`", d.severity.String(), d.sentence})
	}
	if len(rows) < 50 {
		t.Fatalf("%d codes, want all", len(rows)-1)
	}
	doctable.Hold(t, "../docs/reference.md", "finding codes", doctable.Table(rows...))
}
