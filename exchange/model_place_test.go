package exchange

import (
	"encoding/json"
	"reflect"
	"testing"
)

func TestModelPlace(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		dialect Dialect
		event   bool
		text    string
		want    string // with its quotes; "": none
	}{
		{OpenAIChat, false, `{"id":"x","model":"gpt-4.1","choices":[{"message":{"content":"\"model\":\"no\"","model":"no"}}]}`, `"gpt-4.1"`},
		{OpenAIChat, true, ` { "model" : "a\u0062\"c" , "choices":[]} `, `"a\u0062\"c"`},
		{OpenAIChat, true, `{"mod\u0065l":"a"}`, `"a"`},
		{OpenAIChat, true, `{"model":"a","model":"b"}`, `"b"`},
		{OpenAIChat, true, `{"model":"a","model":null}`, ``},
		{OpenAIChat, true, `{"x":{"model":"a"}}`, ``},
		{OpenAIChat, true, `{"model":7}`, ``},
		{OpenAIChat, true, `{"model":["a"]}`, ``},
		{OpenAIChat, true, `{"model":"a"`, ``},
		{OpenAIChat, true, `{"model":"a"}}`, ``},
		{OpenAIChat, true, `[{"model":"a"}]`, ``},
		{OpenAIChat, true, `[DONE]`, ``},
		{OpenAIChat, true, ``, ``},
		{OpenAICompletions, true, `{"model":"a"}`, `"a"`},
		{OpenAIEmbeddings, false, `{"data":[],"model":"a"}`, `"a"`},
		{OpenAIResponses, false, `{"object":"response","model":"a"}`, `"a"`},
		{OpenAIResponses, true, `{"type":"response.created","response":{"model":"a"}}`, `"a"`},
		{OpenAIResponses, true, `{"type":"response.created","model":"a"}`, ``},
		{OpenAIResponses, true, `{"response":{"output":[{"model":"a"}]}}`, ``},
		{OpenAIResponses, true, `{"response":"model"}`, ``},
		{AnthropicMessages, false, `{"type":"message","model":"a"}`, `"a"`},
		{AnthropicMessages, true, `{"type":"message_start","message":{"usage":{},"model":"a"}}`, `"a"`},
		{AnthropicMessages, true, `{"type":"content_block_delta","delta":{"text":"\"model\":\"a\""}}`, ``},
	} {
		from, to, ok := ModelPlace(row.dialect, row.event, []byte(row.text))
		if got := row.text[from:to]; got != row.want || ok != (row.want != "") {
			t.Errorf("%d, event %v, %s: %q, %v; want %q", row.dialect, row.event, row.text, got, ok, row.want)
		}
	}
}

// Whatever the text, putting another string in the place changes that member
// and no other.
func FuzzModelPlace(f *testing.F) {
	for _, s := range []string{`{"model":"a","b":[1,{"model":2}]}`, `{"response":{"model":"x","y":null}}`,
		`{"message":{"model":"x"},"model":"z"}`, `{"model":"a","model":"b"}`, `{`} {
		for i := range 6 {
			f.Add(uint8(i), []byte(s))
		}
	}
	f.Fuzz(func(t *testing.T, choice uint8, text []byte) {
		dialect := []Dialect{OpenAIChat, OpenAIResponses, AnthropicMessages}[choice%3]
		event := choice/3%2 == 1
		from, to, ok := ModelPlace(dialect, event, text)
		if !ok {
			return
		}
		before, after := members(t, text), members(t, []byte(string(text[:from])+`"other"`+string(text[to:])))
		holder := [2]map[string]any{before, after}
		if within := map[Dialect]string{OpenAIResponses: "response", AnthropicMessages: "message"}[dialect]; event && within != "" {
			for i := range holder {
				holder[i], _ = holder[i][within].(map[string]any)
			}
		}
		if _, is := holder[0]["model"].(string); !is || holder[1]["model"] != "other" {
			t.Fatalf("%q: the model is %v and becomes %v", text, holder[0]["model"], holder[1]["model"])
		}
		delete(holder[0], "model")
		delete(holder[1], "model")
		if !reflect.DeepEqual(before, after) {
			t.Fatalf("%q: more than the model has changed: %v, %v", text, before, after)
		}
	})
}

func members(t *testing.T, text []byte) (m map[string]any) {
	t.Helper()
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return m
}
