package upstream

import (
	"testing"

	"cutover/exchange"
)

// The names are those of the usual migration: exact match first, then the
// longest prefix, then the default, or a refusal when strict.
func TestModels(t *testing.T) {
	t.Parallel()
	table := NameMap{Exact: map[string]string{
		"gpt-4": "gpt-4.1", "gpt-4o": "gpt-4.1", "gpt-4o-mini": "gpt-4o-mini",
		"claude-3-opus-20240229": "claude-sonnet-4.5", "gemini-1.5": "gemini-2.5-flash",
	}}
	withDefault := NameMap{Exact: table.Exact, Default: "deepseek-v3.2"}
	for _, row := range []struct {
		name   string
		models Models
		asked  string
		want   string
		rule   string
		ok     bool
	}{
		{"nothing set", Models{}, "gpt-4o", "gpt-4o", "unmapped", true},
		{"no model in the request", Models{NameMap: withDefault, Strict: true}, "", "", "unmapped", true},
		{"exact", Models{NameMap: table, Prefix: true}, "gpt-4o", "gpt-4.1", "models.map", true},
		{"exact before prefix", Models{NameMap: table, Prefix: true}, "gpt-4o-mini", "gpt-4o-mini", "models.map", true},
		{"longest prefix", Models{NameMap: table, Prefix: true}, "gpt-4o-mini-2024-07-18", "gpt-4o-mini", "models.map (prefix)", true},
		{"prefix", Models{NameMap: table, Prefix: true}, "gpt-4-0613", "gpt-4.1", "models.map (prefix)", true},
		{"prefix off", Models{NameMap: table}, "gpt-4-0613", "gpt-4-0613", "unmapped", true},
		{"default", Models{NameMap: withDefault, Prefix: true}, "mistral", "deepseek-v3.2", "models.default", true},
		{"default although strict", Models{NameMap: withDefault, Strict: true}, "mistral", "deepseek-v3.2", "models.default", true},
		{"strict", Models{NameMap: table, Prefix: true, Strict: true}, "mistral", "mistral", "unmapped", false},
	} {
		for _, use := range []Use{AnyUse, Streaming, Batch} {
			got := row.models.Map(row.asked, use)
			if got.Name != row.want || got.Known != row.ok || got.Rule != row.rule {
				t.Errorf("%s, use %d: Map(%q) = %+v; want %q by %s, %v", row.name, use, row.asked, got, row.want, row.rule, row.ok)
			}
		}
	}
}

// What a use says comes before what holds for all, and any entry before any
// default.
func TestModelsByUse(t *testing.T) {
	t.Parallel()
	models := Models{
		NameMap:   NameMap{map[string]string{"gpt-4o": "common", "gpt-4.1": "common-4.1", "claude": "common-claude"}, "common-default"},
		Streaming: NameMap{map[string]string{"gpt-4o": "fast"}, "fast-default"},
		Batch:     NameMap{map[string]string{"gpt-4": "cheap", "gpt-4o": "cheap-4o"}, ""},
		Prefix:    true,
	}
	for _, row := range []struct {
		asked string
		use   Use
		want  string
		rule  string
	}{
		{"gpt-4o", AnyUse, "common", "models.map"},
		{"gpt-4o", Streaming, "fast", "models.streaming.map"},
		{"gpt-4o", Batch, "cheap-4o", "models.batch.map"},
		{"gpt-4o-mini", Streaming, "fast", "models.streaming.map (prefix)"},
		{"gpt-4o-mini", Batch, "cheap-4o", "models.batch.map (prefix)"},
		{"gpt-4.1", Batch, "cheap", "models.batch.map (prefix)"}, // although the common map has it word for word
		{"gpt-4.1", Streaming, "common-4.1", "models.map"},
		{"claude-3", Streaming, "common-claude", "models.map (prefix)"}, // although the use has a default
		{"mistral", Streaming, "fast-default", "models.streaming.default"},
		{"mistral", Batch, "common-default", "models.default"},
		{"mistral", AnyUse, "common-default", "models.default"},
	} {
		if got := models.Map(row.asked, row.use); got.Name != row.want || got.Rule != row.rule || !got.Known {
			t.Errorf("Map(%q, %d) = %+v, want %q by %s", row.asked, row.use, got, row.want, row.rule)
		}
	}
	only := Models{Streaming: NameMap{map[string]string{"gpt-4o": "fast"}, ""}, Strict: true}
	if got := only.Map("gpt-4o", Batch); got.Known {
		t.Errorf("a strict map with names for streams only has %+v for a batch", got)
	}
}

func TestUses(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		path   string
		stream bool
		want   Use
	}{
		{"/v1/chat/completions", true, Streaming},
		{"/v1/chat/completions", false, Batch},
		{"/v1/completions", true, Streaming},
		{"/v1/responses", false, Batch},
		{"/v1/messages", true, Streaming},
		{"/v1/messages", false, Batch},
		{"/v1/messages/count_tokens", false, AnyUse},
		{"/v1/responses/input_tokens", false, AnyUse},
		{"/v1/embeddings", false, AnyUse},
		{"/v1/embeddings", true, AnyUse},
		{"/v1/moderations", false, AnyUse},
	} {
		q := &exchange.Request{Endpoint: exchange.Lookup("POST", row.path), Facts: exchange.Facts{Stream: row.stream}}
		if got := UseOf(q); got != row.want {
			t.Errorf("the use of %s, stream %v, is %d, want %d", row.path, row.stream, got, row.want)
		}
	}
}
