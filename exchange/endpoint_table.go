package exchange

import "strings"

// row is one line of the endpoint table; method "" is any.
type row struct {
	method  string
	pattern string
	kind    Kind
	dialect Dialect // DialectNone: bodies are passed on unread
	// generates says that a success is a completion, which can be streamed.
	generates bool
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

// endpointRows is the table of every path under /v1 that the providers of the
// dialects document: first those of each dialect, then those that have none.
// What is not here is "other": served by the primary, untouched.
func endpointRows() []row {
	var rows []row
	for i := range dialects {
		rows = append(rows, dialects[i].endpoints...)
	}
	stateful := func(patterns string) {
		for pattern := range strings.FieldsSeq(patterns) {
			rows = append(rows, row{pattern: pattern, kind: Stateful})
		}
	}
	for i := range dialects {
		stateful(dialects[i].stored)
	}
	stateful(storedPaths)
	for pattern := range strings.FieldsSeq(opaquePaths) {
		rows = append(rows, row{pattern: pattern, kind: Opaque})
	}
	return rows
}

// storedPaths name an object that one provider keeps, or list or create such
// objects. Each path is a name in the metrics; * is an id, and /** at the end
// gives whatever a provider may add below to the same row. A response that is
// read again is not judged again, so no row has a dialect. Both providers have
// files and skills; everything from agents on is Anthropic's.
const storedPaths = `
conversations/**
conversations/*
conversations/*/items
conversations/*/items/*
files/**
files/*
files/*/content
uploads/**
uploads/*/cancel
uploads/*/complete
uploads/*/parts
batches/**
batches/*
batches/*/cancel
vector_stores/**
vector_stores/*
vector_stores/*/search
vector_stores/*/files
vector_stores/*/files/*
vector_stores/*/files/*/content
vector_stores/*/file_batches
vector_stores/*/file_batches/*
vector_stores/*/file_batches/*/cancel
vector_stores/*/file_batches/*/files
assistants/**
assistants/*
threads/**
threads/*
threads/runs
threads/*/messages
threads/*/messages/*
threads/*/runs
threads/*/runs/*
threads/*/runs/*/cancel
threads/*/runs/*/steps
threads/*/runs/*/steps/*
threads/*/runs/*/submit_tool_outputs
fine_tuning/**
fine_tuning/alpha/graders/run
fine_tuning/alpha/graders/validate
fine_tuning/checkpoints/*/permissions
fine_tuning/checkpoints/*/permissions/*
fine_tuning/jobs
fine_tuning/jobs/*
fine_tuning/jobs/*/cancel
fine_tuning/jobs/*/checkpoints
fine_tuning/jobs/*/events
fine_tuning/jobs/*/pause
fine_tuning/jobs/*/resume
containers/**
containers/*
containers/*/files
containers/*/files/*
containers/*/files/*/content
evals/**
evals/*
evals/*/runs
evals/*/runs/*
evals/*/runs/*/output_items
evals/*/runs/*/output_items/*
videos/**
videos/*
videos/*/content
videos/*/remix
videos/characters
videos/characters/*
videos/edits
videos/extensions
skills/**
skills/*
skills/*/content
skills/*/versions
skills/*/versions/*
skills/*/versions/*/content
chatkit/**
chatkit/sessions
chatkit/sessions/*/cancel
chatkit/threads
chatkit/threads/*
chatkit/threads/*/items
audio/voices/**
audio/voices/*
audio/voice_consents/**
audio/voice_consents/*
realtime/calls/*/**
realtime/calls/*/accept
realtime/calls/*/hangup
realtime/calls/*/refer
realtime/calls/*/reject
agents/**
deployments/**
deployment_runs/**
dreams/**
environments/**
memory_stores/**
sessions/**
tunnels/**
user_profiles/**
vaults/**
`

// opaquePaths are listed for their names only. Administration, with a hundred
// paths that no inference caller uses, has one name per provider. realtime alone
// is a WebSocket; complete is what Anthropic had before messages.
const opaquePaths = `
models
models/*
audio/speech
audio/transcriptions
audio/translations
images/generations
images/edits
images/variations
realtime/**
realtime/calls
realtime/client_secrets
realtime/sessions
realtime/transcription_sessions
realtime/translations/client_secrets
content_provenance_checks
complete
organization/**
organizations/**
projects/**
`
