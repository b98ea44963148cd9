package mock_test

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"cutover/internal/mock"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts a mock on a free port.
func serve(t *testing.T, cfg mock.Config) (*mock.Server, string) {
	t.Helper()
	s, err := mock.New(cfg)
	if err != nil {
		t.Fatalf("New(%+v): %v", cfg, err)
	}
	h := httptest.NewServer(s)
	t.Cleanup(func() {
		_ = s.Close()
		h.CloseClientConnections()
		h.Close()
	})
	return s, h.URL
}

// within is a context that ends before the test binary's own limit does.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func openAI(url string, options ...option.RequestOption) openai.Client {
	return openai.NewClient(append([]option.RequestOption{option.WithBaseURL(url + "/v1"), option.WithAPIKey("sk-test")}, options...)...)
}

func question(text string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{Model: "gpt-4o", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(text)}}
}

func TestOpenAIChat(t *testing.T) {
	_, url := serve(t, mock.Config{Seed: 7})
	client := openAI(url)
	plain, err := client.Chat.Completions.New(within(t), question("How do whales sleep?"))
	if err != nil {
		t.Fatal(err)
	}
	params := question("How do whales sleep?")
	params.StreamOptions.IncludeUsage = openai.Bool(true)
	stream := client.Chat.Completions.NewStreaming(within(t), params)
	var acc openai.ChatCompletionAccumulator
	for stream.Next() {
		if !acc.AddChunk(stream.Current()) {
			t.Fatalf("the SDK refuses the chunk %s", stream.Current().RawJSON())
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	if got, want := acc.Choices[0].Message.Content, plain.Choices[0].Message.Content; got != want || got == "" {
		t.Errorf("streamed %q, plain %q", got, want)
	}
	if acc.Usage.CompletionTokens != plain.Usage.CompletionTokens || plain.Usage.CompletionTokens == 0 || plain.Usage.PromptTokens == 0 {
		t.Errorf("usage streamed %+v, plain %+v", acc.Usage, plain.Usage)
	}
	if acc.Choices[0].FinishReason != "stop" || plain.Choices[0].FinishReason != "stop" || plain.Model != "gpt-4o" {
		t.Errorf("finish %q and %q, model %q", acc.Choices[0].FinishReason, plain.Choices[0].FinishReason, plain.Model)
	}
	if d := time.Since(time.Unix(plain.Created, 0)); d > time.Minute || d < -time.Minute {
		t.Errorf("created is %s away from now", d)
	}
}

func TestOpenAIResponses(t *testing.T) {
	_, url := serve(t, mock.Config{})
	client := openAI(url)
	params := responses.ResponseNewParams{
		Model: "gpt-4.1",
		Input: responses.ResponseNewParamsInputUnion{OfString: openai.String("Explain tides")},
	}
	plain, err := client.Responses.New(within(t), params)
	if err != nil {
		t.Fatal(err)
	}
	stream := client.Responses.NewStreaming(within(t), params)
	var text string
	var final responses.Response
	next := int64(0)
	for stream.Next() {
		e := stream.Current()
		if e.SequenceNumber != next {
			t.Fatalf("sequence number %d, want %d", e.SequenceNumber, next)
		}
		next++
		switch e.Type {
		case "response.output_text.delta":
			text += e.Delta
		case "response.completed":
			final = e.Response
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	if text == "" || text != plain.OutputText() || final.OutputText() != text {
		t.Errorf("deltas %q, final %q, plain %q", text, final.OutputText(), plain.OutputText())
	}
	if final.Usage.OutputTokens == 0 || final.Usage.TotalTokens != plain.Usage.TotalTokens {
		t.Errorf("usage %+v, plain %+v", final.Usage, plain.Usage)
	}
}
