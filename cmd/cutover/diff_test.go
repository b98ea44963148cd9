package main

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cutover/compare"
	"cutover/exchange"
	"cutover/internal/admin"
	"cutover/internal/config"
	"cutover/internal/store"
	"cutover/internal/target"
)

const samplesKey = "a key of more than sixteen bytes"

// storedSamples fills a data directory with three samples, encrypted.
func storedSamples(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(dir, store.Options{Key: []byte(samplesKey)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for i, text := range []string{"The quick brown fox.", "The quack brown fox.", "Write to jane@example.com <b>now</b>."} {
		response := func(text string) *exchange.Exchange {
			return &exchange.Exchange{Status: 200, Completion: exchange.Completion{ID: "x", Text: text, TextBytes: len(text), FinishReason: "stop"}}
		}
		p := compare.Pair{
			Request: &exchange.Request{
				ID:       "01J" + string(rune('A'+i)),
				At:       time.Now().Add(time.Duration(i-3) * time.Minute),
				Endpoint: exchange.Lookup("POST", "/v1/chat/completions"),
				Body:     []byte(`{"model":"m"}`),
				Facts:    exchange.Facts{Model: "m"},
			},
			Primary: response("The quick brown fox."), Relay: response(text), Outcome: compare.Both,
		}
		if i == 1 {
			p.Relay.Completion.FinishReason = "length"
		}
		r := compare.Compare(p, compare.Options{})
		entry := store.SampleEntry{Sample: compare.NewSample(p, r, compare.CaptureRedacted, compare.Known{}), Classes: compare.Classes()}
		if err := s.PutSamples(t.Context(), []store.SampleEntry{entry}, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func runDiff(t *testing.T, env map[string]string, args ...string) (string, error) {
	t.Helper()
	var environ config.Environ
	for name, value := range env {
		environ = append(environ, name+"="+value)
	}
	cmd := newDiffCommand(console{Env: environ})
	var b bytes.Buffer
	cmd.SetOut(&b)
	cmd.SetErr(&b)
	cmd.SetArgs(args)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err := cmd.ExecuteContext(t.Context())
	return b.String(), err
}

func TestDiffListsAndShowsPairs(t *testing.T) {
	dir := storedSamples(t)
	env := map[string]string{target.SamplesKeyVariable: samplesKey}
	offline := []string{"--data", dir}
	out, err := runDiff(t, env, append([]string{"list"}, offline...)...)
	if err != nil || strings.Count(out, "\n") != 4 || !strings.Contains(out, "text.truncated") {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := runDiff(t, env, append([]string{"list", "--severity", "major", "--output", "json"}, offline...)...); err != nil ||
		strings.Count(out, `"id"`) != 1 {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = runDiff(t, env, append([]string{"show", "01JB"}, offline...)...)
	if err != nil || !strings.Contains(out, "The [-quick-] brown fox.") || !strings.Contains(out, "{+quack+}") {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = runDiff(t, env, append([]string{"show", "01JC", "--html"}, offline...)...)
	if err != nil || !strings.HasPrefix(out, "<!doctype html>") || strings.Contains(out, "<b>") || strings.Contains(out, "jane@") {
		t.Errorf("%v\n%s", err, out)
	}
	var sample compare.Sample
	out, err = runDiff(t, env, append([]string{"show", "01JC", "--output", "json"}, offline...)...)
	if err != nil || json.Unmarshal([]byte(out), &sample) != nil || !strings.Contains(sample.Relay.Text, "[email]") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestDiffAsksARunningSidecar(t *testing.T) {
	s, err := store.Open(storedSamples(t), store.Options{Key: []byte(samplesKey)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	r := admin.NewHandler(admin.Options{Results: s})
	server := httptest.NewServer(r)
	defer server.Close()
	if out, err := runDiff(t, nil, "list", "--code", "text.truncated", "--admin", server.URL); err != nil || strings.Count(out, "\n") != 2 {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := runDiff(t, nil, "show", "01JB", "--admin", server.URL); err != nil || !strings.Contains(out, "{+quack+}") {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := runDiff(t, nil, "show", "../report", "--admin", server.URL); err == nil || !strings.Contains(err.Error(), "not a pair's id") {
		t.Errorf("an id that is a path: %v", err)
	}
	if _, err := runDiff(t, nil, "show", "none", "--admin", server.URL); err == nil || !strings.Contains(err.Error(), "no sample is kept") {
		t.Errorf("an id that is not there: %v", err)
	}
	for format, want := range map[string]string{"html": "<!doctype html>", "text": "01JB", "json": "{"} {
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/api/v1/samples/01JB?format="+format, nil))
		if w.Code != 200 || !strings.HasPrefix(w.Body.String(), want) {
			t.Errorf("%s: %d %.80s", format, w.Code, w.Body)
		}
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/api/v1/samples/01JB?format=pdf", nil))
	if w.Code != 400 {
		t.Errorf("a wrong format: %d", w.Code)
	}
}

func TestDiffSaysWhatIsWrong(t *testing.T) {
	dir := storedSamples(t)
	env := map[string]string{target.SamplesKeyVariable: samplesKey}
	for _, c := range []struct {
		env  map[string]string
		args []string
		want string
	}{
		{env, []string{"show", "--data", dir}, "give the id of one pair"},
		{env, []string{"show", "none", "--data", dir}, "no sample is kept"},
		{nil, []string{"show", "01JA", "--data", dir}, "encrypted"},
		{env, []string{"list", "--data", dir, "--code", "none"}, "no sample matches"},
		{env, []string{"list", "--severity", "bad"}, "info, minor, major, critical"},
		{env, []string{"list", "--limit", "-1"}, "--limit"},
		{env, []string{"show", "x", "--html", "--output", "json"}, "html output"},
	} {
		if _, err := runDiff(t, c.env, c.args...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v; want %q", c.args, err, c.want)
		}
	}
}
