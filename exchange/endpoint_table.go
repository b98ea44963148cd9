package exchange

import "strings"

// row is one line of the endpoint table; method "" is any.
type row struct {
	method  string
	pattern string
	kind    Kind
	dialect Dialect
}

// name is the pattern without ids.
func (r row) name() string {
	var names []string
	for segment := range strings.SplitSeq(r.pattern, "/") {
		if !strings.HasPrefix(segment, "*") {
			names = append(names, segment)
		}
	}
	return strings.Join(names, "/")
}

// endpoints is the tree of the rows; it is only read.
var endpoints = newTable(endpointRows())

// endpointRows is the table of every path under /v1 that OpenAI and Anthropic
// document. What is not here is "other": served by the primary, untouched.
//
// Stateful rows name a thing that lives at one provider, or list or make such
// things. Opaque rows are listed for their name alone.
func endpointRows() []row {
	return []row{
		// Inference.
		{"POST", "chat/completions", Inference, OpenAIChat},
		{"POST", "completions", Inference, OpenAICompletions},
		{"POST", "responses", Inference, OpenAIResponses},
		{"POST", "responses/input_tokens", Inference, OpenAIResponses},
		{"POST", "embeddings", Inference, OpenAIEmbeddings},
		{"POST", "moderations", Inference, OpenAIModerations},
		{"POST", "messages", Inference, AnthropicMessages},
		{"POST", "messages/count_tokens", Inference, AnthropicCount},

		// What OpenAI stores.
		{"GET", "chat/completions", Stateful, DialectNone},
		{"", "chat/completions/*/**", Stateful, DialectNone},
		{"", "chat/completions/*/messages", Stateful, DialectNone},
		// A response is judged when it is made; reading it again tells nothing new.
		{"", "responses/*/**", Stateful, DialectNone},
		{"", "responses/*/cancel", Stateful, DialectNone},
		{"", "responses/*/input_items", Stateful, DialectNone},
		// The compacted window comes back encrypted: only its maker can read it.
		{"", "responses/compact", Stateful, OpenAIResponses},
		{"", "conversations/**", Stateful, DialectNone},
		{"", "conversations/*", Stateful, DialectNone},
		{"", "conversations/*/items", Stateful, DialectNone},
		{"", "conversations/*/items/*", Stateful, DialectNone},
		{"", "files/**", Stateful, DialectNone}, // Anthropic's too
		{"", "files/*", Stateful, DialectNone},
		{"", "files/*/content", Stateful, DialectNone},
		{"", "uploads/**", Stateful, DialectNone},
		{"", "uploads/*/cancel", Stateful, DialectNone},
		{"", "uploads/*/complete", Stateful, DialectNone},
		{"", "uploads/*/parts", Stateful, DialectNone},
		{"", "batches/**", Stateful, DialectNone},
		{"", "batches/*", Stateful, DialectNone},
		{"", "batches/*/cancel", Stateful, DialectNone},
		{"", "vector_stores/**", Stateful, DialectNone},
		{"", "vector_stores/*", Stateful, DialectNone},
		{"", "vector_stores/*/search", Stateful, DialectNone},
		{"", "vector_stores/*/files", Stateful, DialectNone},
		{"", "vector_stores/*/files/*", Stateful, DialectNone},
		{"", "vector_stores/*/files/*/content", Stateful, DialectNone},
		{"", "vector_stores/*/file_batches", Stateful, DialectNone},
		{"", "vector_stores/*/file_batches/*", Stateful, DialectNone},
		{"", "vector_stores/*/file_batches/*/cancel", Stateful, DialectNone},
		{"", "vector_stores/*/file_batches/*/files", Stateful, DialectNone},
		{"", "assistants/**", Stateful, DialectNone},
		{"", "assistants/*", Stateful, DialectNone},
		{"", "threads/**", Stateful, DialectNone},
		{"", "threads/*", Stateful, DialectNone},
		{"", "threads/runs", Stateful, DialectNone},
		{"", "threads/*/messages", Stateful, DialectNone},
		{"", "threads/*/messages/*", Stateful, DialectNone},
		{"", "threads/*/runs", Stateful, DialectNone},
		{"", "threads/*/runs/*", Stateful, DialectNone},
		{"", "threads/*/runs/*/cancel", Stateful, DialectNone},
		{"", "threads/*/runs/*/steps", Stateful, DialectNone},
		{"", "threads/*/runs/*/steps/*", Stateful, DialectNone},
		{"", "threads/*/runs/*/submit_tool_outputs", Stateful, DialectNone},
		{"", "fine_tuning/**", Stateful, DialectNone},
		{"", "fine_tuning/alpha/graders/run", Stateful, DialectNone},
		{"", "fine_tuning/alpha/graders/validate", Stateful, DialectNone},
		{"", "fine_tuning/checkpoints/*/permissions", Stateful, DialectNone},
		{"", "fine_tuning/checkpoints/*/permissions/*", Stateful, DialectNone},
		{"", "fine_tuning/jobs", Stateful, DialectNone},
		{"", "fine_tuning/jobs/*", Stateful, DialectNone},
		{"", "fine_tuning/jobs/*/cancel", Stateful, DialectNone},
		{"", "fine_tuning/jobs/*/checkpoints", Stateful, DialectNone},
		{"", "fine_tuning/jobs/*/events", Stateful, DialectNone},
		{"", "fine_tuning/jobs/*/pause", Stateful, DialectNone},
		{"", "fine_tuning/jobs/*/resume", Stateful, DialectNone},
		{"", "containers/**", Stateful, DialectNone},
		{"", "containers/*", Stateful, DialectNone},
		{"", "containers/*/files", Stateful, DialectNone},
		{"", "containers/*/files/*", Stateful, DialectNone},
		{"", "containers/*/files/*/content", Stateful, DialectNone},
		{"", "evals/**", Stateful, DialectNone},
		{"", "evals/*", Stateful, DialectNone},
		{"", "evals/*/runs", Stateful, DialectNone},
		{"", "evals/*/runs/*", Stateful, DialectNone},
		{"", "evals/*/runs/*/output_items", Stateful, DialectNone},
		{"", "evals/*/runs/*/output_items/*", Stateful, DialectNone},
		{"", "videos/**", Stateful, DialectNone},
		{"", "videos/*", Stateful, DialectNone},
		{"", "videos/*/content", Stateful, DialectNone},
		{"", "videos/*/remix", Stateful, DialectNone},
		{"", "videos/characters", Stateful, DialectNone},
		{"", "videos/characters/*", Stateful, DialectNone},
		{"", "videos/edits", Stateful, DialectNone},
		{"", "videos/extensions", Stateful, DialectNone},
		{"", "skills/**", Stateful, DialectNone}, // Anthropic's too
		{"", "skills/*", Stateful, DialectNone},
		{"", "skills/*/content", Stateful, DialectNone},
		{"", "skills/*/versions", Stateful, DialectNone},
		{"", "skills/*/versions/*", Stateful, DialectNone},
		{"", "skills/*/versions/*/content", Stateful, DialectNone},
		{"", "chatkit/**", Stateful, DialectNone},
		{"", "chatkit/sessions", Stateful, DialectNone},
		{"", "chatkit/sessions/*/cancel", Stateful, DialectNone},
		{"", "chatkit/threads", Stateful, DialectNone},
		{"", "chatkit/threads/*", Stateful, DialectNone},
		{"", "chatkit/threads/*/items", Stateful, DialectNone},
		{"", "audio/voices/**", Stateful, DialectNone},
		{"", "audio/voices/*", Stateful, DialectNone},
		{"", "audio/voice_consents/**", Stateful, DialectNone},
		{"", "audio/voice_consents/*", Stateful, DialectNone},
		{"", "realtime/calls/*/**", Stateful, DialectNone},
		{"", "realtime/calls/*/accept", Stateful, DialectNone},
		{"", "realtime/calls/*/hangup", Stateful, DialectNone},
		{"", "realtime/calls/*/refer", Stateful, DialectNone},
		{"", "realtime/calls/*/reject", Stateful, DialectNone},

		// What Anthropic stores.
		{"", "messages/batches/**", Stateful, DialectNone},
		{"", "messages/batches/*", Stateful, DialectNone},
		{"", "messages/batches/*/cancel", Stateful, DialectNone},
		{"", "messages/batches/*/results", Stateful, DialectNone},
		{"", "agents/**", Stateful, DialectNone},
		{"", "deployments/**", Stateful, DialectNone},
		{"", "deployment_runs/**", Stateful, DialectNone},
		{"", "dreams/**", Stateful, DialectNone},
		{"", "environments/**", Stateful, DialectNone},
		{"", "memory_stores/**", Stateful, DialectNone},
		{"", "sessions/**", Stateful, DialectNone},
		{"", "tunnels/**", Stateful, DialectNone},
		{"", "user_profiles/**", Stateful, DialectNone},
		{"", "vaults/**", Stateful, DialectNone},

		// Opaque.
		{"", "models", Opaque, DialectNone},
		{"", "models/*", Opaque, DialectNone},
		{"", "audio/speech", Opaque, DialectNone},
		{"", "audio/transcriptions", Opaque, DialectNone},
		{"", "audio/translations", Opaque, DialectNone},
		{"", "images/generations", Opaque, DialectNone},
		{"", "images/edits", Opaque, DialectNone},
		{"", "images/variations", Opaque, DialectNone},
		{"", "realtime/**", Opaque, DialectNone}, // the WebSocket itself
		{"", "realtime/calls", Opaque, DialectNone},
		{"", "realtime/client_secrets", Opaque, DialectNone},
		{"", "realtime/sessions", Opaque, DialectNone},
		{"", "realtime/transcription_sessions", Opaque, DialectNone},
		{"", "realtime/translations/client_secrets", Opaque, DialectNone},
		{"", "content_provenance_checks", Opaque, DialectNone},
		{"", "complete", Opaque, DialectNone}, // Anthropic's old text completions
		// Administration has a hundred paths that no inference caller uses: one name.
		{"", "organization/**", Opaque, DialectNone},
		{"", "organizations/**", Opaque, DialectNone},
		{"", "projects/**", Opaque, DialectNone},
	}
}
