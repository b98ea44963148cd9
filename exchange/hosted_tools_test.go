package exchange_test

import (
	"strings"
	"testing"

	"cutover/exchange"
)

// TestUnknownStateIsSeen: members that no dialect knows bind a request when they
// name something that a provider keeps, and not when they are the caller's own.
func TestUnknownStateIsSeen(t *testing.T) {
	for _, c := range []struct {
		path, member string
		want         string
	}{
		{"messages", `"thread":{"id":"thread_01AbCdEfGh"}`, "object_id"},
		{"messages", `"thread":"thread_01AbCdEfGh"`, "object_id"},
		{"messages", `"previous_message_id":"msg_01AbCdEfGh"`, "object_id"},
		{"chat/completions", `"vector_store_id":"vs_abc12345"`, "object_id"},
		{"chat/completions", `"input_file_id":"file-AbC12345xyz"`, "object_id"},
		{"responses", `"previous_run_id":"run_abcdef123456"`, "object_id"},
		{"chat/completions", `"session_id":"9f3c1e70-1d2a-4a56-9f10-0123456789ab"`, ""},
		{"chat/completions", `"session_id":"customer_12345678"`, ""},
		{"chat/completions", `"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"`, ""},
		{"chat/completions", `"request_id":"file_short"`, ""},
		{"messages", `"previous_message_id":null`, ""},
		{"messages", `"thread":{"title":"thread_01AbCdEfGh"}`, ""},
		{"messages", `"thread":["thread_01AbCdEfGh"]`, ""},
		{"chat/completions", `"metadata":{"thread_id":"thread_01AbCdEfGh"}`, ""},
	} {
		body := `{"model":"m",` + c.member + `,"messages":[{"role":"user","content":"hi"}]}`
		facts, _, _ := exchange.Inspect(exchange.Lookup("POST", "/v1/"+c.path), nil, []byte(body), "id")
		if facts.Stateful != c.want || !facts.Valid || facts.OnlyTools {
			t.Errorf("%s: %s: stateful %q (valid %v), want %q", c.path, c.member, facts.Stateful, facts.Valid, c.want)
		}
	}
}

func TestHostedTools(t *testing.T) {
	search, err := exchange.ParseToolSet([]string{"web_search", "mcp"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exchange.ParseToolSet([]string{"web_search", "serch"}); err == nil || !strings.Contains(err.Error(), `"serch"`) {
		t.Errorf("an unknown name: %v", err)
	}
	for _, c := range []struct {
		body     string
		stateful string
		only     bool // nothing else binds it
		within   bool // the two tools
	}{
		{`{"tools":[{"type":"function","name":"f"}]}`, "", false, true},
		{`{"tools":[{"type":"web_search_preview"}]}`, "web_search", true, true},
		{`{"tools":[{"type":"web_search"},{"type":"mcp"}]}`, "web_search", true, true},
		{`{"tools":[{"type":"web_search"},{"type":"image_generation"}]}`, "web_search", true, false},
		{`{"tools":[{"type":"web_search"}],"previous_response_id":"resp_1"}`, "web_search", false, true},
		{`{"previous_response_id":"resp_1","tools":[{"type":"web_search"}]}`, "previous_response_id", false, true},
		{`{"tools":[{"type":"brand_new_tool"}]}`, "provider_tool", true, false},
	} {
		facts, _, _ := exchange.Inspect(exchange.Lookup("POST", "/v1/responses"), nil, []byte(c.body), "id")
		if facts.Stateful != c.stateful || facts.OnlyTools != c.only || facts.HostedTools.Within(search) != c.within {
			t.Errorf("%s: %q, only tools %v, within %v; want %q, %v, %v",
				c.body, facts.Stateful, facts.OnlyTools, facts.HostedTools.Within(search), c.stateful, c.only, c.within)
		}
	}
}
