package mock_test

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"cutover/internal/mock"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"
)

// weather is a tool's schema.
func weather() map[string]any {
	return map[string]any{
		"type":                 "object",
		"required":             []string{"location", "days"},
		"additionalProperties": false,
		"properties": map[string]any{
			"location": map[string]any{"type": "string"}, "days": map[string]any{"type": "integer", "minimum": 1, "maximum": 7},
			"unit": map[string]any{"type": "string", "enum": []string{"celsius", "fahrenheit"}}},
	}
}

// fits checks arguments against weather by hand.
func fits(t *testing.T, args string) bool {
	t.Helper()
	var v struct {
		Location *string
		Days     *float64
		Unit     *string
	}
	return json.Unmarshal([]byte(args), &v) == nil && v.Location != nil && v.Days != nil && *v.Days >= 1 && *v.Days <= 7 &&
		*v.Days == math.Trunc(*v.Days) && (v.Unit == nil || *v.Unit == "celsius" || *v.Unit == "fahrenheit")
}

func alwaysTools() mock.Config {
	rate := 1.0
	return mock.Config{Speech: mock.Speech{ToolCalls: &rate}}
}

func TestOpenAITools(t *testing.T) {
	_, url := serve(t, alwaysTools())
	client := openAI(url)
	params := question("What is the weather in Lisbon?")
	params.Tools = []openai.ChatCompletionToolUnionParam{
		openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{Name: "get_weather", Parameters: weather()}),
	}
	plain, err := client.Chat.Completions.New(within(t), params)
	if err != nil {
		t.Fatal(err)
	}
	m := plain.Choices[0].Message
	if len(m.ToolCalls) == 0 || plain.Choices[0].FinishReason != "tool_calls" || m.ToolCalls[0].Function.Name != "get_weather" ||
		!fits(t, m.ToolCalls[0].Function.Arguments) {
		t.Fatalf("plain: %s", plain.RawJSON())
	}
	stream := client.Chat.Completions.NewStreaming(within(t), params)
	var acc openai.ChatCompletionAccumulator
	for stream.Next() {
		acc.AddChunk(stream.Current())
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	calls := acc.Choices[0].Message.ToolCalls
	if len(calls) != len(m.ToolCalls) || calls[0].Function.Arguments != m.ToolCalls[0].Function.Arguments || calls[0].ID == "" ||
		acc.Choices[0].FinishReason != "tool_calls" {
		t.Errorf("streamed %+v\nplain %+v", calls, m.ToolCalls)
	}
	params.Messages = append(params.Messages, m.ToParam(), openai.ToolMessage("sunny", m.ToolCalls[0].ID))
	after, err := client.Chat.Completions.New(within(t), params)
	if err != nil || len(after.Choices[0].Message.ToolCalls) != 0 || after.Choices[0].Message.Content == "" {
		t.Errorf("after the result: %v, %v", after, err)
	}
	params = question("Say hello")
	params.Tools = []openai.ChatCompletionToolUnionParam{
		openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{Name: "get_weather", Parameters: weather()}),
	}
	params.ToolChoice = openai.ChatCompletionToolChoiceOptionUnionParam{OfAuto: openai.String("none")}
	if none, err := client.Chat.Completions.New(within(t), params); err != nil || len(none.Choices[0].Message.ToolCalls) != 0 {
		t.Errorf("tool choice none: %v, %v", none, err)
	}
}

func TestOpenAIStructuredOutput(t *testing.T) {
	_, url := serve(t, mock.Config{})
	client := openAI(url)
	params := question("Give me the weather")
	params.ResponseFormat = openai.ChatCompletionNewParamsResponseFormatUnion{OfJSONSchema: &shared.ResponseFormatJSONSchemaParam{
		JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{Name: "weather", Schema: weather(), Strict: openai.Bool(true)}}}
	c, err := client.Chat.Completions.New(within(t), params)
	if err != nil || !fits(t, c.Choices[0].Message.Content) {
		t.Errorf("schema: %v, %v", c, err)
	}
	params.ResponseFormat = openai.ChatCompletionNewParamsResponseFormatUnion{OfJSONObject: &shared.ResponseFormatJSONObjectParam{}}
	c, err = client.Chat.Completions.New(within(t), params)
	if err != nil || !json.Valid([]byte(c.Choices[0].Message.Content)) {
		t.Errorf("object: %v, %v", c, err)
	}
	r, err := client.Responses.New(
		within(t),
		responses.ResponseNewParams{Model: "gpt-4.1", Input: responses.ResponseNewParamsInputUnion{OfString: openai.String("weather")},
			Text: responses.ResponseTextConfigParam{Format: responses.ResponseFormatTextConfigParamOfJSONSchema("weather", weather())}},
	)
	if err != nil || !fits(t, r.OutputText()) {
		t.Errorf("responses: %v, %v", r, err)
	}
}

func TestOpenAIResponsesTools(t *testing.T) {
	_, url := serve(t, alwaysTools())
	client := openAI(url)
	params := responses.ResponseNewParams{
		Model: "gpt-4.1",
		Input: responses.ResponseNewParamsInputUnion{OfString: openai.String("What is the weather?")},
		Tools: []responses.ToolUnionParam{responses.ToolParamOfFunction("get_weather", weather(), true)},
	}
	plain, err := client.Responses.New(within(t), params)
	if err != nil {
		t.Fatal(err)
	}
	if o := plain.Output[0]; o.Type != "function_call" || o.Name != "get_weather" || !fits(t, o.Arguments.OfString) || o.CallID == "" {
		t.Fatalf("plain: %s", plain.RawJSON())
	}
	stream := client.Responses.NewStreaming(within(t), params)
	args, done := map[int64]string{}, 0
	for stream.Next() {
		switch e := stream.Current(); e.Type {
		case "response.function_call_arguments.delta":
			args[e.OutputIndex] += e.Delta
		case "response.function_call_arguments.done":
			if e.Arguments != args[e.OutputIndex] || !fits(t, e.Arguments) {
				t.Errorf("deltas %q, done %q", args[e.OutputIndex], e.Arguments)
			}
			done++
		}
	}
	if err := stream.Err(); err != nil || done != len(plain.Output) {
		t.Errorf("%d calls streamed, %d plain, %v", done, len(plain.Output), err)
	}
}

func TestAnthropicTools(t *testing.T) {
	_, url := serve(t, alwaysTools())
	client := claude(url)
	talked, several := false, false
	for _, p := range prompts(40) {
		params := message(p)
		params.Tools = []anthropic.ToolUnionParam{{OfTool: &anthropic.ToolParam{Name: "get_weather", InputSchema: anthropic.ToolInputSchemaParam{
			Properties: weather()["properties"], Required: []string{"location", "days"}}}}}
		plain, err := client.Messages.New(within(t), params)
		if err != nil {
			t.Fatal(err)
		}
		stream := client.Messages.NewStreaming(within(t), params)
		var acc anthropic.Message
		for stream.Next() {
			if err := acc.Accumulate(stream.Current()); err != nil {
				t.Fatal(err)
			}
		}
		if err := stream.Err(); err != nil {
			t.Fatal(err)
		}
		last := acc.Content[len(acc.Content)-1]
		if plain.StopReason != "tool_use" || acc.StopReason != "tool_use" || len(acc.Content) != len(plain.Content) || last.Type != "tool_use" ||
			!fits(t, string(last.Input)) {
			t.Fatalf("streamed %+v\nplain %s", acc.Content, plain.RawJSON())
		}
		talked = talked || acc.Content[0].Type == "text"
		several = several || len(acc.Content) > 1 && acc.Content[len(acc.Content)-2].Type == "tool_use"
	}
	if !talked || !several {
		t.Errorf("a text before a call: %v, several calls: %v; want both now and then", talked, several)
	}
}

func TestAnthropicCount(t *testing.T) {
	_, url := serve(t, mock.Config{})
	client := claude(url)
	n, err := client.Messages.CountTokens(
		within(t),
		anthropic.MessageCountTokensParams{Model: "claude-x", Messages: message("How many tokens are in here?").Messages},
	)
	if err != nil || n.InputTokens < 7 || n.InputTokens > 20 {
		t.Errorf("%v, %v", n, err)
	}
}

func TestOpenAISmallEndpoints(t *testing.T) {
	_, url := serve(t, mock.Config{})
	client := openAI(url)
	mod, err := client.Moderations.New(
		within(t),
		openai.ModerationNewParams{Input: openai.ModerationNewParamsInputUnion{OfStringArray: []string{"I will kill the process", "hello"}}},
	)
	if err != nil || len(mod.Results) != 2 || !mod.Results[0].Flagged || !mod.Results[0].Categories.Violence || mod.Results[1].Flagged {
		t.Errorf("%v, %v", mod, err)
	}
	input := openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"one", "two"}}
	floats, err := client.Embeddings.New(within(t), openai.EmbeddingNewParams{Model: "text-embedding-3-small", Input: input})
	if err != nil || len(floats.Data) != 2 || len(floats.Data[1].Embedding) != 1536 || floats.Usage.TotalTokens == 0 {
		t.Errorf("%v", err)
	}
	models, err := client.Models.List(within(t))
	if err != nil || !slices.ContainsFunc(models.Data, func(m openai.Model) bool { return m.ID == "gpt-4o" }) {
		t.Errorf("%v, %v", models, err)
	}
	text, err := client.Completions.New(
		within(t),
		openai.CompletionNewParams{
			Model:     "gpt-3.5-turbo-instruct",
			Prompt:    openai.CompletionNewParamsPromptUnion{OfArrayOfStrings: []string{"a", "b"}},
			MaxTokens: openai.Int(9),
		},
	)
	if err != nil || len(text.Choices) != 2 || text.Choices[0].FinishReason != "length" {
		t.Errorf("%v, %v", text, err)
	}
	stream := client.Completions.NewStreaming(
		within(t),
		openai.CompletionNewParams{Model: "gpt-3.5-turbo-instruct", Prompt: openai.CompletionNewParamsPromptUnion{OfString: openai.String("a")}},
	)
	got := ""
	for stream.Next() {
		got += stream.Current().Choices[0].Text
	}
	if err := stream.Err(); err != nil || got == "" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestSDKsSeeErrorsAndRetry(t *testing.T) {
	s, url := serve(t, mock.Config{Script: []string{"500", "429"}, RetryAfter: time.Millisecond})
	client := openAI(url)
	if _, err := client.Chat.Completions.New(within(t), question("hi")); err != nil || s.Stats().Calls != 3 {
		t.Errorf("%v after %d calls", err, s.Stats().Calls)
	}
	for status, want := range map[string]int{"400": 400, "401": 401, "404": 404, "429": 429, "500": 500, "529": 529} {
		_, url := serve(t, mock.Config{Faults: []mock.Fault{{Kind: status, Rate: 1}}})
		client, cl := openAI(url, option.WithMaxRetries(0)), claude(url, anthropicoption.WithMaxRetries(0))
		var o *openai.Error
		if _, err := client.Chat.Completions.New(within(t), question("hi")); !errors.As(err, &o) || o.StatusCode != want || o.Message == "" {
			t.Errorf("%s: openai %v", status, err)
		}
		var a *anthropic.Error
		if _, err := cl.Messages.New(within(t), message("hi")); !errors.As(err, &a) || a.StatusCode != want || a.RequestID == "" {
			t.Errorf("%s: anthropic %v", status, err)
		}
	}
	_, url = serve(t, mock.Config{Faults: []mock.Fault{{Kind: "error-event-after-2", Rate: 1}}})
	cl := claude(url, anthropicoption.WithMaxRetries(0))
	stream := cl.Messages.NewStreaming(within(t), message("hi"))
	for stream.Next() {
		if stream.Current().Type == "message_stop" {
			t.Error("the stream ends as if nothing had happened")
		}
	}
	if stream.Err() == nil {
		t.Error("the SDK sees no error in the error event")
	}
}

func TestAnthropicThinking(t *testing.T) {
	_, url := serve(t, mock.Config{Name: "one"})
	_, elsewhere := serve(t, mock.Config{Name: "two"})
	client, other := claude(url), claude(elsewhere, anthropicoption.WithMaxRetries(0))
	params := message("Tell me about rivers")
	params.Thinking = anthropic.ThinkingConfigParamOfEnabled(1024)
	stream := client.Messages.NewStreaming(within(t), params)
	var acc anthropic.Message
	for stream.Next() {
		if err := acc.Accumulate(stream.Current()); err != nil {
			t.Fatal(err)
		}
	}
	plain, err := client.Messages.New(within(t), params)
	if err != nil || stream.Err() != nil {
		t.Fatal(err, stream.Err())
	}
	if len(acc.Content) != 2 || acc.Content[0].Thinking == "" || acc.Content[0].Signature == "" ||
		acc.Content[0].Thinking != plain.Content[0].Thinking ||
		acc.Content[0].Signature != plain.Content[0].Signature ||
		acc.Content[1].Text != plain.Content[1].Text {
		t.Fatalf("streamed %+v\nplain %+v", acc.Content, plain.Content)
	}
	params.Messages = append(params.Messages, acc.ToParam(), anthropic.NewUserMessage(anthropic.NewTextBlock("And lakes?")))
	if _, err := client.Messages.New(within(t), params); err != nil {
		t.Errorf("its own signature: %v", err)
	}
	var refused *anthropic.Error
	if _, err := other.Messages.New(within(t), params); !errors.As(err, &refused) || refused.StatusCode != 400 {
		t.Errorf("another provider's signature: %v", err)
	}
}

// TestFaultInSeveralBlocks pins that N counts content over all blocks.
func TestFaultInSeveralBlocks(t *testing.T) {
	cfg := faulty("cut-after-40")
	_, url := serve(t, cfg)
	body := `{"model":"m","max_tokens":900,"stream":true,"thinking":{"type":"enabled","budget_tokens":9},"messages":[{"role":"user",` +
		`"content":"Tell me about rivers"}]}`
	s := fetch(t, url+"/v1/messages", body)
	n := strings.Count(string(s.body), "event: content_block_delta")
	check(t, s.cut != nil && n == 40 && strings.Contains(string(s.body), "text_delta"), "cut after 40 deltas, in the second block", s)
}
