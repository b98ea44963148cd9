package exchange

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestTargetingKeyOrder(t *testing.T) {
	ep := Lookup("POST", "/v1/chat/completions")
	const talk = `"messages":[{"role":"user","content":"hi"}]`
	hash, from := TargetingKey(ep, nil, []byte(`{`+talk+`}`), "id")
	if from != "conversation" || len(hash) != 16 {
		t.Fatalf("key %q from %q", hash, from)
	}
	long := strings.Repeat("u", keyLimit+1)
	for _, c := range []struct{ header, body, key, from string }{
		{"h", `{` + talk + `,"safety_identifier":"s","user":"u"}`, "h", "header"},
		{"h", `not JSON`, "h", "header"},
		{"", `{` + talk + `,"prompt_cache_key":"c","metadata":{"user_id":"m"},"user":"u","safety_identifier":"s"}`, "s", "safety_identifier"},
		{"", `{"user":"u","metadata":{"user_id":"m"},"prompt_cache_key":"c",` + talk + `}`, "u", "user"},
		{"", `{"metadata":{"x":{},"user_id":"m"},"prompt_cache_key":"c",` + talk + `}`, "m", "metadata.user_id"},
		{"", `{"prompt_cache_key":"c",` + talk + `}`, "c", "prompt_cache_key"},
		{"", `{"user":"\u00fc\n"}`, "ü\n", "user"},
		{"", `{"user":"","safety_identifier":null,"metadata":null,"prompt_cache_key":7,` + talk + `}`, hash, "conversation"},
		{"", `{"user":{"id":"u"},"metadata":["user_id"],` + talk + `}`, hash, "conversation"},
		{"", `{"model":"m"}`, "id", "request"},
		{"", `{"user":"u"`, "id", "request"},
		{"", ``, "id", "request"},
		{"", `{"messages":[]}`, "id", "request"},
		{"", `{"messages":[{"role":"user","content":""}]}`, "id", "request"},
	} {
		h := http.Header{}
		if c.header != "" {
			h.Set("X-Cutover-Key", c.header)
		}
		if key, from := TargetingKey(ep, h, []byte(c.body), "id"); key != c.key || from != c.from {
			t.Errorf("%q %s: key %q from %q, want %q from %q", c.header, c.body, key, from, c.key, c.from)
		}
	}
	one, from := TargetingKey(ep, nil, []byte(`{"user":"`+long+`"}`), "id")
	two, _ := TargetingKey(ep, http.Header{"X-Cutover-Key": {long}}, nil, "id")
	if from != "user" || len(one) != 16 || one != two {
		t.Errorf("a long key is %q from %q, and %q from the header", one, from, two)
	}
}

// turns are the bodies of one chat, each longer than the one before.
type turns struct {
	what, path string
	bodies     []string
}

func conversations() []turns {
	const chats, responses, messages = "/v1/chat/completions", "/v1/responses", "/v1/messages"
	return []turns{
		{"chat", chats, []string{
			`{"model":"gpt-4o","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Where is Köln?"}]}`,
			`{"model":"gpt-4o","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Where is Köln?"},{"role":` +
				`"assistant","content":"In Germany."},{"role":"user","content":"And Bonn?"}],"temperature":1}`,
			`{"stream":true,"messages":[{"content":[{"text":"Be brief.","type":"text"}],"role":"system"},{"content":[{"type":"text","text":` +
				`"Where is K\u00f6ln?"}],"role":"user"},{"role":"assistant","content":null,"tool_calls":[]},{"role":"tool","content":"x"}],` +
				`"model":"gpt-4.1"}`,
			`{"messages":[{"role":"developer","content":"Be brief."},{"role":"user","name":"u","content":"Where is K\u00F6ln?"}]}`,
		}},
		{"chat of images", chats, []string{
			`{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://x/1.png"}}]}]}`,
			`{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://x/1.png"}}]},{"role":"assistant",` +
				`"content":"A cat."},{"role":"user","content":"Its name?"}]}`,
		}},
		{"chat that the model opens", chats, []string{
			`{"messages":[{"role":"assistant","content":"Hello, I am Bob."},{"role":"user","content":"Hi Bob."}]}`,
			`{"messages":[{"role":"assistant","content":"Hello, I am Bob."},{"role":"user","content":"Hi Bob."},{"role":"assistant",` +
				`"content":"So?"}]}`,
		}},
		{"chat without a user", chats, []string{
			`{"messages":[{"role":"system","content":"Tell a joke."},{"role":"assistant","content":"Knock"}]}`,
			`{"messages":[{"role":"system","content":"Tell a joke."},{"role":"assistant","content":"Knock"},{"role":"assistant","content":` +
				`"knock"}]}`,
		}},
		{"responses", responses, []string{
			`{"model":"gpt-5","instructions":"Be brief.","input":"Where is Köln?"}`,
			`{"model":"gpt-5","input":[{"role":"user","content":"Where is Köln?"},{"id":"msg_1","type":"message","role":"assistant",` +
				`"content":[{"type":"output_text","text":"In Germany.","annotations":[]}]},{"role":"user","content":"And Bonn?"}],` +
				`"instructions":"Be brief."}`,
			`{"model":"gpt-5","input":[{"type":"message","role":"developer","content":"Be brief."},{"type":"message","role":"user","content":` +
				`[{"type":"input_text","text":"Where is Köln?"}]},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}]}`,
		}},
		{"slashes", chats, []string{`{"messages":[{"role":"user","content":"a/b"}]}`, `{"messages":[{"role":"user","content":"a\/b"}]}`,
			`{"messages":[{"role":"user","content":"a\u002fb"}]}`}},
		{"responses of a conversation", responses, []string{
			`{"conversation":"conv_1","input":"Where is Köln?"}`,
			`{"conversation":{"id":"conv_1"},"input":"And Bonn?"}`,
		}},
		{"messages", messages, []string{
			`{"max_tokens":9,"messages":[{"role":"user","content":"Where is Köln?"}],"model":"claude","system":"Be brief."}`,
			`{"system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":` +
				`[{"type":"text","text":"Where is Köln?","cache_control":{"type":"ephemeral"}}]},{"role":"assistant","content":"In Germany."},` +
				`{"role":"user","content":"And Bonn?"}]}`,
			`{"system":[{"type":"text","text":"Be brief."}],"messages":[{"role":"user","content":[{"type":"text","text":"Where is Köln?"}]},` +
				`{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{}}]},{"role":"user","content":[{"type":` +
				`"tool_result","tool_use_id":"t","content":"x","cache_control":{"type":"ephemeral"}}]}]}`,
		}},
		{"messages of images", messages, []string{
			`{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"https://x/1.png"}, "cache_control":{"type":` +
				`"ephemeral"}}]}]}`,
			`{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"https://x/1.png"}, "cache_control":null}]},` +
				`{"role":"assistant","content":"A cat."}]}`,
		}},
		{"completions", "/v1/completions", []string{
			`{"prompt":"Once upon a time","model":"a"}`,
			`{"model":"b","prompt":"Once upon a time","max_tokens":9}`,
		}},
	}
}

// All turns of one chat must have one key.
func TestConversationKeepsItsKey(t *testing.T) {
	keys := map[string]string{}
	for _, c := range conversations() {
		ep := Lookup("POST", c.path)
		first, from := TargetingKey(ep, nil, []byte(c.bodies[0]), "id 0")
		if from != "conversation" {
			t.Errorf("%s: key from %q", c.what, from)
		}
		for i, body := range c.bodies {
			if !json.Valid([]byte(body)) {
				t.Fatalf("%s, turn %d is not JSON", c.what, i)
			}
			if key, _ := TargetingKey(ep, nil, []byte(body), fmt.Sprint("id ", i)); key != first {
				t.Errorf("%s, turn %d: key %q, want %q as in the first turn", c.what, i, key, first)
			}
		}
		keys[c.what] = first
	}
	// The same talk in another dialect is the same talk.
	if keys["chat"] != keys["responses"] || keys["chat"] != keys["messages"] {
		t.Errorf("keys by dialect: %q, %q, %q", keys["chat"], keys["responses"], keys["messages"])
	}
}

func TestOtherConversationsHaveOtherKeys(t *testing.T) {
	seen := map[string]string{}
	for path, bodies := range map[string][]string{
		"/v1/chat/completions": {
			`{"messages":[{"role":"system","content":"a"},{"role":"user","content":"b"}]}`,
			`{"messages":[{"role":"system","content":"b"},{"role":"user","content":"a"}]}`,
			`{"messages":[{"role":"user","content":"ab"}]}`,
			`{"messages":[{"role":"user","content":"b"}]}`,
			`{"messages":[{"role":"system","content":"a"},{"role":"user","content":"c"}]}`,
			`{"messages":[{"role":"user","content":"b\n"}]}`,
			`{"messages":[{"role":"user","content":"b\\n"}]}`,
			`{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://x/1.png"}}]}]}`,
			`{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://x/2.png"}}]}]}`,
			`{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://x/2.png"}},{"type":"text","text":"b"}]}]}`,
		},
		"/v1/responses": {`{"instructions":"d","input":"e"}`, `{"instructions":"e","input":"d"}`, `{"input":"de"}`},
		"/v1/messages": {`{"system":"f","messages":[{"role":"user","content":"g"}]}`,
			`{"system":"g","messages":[{"role":"user","content":"f"}]}`},
	} {
		for _, body := range bodies {
			key, from := TargetingKey(Lookup("POST", path), nil, []byte(body), "id")
			if other, ok := seen[key]; ok || from != "conversation" {
				t.Errorf("%s has key %q from %q, as has %s", body, key, from, other)
			}
			seen[key] = body
		}
	}
}

// Endpoints without a conversation are bucketed request by request.
func TestNoConversation(t *testing.T) {
	for _, path := range []string{"/v1/embeddings", "/v1/moderations", "/v1/images/generations"} {
		if key, from := TargetingKey(Lookup("POST", path), nil,
			[]byte(`{"input":"x","prompt":"y","messages":[{"role":"user","content":"z"}]}`), "id"); key != "id" || from != "request" {
			t.Errorf("%s: key %q from %q", path, key, from)
		}
	}
}

func FuzzTargetingKey(f *testing.F) {
	for _, c := range conversations() {
		for _, body := range c.bodies {
			f.Add(c.path, []byte(body))
		}
	}
	f.Add("/v1/chat/completions", []byte(`{"messages":[{"role":"user","content":[{"type":"text","text":"`))
	f.Fuzz(func(t *testing.T, path string, body []byte) {
		ep := Lookup("POST", path)
		key, from := TargetingKey(ep, nil, body, "id")
		switch from {
		case "safety_identifier", "user", "metadata.user_id", "prompt_cache_key", "conversation":
			if !json.Valid(body) {
				t.Fatalf("%q is not JSON and has key %q from %q", body, key, from)
			}
		case "request":
			if key != "id" {
				t.Fatalf("%q: key %q from the request", body, key)
			}
		default:
			t.Fatalf("%q: key from %q", body, from)
		}
		if key == "" || len(key) > 3*keyLimit {
			t.Fatalf("%q: key %q", body, key)
		}
		again, _ := TargetingKey(ep, nil, append([]byte(" "), body...), "id")
		if again != key {
			t.Fatalf("%q: key %q, then %q", body, key, again)
		}
	})
}
