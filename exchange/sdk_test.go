package exchange_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"cutover/exchange"

	"github.com/anthropics/anthropic-sdk-go/v2"
	claudestream "github.com/anthropics/anthropic-sdk-go/v2/packages/ssestream"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/packages/ssestream"
	"github.com/openai/openai-go/v3/responses"
)

// said is what both the recorder and an official client can tell of a response.
type said struct {
	ID, Model, Text, Refusal, Finish string
	Calls                            []exchange.ToolCall
	In, Out, Cached                  int
	Failed                           bool
}

func recorded(t *testing.T, path, file string, body []byte) said {
	t.Helper()
	at := time.Now()
	r := exchange.NewRecorder(exchange.Asked{Endpoint: exchange.Lookup("POST", path)}, exchange.Primary, "p", at,
		exchange.RecorderOptions{KeepText: true})
	r.Header(200, responseHeader(file), at)
	r.Write(body, at)
	x := r.End(exchange.ClassNone, "", at)
	c, u := x.Completion, x.Usage
	return said{c.ID, c.Model, c.Text, c.Refusal, c.FinishReason, c.ToolCalls, u.InputTokens, u.OutputTokens, u.CachedTokens,
		x.Class == exchange.ClassErrorEvent}
}

func responseHeader(file string) http.Header {
	if strings.HasSuffix(file, ".sse") {
		return http.Header{"Content-Type": {"text/event-stream"}}
	}
	return http.Header{"Content-Type": {"application/json"}}
}

// The official clients must make of the golden responses what the recorder does.
func TestOfficialClientsAgree(t *testing.T) {
	files, err := os.ReadDir("testdata/responses")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		read, path := readerOf(f.Name())
		if read == nil {
			continue
		}
		body, err := os.ReadFile("testdata/responses/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		res := &http.Response{Header: responseHeader(f.Name()), Body: io.NopCloser(bytes.NewReader(body))}
		want := read(t, strings.HasSuffix(f.Name(), ".sse"), res, body)
		got := recorded(t, path, f.Name(), body)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: recorded\n%+v, the client has\n%+v", f.Name(), got, want)
		}
	}
}

type reader func(t *testing.T, streamed bool, res *http.Response, body []byte) said

func readerOf(file string) (reader, string) {
	switch {
	case file == "chat-choices.sse":
		return nil, "" // the client has both choices
	case strings.HasPrefix(file, "chat"):
		return readChat, "/v1/chat/completions"
	case strings.HasPrefix(file, "responses"):
		return readResponse, "/v1/responses"
	case strings.HasPrefix(file, "messages"):
		return readMessage, "/v1/messages"
	}
	return nil, ""
}

func unmarshal(t *testing.T, body []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(body, v); err != nil {
		t.Fatal(err)
	}
}

func readChat(t *testing.T, streamed bool, res *http.Response, body []byte) (s said) {
	var acc openai.ChatCompletionAccumulator
	if streamed {
		stream := ssestream.NewStream[openai.ChatCompletionChunk](ssestream.NewDecoder(res), nil)
		for stream.Next() {
			acc.AddChunk(stream.Current())
		}
		s.Failed = stream.Err() != nil
	} else {
		unmarshal(t, body, &acc.ChatCompletion)
	}
	c := acc.ChatCompletion
	s.ID, s.Model = c.ID, c.Model
	s.In, s.Out, s.Cached = int(c.Usage.PromptTokens), int(c.Usage.CompletionTokens), int(c.Usage.PromptTokensDetails.CachedTokens)
	if len(c.Choices) == 0 {
		return s
	}
	first := c.Choices[0]
	s.Text, s.Refusal, s.Finish = first.Message.Content, first.Message.Refusal, first.FinishReason
	for _, call := range first.Message.ToolCalls {
		s.Calls = append(s.Calls, exchange.ToolCall{ID: call.ID, Name: call.Function.Name, Arguments: call.Function.Arguments})
	}
	return s
}

func readResponse(t *testing.T, streamed bool, res *http.Response, body []byte) (s said) {
	var r responses.Response
	if streamed {
		stream := ssestream.NewStream[responses.ResponseStreamEventUnion](ssestream.NewDecoder(res), nil)
		for stream.Next() {
			switch ev := stream.Current(); ev.Type {
			case "response.created", "response.completed", "response.incomplete", "response.failed":
				r = ev.Response
			case "error":
				s.Failed = true
			}
		}
		s.Failed = s.Failed || stream.Err() != nil
	} else {
		unmarshal(t, body, &r)
	}
	s.ID, s.Model, s.Text = r.ID, r.Model, r.OutputText()
	s.Finish = string(r.Status)
	if r.IncompleteDetails.Reason != "" {
		s.Finish = r.IncompleteDetails.Reason
	}
	if s.Finish == "in_progress" {
		s.Finish = ""
	}
	s.Failed = s.Failed || r.Status == "failed"
	s.In, s.Out, s.Cached = int(r.Usage.InputTokens), int(r.Usage.OutputTokens), int(r.Usage.InputTokensDetails.CachedTokens)
	for _, item := range r.Output {
		if item.Type == "function_call" {
			call := item.AsFunctionCall()
			s.Calls = append(s.Calls, exchange.ToolCall{ID: call.CallID, Name: call.Name, Arguments: call.Arguments})
		}
	}
	return s
}

func readMessage(t *testing.T, streamed bool, res *http.Response, body []byte) (s said) {
	var m anthropic.Message
	if streamed {
		stream := claudestream.NewStream[anthropic.MessageStreamEventUnion](claudestream.NewDecoder(res), nil)
		for stream.Next() {
			if err := m.Accumulate(stream.Current()); err != nil {
				t.Fatal(err)
			}
		}
		s.Failed = stream.Err() != nil
	} else {
		unmarshal(t, body, &m)
	}
	s.ID, s.Model, s.Finish = m.ID, string(m.Model), string(m.StopReason)
	s.In = int(m.Usage.InputTokens + m.Usage.CacheCreationInputTokens + m.Usage.CacheReadInputTokens)
	s.Out, s.Cached = int(m.Usage.OutputTokens), int(m.Usage.CacheReadInputTokens)
	for _, block := range m.Content {
		switch block.Type {
		case "text":
			s.Text += block.Text
		case "tool_use":
			s.Calls = append(s.Calls, exchange.ToolCall{ID: block.ID, Name: block.Name, Arguments: string(block.Input)})
		}
	}
	return s
}
