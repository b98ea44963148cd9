package upstream

import "testing"

// The names are those of the usual migration: exact match first, then the
// longest prefix, then the default, or a refusal when strict.
func TestModels(t *testing.T) {
	t.Parallel()
	table := map[string]string{
		"gpt-4": "gpt-4.1", "gpt-4o": "gpt-4.1", "gpt-4o-mini": "gpt-4o-mini",
		"claude-3-opus-20240229": "claude-sonnet-4.5", "gemini-1.5": "gemini-2.5-flash",
	}
	for _, row := range []struct {
		name   string
		models Models
		asked  string
		want   string
		ok     bool
	}{
		{"nothing set", Models{}, "gpt-4o", "gpt-4o", true},
		{"no model in the request", Models{Exact: table, Strict: true, Default: "d"}, "", "", true},
		{"exact", Models{Exact: table, Prefix: true}, "gpt-4o", "gpt-4.1", true},
		{"exact before prefix", Models{Exact: table, Prefix: true}, "gpt-4o-mini", "gpt-4o-mini", true},
		{"longest prefix", Models{Exact: table, Prefix: true}, "gpt-4o-mini-2024-07-18", "gpt-4o-mini", true},
		{"prefix", Models{Exact: table, Prefix: true}, "gpt-4-0613", "gpt-4.1", true},
		{"prefix off", Models{Exact: table}, "gpt-4-0613", "gpt-4-0613", true},
		{"default", Models{Exact: table, Prefix: true, Default: "deepseek-v3.2"}, "mistral", "deepseek-v3.2", true},
		{"default although strict", Models{Exact: table, Default: "deepseek-v3.2", Strict: true}, "mistral", "deepseek-v3.2", true},
		{"strict", Models{Exact: table, Prefix: true, Strict: true}, "mistral", "mistral", false},
	} {
		if got, ok := row.models.Map(row.asked); got != row.want || ok != row.ok {
			t.Errorf("%s: Map(%q) = %q, %v; want %q, %v", row.name, row.asked, got, ok, row.want, row.ok)
		}
	}
}
