package exchange

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"cutover/internal/doctable"
)

// TestReferenceClasses writes the list of error classes from the constants and
// their comments.
func TestReferenceClasses(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "exchange.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	rows := [][]string{{"class", "meaning"}}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || spec.Type == nil || len(spec.Values) != 1 {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); !ok || name.Name != "Class" {
			return true
		}
		literal, ok := spec.Values[0].(*ast.BasicLit)
		if !ok {
			return true
		}
		value, err := strconv.Unquote(literal.Value)
		if err != nil || value == "" {
			return true // success has no class
		}
		meaning := strings.TrimSpace(spec.Comment.Text())
		if meaning == "" {
			t.Errorf("%s has no comment that says what it means", spec.Names[0])
		}
		rows = append(rows, []string{"`" + value + "`", meaning})
		return true
	})
	if len(rows) < 20 {
		t.Fatalf("%d classes, want all", len(rows)-1)
	}
	doctable.Hold(t, "../docs/reference.md", "error classes", doctable.Table(rows...))
}
