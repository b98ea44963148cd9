package main

import (
	"github.com/anthropics/anthropic-sdk-go"
	anthropic2 "github.com/anthropics/anthropic-sdk-go/v2"

	"cutover/internal/mock"
)

func anthropicScenarios() []scenario {
	return []scenario{
		{name: "messages", run: claudeMessages},
		{name: "messages stream", run: claudeStream},
		{name: "messages stream with pings", provider: mock.Config{Latency: mock.Latency{TTFT: ms(150)}, KeepAlive: 20e6}, run: claudeStream},
		{name: "messages tools", provider: always(), run: claudeTools},
		{name: "messages count_tokens", run: claudeCount},
		{name: "messages models", run: claudeModels},
		{name: "messages of version 2", provider: mock.Config{Keys: []string{callerKey}}, run: claude2Messages},
		{name: "messages stream of version 2", run: claude2Stream},
		{name: "messages tools of version 2", provider: always(), run: claude2Tools},
		{name: "messages models of version 2", run: claude2Models},
	}
}

// messageWith is a message that bears everything which a copy must not.
func messageWith(text string) anthropic.MessageNewParams {
	return anthropic.MessageNewParams{
		Model: "claude-sonnet-4-5", MaxTokens: 1024, Temperature: anthropic.Float(0.5),
		System:   []anthropic.TextBlockParam{{Text: "Answer as " + secretWords + " would."}},
		Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(text))},
		Metadata: anthropic.MetadataParam{UserID: anthropic.String("user-4711")}, ServiceTier: "auto",
	}
}

func claudeMessages(c *caller) {
	client := c.claude()
	c.must(client.Messages.New(c.ctx, messageWith("How do whales sleep?")))
	short := messageWith("Tell me a long story.")
	short.MaxTokens = 12
	c.must(client.Messages.New(c.ctx, short))
	c.sent("Anthropic-Version", "2023-06-01", "2023-06-01")
	c.sent("X-Api-Key", callerKey, callerKey)
	c.sent("Authorization", "", "")
}

func claudeStream(c *caller) {
	client := c.claude()
	var acc anthropic.Message
	whole(c, client.Messages.NewStreaming(c.ctx, messageWith("Tell me about rivers.")), func(e anthropic.MessageStreamEventUnion) {
		c.require(acc.Accumulate(e) == nil, "an event does not fit")
	})
	c.require(len(acc.Content) == 1 && acc.Content[0].Text != "" && acc.StopReason == "end_turn" && acc.Usage.OutputTokens > 0,
		"the message is not whole")
}

func claudeTools(c *caller) {
	client := c.claude()
	params := messageWith("Will it rain in Bergen?")
	tool := anthropic.ToolUnionParamOfTool(
		anthropic.ToolInputSchemaParam{Properties: weather()["properties"], Required: []string{"city", "days"}},
		"forecast",
	)
	params.Tools = []anthropic.ToolUnionParam{tool}
	first, err := client.Messages.New(c.ctx, params)
	c.must(first, err)
	if err != nil || first.StopReason != anthropic.StopReasonToolUse {
		c.require(false, "no tool was called")
		return
	}
	// Under ids of our own, so that the second question is the same in each run.
	said := first.ToParam()
	for _, block := range said.Content {
		if block.OfToolUse != nil {
			block.OfToolUse.ID = "toolu_1"
		}
	}
	next := params
	next.Messages = append(next.Messages, said, anthropic.NewUserMessage(anthropic.NewToolResultBlock("toolu_1", `{"rain":true}`, false)))
	next.ToolChoice = anthropic.ToolChoiceUnionParam{OfNone: &anthropic.ToolChoiceNoneParam{}}
	c.must(client.Messages.New(c.ctx, next))
	var acc anthropic.Message
	whole(c, client.Messages.NewStreaming(c.ctx, params), func(e anthropic.MessageStreamEventUnion) {
		c.require(acc.Accumulate(e) == nil, "an event does not fit")
	})
	c.require(acc.StopReason == anthropic.StopReasonToolUse, "no tool was called in the stream")
}

func claudeCount(c *caller) {
	client := c.claude()
	c.must(client.Messages.CountTokens(c.ctx, anthropic.MessageCountTokensParams{
		Model: "claude-sonnet-4-5", Messages: messageWith("How many tokens are these?").Messages,
	}))
}

func claudeModels(c *caller) {
	client := c.claude()
	c.must(client.Models.Get(c.ctx, "claude-sonnet-4-5", anthropic.ModelGetParams{}))
	c.object(client.Models.Get(c.ctx, "no/such model?", anthropic.ModelGetParams{}))
	pages := client.Models.ListAutoPaging(c.ctx, anthropic.ModelListParams{Limit: anthropic.Int(3)})
	n := 0
	for ; pages.Next(); n++ {
		c.sees("model %s", pages.Current().RawJSON())
	}
	c.sees("pages end with %v", pages.Err())
	c.require(n > 3, "one page only")
}

func message2With(text string) anthropic2.MessageNewParams {
	return anthropic2.MessageNewParams{
		Model: "claude-sonnet-4-5", MaxTokens: 1024,
		System:   []anthropic2.TextBlockParam{{Text: "Answer as " + secretWords + " would."}},
		Messages: []anthropic2.MessageParam{anthropic2.NewUserMessage(anthropic2.NewTextBlock(text))},
		Metadata: anthropic2.MetadataParam{UserID: anthropic2.String("user-4711")},
	}
}

func claude2Messages(c *caller) {
	client := c.claude2()
	c.must(client.Messages.New(c.ctx, message2With("How do whales sleep?")))
	c.must(client.Messages.CountTokens(c.ctx, anthropic2.MessageCountTokensParams{
		Model: "claude-sonnet-4-5", Messages: message2With("How many tokens are these?").Messages,
	}))
	c.sent("Anthropic-Version", "2026-10-21", "2026-10-21")
	c.sent("X-Api-Key", "", "")
	c.sent("Authorization", "Bearer "+callerKey, "Bearer "+callerKey)
}

func claude2Stream(c *caller) {
	client := c.claude2()
	var acc anthropic2.Message
	whole(c, client.Messages.NewStreaming(c.ctx, message2With("Tell me about rivers.")), func(e anthropic2.MessageStreamEventUnion) {
		c.require(acc.Accumulate(e) == nil, "an event does not fit")
	})
	c.require(len(acc.Content) == 1 && acc.Content[0].Text != "" && acc.StopReason == "end_turn", "the message is not whole")
}

func claude2Tools(c *caller) {
	client := c.claude2()
	params := message2With("Will it rain in Bergen?")
	params.Tools = []anthropic2.ToolUnionParam{anthropic2.ToolUnionParamOfTool(
		anthropic2.ToolInputSchemaParam{Properties: weather()["properties"], Required: []string{"city", "days"}}, "forecast")}
	first, err := client.Messages.New(c.ctx, params)
	c.must(first, err)
	c.require(err == nil && first.StopReason == anthropic2.StopReasonToolUse, "no tool was called")
	whole(c, client.Messages.NewStreaming(c.ctx, params), nil)
}

func claude2Models(c *caller) {
	client := c.claude2()
	c.must(client.Models.List(c.ctx, anthropic2.ModelListParams{}))
	c.must(client.Models.Get(c.ctx, "claude-sonnet-4-5", anthropic2.ModelGetParams{}))
}
