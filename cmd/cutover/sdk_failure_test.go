package main

import (
	"context"
	"time"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/openai/openai-go/v3"

	"cutover/internal/mock"
)

func ms(n int) mock.Delay { return mock.Fixed(time.Duration(n) * time.Millisecond) }

// fault strikes every request of the inference endpoints.
func fault(kind string) mock.Config { return mock.Config{Faults: []mock.Fault{{Kind: kind, Rate: 1}}} }

// failureScenarios are about what goes wrong: callers must see it as they
// would without the sidecar.
func failureScenarios() []scenario {
	all := []scenario{
		{name: "wrong key", key: "sk-wrong", provider: mock.Config{Keys: []string{callerKey}}, run: ask},
		{name: "unknown model", provider: mock.Config{Models: []string{"another"}}, run: ask},
		{name: "bad request", run: openaiBadRequest},
		{name: "rate limit", provider: mock.Config{RPM: 1}, run: func(c *caller) { ask(c); ask(c) }},
		{
			name:     "retries",
			retries:  2,
			provider: mock.Config{Script: []string{"500", "429"}, RetryAfter: 20 * time.Millisecond},
			run:      openaiRetries,
		},
		{
			name:     "retries of messages",
			retries:  2,
			provider: mock.Config{Script: []string{"529", "500"}, RetryAfter: time.Millisecond},
			run:      claudeRetries,
		},
		{name: "retries of messages of version 2", retries: 1, provider: mock.Config{Script: []string{"500"}}, run: claude2Ask},
		{name: "retries that do not help", retries: 1, provider: fault("503"), run: openaiAsk},
		{name: "no response and a retry", retries: 1, provider: mock.Config{Script: []string{"refuse"}}, broken: true, run: openaiAsk},
		{name: "long wait", provider: mock.Config{Latency: mock.Latency{TTFT: ms(1500)}}, run: func(c *caller) { openaiAsk(c); claudeAsk(c) }},
		{name: "error event", provider: fault("error-event-after-3"), run: streams},
		{name: "broken stream", provider: fault("cut-after-3"), run: streams},
		{name: "clean end without the last words", provider: fault("end-after-3"), run: streams},
		{name: "no DONE", provider: fault("no-done"), run: streams},
		{name: "no usage", provider: fault("no-usage"), run: streams},
		{name: "garbage in a stream", provider: fault("garbage-after-2"), run: streams},
		{name: "disorder in a stream", provider: fault("wrong-order"), run: streams},
		{name: "no UTF-8", provider: fault("invalid-utf8"), run: func(c *caller) { ask(c); streams(c) }},
		{name: "no JSON", provider: fault("not-json"), run: ask},
		{name: "half JSON", provider: fault("truncated"), run: ask},
		{name: "no body", provider: fault("empty"), run: ask},
		{name: "body too short", provider: fault("wrong-length"), run: ask},
		{name: "caller leaves a stream", provider: mock.Config{Latency: mock.Latency{Gap: ms(20)}}, left: true, run: leaveStream},
		{name: "caller leaves a stream of messages", provider: mock.Config{Latency: mock.Latency{Gap: ms(20)}}, left: true, run: leaveMessages},
		{name: "caller leaves before the response", provider: fault("hang"), left: true, run: leaveBefore},
	}
	for _, status := range []string{"400", "401", "403", "404", "409", "429", "500", "529"} {
		all = append(all, scenario{name: "status " + status, provider: fault(status), run: func(c *caller) { ask(c); streams(c) }})
	}
	return all
}

// ask asks once with each SDK, whatever comes.
func ask(c *caller) {
	openaiClient, claude, claude2 := c.openai(), c.claude(), c.claude2()
	c.object(openaiClient.Chat.Completions.New(c.ctx, chatWith("How do whales sleep?")))
	c.object(openaiClient.Responses.New(c.ctx, responseWith("How do whales sleep?")))
	c.object(claude.Messages.New(c.ctx, messageWith("How do whales sleep?")))
	c.object(claude2.Messages.New(c.ctx, message2With("How do whales sleep?")))
}

// streams streams once with each SDK, whatever comes.
func streams(c *caller) {
	openaiClient, claude, claude2 := c.openai(), c.claude(), c.claude2()
	follow(c, openaiClient.Chat.Completions.NewStreaming(c.ctx, chatWith("Tell me about rivers.")), nil)
	follow(c, openaiClient.Responses.NewStreaming(c.ctx, responseWith("Tell me about rivers.")), nil)
	follow(c, claude.Messages.NewStreaming(c.ctx, messageWith("Tell me about rivers.")), nil)
	follow(c, claude2.Messages.NewStreaming(c.ctx, message2With("Tell me about rivers.")), nil)
}

func openaiAsk(c *caller) {
	client := c.openai()
	c.object(client.Chat.Completions.New(c.ctx, chatWith("How do whales sleep?")))
}

func openaiRetries(c *caller) {
	openaiAsk(c)
	c.sent("X-Stainless-Retry-Count", "0", "1", "2")
}

func claudeRetries(c *caller) {
	claudeAsk(c)
	c.sent("X-Stainless-Retry-Count", "0", "1", "2")
}

func claudeAsk(c *caller) {
	client := c.claude()
	c.object(client.Messages.New(c.ctx, messageWith("How do whales sleep?")))
}

func claude2Ask(c *caller) {
	client := c.claude2()
	c.object(client.Messages.New(c.ctx, message2With("How do whales sleep?")))
}

func openaiBadRequest(c *caller) {
	openaiClient, claude := c.openai(), c.claude()
	c.object(openaiClient.Chat.Completions.New(c.ctx, openai.ChatCompletionNewParams{Model: "gpt-4o"}))
	c.object(openaiClient.Embeddings.New(c.ctx, openai.EmbeddingNewParams{Model: "text-embedding-3-small"}))
	c.object(claude.Messages.New(c.ctx, anthropic.MessageNewParams{Model: "claude-sonnet-4-5"}))
}

// leaveStream reads three events and goes away.
func leaveStream(c *caller) {
	client := c.openai()
	ctx, leave := context.WithCancel(c.ctx)
	defer leave()
	stream := client.Chat.Completions.NewStreaming(ctx, chatWith("Tell me about rivers."))
	for range 3 {
		c.require(stream.Next(), "three events")
		c.sees("event %s", stream.Current().RawJSON())
	}
	leave()
	c.noticed()
}

func leaveMessages(c *caller) {
	client := c.claude()
	stream := client.Messages.NewStreaming(c.ctx, messageWith("Tell me about rivers."))
	for range 3 {
		c.require(stream.Next(), "three events")
		c.sees("event %s", stream.Current().RawJSON())
	}
	c.require(stream.Close() == nil, "close")
	c.noticed()
}

// leaveBefore goes away while the provider still thinks.
func leaveBefore(c *caller) {
	client := c.openai()
	ctx, leave := context.WithCancel(c.ctx)
	defer leave()
	ended := make(chan error, 1)
	go func() {
		_, err := client.Chat.Completions.New(ctx, chatWith("How do whales sleep?"))
		ended <- err
	}()
	c.require(c.provider.Wait(c.ctx, func(s mock.Stats) bool { return s.Calls == 1 }) == nil, "the request arrives")
	leave()
	c.fails(<-ended)
	c.noticed()
}

// noticed waits until the provider has learnt that its caller went away.
func (c *caller) noticed() {
	start := time.Now()
	err := c.provider.Wait(c.ctx, func(s mock.Stats) bool { return s.Gone == 1 && s.Active == 0 })
	c.require(err == nil, "the provider learns that the caller is gone")
	c.require(time.Since(start) < 2*time.Second, "at once")
}
