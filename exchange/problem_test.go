package exchange

import (
	"net/http"
	"testing"
)

// TestProblems pins how an error of the sidecar reads in each API.
func TestProblems(t *testing.T) {
	t.Parallel()
	const (
		openAI    = `{"error":{"code":"c","message":"m","param":null,"type":"t"}}`
		anthropic = `{"error":{"message":"m","type":"t"},"type":"error"}`
		responses = "event: error\ndata: " + `{"code":"c","message":"m","param":null,"sequence_number":0,"type":"error"}` + "\n\n"
	)
	event := "data: " + openAI + "\n\n"
	anthropicEvent := "event: error\ndata: " + anthropic + "\n\n"
	for _, row := range []struct {
		method, path string
		header       http.Header
		speaker      Dialect
		body, event  string
	}{
		{"POST", "/v1/chat/completions", nil, OpenAIChat, openAI, event},
		{"POST", "/v1/completions", nil, OpenAICompletions, openAI, event},
		{"POST", "/v1/responses", nil, OpenAIResponses, openAI, responses},
		{"POST", "/v1/embeddings", nil, OpenAIEmbeddings, openAI, event},
		{"POST", "/v1/messages", nil, AnthropicMessages, anthropic, anthropicEvent},
		{"POST", "/v1/messages/count_tokens", nil, AnthropicCount, anthropic, anthropicEvent},
		{"GET", "/v1/messages/batches", nil, AnthropicMessages, anthropic, anthropicEvent},
		{"GET", "/v1/models", http.Header{"Anthropic-Version": {"x"}}, AnthropicMessages, anthropic, anthropicEvent},
		{"GET", "/v1/models", nil, OpenAIChat, openAI, event},
		{"POST", "/v1/chat/completions", http.Header{"Anthropic-Version": {"x"}}, OpenAIChat, openAI, event},
	} {
		q := &Request{Endpoint: Lookup(row.method, row.path), Path: row.path, Header: row.header}
		p := Problem{Status: 502, Type: "t", Code: "c", Message: "m"}
		if got := Speaker(q); got != row.speaker {
			t.Errorf("%s %s %v: the caller speaks %s, want %s", row.method, row.path, row.header, got.Spec().Name, row.speaker.Spec().Name)
		}
		if got := string(p.Body(q)); got != row.body+"\n" {
			t.Errorf("%s: body %s, want %s", row.path, got, row.body)
		}
		if got := string(p.Event(Speaker(q))); got != row.event {
			t.Errorf("%s: event %s, want %s", row.path, got, row.event)
		}
	}
	q := &Request{Endpoint: Lookup("POST", "/v1/messages")}
	if got := string(Problem{Status: 413, Type: "t",
		Message: "m"}.Body(q)); got != `{"error":{"message":"m","type":"request_too_large"},"type":"error"}`+"\n" {
		t.Errorf("a body that is too large: %s", got)
	}
}

// TestErrorAsEvent pins how a provider's error body ends a stream.
func TestErrorAsEvent(t *testing.T) {
	t.Parallel()
	const openAI = `{"error":{"message":"m","type":"t","param":"p","code":null}}`
	const anthropic = `{"type":"error","error":{"type":"t","message":"m"},"request_id":"r"}`
	for _, row := range []struct {
		dialect    Dialect
		body, want string
	}{
		{OpenAIChat, openAI, "data: " + openAI + "\n\n"},
		{OpenAIChat, anthropic, "data: " + anthropic + "\n\n"},
		{OpenAIResponses, openAI, "event: error\ndata: " + `{"code":"t","message":"m","param":"p","sequence_number":0,"type":"error"}` + "\n\n"},
		{AnthropicMessages, anthropic, "event: error\ndata: " + anthropic + "\n\n"},
		{AnthropicMessages, openAI, "event: error\ndata: " + `{"error":{"message":"m","type":"t"},"type":"error"}` + "\n\n"},
		{OpenAIChat, `{"error":"m"}`, ""},
		{OpenAIChat, `{"error":{"type":"t"}}`, ""},
		{OpenAIChat, `no`, ""},
	} {
		if got := string(ErrorAsEvent(row.dialect, []byte(row.body))); got != row.want {
			t.Errorf("%s, %s: %q, want %q", row.dialect.Spec().Name, row.body, got, row.want)
		}
	}
}
