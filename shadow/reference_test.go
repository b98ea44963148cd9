package shadow

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cutover/compare"
	"cutover/exchange"
	"cutover/internal/doctable"
)

// TestReferenceOutcomes writes the list of outcomes with their reasons; what a
// reason means is said by the comment of its constant.
func TestReferenceOutcomes(t *testing.T) {
	meanings := map[string]string{}
	for _, name := range []string{"counts.go", "../exchange/route.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == 1 {
				if literal, ok := spec.Values[0].(*ast.BasicLit); ok && literal.Kind == token.STRING {
					if value, err := strconv.Unquote(literal.Value); err == nil {
						meanings[value] = strings.TrimSpace(spec.Comment.Text())
					}
				}
			}
			return true
		})
	}
	ends := map[compare.Outcome]string{
		compare.Both: "both providers responded: compared", compare.PrimaryOnly: "only the primary responded",
		compare.RelayOnly: "only the relay responded", compare.Neither: "neither responded",
		compare.Aborted: "the caller went away first",
	}
	for _, tool := range exchange.HostedTools() {
		if !slices.Contains(outcomes[:], outcomeKey{compare.Skipped, exchange.SkipTool(tool)}) {
			t.Errorf("%s is not counted", exchange.SkipTool(tool))
		}
	}
	rows := [][]string{{"outcome", "reason", "meaning"}}
	for _, k := range outcomes {
		meaning := ends[k.outcome]
		if k.why != "" {
			meaning = meanings[k.why]
		}
		if tool, ok := strings.CutPrefix(k.why, "tool_"); ok {
			meaning = "the request offers a tool that the provider runs (" + tool +
				"), which the relay is not known to have: upstreams.relay.hosted_tools"
		}
		if meaning == "" {
			t.Errorf("nothing says what %s %s means", k.outcome, k.why)
		}
		why := ""
		if k.why != "" {
			why = "`" + k.why + "`"
		}
		rows = append(rows, []string{"`" + string(k.outcome) + "`", why, meaning})
	}
	doctable.Hold(t, "../docs/reference.md", "outcomes", doctable.Table(rows...))
}
