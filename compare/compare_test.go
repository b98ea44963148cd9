package compare

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"cutover/exchange"
)

var testStart = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// chatPair is a pair of two good streamed answers with the given texts.
func chatPair(primary, relay string) Pair {
	return Pair{
		Request: &exchange.Request{
			ID: "01JTEST", Endpoint: &exchange.Endpoint{Name: "chat/completions", Dialect: exchange.OpenAIChat, Kind: exchange.Inference},
			Facts: exchange.Facts{Model: "gpt-4o", Stream: true, Valid: true}, At: testStart,
		},
		Primary: answer(exchange.Primary, primary), Relay: answer(exchange.Relay, relay), Outcome: Both,
	}
}

func answer(arm exchange.Arm, text string) *exchange.Exchange {
	return &exchange.Exchange{
		Arm: arm, Upstream: arm.String(), Model: "gpt-4o", Status: 200, Started: testStart, Streamed: true, Events: 12, Bytes: 4000,
		TTFB: 20 * time.Millisecond, TTFT: 50 * time.Millisecond, Total: 550 * time.Millisecond,
		Usage:      exchange.Usage{Known: true, InputTokens: 100, OutputTokens: 51},
		Completion: exchange.Completion{ID: "chatcmpl-1", Model: "gpt-4o", Text: text, TextBytes: len(text), FinishReason: "stop", Choices: 1},
	}
}

func failed(arm exchange.Arm, class exchange.Class, status int) *exchange.Exchange {
	return &exchange.Exchange{Arm: arm, Upstream: arm.String(), Model: "gpt-4o", Status: status, Class: class, Started: testStart,
		Total: 10 * time.Millisecond}
}

func TestCompareTakesTheFiguresOfBothSides(t *testing.T) {
	p := chatPair("The sky is blue.", "The sky  is\nblue. ")
	p.Served = exchange.Relay
	r := Compare(p, Options{RelayPrices: Prices{"gpt-4": {Input: 2, Output: 8}}})
	if r.ID != "01JTEST" || r.Endpoint != "chat/completions" || r.Model != "gpt-4o" || !r.Stream || r.Outcome != Both ||
		r.Served != exchange.Relay {
		t.Errorf("request's side: %+v", r)
	}
	if !r.Checked || !r.TextEqual || r.Similarity != 1 || !r.ToolsEqual || r.DiffSimilarity != nil {
		t.Errorf("contents: %+v", r)
	}
	if r.Primary.CostKnown || !r.Relay.CostKnown || r.Relay.CostUSD != (100*2+51*8)/1e6 {
		t.Errorf("cost: primary %v %v, relay %v %v", r.Primary.CostKnown, r.Primary.CostUSD, r.Relay.CostKnown, r.Relay.CostUSD)
	}
	if got := r.Relay.TokensPerSecond(); got != 100 {
		t.Errorf("tokens per second: got %v, want 50 tokens in .5 s", got)
	}
}

func TestCompareTakesAnyPair(t *testing.T) {
	good := answer(exchange.Primary, "x")
	for name, p := range map[string]Pair{
		"nothing":       {},
		"no endpoint":   {Request: &exchange.Request{}},
		"relay only":    {Relay: good, Outcome: RelayOnly},
		"both failed":   {Primary: failed(exchange.Primary, exchange.ClassConnect, 0), Relay: failed(exchange.Relay, exchange.ClassServer, 500)},
		"empty answers": {Primary: &exchange.Exchange{}, Relay: &exchange.Exchange{}},
		"invalid utf8":  {Primary: answer(exchange.Primary, "\xff\xfe a"), Relay: answer(exchange.Relay, "\xc3")},
	} {
		r := Compare(p, Options{Diff: true})
		if r.Similarity < 0 || r.Similarity > 1 {
			t.Errorf("%s: similarity %v", name, r.Similarity)
		}
		if _, err := json.Marshal(r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestContentsAreComparedOnlyWhenBothAnswersAreUsableAndKept(t *testing.T) {
	broken := chatPair("a", "b")
	broken.Relay = failed(exchange.Relay, exchange.ClassBroken, 200)
	unkept := chatPair("a", "b")
	unkept.Relay.Completion.Text = ""
	for name, p := range map[string]Pair{"broken": broken, "not kept": unkept} {
		if r := Compare(p, Options{}); r.Checked {
			t.Errorf("%s: compared", name)
		}
	}
	empty := chatPair("a", "")
	if r := Compare(empty, Options{}); !r.Checked || r.Similarity != 0 {
		t.Errorf("an empty answer is an answer: %+v", r)
	}
}

// A name that an upstream chose must not carry text into logs or reports.
func TestNothingOfTheTextsReachesResultOrLog(t *testing.T) {
	const secret = "Zebra prefers marmalade"
	p := chatPair(secret+" on Monday", secret+" on Tuesday")
	p.Request.Facts.Model = secret
	p.Request.Body = []byte(secret)
	p.Relay.Completion.Model = secret
	p.Relay.Completion.FinishReason = secret
	p.Relay.Completion.ToolCalls = []exchange.ToolCall{{Name: secret, Arguments: `{"a":"` + secret + `"}`}}
	p.Relay.Detail = secret
	p.Relay.Faults = []string{secret}
	r := Compare(p, Options{Diff: true})
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	logger := zerolog.New(&log)
	logger.Info().EmbedObject(r).Msg("pair")
	if strings.Contains(string(text), "Zebra") || strings.Contains(log.String(), "Zebra") {
		t.Errorf("text leaked:\n%s\n%s", text, log.String())
	}
	if !json.Valid(log.Bytes()) || strings.Count(log.String(), "\n") != 1 {
		t.Errorf("log line: %s", log.String())
	}
}

func TestLogLine(t *testing.T) {
	p := chatPair("one two three four", "one two three five")
	p.Relay.Completion.ToolCalls = []exchange.ToolCall{{Name: "f", Arguments: "{}"}}
	var log bytes.Buffer
	logger := zerolog.New(&log)
	logger.Info().EmbedObject(Compare(p, Options{Diff: true})).Msg("pair")
	for _, want := range []string{`"id":"01JTEST"`, `"outcome":"both"`, `"ttft_ms":50`, `"similarity":0.6`, `"diff_similarity":0.857`,
		`"text_equal":false`, `"tools_equal":false`, `"tool_calls":1`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %s in %s", want, log.String())
		}
	}
}

func TestEqualText(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"", "", true},
		{"", " \n", true},
		{"a b", " a\t\r\nb ", true},
		{"a b", "ab", false},
		{"ab", "a b", false},
		{"a", "a b", false},
		{"a ", "a", true},
		{"a  b", "a b c", false},
		{"Öl", "Öl ", true},
		// An accent in one code point or in two; Hangul in syllables or letters.
		{"caf\u00e9 noir", "cafe\u0301 noir", true},
		{"\uac00", "\u1100\u1161", true},
		{"s\u0323\u0307", "s\u0307\u0323", true},
		{"caf\u00e9", "cafe", false},
		{"e\u0301", "e\u0300", false},
		// White space of all kinds.
		{"10\u00a0km", "10 km", true},
		{"10\u202fkm\u3000", "\u00a010 km", true},
		{"a\u2028b", "a\nb", true},
		{"10\u00a0km", "10km", false},
		{"a\u200bb", "a b", false},
		// What only looks alike is not the same.
		{"x\u00b2", "x2", false},
		{"\ufb01n", "fin", false},
		{"\uff21", "A", false},
		{"\u201cq\u201d", "\"q\"", false},
		{"\u0391", "A", false},
		{"\xff\u00a0b", "\xff b", true},
		{"\xff", "\xfe", false},
	} {
		for _, p := range []Pair{chatPair(c.a, c.b), chatPair(c.b, c.a)} {
			if r := Compare(p, Options{}); r.Checked && r.TextEqual != c.want {
				t.Errorf("%q and %q: the same %v", p.Primary.Completion.Text, p.Relay.Completion.Text, r.TextEqual)
			}
		}
	}
}

func TestEqualToolCalls(t *testing.T) {
	call := func(name, args string) exchange.ToolCall {
		return exchange.ToolCall{ID: name + args, Name: name, Arguments: args}
	}
	for _, c := range []struct {
		name string
		a, b []exchange.ToolCall
		want bool
	}{
		{"none", nil, nil, true},
		{"one side", []exchange.ToolCall{call("f", "{}")}, nil, false},
		{"order of keys and form of numbers", []exchange.ToolCall{call("f", `{"a":1,"b":[1.50,null]}`)},
			[]exchange.ToolCall{call("f", `{ "b":[15e-1,null], "a":1.0}`)}, true},
		{"order of calls", []exchange.ToolCall{call("f", `{}`), call("g", `{}`)}, []exchange.ToolCall{call("g", `{}`), call("f", ``)}, true},
		{"the same call twice", []exchange.ToolCall{call("f", `{}`), call("f", `{}`)}, []exchange.ToolCall{call("f", `{}`),
			call("g", `{}`)}, false},
		{"order of a list", []exchange.ToolCall{call("f", `[1,2]`)}, []exchange.ToolCall{call("f", `[2,1]`)}, false},
		{"null or missing", []exchange.ToolCall{call("f", `{"a":null}`)}, []exchange.ToolCall{call("f", `{"b":null}`)}, false},
		{"1 or \"1\"", []exchange.ToolCall{call("f", `{"a":1}`)}, []exchange.ToolCall{call("f", `{"a":"1"}`)}, false},
		{"broken, the same", []exchange.ToolCall{call("f", `{"a":`)}, []exchange.ToolCall{call("f", `{"a":`)}, true},
		{"broken, another", []exchange.ToolCall{call("f", `{"a":`)}, []exchange.ToolCall{call("f", `{"a"`)}, false},
		{"name", []exchange.ToolCall{call("f", `{}`)}, []exchange.ToolCall{call("g", `{}`)}, false},
		{"a number without end", []exchange.ToolCall{call("f", `1e999999999`)}, []exchange.ToolCall{call("f", `2e999999999`)}, false},
	} {
		if got := equalToolCalls(c.a, c.b); got != c.want {
			t.Errorf("%s: got %v", c.name, got)
		}
	}
}

func TestPrices(t *testing.T) {
	p := Prices{"gpt-4": {Input: 30}, "gpt-4o": {Input: 2.5, Output: 10, CachedInput: 1}, "default": {Input: 9}}
	for model, want := range map[string]float64{"gpt-4": 30, "gpt-4-0613": 30, "gpt-4o-2024-08-06": 2.5, "claude": 9} {
		if got, ok := p.For(model); !ok || got.Input != want {
			t.Errorf("%s: %v %v", model, got, ok)
		}
	}
	if _, ok := (Prices{"gpt-4": {}}).For("claude"); ok {
		t.Error("a model without a price has one")
	}
	if got, want := p["gpt-4o"].Cost(1000, 400, 10), (600*2.5+400*1+10*10)/1e6; got != want {
		t.Errorf("cost %v, want %v", got, want)
	}
}
