package compare

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"cutover/exchange"
)

// FuzzCompare feeds both sides' texts, tool arguments and bodies, and the
// request's body, with anything: no input may panic, take long, or bring text
// into the result.
func FuzzCompare(f *testing.F) {
	f.Add("a b c", "a b d", `{"n":1}`, `{"tools":[{"name":"t","input_schema":{"$ref":"#"}}]}`, `{"choices":[{"index":0}]}`)
	f.Add("la la la la", "申し訳ありませんが、", `{`,
		`{"response_format":{"json_schema":{"schema":{"type":"object"}}},"messages":[{"role":"user","content":"x"}]}`, `[[[]]]`)
	f.Fuzz(func(t *testing.T, a, b, arguments, request, body string) {
		p := chatPair(a, b)
		p.Request.Body = []byte(request)
		p.Request.Facts.Tools, p.Request.Facts.JSONMode, p.Request.Facts.Stream = len(a)%2 == 0, len(b)%2 == 0, false
		p.Primary.Streamed, p.Relay.Streamed = false, false
		p.Primary.Body, p.Relay.Body = []byte(body), []byte(request)
		p.Relay.Completion.ToolCalls = []exchange.ToolCall{{Name: "t", Arguments: arguments}}
		r := Compare(p, Options{Diff: len(a)+len(b) < 4000})
		if r.Similarity < 0 || r.Similarity > 1 || len(r.Findings) > maxFindings {
			t.Fatalf("%+v", r)
		}
		for _, finding := range r.Findings {
			if !utf8.ValidString(finding.Path) || len(finding.Path) > 97*maxStructureDepth+97 {
				t.Fatalf("path %q", finding.Path)
			}
		}
		if _, err := json.Marshal(r); err != nil {
			t.Fatal(err)
		}
	})
}
