package exchange

import (
	"bufio"
	"os"
	"strings"
	"testing"
)

// documented calls f for each method and path of a provider's own document.
func documented(t *testing.T, file string, f func(method, template string)) {
	t.Helper()
	in, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	n := 0
	for lines := bufio.NewScanner(in); lines.Scan(); n++ {
		method, path, _ := strings.Cut(lines.Text(), " ")
		f(method, path)
	}
	if n < 100 {
		t.Fatalf("%s has only %d paths", file, n)
	}
}

// fill puts ids into a path template, and withoutIDs leaves them out.
func fill(template string) (path, withoutIDs string) {
	var ids, names []string
	for segment := range strings.SplitSeq(strings.Trim(template, "/"), "/") {
		if strings.HasPrefix(segment, "{") {
			ids = append(ids, "id_7f3a%2Fb")
			continue
		}
		ids = append(ids, segment)
		names = append(names, segment)
	}
	return "/v1/" + strings.Join(ids, "/"), strings.Join(names, "/")
}

// The rule by which the test expects kinds, apart from the table.
func expectedKind(method, template string) Kind {
	switch method + " " + template {
	case "POST /chat/completions", "POST /completions", "POST /responses", "POST /responses/input_tokens", "POST /embeddings",
		"POST /moderations", "POST /messages", "POST /messages/count_tokens":
		return Inference
	case "GET /realtime/calls", "POST /realtime/calls", "POST /audio/speech", "POST /audio/transcriptions", "POST /audio/translations":
		return Opaque
	}
	first := strings.Split(template, "/")[1]
	switch first {
	case "models", "images", "organization", "organizations", "projects", "content_provenance_checks":
		return Opaque
	case "realtime":
		if strings.HasPrefix(template, "/realtime/calls/") {
			return Stateful
		}
		return Opaque
	}
	return Stateful
}

func TestLookupKnowsEveryDocumentedPath(t *testing.T) {
	families := map[string]bool{
		"organization": true, "organizations": true, "projects": true, "agents": true, "deployments": true, "deployment_runs": true,
		"dreams": true, "environments": true, "memory_stores": true, "sessions": true, "tunnels": true, "user_profiles": true, "vaults": true,
	}
	names := map[string]bool{}
	check := func(method, template string) {
		path, name := fill(template)
		if first, _, _ := strings.Cut(name, "/"); families[first] {
			name = first
		}
		ep := Lookup(method, path)
		if want := expectedKind(method, template); ep.Name != name || ep.Kind != want {
			t.Errorf("Lookup(%s %s) = %q, kind %d; want %q, kind %d", method, path, ep.Name, ep.Kind, name, want)
		}
		if ep.Mirrorable() != (ep.Kind == Inference) || ep.Kind == Inference && ep.Dialect == DialectNone {
			t.Errorf("Lookup(%s %s) = %+v: inference must be mirrorable and have a dialect", method, path, *ep)
		}
		names[ep.Name] = true
	}
	documented(t, "testdata/openai-paths.txt", check)
	documented(t, "testdata/anthropic-paths.txt", check)
	if len(names) > 150 {
		t.Errorf("%d names: too many for a metric's label", len(names))
	}
}

func TestLookup(t *testing.T) {
	for _, c := range []struct {
		method, path string
		name         string
		kind         Kind
		dialect      Dialect
	}{
		{"POST", "/v1/chat/completions", "chat/completions", Inference, OpenAIChat},
		{"POST", "/v1/completions", "completions", Inference, OpenAICompletions},
		{"POST", "/v1/responses", "responses", Inference, OpenAIResponses},
		{"POST", "/v1/responses/input_tokens", "responses/input_tokens", Inference, OpenAIResponses},
		{"POST", "/v1/embeddings", "embeddings", Inference, OpenAIEmbeddings},
		{"POST", "/v1/moderations", "moderations", Inference, OpenAIModerations},
		{"POST", "/v1/messages", "messages", Inference, AnthropicMessages},
		{"POST", "/v1/messages/count_tokens", "messages/count_tokens", Inference, AnthropicCount},

		// Only POST is inference.
		{"GET", "/v1/chat/completions", "chat/completions", Stateful, DialectNone},
		{"OPTIONS", "/v1/chat/completions", "chat/completions", Opaque, DialectNone},
		{"HEAD", "/v1/messages", "messages", Opaque, DialectNone},
		{"GET", "/v1/responses", "responses", Opaque, DialectNone}, // a WebSocket
		{"post", "/v1/messages", "messages", Opaque, DialectNone},

		{"GET", "/v1/responses/resp_1", "responses", Stateful, DialectNone},
		{"POST", "/v1/responses/resp_1/cancel", "responses/cancel", Stateful, DialectNone},
		{"POST", "/v1/responses/compact", "responses/compact", Stateful, OpenAIResponses},
		{"POST", "/v1/chat/completions/chatcmpl-1", "chat/completions", Stateful, DialectNone},
		{"POST", "/v1/messages/batches", "messages/batches", Stateful, DialectNone},
		{"GET", "/v1/files/file-1/content", "files/content", Stateful, DialectNone},
		{"GET", "/v1/models/a%2Fb", "models", Opaque, DialectNone},

		// What a provider adds below an id goes where the id was made.
		{"POST", "/v1/responses/resp_1/something/new", "responses", Stateful, DialectNone},
		{"POST", "/v1/files/file-1/something", "files", Stateful, DialectNone},
		{"POST", "/v1/threads/thread_1/runs/run_1/new", "threads", Stateful, DialectNone},
		{"PUT", "/v1/chat/completions/chatcmpl-1/new", "chat/completions", Stateful, DialectNone},
		{"GET", "/v1/realtime", "realtime", Opaque, DialectNone},
		{"POST", "/v1/realtime/calls/call_1/new", "realtime/calls", Stateful, DialectNone},

		// What is written in another way is another path.
		{"POST", "/v1/chat/completions/", "other", Opaque, DialectNone},
		{"POST", "/v1//chat/completions", "other", Opaque, DialectNone},
		{"POST", "/v1/chat%2Fcompletions", "other", Opaque, DialectNone},
		{"POST", "/v1/Chat/Completions", "other", Opaque, DialectNone},
		{"POST", "/chat/completions", "other", Opaque, DialectNone},
		{"POST", "/v1/chat", "other", Opaque, DialectNone},
		{"POST", "/v1/audio", "other", Opaque, DialectNone},
		{"POST", "/v2/messages", "other", Opaque, DialectNone},
		{"GET", "/v1/", "other", Opaque, DialectNone},
		{"GET", "/v1", "other", Opaque, DialectNone},
		{"GET", "/", "other", Opaque, DialectNone},
		{"GET", "", "other", Opaque, DialectNone},
		{"OPTIONS", "*", "other", Opaque, DialectNone},
	} {
		got := *Lookup(c.method, c.path)
		want := Endpoint{Name: c.name, Dialect: c.dialect, Kind: c.kind}
		switch c.method + " " + c.path {
		case "POST /v1/chat/completions", "POST /v1/completions", "POST /v1/responses", "POST /v1/messages":
			want.Generates = true
		}
		if got != want {
			t.Errorf("Lookup(%q, %q) = %+v, want %+v", c.method, c.path, got, want)
		}
	}
}

func TestLookupAllocatesNothing(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() {
		Lookup("POST", "/v1/chat/completions")
		Lookup("GET", "/v1/threads/thread_1/runs/run_1/steps/step_1")
		Lookup("GET", "/somewhere/else")
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func FuzzLookup(f *testing.F) {
	f.Add("POST", "/v1/chat/completions")
	f.Add("GET", "/v1/files/a/b/c//")
	known := map[string]bool{"other": true}
	for _, r := range endpointRows() {
		known[r.name()] = true
	}
	f.Fuzz(func(t *testing.T, method, path string) {
		ep := Lookup(method, path)
		if ep == nil || !known[ep.Name] {
			t.Errorf("Lookup(%q, %q) = %v, not in the table", method, path, ep)
		}
	})
}

func TestMisplacedInference(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		method, path string
		want         bool
	}{
		{"POST", "/v1//chat/completions", true},
		{"POST", "//v1/chat/completions", true},
		{"POST", "/chat/completions", true},
		{"POST", "/v1/chat/completions/", true},
		{"POST", "/v1/v1/messages", true},
		{"POST", "/messages/count_tokens", true},
		{"POST", "/openai/deployments/gpt-4o/chat/completions", true},
		{"POST", "/api/v1/embeddings", true},
		{"POST", "/responses", true},
		{"POST", "/v1/chat/completions", false}, // in its place
		{"GET", "/chat/completions", false},
		{"POST", "/v1/threads/thread_1/messages", false}, // another endpoint
		{"POST", "/v1/files", false},
		{"POST", "/health", false},
		{"POST", "/", false},
		{"POST", "", false},
	} {
		if got := MisplacedInference(row.method, row.path); got != row.want {
			t.Errorf("MisplacedInference(%s %s) = %v, want %v", row.method, row.path, got, row.want)
		}
	}
}
