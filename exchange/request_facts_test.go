package exchange

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// keyed has a targeting key, so that none is looked for in the body.
var keyed = http.Header{"X-Cutover-Key": {"k"}}

// readFacts is Inspect without a targeting key.
func readFacts(ep *Endpoint, body []byte) Facts {
	f, _, _ := Inspect(ep, keyed, body, "")
	return f
}

func TestFacts(t *testing.T) {
	const chats, responses, messages = "/v1/chat/completions", "/v1/responses", "/v1/messages"
	for _, c := range []struct {
		path, body string
		want       Facts
	}{
		{chats, `{"model":"gpt-4o","messages":[]}`, Facts{Model: "gpt-4o"}},
		{chats, ` {"model" : "a\u002db" , "stream" : true , "stream_options" : { "x":[], "include_usage" : true } } ` + "\n",
			Facts{Model: "a-b", Stream: true, IncludeUsage: true}},
		{chats, `{"stream_options":{"include_usage":true},"stream_options":{}}`, Facts{}},
		{chats, `{"max_tokens":5}`, Facts{MaxTokens: 5}},
		{chats, `{"max_completion_tokens":7,"max_tokens":null}`, Facts{MaxTokens: 7}},
		{responses, `{"max_output_tokens":9}`, Facts{MaxTokens: 9}},
		{chats, `{"max_tokens":-1}`, Facts{}},
		{chats, `{"tools":[{"type":"function","function":{"name":"f","parameters":{"properties":{"file_id":{"type":"string"}}}}}]}`,
			Facts{Tools: true}},
		{chats, `{"functions":[{"name":"f"}]}`, Facts{Tools: true}},
		{chats, `{"tools":[],"functions":[]}`, Facts{}},
		{chats, `{"response_format":{"type":"json_object"}}`, Facts{JSONMode: true}},
		{chats, `{"response_format":{"json_schema":{"type":"x"},"type":"json_schema"}}`, Facts{JSONMode: true}},
		{chats, `{"response_format":{"type":"text"}}`, Facts{}},
		{responses, `{"text":{"verbosity":"low","format":{"type":"json_schema","name":"x","schema":{}}}}`, Facts{JSONMode: true}},
		{messages, `{"output_config":{"format":{"type":"json_schema","schema":{}}}}`, Facts{JSONMode: true}},
		{chats, `{"model":"first","model":"last","stream":true,"stream":false}`, Facts{Model: "last"}},
		{"/v1/images/generations", `{"model":"gpt-image-1","stream":true}`, Facts{Model: "gpt-image-1", Stream: true}},
		// Another type than expected is as good as nothing.
		{chats, `{"model":7,"stream":"true","stream_options":[],"max_tokens":"5","tools":{},"response_format":"json","messages":{},"store":1}`,
			Facts{}},
		{chats, `{"model":"` + strings.Repeat("x", modelLimit+1) + `"}`, Facts{}},
	} {
		c.want.Valid = true
		if got := readFacts(Lookup("POST", c.path), []byte(c.body)); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.body, got, c.want)
		}
	}
}

func TestFactsOfWhatIsNoObject(t *testing.T) {
	for _, body := range []string{
		``, ` `, `null`, `[]`, `"x"`, `{`, `{"model":"m"`, `{"model":"m"}x`, `{"model":"m"}{}`, `{"model":"m",}`, "{\"model\":\"m\n\"}",
		"\xef\xbb\xbf{}",
		`{"model":"m","messages":[{"role":"user","content":"cut`, `{"previous_response_id":"r"]`,
		`{"messages":[{"role":"user","content":"\u00e9\"`, `{"input":"\u00e9\"`, `{"system":"\u00e9\"`,
		`{"messages":[{"role":"x","content":"\u00e9\"`, strings.Repeat(`{"messages":`, 100_000),
		"--boundary\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n",
	} {
		for _, path := range []string{"/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/files"} {
			if got := readFacts(Lookup("POST", path), []byte(body)); got != (Facts{}) {
				t.Errorf("%.60q: %+v, want nothing", body, got)
			}
			if _, _, from := Inspect(Lookup("POST", path), nil, []byte(body), "id"); from != "request" {
				t.Errorf("%.60q: key from %q", body, from)
			}
		}
	}
}

func TestStateful(t *testing.T) {
	const chats, responses, messages, count = "/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/messages/count_tokens"
	input := func(item string) string { return `{"input":[` + item + `]}` }
	said := func(block string) string { return `{"messages":[{"role":"user","content":[` + block + `]}]}` }
	tool := func(kind string) string { return `{"tools":[{"name":"x","type":"` + kind + `"}]}` }
	for _, c := range []struct{ path, body, want string }{
		// Plain bodies.
		{chats, said(`{"type":"text","text":"hi"},{"type":"image_url","image_url":{"url":"https://x/y.png"}}`), ""},
		{chats, `{"store":true,"metadata":{"a":"b"},"messages":[{"role":"user","content":"hi"}]}`, ""},
		{chats, `{"previous_response_id":"r","background":true,"container":"c","prompt":{"id":"p"}}`, ""}, // not this dialect's
		{responses, `{"input":"hi","previous_response_id":null,"conversation":null,"prompt":null,"background":false,"tools":[]}`, ""},
		{messages, `{"container":null,"mcp_servers":[],"messages":[]}`, ""},

		// Things that the provider keeps.
		{responses, `{"previous_response_id":"resp_1"}`, "previous_response_id"},
		{responses, `{"previous_response_id":""}`, ""},
		{responses, `{"conversation":"conv_1"}`, "conversation"},
		{responses, `{"conversation":{"id":"conv_1"}}`, "conversation"},
		{responses, `{"prompt":{"id":"pmpt_1","variables":{}}}`, "prompt"},
		{responses, `{"background":true}`, "background"},
		{"/v1/responses/input_tokens", `{"previous_response_id":"resp_1"}`, "previous_response_id"},
		{messages, `{"container":"container_1"}`, "container"},
		{messages, `{"container":{"id":null,"skills":[{"type":"anthropic","skill_id":"pptx"}]}}`, "container"},
		{messages, `{"mcp_servers":[{"type":"url","url":"https://x"}]}`, "mcp"},
		{responses, input(`{"type":"item_reference","id":"msg_1"}`), "item_reference"},
		{responses, input(`{"id":"msg_1"}`), "item_reference"},
		{responses, input(`{"id":"rs_1","type":"reasoning","summary":[]}`), "item_reference"},
		{responses, input(`{"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"x"}]}`), ""},
		{chats, `{"messages":[{"role":"assistant","audio":{"id":"audio_1"}}]}`, "audio_id"},
		{chats, `{"messages":[{"role":"assistant","content":"hi","audio":null}]}`, ""},

		// Files.
		{chats, said(`{"type":"file","file":{"file_id":"file-1"}}`), "file_id"},
		{chats, said(`{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,AA=="}}`), ""},
		{responses, input(`{"role":"user","content":[{"type":"input_file","file_id":"file-1"}]}`), "file_id"},
		{responses, input(`{"role":"user","content":[{"type":"input_image","image_url":"https://x","file_id":null}]}`), ""},
		{responses, input(`{"type":"function_call_output","call_id":"c","output":[{"type":"input_image","file_id":"file-1"}]}`), "file_id"},
		{messages, said(`{"type":"document","source":{"type":"file","file_id":"file_1"}}`), "file_id"},
		{messages, said(`{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}}`), ""},
		{messages, said(`{"type":"container_upload","file_id":"file_1"}`), "file_id"},
		{messages, said(`{"type":"tool_result","tool_use_id":"t","content":[{"type":"image","source":{"type":"file","file_id":"file_1"}}]}`),
			"file_id"},
		{messages, said(`{"type":"document","source":{"type":"content","content":[{"type":"image","source":{"type":"file","file_id":` +
			`"file_1"}}]}}`), "file_id"},
		{count, said(`{"type":"image","source":{"type":"file","file_id":"file_1"}}`), "file_id"},
		// A caller's own function may well have an argument of that name.
		{messages, `{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{"file_id":"mine",` +
			`"signature":"s","content":[{"file_id":"mine"}]}}]}]}`, ""},
		{chats, `{"messages":[{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":` +
			`"{\"file_id\":\"mine\"}"}}]}]}`, ""},
		{messages, `{"tools":[{"name":"f","input_schema":{"type":"object","properties":{"file_id":{"type":"string"}}}}]}`, ""},

		// Tools that the provider runs.
		{chats, `{"web_search_options":{}}`, "web_search"},
		{responses, tool("function"), ""},
		{responses, tool("custom"), ""},
		{responses, tool("local_shell"), ""},
		{responses, tool("apply_patch"), ""},
		{responses, tool("shell"), ""},
		{responses, `{"tools":[{"type":"shell","environment":{"type":"local"}}]}`, ""},
		{responses, `{"tools":[{"type":"shell","environment":{"type":"container_auto"}}]}`, "container"},
		{responses, tool("web_search"), "web_search"},
		{responses, tool("web_search_preview_2025_03_11"), "web_search"},
		{responses, tool("file_search"), "file_search"},
		{responses, tool("code_interpreter"), "code_interpreter"},
		{responses, tool("computer_use_preview"), "computer_use"},
		{responses, tool("mcp"), "mcp"},
		{responses, tool("image_generation"), "image_generation"},
		{responses, tool("tool_search"), "tool_search"},
		{responses, `{"tools":[{"type":"tool_search","execution":"client"}]}`, ""},
		{responses, tool("something_new"), "provider_tool"},
		{responses, `{"tools":[{"type":"function","name":"f"},{"type":"web_search"}]}`, "web_search"},
		{messages, `{"tools":[{"name":"f","input_schema":{}}]}`, ""},
		{messages, tool("custom"), ""},
		{messages, tool("bash_20250124"), ""},
		{messages, tool("text_editor_20250728"), ""},
		{messages, tool("memory_20250818"), ""},
		{messages, tool("web_search_20250305"), "web_search"},
		{messages, tool("web_fetch_20250910"), "web_fetch"},
		{messages, tool("code_execution_20250825"), "code_execution"},
		{messages, tool("tool_search_tool_regex_20251119"), "tool_search"},
		{messages, tool("mcp_toolset"), "mcp"},
		{responses, input(`{"type":"web_search_call","id":"ws_1","status":"completed"}`), "web_search"},
		{responses, input(`{"type":"mcp_list_tools","id":"m","tools":[]}`), "mcp"},
		{responses, input(`{"type":"function_call","id":"fc_1","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output",` +
			`"call_id":"c","output":"x"}`), ""},
		{responses, input(`{"type":"message","id":"msg_1","role":"assistant","content":[{"type":"output_text","text":"x"}]}`), ""},
		{messages, said(`{"type":"server_tool_use","id":"s","name":"web_search","input":{}}`), "server_tool"},
		{messages, said(`{"type":"web_search_tool_result","tool_use_id":"s","content":[]}`), "server_tool"},
		{messages, said(`{"type":"mcp_tool_use","id":"s","name":"x","input":{}}`), "mcp"},
		{messages, said(`{"type":"tool_result","tool_use_id":"t","content":"x"}`), ""},

		// Content that only its maker can read.
		{responses, input(`{"type":"reasoning","id":"rs_1","encrypted_content":"gAAA","summary":[]}`), "encrypted_content"},
		{responses, input(`{"type":"compaction","encrypted_content":"gAAA"}`), "encrypted_content"},
		{messages, said(`{"type":"thinking","thinking":"x","signature":"EqQB"}`), "signature"},
		{messages, said(`{"type":"thinking","thinking":"x","signature":""}`), ""},
		{messages, said(`{"type":"redacted_thinking","data":"x"}`), "redacted_thinking"},

		{"/v1/embeddings", `{"input":"x","file_id":"f","tools":[{"type":"mcp"}]}`, ""},
	} {
		f := readFacts(Lookup("POST", c.path), []byte(c.body))
		if f.Stateful != c.want || !f.Valid {
			t.Errorf("%s: stateful %q, valid %v; want %q", c.body, f.Stateful, f.Valid, c.want)
		}
	}
}

func TestFactsAllocatesOnlyTheModel(t *testing.T) {
	ep, body := Lookup("POST", "/v1/chat/completions"), chatRequest()
	if n := testing.AllocsPerRun(100, func() { readFacts(ep, body) }); n > 1 {
		t.Errorf("ReadFacts makes %v allocations, want 1", n)
	}
	if n := testing.AllocsPerRun(100, func() { Inspect(ep, http.Header{}, body, "id") }); n > 2 {
		t.Errorf("Inspect makes %v allocations, want 2: model and key", n)
	}
}

func FuzzFacts(f *testing.F) {
	for _, s := range scanSeeds {
		f.Add(uint8(0), []byte(s))
	}
	for i, path := range inferencePaths {
		f.Add(uint8(i), chatRequest())
		f.Add(uint8(i), []byte(`{"model":"m","input":[{"role":"user","content":[{"type":"input_file","file_id":"f"}]}],"tools":[{"type":`+
			`"mcp"}],"path":"`+path+`"}`))
		f.Add(uint8(i), []byte(`{"system":[{"type":"text","text":"x"}],"messages":[{"role":"user","content":[{"type":"tool_result",`+
			`"content":[{"type":"text"}]}]}]}`))
	}
	f.Fuzz(func(t *testing.T, path uint8, body []byte) {
		ep := Lookup("POST", inferencePaths[int(path)%len(inferencePaths)])
		got := readFacts(ep, body)
		s := scanner{b: body}
		s.skip()
		if object := s.whole() && strings.HasPrefix(strings.TrimLeft(string(body), " \t\r\n"), "{"); got.Valid != object {
			// Walking may go deeper than skipping, by the levels that it knows.
			if nested := strings.Count(string(body), "{") + strings.Count(string(body), "["); nested < scanDepth {
				t.Fatalf("%q: valid is %v, want %v", body, got.Valid, object)
			}
		}
		if !got.Valid && got != (Facts{}) {
			t.Fatalf("%q: not valid, but %+v", body, got)
		}
		if len(got.Model) > 3*modelLimit || got.MaxTokens < 0 || got.MaxTokens > maxCount {
			t.Fatalf("%q: out of bounds: %+v", body, got)
		}
		f, key, from := Inspect(ep, http.Header{}, body, "id")
		if k, w := TargetingKey(ep, http.Header{}, body, "id"); f != got || k != key || w != from {
			t.Fatalf("%q: Inspect says %+v %q %q; apart they say %+v %q %q", body, f, key, from, got, k, w)
		}
	})
}

var inferencePaths = []string{
	"/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/responses/input_tokens", "/v1/embeddings", "/v1/moderations",
	"/v1/messages", "/v1/messages/count_tokens",
	"/v1/files",
}

func ExampleInspect() {
	f, _, _ := Inspect(Lookup("POST", "/v1/responses"), nil,
		[]byte(`{"model":"gpt-4.1","stream":true,"previous_response_id":"resp_1","input":"And now?"}`), "req_1")
	fmt.Println(f.Model, f.Stream, f.Stateful)
	// Output: gpt-4.1 true previous_response_id
}
