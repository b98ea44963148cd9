package mock_test

import (
	"testing"

	"cutover/internal/mock"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"
	anthropic2 "github.com/anthropics/anthropic-sdk-go/v2"
	option2 "github.com/anthropics/anthropic-sdk-go/v2/option"
)

func claude(url string, options ...option.RequestOption) anthropic.Client {
	return anthropic.NewClient(append([]option.RequestOption{option.WithBaseURL(url), option.WithAPIKey("sk-ant-test")}, options...)...)
}

func message(text string) anthropic.MessageNewParams {
	return anthropic.MessageNewParams{Model: "claude-sonnet-4-5", MaxTokens: 1024,
		Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(text))}}
}

func TestAnthropicMessages(t *testing.T) {
	_, url := serve(t, mock.Config{})
	client := claude(url)
	plain, err := client.Messages.New(within(t), message("Tell me about rivers"))
	if err != nil {
		t.Fatal(err)
	}
	stream := client.Messages.NewStreaming(within(t), message("Tell me about rivers"))
	var acc anthropic.Message
	for stream.Next() {
		if err := acc.Accumulate(stream.Current()); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	if len(acc.Content) != 1 || acc.Content[0].Text == "" || acc.Content[0].Text != plain.Content[0].Text {
		t.Errorf("streamed %+v\nplain %+v", acc.Content, plain.Content)
	}
	if acc.Usage.OutputTokens != plain.Usage.OutputTokens || acc.StopReason != "end_turn" || plain.StopReason != "end_turn" {
		t.Errorf("streamed %+v %s, plain %+v %s", acc.Usage, acc.StopReason, plain.Usage, plain.StopReason)
	}
}

func TestAnthropicSecondVersion(t *testing.T) {
	_, url := serve(t, mock.Config{Keys: []string{"sk-ant-test"}})
	client := anthropic2.NewClient(option2.WithBaseURL(url), option2.WithAPIKey("sk-ant-test"))
	params := anthropic2.MessageNewParams{Model: "claude-sonnet-4-5", MaxTokens: 1024,
		Messages: []anthropic2.MessageParam{anthropic2.NewUserMessage(anthropic2.NewTextBlock("Tell me about rivers"))}}
	m, err := client.Messages.New(within(t), params)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Content) != 1 || m.Content[0].Text == "" {
		t.Errorf("got %+v", m)
	}
}
