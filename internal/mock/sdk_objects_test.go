package mock_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"cutover/internal/mock"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/responses"
)

// named is a reader that the SDKs upload under a file name.
type named struct {
	io.Reader
	name string
}

func (n named) Filename() string    { return n.name }
func (n named) ContentType() string { return "application/jsonl" }

const batchLines = `{"custom_id":"a","method":"POST","url":"/v1/chat/completions",` +
	`"body":{"model":"gpt-4o","messages":[{"role":"user","content":"One"}]}}
{"custom_id":"b","method":"POST","url":"/v1/chat/completions","body":{"model":"gpt-4o","messages":[{"role":"user","content":"Two"}]}}
{"custom_id":"c","method":"POST","url":"/v1/chat/completions","body":{"model":"gpt-4o"}}
`

// runBatch uploads lines and starts a batch over them.
func runBatch(t *testing.T, client openai.Client, lines string) *openai.Batch {
	t.Helper()
	f, err := client.Files.New(within(t), openai.FileNewParams{File: named{strings.NewReader(lines), "in.jsonl"}, Purpose: "batch"})
	if err != nil {
		t.Fatal(err)
	}
	b, err := client.Batches.New(
		within(t),
		openai.BatchNewParams{InputFileID: f.ID, Endpoint: "/v1/chat/completions", CompletionWindow: "24h"},
	)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func content(t *testing.T, client openai.Client, id string) []byte {
	t.Helper()
	r, err := client.Files.Content(within(t), id)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestOpenAIBatch(t *testing.T) {
	_, url := serve(t, mock.Config{Latency: mock.Latency{TTFT: mock.Fixed(time.Hour)}}) // a batch does not wait for it
	client := openAI(url)
	b := runBatch(t, client, batchLines)
	if b.Status != "validating" || b.RequestCounts.Total != 3 {
		t.Fatalf("created: %s, %+v", b.Status, b.RequestCounts)
	}
	done, err := client.Batches.Get(within(t), b.ID)
	if err != nil {
		t.Fatal(err)
	}
	if done.Status != "completed" || done.RequestCounts.Completed != 2 || done.RequestCounts.Failed != 1 || done.Usage.OutputTokens == 0 {
		t.Fatalf("polled: %s, %+v, %+v", done.Status, done.RequestCounts, done.Usage)
	}
	var ids []string
	for line := range bytes.Lines(content(t, client, done.OutputFileID)) {
		var out struct {
			CustomID string `json:"custom_id"`
			Response struct {
				StatusCode int                   `json:"status_code"`
				Body       openai.ChatCompletion `json:"body"`
			}
		}
		if err := json.Unmarshal(line, &out); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if out.Response.StatusCode != 200 || out.Response.Body.Choices[0].Message.Content == "" {
			t.Errorf("line %s", line)
		}
		ids = append(ids, out.CustomID)
	}
	if strings.Join(ids, ",") != "a,b" {
		t.Errorf("output has the lines %v", ids)
	}
	if failed := content(t, client, done.ErrorFileID); !bytes.Contains(failed, []byte(`"custom_id":"c"`)) ||
		!bytes.Contains(failed, []byte("'messages'")) {
		t.Errorf("error file: %s", failed)
	}
	page, err := client.Batches.List(within(t), openai.BatchListParams{})
	if err != nil || len(page.Data) != 1 || page.Data[0].ID != b.ID {
		t.Errorf("list: %+v, %v", page, err)
	}
}

func TestOpenAIBatchCancelAndFailure(t *testing.T) {
	_, url := serve(t, mock.Config{BatchTime: time.Hour})
	client := openAI(url)
	b := runBatch(t, client, batchLines)
	if got, err := client.Batches.Cancel(within(t), b.ID); err != nil || got.Status != "cancelling" {
		t.Fatalf("cancel: %v, %v", got, err)
	}
	if got, err := client.Batches.Get(within(t), b.ID); err != nil || got.Status != "cancelled" || got.CancelledAt == 0 {
		t.Fatalf("after cancel: %v, %v", got, err)
	}
	broken := runBatch(t, client, "{\"custom_id\":\"a\"\n"+batchLines+batchLines)
	got, err := client.Batches.Get(within(t), broken.ID)
	if err != nil || got.Status != "failed" || len(got.Errors.Data) != 4 || got.Errors.Data[0].Line != 1 {
		t.Fatalf("broken input: %+v, %v", got, err)
	}
}

func TestOpenAIFiles(t *testing.T) {
	_, url := serve(t, mock.Config{MaxKept: 100})
	client := openAI(url)
	small, err := client.Files.New(within(t), openai.FileNewParams{File: named{strings.NewReader("hello"), "a.txt"}, Purpose: "user_data"})
	if err != nil {
		t.Fatal(err)
	}
	if got := content(t, client, small.ID); string(got) != "hello" {
		t.Errorf("content %q", got)
	}
	large, err := client.Files.New(
		within(t),
		openai.FileNewParams{File: named{strings.NewReader(strings.Repeat("x", 300<<10)), "b.txt"}, Purpose: "batch"},
	)
	if err != nil || large.Bytes != 300<<10 {
		t.Fatalf("large: %+v, %v", large, err)
	}
	if _, err := client.Files.Content(within(t), large.ID); err == nil {
		t.Error("the content of a file that was too large to keep can be fetched")
	}
	list, err := client.Files.List(within(t), openai.FileListParams{Purpose: openai.String("batch")})
	if err != nil || len(list.Data) != 1 || list.Data[0].ID != large.ID {
		t.Errorf("list: %+v, %v", list, err)
	}
	if gone, err := client.Files.Delete(within(t), small.ID); err != nil || !gone.Deleted {
		t.Errorf("delete: %+v, %v", gone, err)
	}
	if _, err := client.Files.Get(within(t), small.ID); err == nil {
		t.Error("a deleted file is still there")
	}
	again, err := client.Files.New(
		within(t),
		openai.FileNewParams{File: named{strings.NewReader(strings.Repeat("y", 100)), "c.txt"}, Purpose: "batch"},
	)
	if err != nil {
		t.Fatal(err)
	}
	if got := content(t, client, again.ID); len(got) != 100 {
		t.Errorf("room was not freed: %d bytes kept", len(got))
	}
}

func TestOpenAIUploads(t *testing.T) {
	_, url := serve(t, mock.Config{})
	client := openAI(url)
	u, err := client.Uploads.New(within(t), openai.UploadNewParams{Bytes: 6, Filename: "x.txt", MimeType: "text/plain", Purpose: "user_data"})
	if err != nil || u.Status != "pending" {
		t.Fatalf("%+v, %v", u, err)
	}
	var parts []string
	for _, text := range []string{"def", "abc"} {
		p, err := client.Uploads.Parts.New(within(t), u.ID, openai.UploadPartNewParams{Data: strings.NewReader(text)})
		if err != nil {
			t.Fatal(err)
		}
		parts = append([]string{p.ID}, parts...)
	}
	done, err := client.Uploads.Complete(within(t), u.ID, openai.UploadCompleteParams{PartIDs: parts})
	if err != nil || done.Status != "completed" {
		t.Fatalf("%+v, %v", done, err)
	}
	if got := content(t, client, done.File.ID); string(got) != "abcdef" {
		t.Errorf("content %q", got)
	}
	if _, err := client.Uploads.Cancel(within(t), u.ID); err == nil {
		t.Error("a completed upload can be cancelled")
	}
}

func TestOpenAIStoredResponses(t *testing.T) {
	_, url := serve(t, mock.Config{Latency: mock.Latency{TTFT: mock.Fixed(time.Hour)}})
	client := openAI(url)
	params := responses.ResponseNewParams{
		Model:      "gpt-4.1",
		Background: openai.Bool(true),
		Input:      responses.ResponseNewParamsInputUnion{OfString: openai.String("Explain tides")},
	}
	r, err := client.Responses.New(within(t), params)
	if err != nil || r.Status != "queued" {
		t.Fatalf("%+v, %v", r, err)
	}
	if got, err := client.Responses.Get(within(t), r.ID, responses.ResponseGetParams{}); err != nil || got.Status != "in_progress" {
		t.Fatalf("%+v, %v", got, err)
	}
	items, err := client.Responses.InputItems.List(within(t), r.ID, responses.InputItemListParams{})
	if err != nil || len(items.Data) != 1 {
		t.Fatalf("%+v, %v", items, err)
	}
	if got, err := client.Responses.Cancel(within(t), r.ID); err != nil || got.Status != "cancelled" {
		t.Fatalf("%+v, %v", got, err)
	}
	params.PreviousResponseID, params.Background = openai.String("resp_unknown"), openai.Bool(false)
	var refused *openai.Error
	if _, err := client.Responses.New(within(t), params); !errors.As(err, &refused) || refused.Code != "previous_response_not_found" {
		t.Errorf("an unknown previous response: %v", err)
	}
	if err := client.Responses.Delete(within(t), r.ID); err != nil {
		t.Error(err)
	}
}

func TestOpenAIResources(t *testing.T) {
	_, url := serve(t, mock.Config{})
	client := openAI(url)
	vs, err := client.VectorStores.New(within(t), openai.VectorStoreNewParams{Name: openai.String("docs")})
	if err != nil || vs.Name != "docs" || vs.Status != "completed" {
		t.Fatalf("%+v, %v", vs, err)
	}
	if _, err := client.VectorStores.Update(within(t), vs.ID, openai.VectorStoreUpdateParams{Name: openai.String("more")}); err != nil {
		t.Fatal(err)
	}
	if got, err := client.VectorStores.Get(within(t), vs.ID); err != nil || got.Name != "more" {
		t.Errorf("%+v, %v", got, err)
	}
	job, err := client.FineTuning.Jobs.New(within(t), openai.FineTuningJobNewParams{Model: "gpt-4o-mini", TrainingFile: "file-abc"})
	if err != nil || job.Model != "gpt-4o-mini" {
		t.Fatalf("%+v, %v", job, err)
	}
	if got, err := client.FineTuning.Jobs.Cancel(within(t), job.ID); err != nil || got.Status != "cancelled" {
		t.Errorf("%+v, %v", got, err)
	}
	if gone, err := client.VectorStores.Delete(within(t), vs.ID); err != nil || !gone.Deleted {
		t.Errorf("%+v, %v", gone, err)
	}
	if _, err := client.VectorStores.Get(within(t), vs.ID); err == nil {
		t.Error("a deleted store is still there")
	}
}

func TestOpenAIMedia(t *testing.T) {
	_, url := serve(t, mock.Config{})
	client := openAI(url)
	img, err := client.Images.Generate(within(t), openai.ImageGenerateParams{Prompt: "a bridge", N: openai.Int(2)})
	if err != nil || len(img.Data) != 2 || img.Data[0].B64JSON == "" {
		t.Fatalf("%+v, %v", img, err)
	}
	r, err := client.Audio.Speech.New(
		within(t),
		openai.AudioSpeechNewParams{
			Input:          "Hello",
			Model:          "tts-1",
			Voice:          openai.AudioSpeechNewParamsVoiceUnion{OfString: openai.String("alloy")},
			ResponseFormat: "wav",
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	sound, err := io.ReadAll(r.Body)
	r.Body.Close()
	if err != nil || !bytes.HasPrefix(sound, []byte("RIFF")) {
		t.Fatalf("%.20q, %v", sound, err)
	}
	text, err := client.Audio.Transcriptions.New(
		within(t),
		openai.AudioTranscriptionNewParams{File: named{bytes.NewReader(sound), "a.wav"}, Model: "whisper-1"},
	)
	if err != nil || text.Text == "" {
		t.Fatalf("%+v, %v", text, err)
	}
	stream := client.Audio.Transcriptions.NewStreaming(
		within(t),
		openai.AudioTranscriptionNewParams{File: named{bytes.NewReader(sound), "a.wav"}, Model: "whisper-1"},
	)
	var streamed string
	for stream.Next() {
		streamed += stream.Current().Delta
	}
	if err := stream.Err(); err != nil || streamed != text.Text {
		t.Fatalf("streamed %q, plain %q, %v", streamed, text.Text, err)
	}
}

func TestAnthropicBatch(t *testing.T) {
	_, url := serve(t, mock.Config{})
	client := claude(url)
	request := func(id string, tokens int64) anthropic.MessageBatchNewParamsRequest {
		m := message("Batch " + id)
		return anthropic.MessageBatchNewParamsRequest{
			CustomID: id,
			Params:   anthropic.MessageBatchNewParamsRequestParams{Model: m.Model, MaxTokens: tokens, Messages: m.Messages},
		}
	}
	b, err := client.Messages.Batches.New(
		within(t),
		anthropic.MessageBatchNewParams{Requests: []anthropic.MessageBatchNewParamsRequest{request("a", 50), request("b", -1)}},
	)
	if err != nil || b.ProcessingStatus != "in_progress" {
		t.Fatalf("%+v, %v", b, err)
	}
	done, err := client.Messages.Batches.Get(within(t), b.ID, anthropic.MessageBatchGetParams{})
	if err != nil || done.ProcessingStatus != "ended" || done.RequestCounts.Succeeded != 1 || done.RequestCounts.Errored != 1 {
		t.Fatalf("%+v, %v", done, err)
	}
	if !strings.HasPrefix(done.ResultsURL, url) {
		t.Errorf("results are at %s", done.ResultsURL)
	}
	results := client.Messages.Batches.ResultsStreaming(within(t), b.ID, anthropic.MessageBatchResultsParams{})
	seen := map[string]string{}
	for results.Next() {
		r := results.Current()
		seen[r.CustomID] = r.Result.Type
		if r.CustomID == "a" && r.Result.Message.Content[0].Text == "" {
			t.Errorf("empty message %s", r.RawJSON())
		}
	}
	if err := results.Err(); err != nil || seen["a"] != "succeeded" || seen["b"] != "errored" {
		t.Errorf("results %v, %v", seen, err)
	}
}

func TestAnthropicFilesAndModels(t *testing.T) {
	_, url := serve(t, mock.Config{Models: []string{"m-1", "m-2", "org/m 3"}})
	client := claude(url)
	f, err := client.Beta.Files.Upload(within(t), anthropic.BetaFileUploadParams{File: named{strings.NewReader("data"), "d.txt"}})
	if err != nil || f.SizeBytes != 4 || f.Filename != "d.txt" || f.CreatedAt.IsZero() {
		t.Fatalf("%+v, %v", f, err)
	}
	if got, err := client.Beta.Files.GetMetadata(within(t), f.ID, anthropic.BetaFileGetMetadataParams{}); err != nil || got.ID != f.ID {
		t.Errorf("%+v, %v", got, err)
	}
	page, err := client.Models.List(within(t), anthropic.ModelListParams{Limit: anthropic.Int(2)})
	if err != nil || len(page.Data) != 2 || !page.HasMore {
		t.Fatalf("%+v, %v", page, err)
	}
	rest, err := page.GetNextPage()
	if err != nil || len(rest.Data) != 1 || rest.Data[0].ID != "org/m 3" {
		t.Errorf("%+v, %v", rest, err)
	}
	if m, err := client.Models.Get(within(t), "org/m 3", anthropic.ModelGetParams{}); err != nil || m.ID != "org/m 3" {
		t.Errorf("%+v, %v", m, err)
	}
}
