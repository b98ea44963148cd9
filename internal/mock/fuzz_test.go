package mock_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"cutover/internal/mock"
)

// FuzzRequests sends anything to any endpoint: the mock must respond, and with
// JSON or events where it says so.
func FuzzRequests(f *testing.F) {
	for _, g := range []target{chatTarget(), messagesTarget(), responsesTarget()} {
		f.Add("POST", g.path, g.body, "application/json", "")
		f.Add("POST", g.path, g.streamed(), "application/json", "2023-06-01")
	}
	tools := `{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"x"}]}],"tool_choice":"required","tools":` +
		`[{"type":"function","function":{"name":"f","parameters":{"$ref":"#"}}}]}`
	f.Add("POST", "/v1/chat/completions", tools, "", "")
	f.Add(
		"POST",
		"/v1/chat/completions",
		`{"model":"m","messages":[{"role":"user","content":"x"}],"response_format":{"type":"json_schema","json_schema":{"schema":{"allOf":`+
			`[{"$ref":"#"}],"pattern":"(a|b){3,9}"}}}}`,
		"",
		"",
	)
	for _, schema := range []string{`{"type":"array","minItems":64,"items":{"$ref":"#"}}`,
		`{"type":"object","required":["a","b"],"properties":{"a":{"$ref":"#"},"b":{"$ref":"#"}}}`,
		`{"allOf":[{"$ref":"#"},{"$ref":"#"},{"properties":{"a":{"$ref":"#"}}}]}`, `{"anyOf":[{"$ref":"#"},{"$ref":"#"}]}`,
		`{"type":"array","uniqueItems":true,"minItems":60,"items":{"enum":[1]}}`} {
		f.Add(
			"POST",
			"/v1/responses",
			`{"model":"m","input":"x","text":{"format":{"type":"json_schema","name":"n","schema":`+schema+`}}}`,
			"",
			"",
		)
	}
	f.Add("POST", "/v1/embeddings", `{"model":"m","input":["a",[1,2]],"encoding_format":"base64"}`, "", "")
	f.Add(
		"POST",
		"/v1/files",
		"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nhi\r\n--x--\r\n",
		"multipart/form-data; boundary=x",
		"",
	)
	f.Add("POST", "/v1/batches", `{"input_file_id":"file-1","endpoint":"/v1/x","completion_window":"24h"}`, "", "")
	f.Add("POST", "/v1/messages/batches", `{"requests":[{"custom_id":"a","params":{}}]}`, "", "")
	f.Add("POST", "/v1/threads/x/runs", `{}`, "", "")
	f.Add("GET", "/v1/models/a%2fb%", "", "", "x")
	f.Add("PUT", "/_mock/config", "noise: [", "", "")
	s, err := mock.New(mock.Config{Overrides: true, Speech: mock.Speech{Noise: 0.3, BreakToolArguments: 0.3, BreakJSON: 0.3}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, method, path, body, contentType, version string) {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://mock/", strings.NewReader(body))
		if err != nil || r.URL.Opaque != "" {
			return
		}
		if u, err := r.URL.Parse(path); err == nil {
			r.URL = u
		}
		r.Header.Set("Content-Type", contentType)
		if version != "" {
			r.Header.Set("Anthropic-Version", version)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code < 200 || w.Code > 599 {
			t.Fatalf("status %d", w.Code)
		}
		text := w.Body.String()
		if !utf8.ValidString(text) && utf8.ValidString(body) {
			t.Fatalf("the response is not UTF-8: %q", text)
		}
		if w.Header().Get("Content-Type") == "application/json" && !json.Valid([]byte(text)) {
			t.Fatalf("the response is not JSON: %q", text)
		}
	})
}

// FuzzConfig reads anything as a configuration; what is accepted must work.
func FuzzConfig(f *testing.F) {
	f.Add("seed: 1\nttft: lognormal(1ms,0.4)\nfaults: [{kind: 500, rate: 0.1}]")
	f.Add(`{"models":["a"],"aliases":{"b":"a"},"bill":1.2}`)
	f.Fuzz(func(t *testing.T, text string) {
		cfg, err := mock.Parse([]byte(text))
		if err != nil {
			return
		}
		if _, err := mock.New(cfg); err != nil {
			t.Fatalf("accepted by Parse, refused by New: %v", err)
		}
	})
}
