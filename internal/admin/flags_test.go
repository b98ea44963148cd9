package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/mux"
	"github.com/rs/zerolog"

	"cutover/flags"
	"cutover/internal/apitest"
)

// flagsServer serves the flags API on flags in memory.
func flagsServer(t *testing.T) (*httptest.Server, *flags.Set) {
	t.Helper()
	set, err := flags.Open(context.Background(), flags.Options{Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	r := mux.NewRouter()
	flagsAPI{Set: set, Actor: actorOf("")}.register(r)
	srv := httptest.NewServer(r)
	t.Cleanup(func() {
		srv.Close()
		if err := set.Close(); err != nil {
			t.Error(err)
		}
	})
	return srv, set
}

// call sends a request; it and its response are checked against the OpenAPI document.
func call(t *testing.T, srv *httptest.Server, method, path, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, srv.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(body, "{") {
		req.Header.Set("Content-Type", "application/json")
	} else if body != "" {
		req.Header.Set("Content-Type", "application/yaml")
	}
	resp, err := apitest.NewTransport(t, openAPIDocument, srv.Client().Transport).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(got)
}

func TestFlagsAPIFlips(t *testing.T) {
	srv, set := flagsServer(t)
	for _, step := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/api/v1/flags", "", 200, `"key":"relay-percentage"`},
		{"PUT", "/api/v1/flags/relay-percentage", `{"value":5,"why":"canary","who":"ann@laptop"}`, 200,
			`"old":null,"new":"5","who":"ann@laptop","why":"canary"`},
		{"PUT", "/api/v1/flags/relay-percentage", `{"value":100,"expect":"5","why":"all"}`, 200, `"old":"5","new":"100","who":"admin API"`},
		{"PUT", "/api/v1/flags/relay-percentage", `{"value":50,"expect":"5","why":"late"}`, 409,
			`"code":"conflict","key":"relay-percentage","expected":"5","actual":"100"`},
		{"PUT", "/api/v1/flags/relay-percentage", `{"value":101,"why":"x"}`, 400, `out of range`},
		{"PUT", "/api/v1/flags/relay-percentage", `{"value":[1],"why":"x"}`, 400, `list`},
		{"PUT", "/api/v1/flags/relay-percentage", `{"value":1,"expects":"5","why":"x"}`, 400, `expects`},
		{"PUT", "/api/v1/flags/relay-percentage", `{"why":"x"}`, 400, `value is missing`},
		{"PUT", "/api/v1/flags/relay-percentage", `{`, 400, `JSON`},
		{"GET", "/api/v1/flags/relay-percentage", "", 200, `"value":"100"`},
		{"GET", "/api/v1/flags/relay-percent", "", 404, `did you mean relay-percentage`},
		{"GET", "/api/v1/flags/explain?key=user-1&model=gpt-4o", "", 200, `"serves":"relay"`},
		{"GET", "/api/v1/flags/explain", "", 400, `key is missing`},
		{"POST", "/api/v1/flags/undo", `{"why":"too fast"}`, 200, `"old":"100","new":"5"`},
		{"DELETE", "/api/v1/flags/relay-percentage?why=done&expect=7", "", 409, `conflict`},
		{"DELETE", "/api/v1/flags/relay-percentage?why=done&who=bob", "", 200, `"old":"5","new":null,"who":"bob","why":"done"`},
		{"POST", "/api/v1/flags", `{"changes":[{"key":"relay-percentage","value":"1"},{"key":"noise-percentage","value":"400"}]}`,
			400, `noise-percentage`},
		{"POST", "/api/v1/flags", `{"changes":[{"key":"relay-percentage","value":"1"},{"key":"noise-percentage","value":"4"}],"why":"both"}`,
			200, `"key":"noise-percentage"`},
		{"GET", "/api/v1/flags/history?key=relay-percentage&limit=2", "", 200, `"why":"both"`},
		{"GET", "/api/v1/flags/history?limit=x", "", 400, `whole number`},
		{"GET", "/api/v1/flags/export", "", 200, `"defaultVariant"`},
		{"GET", "/api/v1/flags/export?all=true", "", 200, `"primary-provider"`},
		{"POST", "/api/v1/flags/import?why=file", "relay-percentage: 0\n", 200, `"old":"1","new":"0"`},
		{"POST", "/api/v1/flags/import?why=file", "relay-percentage: 0\n", 200, `"entries":[]`},
		{"POST", "/api/v1/flags/import", "- list\n", 400, `mapping`},
	} {
		status, got := call(t, srv, step.method, step.path, step.body)
		if status != step.status || !strings.Contains(compact(got), step.want) {
			t.Errorf("%s %s %s: %d %s\nwant %d with %s", step.method, step.path, step.body, status, got, step.status, step.want)
		}
	}
	if d := set.Decide(flags.Attributes{TargetingKey: "user-1"}); d.ServeRelay {
		t.Errorf("at the end: %+v", d)
	}
}

func compact(s string) string {
	var out bytes.Buffer
	if json.Compact(&out, []byte(s)) != nil {
		return s
	}
	return out.String()
}

// A flag that is unset and then nothing to undo at all.
func TestFlagsAPINothingToUndo(t *testing.T) {
	srv, _ := flagsServer(t)
	if status, got := call(t, srv, "POST", "/api/v1/flags/undo", `{}`); status != 409 || !strings.Contains(got, "nothing_to_undo") {
		t.Errorf("undo with no history: %d %s", status, got)
	}
}

func TestFlagsAPIWhenRedisIsAway(t *testing.T) {
	mute, err := net.Listen("tcp", "127.0.0.1:0") // connections wait in its queue for ever
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = mute.Close() }()
	redis := &flags.RedisOptions{URL: "redis://" + mute.Addr().String()}
	set, err := flags.Open(context.Background(), flags.Options{Redis: redis, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = set.Close() }()
	r := mux.NewRouter()
	flagsAPI{Set: set, Actor: actorOf("")}.register(r)
	srv := httptest.NewServer(r)
	defer srv.Close()
	status, got := call(t, srv, "GET", "/api/v1/flags", "")
	if status != 200 || !strings.Contains(got, `"store_error"`) || !strings.Contains(got, `"STALE"`) {
		t.Errorf("list: %d %s", status, got)
	}
	for _, c := range [][3]string{
		{"PUT", "/api/v1/flags/relay-enabled", `{"value":false,"why":"x"}`},
		{"GET", "/api/v1/flags/history", ""},
		{"GET", "/api/v1/flags/export", ""},
		{"POST", "/api/v1/flags/undo", "{}"},
		{"POST", "/api/v1/flags/import", "relay-enabled: false"},
	} {
		if status, got := call(t, srv, c[0], c[1], c[2]); status != 503 || !strings.Contains(got, "unreachable") {
			t.Errorf("%v: %d %s, want 503", c, status, got)
		}
	}
}

// Behind the admin listener's guard nobody gets in without the token, or from
// another site's page.
func TestFlagsAPIBehindTheGuard(t *testing.T) {
	set, err := flags.Open(context.Background(), flags.Options{Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = set.Close() }()
	r := mux.NewRouter()
	flagsAPI{Set: set, Actor: actorOf("")}.register(r)
	for _, c := range []struct {
		name   string
		token  string
		header map[string]string
		status int
	}{
		{"no token needed, local", "", nil, 200},
		{"no token needed, another site", "", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		{"no token needed, foreign origin", "", map[string]string{"Origin": "https://evil.example"}, 403},
		{"token missing", "s3cret", nil, 401},
		{"token wrong", "s3cret", map[string]string{"Authorization": "Bearer s3cre"}, 401},
		{"token right", "s3cret", map[string]string{"Authorization": "Bearer s3cret"}, 200},
		{"token right, another site", "s3cret", map[string]string{"Authorization": "Bearer s3cret", "Sec-Fetch-Site": "cross-site"}, 403},
	} {
		req := httptest.NewRequest(
			http.MethodPut,
			"http://127.0.0.1:8081/api/v1/flags/relay-percentage",
			strings.NewReader(`{"value":1,"why":"x"}`),
		)
		for k, v := range c.header {
			req.Header.Set(k, v)
		}
		rec := httptest.NewRecorder()
		guard(c.token, r).ServeHTTP(rec, req)
		if rec.Code != c.status {
			t.Errorf("%s: %d %s, want %d", c.name, rec.Code, rec.Body, c.status)
		}
	}
}

func TestFlagsAPIWatch(t *testing.T) {
	srv, set := flagsServer(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	store := &Client{base: srv.URL, http: srv.Client()}
	began := make(chan struct{})
	got := make(chan flags.Entry, 10)
	done := make(chan error, 1)
	go func() {
		done <- store.Watch(ctx, func(e *flags.Entry) error {
			if e == nil {
				close(began)
				return nil
			}
			got <- *e
			return nil
		})
	}()
	<-began
	value := "7"
	flip := flags.Flip{Who: "ann", Changes: []flags.Change{{Key: "noise-percentage", Value: &value}}}
	if _, err := set.Store().Write(ctx, flip); err != nil {
		t.Fatal(err)
	}
	select {
	case e := <-got:
		if e.Key != "noise-percentage" || *e.New != "7" || e.Who != "ann" {
			t.Errorf("watched %+v", e)
		}
	case <-ctx.Done():
		t.Error("the flip was not seen")
	}
	cancel()
	if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("watch: %v", err)
	}
}
