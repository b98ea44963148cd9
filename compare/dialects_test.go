package compare

import (
	"reflect"
	"testing"
)

// TestKnownForms: where several forms are given at once the first counts, so
// their order is part of the behaviour.
func TestKnownForms(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name      string
		got, want []string
	}{
		{"the user's text", known.UserText, []string{"messages", "input", "prompt"}},
		{"schemas", known.Schemas, []string{
			"response_format.json_schema.schema", "text.format.schema", "output_config.format.schema", "output_format.schema",
		}},
		{"lists of tools", known.Tools.Lists, []string{"tools", "functions"}},
		{"around a tool", known.Tools.Wrappers, []string{"function", "custom"}},
		{"schemas of tools", known.Tools.Schemas, []string{"parameters", "input_schema"}},
		{"truncated", known.truncated, []string{
			"length", "model_length", "max_output_tokens", "incomplete", "max_tokens", "model_context_window_exceeded",
		}},
	} {
		if !reflect.DeepEqual(row.got, row.want) {
			t.Errorf("%s: %q, want %q", row.name, row.got, row.want)
		}
	}
}
