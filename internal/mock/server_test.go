package mock_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cutover/internal/mock"

	"github.com/coder/websocket"
	"github.com/tidwall/gjson"
)

// contextUntil ends as soon as the mock is busy with a request.
func contextUntil(t *testing.T, s *mock.Server) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(within(t))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if s.Wait(ctx, func(st mock.Stats) bool { return st.Active > 0 }) == nil {
			cancel()
		}
	}()
	return ctx, func() { cancel(); <-done }
}

func TestKeys(t *testing.T) {
	s := newMock(t, mock.Config{Keys: []string{"sk-good"}})
	for name, header := range map[string][]string{
		"bearer": {"Authorization", "Bearer sk-good"}, "small letters": {"Authorization", "bearer sk-good"},
		"x-api-key": {"X-Api-Key", "sk-good"}, "azure": {"Api-Key", "sk-good"}, "google": {"X-Goog-Api-Key", "sk-good"},
	} {
		if a := ask(t, s, "/v1/models", "", header...); a.status != 200 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	for name, header := range map[string][]string{
		"none": nil, "wrong": {"Authorization", "Bearer sk-bad"}, "blanks": {"Authorization", "Bearer  sk-good"},
		"no scheme": {"Authorization", "sk-good"},
	} {
		if a := ask(t, s, "/v1/chat/completions", chatTarget().body, header...); a.status != 401 ||
			gjson.Get(a.body, "error.message").Str == "" ||
			strings.Contains(a.body, "sk-bad") {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := ask(t, s, "/v1/messages", messagesTarget().body, "X-Api-Key", "sk-bad"); a.status != 401 ||
		gjson.Get(a.body, "error.type").Str != "authentication_error" {
		t.Errorf("messages: %d %s", a.status, a.body)
	}
	if a := ask(t, s, "/v1/models", "", "Anthropic-Version", "2023-06-01"); gjson.Get(a.body, "type").Str != "error" {
		t.Errorf("a shared path does not follow anthropic-version: %s", a.body)
	}
}

func TestRateLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMock(t, mock.Config{RPM: 3})
		for i := range 3 {
			if a := ask(t, s, "/v1/chat/completions", chatTarget().body); a.status != 200 ||
				a.header.Get("X-Ratelimit-Remaining-Requests") != itoa(2-i) {
				t.Errorf("call %d: %d, %v left", i, a.status, a.header["X-Ratelimit-Remaining-Requests"])
			}
		}
		a := ask(t, s, "/v1/chat/completions", chatTarget().body)
		if a.status != 429 || a.header.Get("Retry-After") != "20" || gjson.Get(a.body, "error.code").Str != "rate_limit_exceeded" {
			t.Fatalf("call 4: %d, retry after %s, %s", a.status, a.header.Get("Retry-After"), a.body)
		}
		if a := ask(t, s, "/v1/chat/completions", chatTarget().body, "Authorization", "Bearer other"); a.status != 200 {
			t.Errorf("another key: %d", a.status)
		}
		<-time.After(20 * time.Second) // on the fake clock
		if a := ask(t, s, "/v1/messages", messagesTarget().body); a.status != 200 || a.header.Get("Anthropic-Ratelimit-Requests-Limit") != "3" {
			t.Errorf("after 20s: %d, %v", a.status, a.header)
		}
		if a := ask(t, s, "/v1/models", ""); a.status != 200 {
			t.Errorf("models count: %d", a.status)
		}
	})
	s := newMock(t, mock.Config{TPM: 80})
	if a := ask(t, s, "/v1/chat/completions", chatTarget().body); a.status != 200 {
		t.Fatalf("first: %d", a.status)
	}
	if a := ask(t, s, "/v1/chat/completions", chatTarget().body); a.status != 429 || gjson.Get(a.body, "error.type").Str != "tokens" {
		t.Errorf("the tokens of the first response are not counted: %d %s", a.status, a.body)
	}
}

func TestModels(t *testing.T) {
	s := newMock(t, mock.Config{Models: []string{"gpt-4o"}, Aliases: map[string]string{"gpt-4": "gpt-4o"}})
	a := ask(t, s, "/v1/chat/completions", strings.ReplaceAll(chatTarget().body, "gpt-4o", "gpt-5"))
	if a.status != 404 || gjson.Get(a.body, "error.code").Str != "model_not_found" {
		t.Errorf("unknown model: %d %s", a.status, a.body)
	}
	if a := ask(t, s, "/v1/messages", messagesTarget().body); a.status != 404 || gjson.Get(a.body, "error.type").Str != "not_found_error" {
		t.Errorf("unknown model: %d %s", a.status, a.body)
	}
	a = ask(t, s, "/v1/chat/completions", strings.ReplaceAll(chatTarget().body, "gpt-4o", "gpt-4"))
	if a.status != 200 || gjson.Get(a.body, "model").Str != "gpt-4o" {
		t.Errorf("alias: %d %s", a.status, gjson.Get(a.body, "model"))
	}
	if n := gjson.Get(ask(t, s, "/v1/models", "").body, "data.#").Int(); n != 2 {
		t.Errorf("%d models listed, want 2", n)
	}
	for path, want := range map[string]int{"/v1/models/gpt-4o": 200, "/v1/models/gpt-4": 200, "/v1/models/gpt-5": 404,
		"/v1/models/a%2Fb": 404} {
		if a := ask(t, s, path, ""); a.status != want {
			t.Errorf("%s: %d", path, a.status)
		}
	}
}

func TestBadRequests(t *testing.T) {
	s := newMock(t, mock.Config{})
	for body, want := range map[string]string{
		`{`: "JSON", `[]`: "object", `{"messages":[]}`: "model", `{"model":"m"}`: "messages", `{"model":"m","messages":[]}`: "messages",
		`{"model":"m","messages":[{"role":"king","content":"x"}]}`:                                  "role",
		`{"model":"m","messages":[{"role":"user","content":"x"}],"n":0}`:                            "'n'",
		`{"model":"m","messages":[{"role":"user","content":"x"}],"max_tokens":1.5}`:                 "max_tokens",
		`{"model":"m","messages":[{"role":"user","content":"x"}],"stream":"yes"}`:                   "stream",
		`{"model":"m","messages":[{"role":"user","content":"x"}],"temperature":7}`:                  "temperature",
		`{"model":"m","messages":[{"role":"user","content":"x"}],"tool_choice":"required"}`:         "tool_choice",
		`{"model":"m","messages":[{"role":"user","content":"x"}],"response_format":{"type":"xml"}}`: "response_format",
	} {
		if a := ask(t, s, "/v1/chat/completions", body); a.status != 400 || !strings.Contains(gjson.Get(a.body, "error.message").Str, want) {
			t.Errorf("%s: %d %s, want a 400 about %s", body, a.status, a.body, want)
		}
	}
	if a := ask(t, s, "/v1/messages", `{"model":"m","messages":[{"role":"user","content":"x"}]}`); a.status != 400 ||
		!strings.Contains(a.body, "max_tokens: Field required") {
		t.Errorf("messages without max_tokens: %d %s", a.status, a.body)
	}
	sampling := `{"model":"m","max_tokens":9,"temperature":0.5,"messages":[{"role":"user","content":"x"}]}`
	for version, want := range map[string]int{"2023-06-01": 200, "2026-10-21": 400} {
		if a := ask(t, s, "/v1/messages", sampling, "Anthropic-Version", version); a.status != want {
			t.Errorf("temperature under %s: %d, want %d", version, a.status, want)
		}
	}
	tiny := newMock(t, mock.Config{MaxBody: 50})
	if a := ask(t, tiny, "/v1/chat/completions", chatTarget().body); a.status != 413 {
		t.Errorf("a body over the limit: %d", a.status)
	}
	for path, want := range map[string]string{"/v1/nothing": "Invalid URL", "/elsewhere": "Invalid URL", "/v1/": "Invalid URL",
		"/_mock/config": "Invalid URL"} {
		if a := ask(t, s, path, ""); a.status != 404 || !strings.Contains(a.body, want) {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if a := ask(t, s, "/v1/embeddings", ""); a.status != 405 {
		t.Errorf("GET embeddings: %d", a.status)
	}
}

func TestPaths(t *testing.T) {
	s := newMock(t, mock.Config{BasePath: "/api/v1/", BarePaths: true})
	for path, want := range map[string]int{"/api/v1/models": 200, "/models": 200, "/v1/models": 404, "/api/v1models": 404,
		"/api/v1/models/": 200} {
		if a := ask(t, s, path, ""); a.status != want {
			t.Errorf("%s: %d, want %d", path, a.status, want)
		}
	}
}

func TestEmbeddings(t *testing.T) {
	s := newMock(t, mock.Config{Speech: mock.Speech{Dimensions: 64}})
	vector := func(text string) []float64 {
		a := ask(t, s, "/v1/embeddings", `{"model":"m","input":"`+text+`"}`)
		var v []float64
		for _, x := range gjson.Get(a.body, "data.0.embedding").Array() {
			v = append(v, x.Num)
		}
		return v
	}
	dot := func(a, b []float64) (sum float64) {
		for i := range a {
			sum += a[i] * b[i]
		}
		return sum
	}
	a, b, c := vector("whales sleep in the sea"), vector("whales sleep in the ocean"), vector("inflation and tax law")
	if len(a) != 64 || dot(a, a) < 0.999 || dot(a, a) > 1.001 {
		t.Errorf("%d numbers of length %v", len(a), dot(a, a))
	}
	if near, far := dot(a, b), dot(a, c); near < 0.6 || far > 0.5 {
		t.Errorf("similar texts have cosine %.2f, others %.2f", near, far)
	}
	for _, body := range []string{`{"model":"m","input":[]}`, `{"model":"m"}`, `{"model":"m","input":"x","dimensions":0}`,
		`{"model":"m","input":"x","encoding_format":"hex"}`} {
		if a := ask(t, s, "/v1/embeddings", body); a.status != 400 {
			t.Errorf("%s: %d", body, a.status)
		}
	}
	if n := gjson.Get(ask(t, s, "/v1/embeddings", `{"model":"m","input":[[1,2,3],[4]],"dimensions":8}`).body,
		"data.1.embedding.#").Int(); n != 8 {
		t.Errorf("token numbers as input: %d numbers", n)
	}
}

func TestJournal(t *testing.T) {
	s := newMock(t, mock.Config{JournalSize: 3, JournalBody: 10})
	ask(t, s, "/v1/chat/completions?a=%20b", chatTarget().body, "X-One", "1")
	entries := s.Journal()
	if len(entries) != 1 {
		t.Fatalf("%d entries", len(entries))
	}
	e := entries[0]
	if e.Seq != 1 || e.Method != "POST" || e.Path != "/v1/chat/completions" || e.Query != "a=%20b" || e.Header.Get("X-One") != "1" ||
		string(e.Body) != chatTarget().body[:10] || e.BodySize != int64(len(chatTarget().body)) || e.Endpoint != "chat/completions" ||
		!e.Done || e.Status != 200 || e.Fault != "" || e.Gone || e.Sent == 0 || e.At.IsZero() {
		t.Errorf("entry %+v", e)
	}
	e.Header.Set("X-One", "changed")
	for range 4 {
		ask(t, s, "/v1/models", "")
	}
	got := s.Journal()
	if len(got) != 3 || got[0].Seq != 3 || got[2].Seq != 5 {
		t.Errorf("entries %+v", got)
	}
	if calls := s.Calls(); calls["/v1/models"] != 4 || calls["/v1/chat/completions"] != 1 || s.Stats().Calls != 5 {
		t.Errorf("calls %v", calls)
	}
	s.ResetJournal()
	if len(s.Journal()) != 0 || s.Stats().Calls != 0 {
		t.Error("the journal was not reset")
	}
	if err := s.Update(func(c *mock.Config) { c.JournalSize = -1 }); err != nil {
		t.Fatal(err)
	}
	ask(t, s, "/v1/models", "")
	if len(s.Journal()) != 0 || s.Stats().Calls != 1 {
		t.Error("a journal that is off keeps something, or counts nothing")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Wait(ctx, func(mock.Stats) bool { return false }); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait: %v", err)
	}
}

func TestConfigAtRunTime(t *testing.T) {
	s := newMock(t, mock.Config{Admin: true, Keys: []string{"sk-secret"}})
	shown := ask(t, s, "/_mock/config", "")
	if shown.status != 200 || strings.Contains(shown.body, "sk-secret") {
		t.Errorf("shown: %d %s", shown.status, shown.body)
	}
	put := func(body string) string {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/_mock/config", strings.NewReader(body))
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w.Body.String()
	}
	if body := put("admin: true\nnois: 0.5\n"); !strings.Contains(body, `did you mean \"noise\"`) {
		t.Errorf("a wrong key: %s", body)
	}
	if ask(t, s, "/v1/models", "").status != 401 {
		t.Error("a wrong configuration took effect")
	}
	if body := put(`{"admin": true, "noise": 0.5, "ttft": "uniform(1ms,2ms)"}`); gjson.Get(body, "ttft").Str != "uniform(1ms,2ms)" {
		t.Errorf("put: %s", body)
	}
	if c := s.Config(); c.Noise != 0.5 || len(c.Keys) != 0 {
		t.Errorf("configuration %+v", c)
	}
	if got := gjson.Get(ask(t, s, "/_mock/journal", "").body, "#").Int(); got < 4 {
		t.Errorf("%d entries in the journal", got)
	}
}

func TestLoadFile(t *testing.T) {
	file := func(text string) (mock.Config, error) {
		path := filepath.Join(t.TempDir(), "mock.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return mock.LoadFile(path)
	}
	cfg, err := file(
		"seed: 3\nttft: lognormal(200ms,0.4)\ngap: 12ms\nmodels: [a, b]\naliases: {c: a}\nfaults:\n  - {kind: reset-after-3, rate: 0.02, " +
			"stream: true}\nretry_after: 2s\ntool_calls: 0\n",
	)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Seed != 3 || cfg.TTFT.String() != "lognormal(200ms,0.4)" || len(cfg.Faults) != 1 || cfg.RetryAfter != 2*time.Second ||
		*cfg.ToolCalls != 0 {
		t.Errorf("read %+v", cfg)
	}
	if _, err := file(""); err != nil {
		t.Errorf("an empty file: %v", err)
	}
	for text, want := range map[string]string{
		"seed: 1\nfualts: []\n": `line 2: there is no key "fualts"; did you mean "faults"?`,
		"faults: [{knd: 500}]":  `did you mean "kind"?`,
		"ttft: soon":            "soon", "noise: 2": "noise: must be a rate", "faults: [{kind: explode, rate: 1}]": "no fault is called",
		"script: [700]": "script[0]", "gap: 1ms\ntokens_per_second: 5": "tokens_per_second", "keys: ['']": "keys[0]", "a: [": "did not find",
		"seed: 1\n---\nseed: 2\n": "one document", "base_path: v1": "base_path", "gzip: maybe": "gzip",
	} {
		if _, err := file(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want something about %q", text, err, want)
		}
	}
	if _, err := mock.LoadFile("/does/not/exist"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

func TestConfigWritesWhatItReads(t *testing.T) {
	rate := 0.25
	cfg := mock.Config{
		Name:    "n",
		Seed:    4,
		Latency: mock.Latency{TTFT: mock.Uniform(time.Millisecond, time.Second)},
		Speech:  mock.Speech{ToolCalls: &rate, Bill: 1.2},
		Faults:  []mock.Fault{{Kind: "429", Rate: 0.5}},
		Script:  []string{"ok", "500"},
	}
	b, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	again, err := mock.Parse(b)
	if err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	c, err := json.Marshal(again)
	if err != nil || !bytes.Equal(b, c) {
		t.Errorf("written %s\nread %s, %v", b, c, err)
	}
}

func TestGzip(t *testing.T) {
	for _, c := range []struct {
		mode, accept string
		want         bool
	}{{"", "gzip", false}, {"accept", "gzip", true}, {"accept", "br", false}, {"always", "", true}} {
		_, url := serve(t, mock.Config{Gzip: c.mode})
		for _, body := range []string{chatTarget().body, chatTarget().streamed()} {
			s := fetch(t, url+"/v1/chat/completions", body, "Accept-Encoding", c.accept)
			if got := s.header.Get("Content-Encoding") == "gzip"; got != c.want {
				t.Fatalf("%+v: compressed %v", c, got)
			}
			if !c.want {
				continue
			}
			z, err := gzip.NewReader(bytes.NewReader(s.body))
			if err != nil {
				t.Fatal(err)
			}
			plain, err := io.ReadAll(z)
			if err != nil || !bytes.Contains(plain, []byte(`"finish_reason":"stop"`)) {
				t.Errorf("%+v: %v %.200s", c, err, plain)
			}
		}
	}
}

func TestRealtime(t *testing.T) {
	s, url := serve(t, mock.Config{})
	ctx := within(t)
	conn, resp, err := websocket.Dial(
		ctx,
		strings.Replace(url, "http", "ws", 1)+"/v1/realtime?model=gpt-realtime",
		&websocket.DialOptions{Subprotocols: []string{"realtime"}},
	)
	if err != nil {
		t.Fatal(err, resp)
	}
	defer conn.CloseNow()
	next := func() gjson.Result {
		t.Helper()
		_, b, err := conn.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return gjson.ParseBytes(b)
	}
	send := func(text string) {
		t.Helper()
		if err := conn.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if e := next(); e.Get("type").Str != "session.created" || e.Get("session.model").Str != "gpt-realtime" {
		t.Errorf("first event %s", e.Raw)
	}
	send(`{"type":"session.update","session":{"instructions":"be brief"}}`)
	if e := next(); e.Get("type").Str != "session.updated" || e.Get("session.instructions").Str != "be brief" {
		t.Errorf("after the update %s", e.Raw)
	}
	send(`{"type":"input_audio_buffer.append","audio":"AAAA"}`)
	if e := next(); e.Get("audio").Str != "AAAA" {
		t.Errorf("echo %s", e.Raw)
	}
	send(`nonsense`)
	if e := next(); e.Get("type").Str != "error" {
		t.Errorf("after nonsense %s", e.Raw)
	}
	send(`{"type":"response.create"}`)
	var text string
	for {
		e := next()
		text += e.Get("delta").Str
		if e.Get("type").Str == "response.done" {
			if got := e.Get("response.output.0.content.0.text").Str; got != text || text == "" {
				t.Errorf("deltas %q, done %q", text, got)
			}
			break
		}
	}
	_ = s.Close()
	if _, _, err := conn.Read(ctx); err == nil {
		t.Error("the socket outlives the server")
	}
	if err := s.Wait(ctx, func(st mock.Stats) bool { return st.Active == 0 }); err != nil {
		t.Error(err)
	}
}

func TestOrderedWords(t *testing.T) {
	s := newMock(t, mock.Config{Overrides: true, Speech: mock.Speech{Say: "Write to a@example.com."}})
	if text := say(t, s, "m", "hi"); text != "Write to a@example.com." {
		t.Errorf("said %q", text)
	}
	a := ask(t, s, "/v1/messages", messagesTarget().body, "X-Mock-Say", "Other words entirely", "X-Mock-Truncate-At", "2")
	if got := gjson.Get(a.body, "content.0.text").Str; got != "Other words" || gjson.Get(a.body, "stop_reason").Str != "max_tokens" {
		t.Errorf("said %q", a.body)
	}
}

func TestUsageDetails(t *testing.T) {
	s := newMock(t, mock.Config{Speech: mock.Speech{Cached: 0.5, Reasoning: 40, Say: "one two"}})
	chat := ask(t, s, "/v1/chat/completions", chatTarget().body).body
	if in, cached := gjson.Get(chat, "usage.prompt_tokens").Int(),
		gjson.Get(chat, "usage.prompt_tokens_details.cached_tokens").Int(); cached != in/2 ||
		cached == 0 {
		t.Errorf("%d of %d tokens are cached", cached, in)
	}
	if out, hidden := gjson.Get(chat, "usage.completion_tokens").Int(),
		gjson.Get(chat, "usage.completion_tokens_details.reasoning_tokens").Int(); hidden != 40 ||
		out != 42 {
		t.Errorf("%d of %d tokens are reasoning", hidden, out)
	}
	m := ask(t, s, "/v1/messages", messagesTarget().body).body
	if gjson.Get(m, "usage.input_tokens").Int() == 0 || gjson.Get(m, "usage.cache_read_input_tokens").Int() == 0 {
		t.Errorf("usage %s", gjson.Get(m, "usage"))
	}
}
