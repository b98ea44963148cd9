package main

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"cutover/internal/mock"
)

// mirrorable reports whether a copy of a request may go to another provider,
// as far as its endpoint says.
func mirrorable(e mock.Entry) bool {
	return e.Method == http.MethodPost && slices.Contains([]string{"chat/completions", "completions", "responses", "embeddings",
		"moderations", "messages", "messages/count_tokens"}, strings.TrimPrefix(e.Path, "/v1/"))
}

// checkCopies compares what the relay got with what the primary got: the same
// questions, and nothing that is the caller's or the primary's own business.
func checkCopies(t *testing.T, r *rig, left bool) {
	t.Helper()
	var want, got []string
	for _, e := range r.primary.Journal() {
		if mirrorable(e) && !strings.Contains(string(e.Body), "previous_response_id") {
			want = append(want, expectedCopy(t, e))
		}
	}
	for _, e := range r.relay.Journal() {
		got = append(got, e.Path+" "+inOneSpelling(t, e.Body))
		checkCopyHeader(t, r, e)
	}
	if left && len(got) < len(want) {
		return // the copy was called off before it left
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the relay was asked\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// expectedCopy is the question as the other provider should get it.
func expectedCopy(t *testing.T, e mock.Entry) string {
	t.Helper()
	var body map[string]any
	if err := json.Unmarshal(e.Body, &body); err != nil {
		t.Fatalf("%s: %v", e.Path, err)
	}
	for _, k := range []string{"user", "safety_identifier", "metadata", "service_tier", "prompt_cache_key"} {
		delete(body, k)
	}
	switch e.Path {
	case "/v1/responses":
		body["store"] = false
	case "/v1/chat/completions", "/v1/completions":
		delete(body, "store")
		if body["stream"] == true {
			body["stream_options"] = map[string]any{"include_usage": true}
		}
	}
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return e.Path + " " + string(text)
}

// inOneSpelling is JSON in one spelling.
func inOneSpelling(t *testing.T, body []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatalf("a copy's body: %v", err)
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// checkCopyHeader looks at one request of the relay.
func checkCopyHeader(t *testing.T, r *rig, e mock.Entry) {
	t.Helper()
	if e.Host != r.relay.host() {
		t.Errorf("a copy came for the host %q, want %q", e.Host, r.relay.host())
	}
	if got := e.Header["X-Cutover-Shadow"]; !reflect.DeepEqual(got, []string{"1"}) {
		t.Errorf("X-Cutover-Shadow is %q in a copy", got)
	}
	// The relay's own key, in the header in which the caller's came.
	bearer, own := "Bearer "+relayKey, []string(nil)
	if e.Path == "/v1/messages" || e.Path == "/v1/messages/count_tokens" {
		if e.Header.Get("Anthropic-Version") == "2023-06-01" {
			bearer, own = "", []string{relayKey}
		}
	}
	if e.Header.Get("Authorization") != bearer || !slices.Equal(e.Header["X-Api-Key"], own) {
		t.Errorf("%s %s: Authorization %q, X-Api-Key %q, want %q and %q", e.Path, e.Header.Get("Anthropic-Version"),
			e.Header["Authorization"], e.Header["X-Api-Key"], bearer, own)
	}
	allowed := []string{"Accept", "Accept-Encoding", "Accept-Language", "Content-Type", "Content-Length", "User-Agent",
		"Anthropic-Version", "Anthropic-Beta", "Authorization", "X-Api-Key", "X-Cutover-Shadow"}
	for name, values := range e.Header {
		if !slices.Contains(allowed, name) {
			t.Errorf("a copy bears %s: %q", name, values)
		}
		if strings.Contains(strings.Join(values, " "), callerKey) {
			t.Errorf("a copy bears the caller's key in %s", name)
		}
	}
}
