package main

import (
	"bytes"
	"io"
	"net/http"
	"strings"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/responses"

	"cutover/internal/mock"
)

// objectScenarios are about what lives at one provider, and about media: the
// primary's alone, never mirrored.
func objectScenarios() []scenario {
	return []scenario{
		{name: "moderations", run: openaiModerations},
		{name: "files", run: openaiFiles},
		{name: "large file", run: openaiLargeFile},
		{name: "uploads", run: openaiUploads},
		{name: "batches", run: openaiBatches},
		{name: "stored responses", run: openaiStored},
		{name: "audio", run: openaiAudio},
		{name: "messages batches", run: claudeBatches},
		{name: "messages batches in progress", provider: mock.Config{BatchTime: 3600e9}, run: claudeBatchCancel},
		{name: "messages files", run: claudeFiles},
	}
}

func openaiModerations(c *caller) {
	client := c.openai()
	c.must(client.Moderations.New(c.ctx, openai.ModerationNewParams{Model: "omni-moderation-latest",
		Input: openai.ModerationNewParamsInputUnion{OfStringArray: []string{"I like " + secretWords, "I want to kill time"}}}))
}

// document is a body whose bytes differ from each other everywhere.
func document(size int) []byte {
	b := make([]byte, size)
	x := uint32(2463534242)
	for i := range b {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = byte(x)
	}
	return b
}

// content notes a download.
func (c *caller) content(r *http.Response, err error) []byte {
	if err != nil {
		c.fails(err)
		c.require(false, "no content")
		return nil
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	c.sees("content %q %q %v %s", r.Header.Get("Content-Type"), r.Header.Get("Content-Disposition"), err, clip(b))
	return b
}

func openaiFiles(c *caller) {
	client := c.openai()
	text := []byte("Everything about " + secretWords + ".\n")
	made, err := client.Files.New(c.ctx, openai.FileNewParams{Purpose: openai.FilePurposeUserData,
		File: openai.File(bytes.NewReader(text), "vögel & more.txt", "text/plain")})
	c.must(made, err)
	if err != nil {
		return
	}
	c.must(client.Files.List(c.ctx, openai.FileListParams{Purpose: openai.String("user_data"), Limit: openai.Int(10)}))
	c.must(client.Files.Get(c.ctx, made.ID))
	c.require(bytes.Equal(c.content(client.Files.Content(c.ctx, made.ID)), text), "the content is another")
	c.must(client.Files.Delete(c.ctx, made.ID))
	c.object(client.Files.Get(c.ctx, made.ID))
}

// openaiLargeFile is larger than what a sidecar holds of a body.
func openaiLargeFile(c *caller) {
	client := c.openai()
	data := document(9 << 20)
	made, err := client.Files.New(c.ctx, openai.FileNewParams{Purpose: openai.FilePurposeUserData,
		File: openai.File(bytes.NewReader(data), "large.bin", "application/octet-stream")})
	c.must(made, err)
	if err != nil {
		return
	}
	r, err := client.Files.Content(c.ctx, made.ID)
	c.require(err == nil, "no content")
	if err == nil {
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		c.require(err == nil && bytes.Equal(b, data), "the content is another")
	}
}

func openaiUploads(c *caller) {
	client := c.openai()
	data := document(200 << 10)
	up, err := client.Uploads.New(c.ctx, openai.UploadNewParams{Bytes: int64(len(data)), Filename: "two.bin",
		MimeType: "application/octet-stream", Purpose: openai.FilePurposeUserData})
	c.must(up, err)
	if err != nil {
		return
	}
	var parts []string
	for _, piece := range [][]byte{data[:100_000], data[100_000:]} {
		part, err := client.Uploads.Parts.New(c.ctx, up.ID, openai.UploadPartNewParams{Data: bytes.NewReader(piece)})
		c.must(part, err)
		parts = append(parts, part.ID)
	}
	c.must(client.Uploads.Complete(c.ctx, up.ID, openai.UploadCompleteParams{PartIDs: parts}))
	c.object(client.Uploads.Cancel(c.ctx, up.ID))
}

func openaiBatches(c *caller) {
	client := c.openai()
	lines := `{"custom_id":"1","method":"POST","url":"/v1/chat/completions","body":{"model":"gpt-4o","messages":[{"role":"user",` +
		`"content":"hi"}]}}` + "\n"
	in, err := client.Files.New(c.ctx, openai.FileNewParams{Purpose: openai.FilePurposeBatch,
		File: openai.File(strings.NewReader(lines), "in.jsonl", "application/jsonl")})
	c.must(in, err)
	if err != nil {
		return
	}
	made, err := client.Batches.New(c.ctx, openai.BatchNewParams{InputFileID: in.ID,
		Endpoint: openai.BatchNewParamsEndpointV1ChatCompletions, CompletionWindow: openai.BatchNewParamsCompletionWindow24h})
	c.must(made, err)
	if err != nil {
		return
	}
	done, err := client.Batches.Get(c.ctx, made.ID)
	c.must(done, err)
	if err == nil {
		c.require(done.OutputFileID != "", "the batch is done")
		c.content(client.Files.Content(c.ctx, done.OutputFileID))
	}
	c.must(client.Batches.List(c.ctx, openai.BatchListParams{Limit: openai.Int(2)}))
	c.object(client.Batches.Cancel(c.ctx, made.ID))
	c.object(client.Batches.Get(c.ctx, "batch_none"))
}

func openaiStored(c *caller) {
	client := c.openai()
	made, err := client.Responses.New(c.ctx, responseWith("Explain tides."))
	c.must(made, err)
	if err != nil {
		return
	}
	c.must(
		client.Responses.Get(
			c.ctx,
			made.ID,
			responses.ResponseGetParams{Include: []responses.ResponseIncludable{"message.output_text.logprobs"}},
		),
	)
	if err := client.Responses.Delete(c.ctx, made.ID); err != nil {
		c.fails(err)
	}
	c.object(client.Responses.Get(c.ctx, made.ID, responses.ResponseGetParams{}))
}

func openaiAudio(c *caller) {
	client := c.openai()
	spoken, err := client.Audio.Speech.New(c.ctx, openai.AudioSpeechNewParams{Model: "gpt-4o-mini-tts", Input: "Good morning.",
		Voice: openai.AudioSpeechNewParamsVoiceUnion{OfString: openai.String("alloy")}})
	sound := c.content(spoken, err)
	c.require(len(sound) > 0, "no sound")
	c.must(client.Audio.Transcriptions.New(c.ctx, openai.AudioTranscriptionNewParams{Model: "whisper-1",
		File: openai.File(bytes.NewReader(sound), "morning.mp3", "audio/mpeg")}))
}

func claudeBatch() anthropic.MessageBatchNewParams {
	var p anthropic.MessageBatchNewParams
	for _, id := range []string{"one", "two"} {
		p.Requests = append(p.Requests, anthropic.MessageBatchNewParamsRequest{CustomID: id,
			Params: anthropic.MessageBatchNewParamsRequestParams{Model: "claude-sonnet-4-5", MaxTokens: 100,
				Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("Tell me about " + id))}}})
	}
	return p
}

func claudeBatches(c *caller) {
	client := c.claude()
	made, err := client.Messages.Batches.New(c.ctx, claudeBatch())
	c.must(made, err)
	if err != nil {
		return
	}
	done, err := client.Messages.Batches.Get(c.ctx, made.ID, anthropic.MessageBatchGetParams{})
	c.must(done, err)
	c.must(client.Messages.Batches.List(c.ctx, anthropic.MessageBatchListParams{Limit: anthropic.Int(2)}))
	results, n := client.Messages.Batches.ResultsStreaming(c.ctx, made.ID, anthropic.MessageBatchResultsParams{}), 0
	for ; results.Next(); n++ {
		c.sees("result %s", results.Current().RawJSON())
	}
	c.sees("results end with %v", results.Err())
	c.require(n == 2, "two results")
	c.require(results.Close() == nil, "close")
	c.must(client.Messages.Batches.Delete(c.ctx, made.ID, anthropic.MessageBatchDeleteParams{}))
	c.object(client.Messages.Batches.Get(c.ctx, made.ID, anthropic.MessageBatchGetParams{}))
}

func claudeBatchCancel(c *caller) {
	client := c.claude()
	made, err := client.Messages.Batches.New(c.ctx, claudeBatch())
	c.must(made, err)
	if err == nil {
		c.must(client.Messages.Batches.Cancel(c.ctx, made.ID, anthropic.MessageBatchCancelParams{}))
	}
}

func claudeFiles(c *caller) {
	client := c.claude()
	text := []byte("Everything about " + secretWords + ".\n")
	made, err := client.Beta.Files.Upload(c.ctx, anthropic.BetaFileUploadParams{
		File: anthropic.File(bytes.NewReader(text), "birds.txt", "text/plain"), Betas: []anthropic.AnthropicBeta{"files-api-2025-04-14"}})
	c.must(made, err)
	if err != nil {
		return
	}
	c.must(client.Beta.Files.GetMetadata(c.ctx, made.ID, anthropic.BetaFileGetMetadataParams{}))
	c.object(client.Beta.Files.List(c.ctx, anthropic.BetaFileListParams{Limit: anthropic.Int(5)}))
	c.must(client.Beta.Files.Delete(c.ctx, made.ID, anthropic.BetaFileDeleteParams{}))
}
