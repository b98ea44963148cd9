package compare

import (
	"strings"
	"testing"

	"cutover/exchange"
)

const weatherSchema = `{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer","minimum":1},"unit":{"enum":` +
	`["c","f"]}},"required":["city"],"additionalProperties":false}`

func TestToolCalls(t *testing.T) {
	bodies := map[string]string{
		"chat":      `{"tools":[{"type":"function","function":{"name":"weather","parameters":` + weatherSchema + `}}]}`,
		"responses": `{"tools":[{"type":"web_search"},{"type":"function","name":"weather","parameters":` + weatherSchema + `}]}`,
		"messages":  `{"tools":[{"name":"weather","input_schema":` + weatherSchema + `}]}`,
		"functions": `{"functions":[{"name":"weather","parameters":` + weatherSchema + `}]}`,
	}
	call := func(name, args string) []exchange.ToolCall { return []exchange.ToolCall{{Name: name, Arguments: args}} }
	good := call("weather", `{"city":"Paris","days":3}`)
	for dialect, body := range bodies {
		for _, c := range []struct {
			name           string
			primary, relay []exchange.ToolCall
			want           string
		}{
			{"same", good, call("weather", `{"days":3.0, "city":"Paris"}`), ""},
			{"other arguments", good, call("weather", `{"city":"Rome"}`), "tools.arguments"},
			{"not called", good, nil, "tools.not_called@relay"},
			{"called where the primary did not", nil, good, "tools.not_called@primary"},
			{"neither", nil, nil, ""},
			{"unknown", good, call("forecast", `{}`), "tools.choice tools.unknown@relay"},
			{"broken JSON", good, call("weather", `{"city":"Par`), "tools.arguments tools.json@relay"},
			{"missing", good, call("weather", `{"days":3}`), "tools.arguments tools.schema@relay"},
			{"wrong type", good, call("weather", `{"city":7}`), "tools.arguments tools.schema@relay"},
			{"out of bounds", good, call("weather", `{"city":"x","days":0}`), "tools.arguments tools.schema@relay"},
			{"one more", good, call("weather", `{"city":"x","zip":1}`), "tools.arguments tools.schema@relay"},
			{"not in the list", good, call("weather", `{"city":"x","unit":"k"}`), "tools.arguments tools.schema@relay"},
			{"both broken", call("weather", `{`), call("weather", `[`), "tools.arguments"},
		} {
			p := chatPair("", "")
			p.Request.Facts.Tools = true
			p.Request.Body = []byte(body)
			for x, calls := range map[*exchange.Exchange][]exchange.ToolCall{p.Primary: c.primary, p.Relay: c.relay} {
				x.Completion.ToolCalls = calls
				if calls == nil {
					x.Completion.Text, x.Completion.TextBytes = "It rains.", 9
				}
			}
			r := Compare(p, Options{})
			if got := codes(r); got != c.want {
				t.Errorf("%s, %s: got %q, want %q", dialect, c.name, got, c.want)
			}
		}
	}
}

func TestFreeTextToolsTakeAnything(t *testing.T) {
	p := chatPair("", "")
	p.Request.Body = []byte(`{"tools":[{"type":"custom","custom":{"name":"shell"}}]}`)
	p.Request.Facts.Tools = true
	for _, x := range []*exchange.Exchange{p.Primary, p.Relay} {
		x.Completion.ToolCalls = []exchange.ToolCall{{Name: "shell", Arguments: "ls -l {"}}
	}
	r := Compare(p, Options{})
	if len(r.Relay.Traits) != 0 {
		t.Errorf("%v", r.Relay.Traits)
	}
}

func TestStructuredOutput(t *testing.T) {
	schema := `{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}`
	for name, body := range map[string]string{
		"chat":      `{"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":` + schema + `}}}`,
		"responses": `{"text":{"format":{"type":"json_schema","schema":` + schema + `}}}`,
		"messages":  `{"output_config":{"format":{"type":"json_schema","schema":` + schema + `}}}`,
		"any":       `{"response_format":{"type":"json_object"}}`,
	} {
		for text, want := range map[string]string{
			`{"n": 5}`:         "",
			"```json\n{}\n```": "json.invalid@relay",
			`{"n": 5} {"n":6}`: "json.invalid@relay",
			``:                 "json.invalid@relay text.empty@relay",
			`{"n": 5.5}`:       "json.schema@relay",
			`{}`:               "json.schema@relay",
		} {
			if name == "any" && want == "json.schema@relay" {
				want = ""
			}
			p := chatPair(`{"n":1}`, text)
			p.Request.Facts.JSONMode = true
			p.Request.Body = []byte(body)
			r := Compare(p, Options{})
			if got := codes(r); got != want {
				t.Errorf("%s, %q: got %q, want %q", name, text, got, want)
			}
			if !r.Primary.JSONAsked || !r.JSON {
				t.Errorf("%s: not noted as asked", name)
			}
		}
	}
}

func TestSchemas(t *testing.T) {
	for _, c := range []struct {
		schema, value string
		want          bool
	}{
		{`true`, `1`, true},
		{`false`, `1`, false},
		{`{}`, `null`, true},
		{`"nonsense"`, `1`, true},
		{`{"type":["string","null"]}`, `null`, true},
		{`{"type":["string","null"]}`, `1`, false},
		{`{"type":"integer"}`, `1.0`, true},
		{`{"type":"integer"}`, `1.5`, false},
		{`{"type":"integer"}`, `1e9999999`, true},
		{`{"type":"unheard"}`, `1`, true},
		{`{"const":{"a":1}}`, `{"a":1.0}`, true},
		{`{"enum":[1,"a",null]}`, `null`, true},
		{`{"enum":[]}`, `1`, false},
		{`{"anyOf":[{"type":"string"},{"minimum":3}]}`, `4`, true},
		{`{"anyOf":[{"type":"string"},{"minimum":3}]}`, `2`, false},
		{`{"oneOf":[{"type":"number"},{"minimum":3}]}`, `4`, false},
		{`{"allOf":[{"minimum":1},{"maximum":3}]}`, `4`, false},
		{`{"not":{"type":"string"}}`, `"a"`, false},
		{`{"type":"array","items":{"type":"string"},"minItems":1,"maxItems":2}`, `["a",1]`, false},
		{`{"type":"array","items":{"type":"string"},"maxItems":2}`, `["a","b","c"]`, false},
		{`{"prefixItems":[{"type":"string"}],"items":false}`, `["a"]`, true},
		{`{"prefixItems":[{"type":"string"}],"items":false}`, `["a",1]`, false},
		{`{"items":[{"type":"string"}],"additionalItems":{"type":"number"}}`, `["a",1]`, true},
		{`{"uniqueItems":true}`, `[1,1.0]`, false},
		{`{"minLength":2,"maxLength":2}`, `"äö"`, true},
		{`{"pattern":"^a+$"}`, `"aab"`, false},
		{`{"pattern":"(?<=x)"}`, `"anything"`, true},
		{`{"exclusiveMinimum":1}`, `1`, false},
		{`{"minimum":1,"exclusiveMinimum":true}`, `1`, false},
		{`{"exclusiveMaximum":1}`, `1`, false},
		{`{"multipleOf":0.1}`, `0.3`, true},
		{`{"multipleOf":2}`, `3`, false},
		{`{"patternProperties":{"^x-":{"type":"string"}},"additionalProperties":false}`, `{"x-a":"b"}`, true},
		{`{"patternProperties":{"^x-":{"type":"string"}},"additionalProperties":false}`, `{"y":"b"}`, false},
		{`{"minProperties":1}`, `{}`, false},
		{`{"$defs":{"n":{"type":"number"}},"properties":{"a":{"$ref":"#/$defs/n"}}}`, `{"a":"x"}`, false},
		{`{"$defs":{"n":{"type":"number"}},"properties":{"a":{"$ref":"#/$defs/n"}}}`, `{"a":1}`, true},
		{`{"$ref":"https://elsewhere"}`, `1`, true},
		{`{"$ref":"#/missing"}`, `1`, true},
		{`{"$ref":"#"}`, `1`, true},
		{`{"properties":{"next":{"$ref":"#"}},"required":["v"]}`, `{"v":1,"next":{"v":2,"next":{}}}`, false},
	} {
		schema, err := decodeJSON([]byte(c.schema))
		if err != nil {
			t.Fatal(err)
		}
		value, err := decodeJSON([]byte(c.value))
		if err != nil {
			t.Fatal(err)
		}
		if got := validates(schema, value); got != c.want {
			t.Errorf("%s for %s: %v", c.schema, c.value, got)
		}
	}
}

// A schema that refers to itself in many ways must end, and soon.
func TestSchemasThatExplode(t *testing.T) {
	schema, _ := decodeJSON([]byte(`{"anyOf":[{"$ref":"#"},{"$ref":"#"},{"$ref":"#"}],` +
		`"oneOf":[{"$ref":"#"},{"$ref":"#"}],"not":{"$ref":"#"}}`))
	value, _ := decodeJSON([]byte(strings.Repeat("[", 200) + strings.Repeat("]", 200)))
	validates(schema, value)
}

func TestStructure(t *testing.T) {
	const base = `{"id":"a","object":"chat.completion","created":1,"choices":[{"index":0,"message":{"role":"assistant","content":"hi"},` +
		`"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"prompt_tokens_details":{"x":1}},"system_fingerprint":"fp"}`
	for _, c := range []struct{ name, from, to, want string }{
		{"same", "", "", ""},
		{"ids and dates", `"id":"a"`, `"id":7`, ""},
		{"fingerprint", `,"system_fingerprint":"fp"`, ``, ""},
		{"details", `,"prompt_tokens_details":{"x":1}`, ``, ""},
		{"message", `"content":"hi"`, `"content":null,"tool_calls":[{"id":"x"}]`, ""},
		{"missing", `"index":0,`, ``, "structure.missing(choices.[].index)@relay"},
		{"null", `"index":0,`, `"index":null,`, "structure.missing(choices.[].index)@relay"},
		{"type", `"completion_tokens":2`, `"completion_tokens":"2"`, "structure.type(usage.completion_tokens)"},
		{"more", `"index":0,`, `"index":0,"extra":{"deep":{"er":1}},`, "structure.missing(choices.[].extra)@primary"},
		{"names that are text", `"index":0,`, `"index":0,"a secret text":1,`, "structure.missing(choices.[].other)@primary"},
		{"not JSON", `{"id"`, `{id`, ""},
	} {
		p := chatPair("hi", "hi")
		p.Request.Facts.Stream = false
		p.Primary.Streamed, p.Relay.Streamed = false, false
		p.Primary.Body, p.Relay.Body = []byte(base), []byte(strings.Replace(base, c.from, c.to, 1))
		if got := codes(Compare(p, Options{})); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
		p.Relay.BodyCut = true
		if got := codes(Compare(p, Options{})); got != "" {
			t.Errorf("%s: half a body was compared: %q", c.name, got)
		}
	}
	p := chatPair("hi", "hi")
	p.Primary.Streamed, p.Relay.Streamed, p.Request.Facts.Stream = false, false, false
	p.Primary.Body, p.Relay.Body = []byte(`{"a":{"b":1}}`), []byte(`{"a":{"b":"1"}}`)
	if got := codes(Compare(p, Options{Ignore: []string{"a.*"}})); got != "" {
		t.Errorf("ignored by the options, but found: %q", got)
	}
}

func TestModerationsAreComparedByTheirRecommendation(t *testing.T) {
	p := chatPair("", "")
	p.Request.Endpoint = dialect("moderations", exchange.OpenAIModerations)
	p.Request.Facts.Stream, p.Primary.Streamed, p.Relay.Streamed = false, false, false
	p.Primary.Body, p.Relay.Body = []byte(`{"results":[{"flagged":true}]}`), []byte(`{"results":[{"flagged":false}]}`)
	if got := codes(Compare(p, Options{})); got != "structure.value(results.[].flagged)" {
		t.Errorf("%q", got)
	}
}
