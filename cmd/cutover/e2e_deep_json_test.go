package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// deep is 8 MiB of JSON that never closes what it opens.
var deep = strings.Repeat("[", 8<<20)

// deepProvider responds to everything with what respond holds: deep JSON in the
// shape of a response.
func deepProvider(t *testing.T, respond *atomic.Pointer[deepResponse]) *provider {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		d := respond.Load()
		w.Header().Set("Content-Type", d.contentType)
		w.WriteHeader(d.status)
		_, _ = io.WriteString(w, d.begin+deep)
	}))
	t.Cleanup(srv.Close)
	return &provider{url: srv.URL}
}

type deepResponse struct {
	name, contentType, begin string
	status                   int
}

// TestDeepJSON sends text that is nested a few million times through every door:
// no request, response, list, batch, error, flag or setting may end the process,
// or take it more than a moment.
func TestDeepJSON(t *testing.T) {
	t.Parallel()
	var respond atomic.Pointer[deepResponse]
	respond.Store(&deepResponse{"plain", "application/json", "", 200})
	both := deepProvider(t, &respond)
	s := startServe(t, both, both, []string{mirrorAll, "CUTOVER_FLAGS_RELAY_PERCENTAGE=50", "CUTOVER_SERVER_MODELS=merged",
		"CUTOVER_UPSTREAMS_RELAY_MODELS_MAP=a=b", "CUTOVER_CAPTURE_LIMIT=16MiB", "CUTOVER_CAPTURE_MODE=full",
		"CUTOVER_UPSTREAMS_SAME_PROVIDER=true"})
	client := newHTTPClient(t)
	call := func(method, url, contentType, body string) {
		t.Helper()
		req, err := http.NewRequestWithContext(within(t), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", contentType)
		req.Header.Set("Anthropic-Version", "2023-06-01")
		if resp, err := client.Do(req); err == nil { // a broken response is as good as any
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		select {
		case <-s.ended:
			t.Fatalf("%s %s %.40q ended the process:\n%.2000s", method, url, body, s.err.String())
		default:
		}
	}
	for _, path := range []string{"chat/completions", "completions", "responses", "embeddings", "moderations", "messages",
		"messages/count_tokens", "messages/batches", "batches", "files", "threads", "images/generations", "x"} {
		for _, begin := range []string{"", `{"model":"a","messages":`, `{"input":`, `{"requests":`, `{"tools":`,
			`{"metadata":{"user_id":`, `{"model":`} {
			call("POST", s.url+"/v1/"+path, "application/json", begin+deep)
		}
	}
	var form bytes.Buffer
	form.WriteString("--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--b\r\n" +
		"Content-Disposition: form-data; name=\"file\"; " +
		"filename=\"f.jsonl\"\r\n\r\n" + `{"custom_id":"1","url":"/v1/chat/completions","body":` + deep + "\r\n--b--\r\n")
	call("POST", s.url+"/v1/files", "multipart/form-data; boundary=b", form.String())
	for _, d := range []deepResponse{
		{"plain", "application/json", "", 200},
		{"choices", "application/json", `{"choices":`, 200},
		{"usage", "application/json", `{"choices":[{"message":{"content":"a"}}],"usage":`, 200},
		{"list", "application/json", `{"object":"list","data":`, 200},
		{"stream", "text/event-stream", `data: {"choices":`, 200},
		{"event", "text/event-stream", "event: content_block_delta\ndata: {\"delta\":", 200},
		{"error", "application/json", `{"error":`, 500},
		{"bad request", "application/json", `{"error":{"message":`, 400},
		{"batch result", "application/jsonl", `{"custom_id":"1","response":`, 200},
	} {
		respond.Store(&d)
		for _, path := range []string{"chat/completions", "responses", "messages", "embeddings"} {
			for _, stream := range []string{"false", "true"} {
				call(
					"POST",
					s.url+"/v1/"+path,
					"application/json",
					`{"model":"a","stream":`+stream+`,"input":"x","messages":[{"role":"user","content":"hi"}]}`,
				)
			}
		}
		for _, path := range []string{"models", "models/a", "batches/b", "files/f/content", "responses/r"} {
			call("GET", s.url+"/v1/"+path, "", "")
		}
	}
	for _, door := range []struct{ method, path, begin string }{
		{"PUT", "/api/v1/flags/relay-percentage", `{"why":"x","value":`}, {"POST", "/api/v1/flags", `{"changes":`},
		{"POST", "/api/v1/flags/import", `{"flags":`}, {"POST", "/api/v1/flags/undo", ""}, {"POST", "/api/v1/flags/halt", `{"why":`},
	} {
		call(door.method, s.admin+door.path, "application/json", door.begin+deep)
	}
	resp, err := client.Get(s.admin + "/healthz")
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("healthz: %v", err)
	}
	resp.Body.Close()
}

// TestDeepSettings: the same for a file of settings and for flags.
func TestDeepSettings(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"yaml flow": "upstreams: " + deep, "json": `{"upstreams": ` + deep, "blocks": strings.Repeat("- ", 1<<20),
	} {
		file := writeTemp(t, "cutover.yaml", text)
		p := start(t, nil, "serve", "--config", file)
		if code := p.exit(t); code != 2 {
			t.Errorf("%s: exit code %d, want 2:\n%.1000s", name, code, p.err.String())
		}
		p = start(t, nil, "flags", "import", writeTemp(t, "flags.json", text), "--admin", "http://127.0.0.1:1")
		if code := p.exit(t); code != 2 {
			t.Errorf("%s, flags import: exit code %d, want 2:\n%.1000s", name, code, p.err.String())
		}
	}
}

// writeTemp writes a file that goes with the test.
func writeTemp(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
