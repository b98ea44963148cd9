package main

import (
	"encoding/json"
	"strings"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"

	"cutover/internal/mock"
)

// chatWith is a chat request that bears everything which a copy must not.
func chatWith(text string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model: "gpt-4o",
		Messages: []openai.ChatCompletionMessageParamUnion{
			openai.SystemMessage("Answer as " + secretWords + " would."), openai.UserMessage(text),
		},
		Temperature: openai.Float(0.7), User: openai.String("user-4711"), SafetyIdentifier: openai.String("person-4711"),
		PromptCacheKey: openai.String("cache-4711"), Metadata: shared.Metadata{"ticket": "T-4711"},
		ServiceTier: "default", Store: openai.Bool(true),
	}
}

// weather is the schema of a tool's arguments.
func weather() map[string]any {
	return map[string]any{
		"type": "object", "additionalProperties": false, "required": []string{"city", "days"},
		"properties": map[string]any{"city": map[string]any{"type": "string"}, "days": map[string]any{"type": "integer"}},
	}
}

func chatTools(text string) openai.ChatCompletionNewParams {
	p := chatWith(text)
	p.Tools = []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{
		Name: "forecast", Description: openai.String("The weather of the coming days"), Parameters: weather(), Strict: openai.Bool(true),
	})}
	return p
}

// always calls the tools that are offered.
func always() mock.Config { return mock.Config{Speech: mock.Speech{ToolCalls: new(1.0)}} }

func openaiScenarios() []scenario {
	return []scenario{
		{name: "chat", run: openaiChat},
		{name: "chat stream", run: openaiChatStream},
		{name: "chat stream with gaps", provider: mock.Config{Latency: mock.Latency{Gap: ms(1)}, Obfuscation: true}, run: openaiChatStream},
		{name: "chat stream with comments", provider: mock.Config{Latency: mock.Latency{TTFT: ms(150)}, KeepAlive: 20e6}, run: openaiChatStream},
		{name: "chat compressed", provider: mock.Config{Gzip: "accept"}, run: openaiChat},
		{name: "chat stream compressed", provider: mock.Config{Gzip: "accept"}, run: openaiChatStream},
		{name: "tools", provider: always(), run: openaiTools},
		{name: "tools stream", provider: always(), run: openaiToolsStream},
		{name: "structured output", run: openaiStructured},
		{name: "JSON mode", run: openaiJSONMode},
		{name: "embeddings", run: openaiEmbeddings},
		{name: "responses", run: openaiResponses},
		{name: "responses stream", run: openaiResponsesStream},
		{name: "responses tools", provider: always(), run: openaiResponsesTools},
		{name: "responses follow-up", bound: 1, run: openaiResponsesFollowUp},
		{name: "completions", run: openaiCompletions},
		{name: "models", provider: mock.Config{Models: []string{"gpt-4o", "org/model v1%?"}}, run: openaiModels},
	}
}

func openaiChat(c *caller) {
	client := c.openai()
	c.must(client.Chat.Completions.New(c.ctx, chatWith("How do whales sleep?")))
	several := chatWith("Name a colour.")
	several.N, several.MaxCompletionTokens = openai.Int(2), openai.Int(30)
	c.must(client.Chat.Completions.New(c.ctx, several))
}

func openaiChatStream(c *caller) {
	client := c.openai()
	var whole1 openai.ChatCompletionAccumulator
	params := chatWith("Tell me about rivers.")
	params.StreamOptions.IncludeUsage = openai.Bool(true)
	whole(c, client.Chat.Completions.NewStreaming(c.ctx, params), func(e openai.ChatCompletionChunk) {
		c.require(whole1.AddChunk(e), "the accumulator refuses a chunk")
	})
	c.sees("in all %q %+v", whole1.Choices[0].Message.Content, whole1.Usage.TotalTokens)
	c.require(whole1.Usage.TotalTokens > 0, "usage was asked for")
	// Without asking for usage: the copy asks, the caller must not notice.
	whole(c, client.Chat.Completions.NewStreaming(c.ctx, chatWith("And about lakes?")), func(e openai.ChatCompletionChunk) {
		c.require(len(e.Choices) > 0, "a chunk without choices, which nobody asked for")
	})
}

func openaiTools(c *caller) {
	client := c.openai()
	params := chatTools("Will it rain in Bergen?")
	first, err := client.Chat.Completions.New(c.ctx, params)
	c.must(first, err)
	if err != nil || len(first.Choices[0].Message.ToolCalls) == 0 {
		c.require(false, "no tool was called")
		return
	}
	// Under ids of our own, so that the second question is the same in each run.
	said := first.Choices[0].Message.ToParam()
	said.OfAssistant.ToolCalls[0].OfFunction.ID = "call_1"
	params.Messages = append(params.Messages, said, openai.ToolMessage(`{"rain":true}`, "call_1"))
	params.ToolChoice.OfAuto = openai.String("none")
	c.must(client.Chat.Completions.New(c.ctx, params))
}

func openaiToolsStream(c *caller) {
	client := c.openai()
	var acc openai.ChatCompletionAccumulator
	whole(c, client.Chat.Completions.NewStreaming(c.ctx, chatTools("Will it snow in Oslo?")), func(e openai.ChatCompletionChunk) {
		acc.AddChunk(e)
		if call, ok := acc.JustFinishedToolCall(); ok {
			c.sees("tool %s %s", call.Name, call.Arguments)
		}
	})
	c.require(len(acc.Choices) > 0 && len(acc.Choices[0].Message.ToolCalls) > 0, "no tool was called")
}

func openaiStructured(c *caller) {
	params := chatWith("Will it rain in Bergen?")
	params.ResponseFormat.OfJSONSchema = &shared.ResponseFormatJSONSchemaParam{
		JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{Name: "weather", Schema: weather(), Strict: openai.Bool(true)},
	}
	client := c.openai()
	response, err := client.Chat.Completions.New(c.ctx, params)
	c.must(response, err)
	var got struct {
		City *string
		Days *int
	}
	c.require(err == nil && json.Unmarshal([]byte(response.Choices[0].Message.Content), &got) == nil && got.City != nil && got.Days != nil,
		"the response does not follow the schema")
	whole(c, client.Chat.Completions.NewStreaming(c.ctx, params), nil)
}

func openaiJSONMode(c *caller) {
	params := chatWith("Give me a recipe as JSON.")
	params.ResponseFormat.OfJSONObject = &shared.ResponseFormatJSONObjectParam{}
	client := c.openai()
	response, err := client.Chat.Completions.New(c.ctx, params)
	c.must(response, err)
	c.require(err == nil && json.Valid([]byte(response.Choices[0].Message.Content)), "the response is not JSON")
}

func openaiEmbeddings(c *caller) {
	client := c.openai()
	params := openai.EmbeddingNewParams{Model: "text-embedding-3-small", User: openai.String("user-4711"),
		Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{secretWords, "another text"}}}
	c.must(client.Embeddings.New(c.ctx, params))
	params.Dimensions = openai.Int(64)
	c.must(client.Embeddings.New(c.ctx, params))
	params.EncodingFormat = openai.EmbeddingNewParamsEncodingFormatBase64
	c.object(client.Embeddings.New(c.ctx, params))
}

func responseWith(text string) responses.ResponseNewParams {
	return responses.ResponseNewParams{
		Model: "gpt-4.1", Input: responses.ResponseNewParamsInputUnion{OfString: openai.String(text)},
		Instructions: openai.String("Answer as " + secretWords + " would."),
		User:         openai.String("user-4711"), Metadata: shared.Metadata{"ticket": "T-4711"}, ServiceTier: "default",
	}
}

func openaiResponses(c *caller) {
	client := c.openai()
	response, err := client.Responses.New(c.ctx, responseWith("Explain tides."))
	c.must(response, err)
	c.require(err == nil && response.OutputText() != "", "no text")
	kept := responseWith("Explain winds.")
	kept.Store = openai.Bool(true)
	c.must(client.Responses.New(c.ctx, kept))
}

func openaiResponsesStream(c *caller) {
	client := c.openai()
	var text strings.Builder
	whole(c, client.Responses.NewStreaming(c.ctx, responseWith("Explain tides.")), func(e responses.ResponseStreamEventUnion) {
		if e.Type == "response.output_text.delta" {
			text.WriteString(e.Delta)
		}
		if e.Type == "response.completed" {
			c.require(text.Len() > 0 && e.Response.OutputText() == text.String(), "the text's pieces are not the text")
		}
	})
}

func openaiResponsesTools(c *caller) {
	client := c.openai()
	params := responseWith("Will it rain in Bergen?")
	params.Tools = []responses.ToolUnionParam{responses.ToolParamOfFunction("forecast", weather(), true)}
	c.must(client.Responses.New(c.ctx, params))
	called := false
	whole(c, client.Responses.NewStreaming(c.ctx, params), func(e responses.ResponseStreamEventUnion) {
		called = called || e.Type == "response.function_call_arguments.done"
	})
	c.require(called, "no tool was called")
}

// openaiResponsesFollowUp goes on with what the primary keeps: no other
// provider could.
func openaiResponsesFollowUp(c *caller) {
	client := c.openai()
	first, err := client.Responses.New(c.ctx, responseWith("Explain tides."))
	c.must(first, err)
	if err != nil {
		return
	}
	next := responseWith("And why twice a day?")
	next.PreviousResponseID = openai.String(first.ID)
	c.object(client.Responses.New(c.ctx, next))
}

func openaiCompletions(c *caller) {
	client := c.openai()
	params := openai.CompletionNewParams{Model: "gpt-3.5-turbo-instruct", User: openai.String("user-4711"),
		Prompt: openai.CompletionNewParamsPromptUnion{OfString: openai.String("Once upon a time " + secretWords)}}
	c.must(client.Completions.New(c.ctx, params))
	whole(c, client.Completions.NewStreaming(c.ctx, params), nil)
}

func openaiModels(c *caller) {
	client := c.openai()
	c.must(client.Models.List(c.ctx))
	c.must(client.Models.Get(c.ctx, "gpt-4o"))
	c.must(client.Models.Get(c.ctx, "org/model v1%?"))
	c.object(client.Models.Get(c.ctx, "no-such-model"))
	c.object(client.Models.Delete(c.ctx, "gpt-4o"))
}
