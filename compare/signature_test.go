package compare

import (
	"encoding/json"
	"maps"
	"testing"

	"pgregory.net/rapid"
)

func TestSignature(t *testing.T) {
	t.Parallel()
	const base = `{"id":"a","choices":[{"index":0,"message":{"role":"x","content":"y"}}],"usage":{"prompt_tokens":1,"cached":true}}`
	for _, row := range []struct {
		body string
		same bool
	}{
		{`{"usage":{"cached":false,"prompt_tokens":2},"choices":[{"message":{"tool_calls":[]},"index":7}],"id":"b","x":null}`, true},
		{`{"id":1,"choices":[{"index":0,"message":{}}],"usage":{"prompt_tokens":1,"cached":true}}`, false},
		{`{"id":"a","choices":[{"index":0,"message":{}}],"usage":{"prompt_tokens":1}}`, false},
		{`{"id":"a","choices":[{"index":0,"message":{},"cached":true}],"usage":{"prompt_tokens":1}}`, false},
		{`{"id":"a","choices":{"index":0,"message":{}},"usage":{"prompt_tokens":1,"cached":true}}`, false},
	} {
		if got := signature([]byte(base)) == signature([]byte(row.body)); got != row.same {
			t.Errorf("same signature: %v, want %v: %s", got, row.same, row.body)
		}
	}
}

// TestEqualSignaturesMeanEqualShapes holds the shortcut against the long way.
func TestEqualSignaturesMeanEqualShapes(t *testing.T) {
	t.Parallel()
	value := rapid.OneOf(rapid.Just[any](nil), rapid.Just[any](true), rapid.Just[any]("s"), rapid.Just[any](1.5),
		rapid.Map(rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "content"}), rapid.SampledFrom([]any{nil, 1, "x", []any{1}}), 0, 3),
			func(m map[string]any) any { return m }))
	object := rapid.MapOfN(rapid.SampledFrom([]string{"p", "q", "r", "content", "usage"}), value, 0, 4)
	rapid.Check(t, func(t *rapid.T) {
		a, err := json.Marshal(object.Draw(t, "a"))
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(object.Draw(t, "b"))
		if err != nil {
			t.Fatal(err)
		}
		c := comparison{options: &Options{}}
		if signature(a) == signature(b) && !maps.Equal(c.shape(a), c.shape(b)) {
			t.Fatalf("%s and %s have the same signature and the shapes %v and %v", a, b, c.shape(a), c.shape(b))
		}
	})
}
