package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
	"github.com/tidwall/gjson"

	"cutover/flags"
	"cutover/internal/mock"
)

// share sets the relay's share of the callers on a running sidecar and waits
// until it rules.
func (r *rig) share(t testing.TB, percent string) {
	t.Helper()
	_, err := r.Flags.Store().Write(within(t), flags.Flip{
		Changes: []flags.Change{{Key: flags.KeyRelayPercentage, Value: &percent}}, Who: "test", Why: "affinity",
	})
	if err != nil {
		t.Fatalf("relay-percentage %s: %v", percent, err)
	}
	want := percent == "100"
	eventually(t, "the flip to "+percent+" rules", func() bool {
		return r.Flags.Decide(flags.Attributes{TargetingKey: "k"}).ServeRelay == want
	}, func() any { return r.Flags.State() })
}

// TestBatchJobStaysWithItsProvider runs a whole job with the official SDK: file
// up, batch, poll, output file down. It begins under one share and ends under
// the other; every call after the first must go to the provider that began.
func TestBatchJobStaysWithItsProvider(t *testing.T) {
	for _, row := range []struct{ name, begin, end string }{
		{"begun at the primary, ended at 100 %", "0", "100"},
		{"begun at the relay, ended at 0 %", "100", "0"},
	} {
		t.Run(row.name, func(t *testing.T) {
			primary := startProvider(t, mock.Config{Name: "primary"})
			relay := startProvider(t, mock.Config{Name: "relay", DrawSeed: 2})
			r := startSidecar(t, primary, relay)
			client := openai.NewClient(option.WithBaseURL(r.URL()+"/v1"), option.WithAPIKey(callerKey),
				option.WithHTTPClient(newHTTPClient(t)), option.WithMaxRetries(0))
			ctx := within(t)
			begun, other := primary, relay
			if row.begin == "100" {
				begun, other = relay, primary
			}
			r.share(t, row.begin)
			lines := `{"custom_id":"1","method":"POST","url":"/v1/chat/completions","body":{"model":"gpt-4o","messages":[{"role":"user",` +
				`"content":"hi"}]}}` + "\n"
			in, err := client.Files.New(ctx, openai.FileNewParams{Purpose: openai.FilePurposeBatch,
				File: openai.File(strings.NewReader(lines), "in.jsonl", "application/jsonl")})
			if err != nil {
				t.Fatalf("file up: %v", err)
			}
			response, err := client.Responses.New(ctx, responses.ResponseNewParams{Model: "gpt-4o",
				Input: responses.ResponseNewParamsInputUnion{OfString: openai.String("Name a tree.")}})
			if err != nil {
				t.Fatalf("response: %v", err)
			}
			r.share(t, row.end)
			batch, err := client.Batches.New(ctx, openai.BatchNewParams{InputFileID: in.ID,
				Endpoint: openai.BatchNewParamsEndpointV1ChatCompletions, CompletionWindow: openai.BatchNewParamsCompletionWindow24h})
			if err != nil {
				t.Fatalf("batch: %v", err)
			}
			done, err := client.Batches.Get(ctx, batch.ID)
			if err != nil || done.OutputFileID == "" {
				t.Fatalf("poll: %+v, %v; want it done", done, err)
			}
			out, err := client.Files.Content(ctx, done.OutputFileID)
			if err != nil {
				t.Fatalf("file down: %v", err)
			}
			defer func() { _ = out.Body.Close() }()
			if text, err := io.ReadAll(out.Body); err != nil || !strings.Contains(string(text), `"custom_id"`) {
				t.Errorf("the output is %.100q, %v", text, err)
			}
			// A conversation by reference goes on where it began, too.
			if _, err := client.Responses.New(ctx, responses.ResponseNewParams{Model: "gpt-4o", PreviousResponseID: openai.String(response.ID),
				Input: responses.ResponseNewParamsInputUnion{OfString: openai.String("And another.")}}); err != nil {
				t.Errorf("the next turn: %v", err)
			}
			if n := other.Stats().Calls; n != 0 {
				t.Errorf("the other provider saw %d calls: %v", n, other.Calls())
			}
			if n := begun.Stats().Calls; n != 6 {
				t.Errorf("the provider that began saw %d calls, want 6: %v", n, begun.Calls())
			}
			// What nobody has heard of goes to the primary, and a list to the reference.
			before := primary.Stats().Calls
			for _, path := range []string{"/v1/files/file-unheard-of", "/v1/files"} {
				req, _ := http.NewRequestWithContext(ctx, http.MethodGet, r.URL()+path, nil)
				resp, err := newHTTPClient(t).Do(req)
				if err != nil {
					t.Fatal(err)
				}
				_ = resp.Body.Close()
			}
			if n := primary.Stats().Calls - before; n != 2 {
				t.Errorf("the primary saw %d of the two calls for what is unknown and what is listed", n)
			}
		})
	}
}

// TestThoughtsStayWithTheirProvider holds a conversation in which the model
// thinks: each provider refuses a thought that another one has signed, so every
// turn must go where the first one went, whatever the shares have become.
func TestThoughtsStayWithTheirProvider(t *testing.T) {
	for _, streamed := range []bool{false, true} {
		for _, row := range []struct{ name, begin, end string }{
			{"begun at the primary", "0", "100"}, {"begun at the relay", "100", "0"}, {"at the relay all the time", "100", "100"},
		} {
			t.Run(fmt.Sprintf("%s, streamed %v", row.name, streamed), func(t *testing.T) {
				primary := startProvider(t, mock.Config{Name: "primary"})
				relay := startProvider(t, mock.Config{Name: "relay", DrawSeed: 2})
				r := startSidecar(t, primary, relay)
				client := anthropic.NewClient(anthropicoption.WithBaseURL(r.URL()), anthropicoption.WithAPIKey(callerKey),
					anthropicoption.WithHTTPClient(newHTTPClient(t)), anthropicoption.WithMaxRetries(0))
				begun := primary
				if row.begin == "100" {
					begun = relay
				}
				r.share(t, row.begin)
				params := messageWith("Tell me about rivers.")
				params.Temperature.Value, params.MaxTokens = 1, 2048
				params.Thinking = anthropic.ThinkingConfigParamOfEnabled(1024)
				for turn := range 3 {
					var said anthropic.Message
					if streamed {
						stream := client.Messages.NewStreaming(within(t), params)
						for stream.Next() {
							if err := said.Accumulate(stream.Current()); err != nil {
								t.Fatal(err)
							}
						}
						if err := stream.Err(); err != nil {
							t.Fatalf("turn %d: %v", turn, err)
						}
					} else {
						whole, err := client.Messages.New(within(t), params)
						if err != nil {
							t.Fatalf("turn %d: %v", turn, err)
						}
						said = *whole
					}
					if len(said.Content) == 0 || said.Content[0].Signature == "" {
						t.Fatalf("turn %d: no signed thought in %+v", turn, said.Content)
					}
					params.Messages = append(params.Messages, said.ToParam(), anthropic.NewUserMessage(anthropic.NewTextBlock("And then?")))
					r.share(t, row.end)
				}
				if n := begun.Stats().Calls; n != 3 {
					t.Errorf("the provider that began saw %d of the 3 calls", n)
				}
			})
		}
	}
}

// TestBatchJobsSpeakTheRelaysNames runs whole jobs at a relay that has other
// models than callers ask for: each line is completed, by a model that the map
// for batches names. What the map has no name for is done by the primary.
func TestBatchJobsSpeakTheRelaysNames(t *testing.T) {
	t.Parallel()
	primary := startProvider(t, mock.Config{Name: "primary", Models: []string{"gpt-4o", "gpt-4o-mini", "claude-sonnet-4-5", "only-here"}})
	relay := startProvider(t, mock.Config{Name: "relay", DrawSeed: 2, Models: []string{"cheap", "cheap-mini", "cheap-claude", "live"}})
	r := startSidecar(t, primary, relay, "CUTOVER_FLAGS_RELAY_PERCENTAGE=100", "CUTOVER_UPSTREAMS_RELAY_MODELS_STRICT=true",
		"CUTOVER_UPSTREAMS_RELAY_MODELS_MAP=gpt-4o=live,gpt-4o-mini=cheap-mini,claude-sonnet-4-5=cheap-claude",
		"CUTOVER_UPSTREAMS_RELAY_MODELS_BATCH_MAP=gpt-4o=cheap")
	line := func(id, model string) string {
		return `{"custom_id":"` + id + `","method":"POST","url":"/v1/chat/completions","body":{"model":"` + model +
			`","messages":[{"role":"user","content":"hi"}]}}` + "\n"
	}
	t.Run("OpenAI", func(t *testing.T) {
		for _, row := range []struct {
			lines, want string
			by, other   *provider
		}{
			{line("1", "gpt-4o") + line("2", "gpt-4o-mini") + line("3", "gpt-4o"), "1 cheap, 2 cheap-mini, 3 cheap", relay, primary},
			{line("1", "gpt-4o") + line("2", "only-here"), "1 gpt-4o, 2 only-here", primary, relay},
		} {
			before := row.other.Stats().Calls
			if got := runBatch(t, r, row.lines); got != row.want {
				t.Errorf("the job's output is %q, want %q", got, row.want)
			}
			if n := row.other.Stats().Calls - before; n != 0 {
				t.Errorf("the other provider saw %d calls: %v", n, row.other.Calls())
			}
		}
	})
	t.Run("Anthropic", func(t *testing.T) {
		ctx := within(t)
		client := anthropic.NewClient(anthropicoption.WithBaseURL(r.URL()), anthropicoption.WithAPIKey(callerKey),
			anthropicoption.WithHTTPClient(newHTTPClient(t)), anthropicoption.WithMaxRetries(0))
		batch, err := client.Messages.Batches.New(ctx, anthropic.MessageBatchNewParams{Requests: []anthropic.MessageBatchNewParamsRequest{{
			CustomID: "1", Params: anthropic.MessageBatchNewParamsRequestParams{Model: "claude-sonnet-4-5", MaxTokens: 20,
				Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("hi"))}},
		}}})
		if err != nil {
			t.Fatalf("batch: %v", err)
		}
		if done, err := client.Messages.Batches.Get(ctx, batch.ID, anthropic.MessageBatchGetParams{}); err != nil ||
			done.ProcessingStatus != "ended" {
			t.Fatalf("poll: %+v, %v; want it ended", done, err)
		}
		results := client.Messages.Batches.ResultsStreaming(ctx, batch.ID, anthropic.MessageBatchResultsParams{})
		for results.Next() {
			if one := results.Current(); one.Result.Type != "succeeded" || one.Result.Message.Model != "cheap-claude" {
				t.Errorf("a result is %s", one.RawJSON())
			}
		}
		if err := results.Err(); err != nil {
			t.Errorf("results: %v", err)
		}
	})
}

// runBatch runs a job with the official client and lists what each line was
// processed by: "custom_id model", in the order of the output.
func runBatch(t *testing.T, r *rig, lines string) string {
	t.Helper()
	ctx := within(t)
	client := openai.NewClient(option.WithBaseURL(r.URL()+"/v1"), option.WithAPIKey(callerKey),
		option.WithHTTPClient(newHTTPClient(t)), option.WithMaxRetries(0))
	in, err := client.Files.New(ctx, openai.FileNewParams{Purpose: openai.FilePurposeBatch,
		File: openai.File(strings.NewReader(lines), "in.jsonl", "application/jsonl")})
	if err != nil {
		t.Fatalf("file up: %v", err)
	}
	batch, err := client.Batches.New(ctx, openai.BatchNewParams{InputFileID: in.ID,
		Endpoint: openai.BatchNewParamsEndpointV1ChatCompletions, CompletionWindow: openai.BatchNewParamsCompletionWindow24h})
	if err != nil {
		t.Fatalf("batch: %v", err)
	}
	done, err := client.Batches.Get(ctx, batch.ID)
	if err != nil || done.Status != openai.BatchStatusCompleted || done.RequestCounts.Failed != 0 || done.OutputFileID == "" {
		t.Fatalf("poll: %+v, %v; want all lines completed", done, err)
	}
	out, err := client.Files.Content(ctx, done.OutputFileID)
	if err != nil {
		t.Fatalf("file down: %v", err)
	}
	defer func() { _ = out.Body.Close() }()
	text, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatalf("file down: %v", err)
	}
	var said []string
	for response := range strings.Lines(string(text)) {
		said = append(said, gjson.Get(response, "custom_id").Str+" "+gjson.Get(response, "response.body.model").Str)
	}
	return strings.Join(said, ", ")
}
