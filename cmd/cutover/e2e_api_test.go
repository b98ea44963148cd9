package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"cutover/compare"
	"cutover/flags"
	"cutover/internal/admin"
	"cutover/internal/apitest"
	"cutover/internal/mock"
	"cutover/internal/store"
)

// apiCaller calls an admin API through the check of its OpenAPI document.
type apiCaller struct {
	t     *testing.T
	check *apitest.Transport
	base  string
}

// call sends a request, which must have this status, and returns the body.
func (a apiCaller) call(method, path, body string, status int, headers ...string) string {
	a.t.Helper()
	req, err := http.NewRequestWithContext(within(a.t), method, a.base+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	switch {
	case strings.HasPrefix(body, "{"):
		req.Header.Set("Content-Type", "application/json")
	case body != "":
		req.Header.Set("Content-Type", "application/yaml")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	req.Host = req.Header.Get("Host")
	resp, err := a.check.RoundTrip(req)
	if err != nil {
		a.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status {
		a.t.Errorf("%s %s %s: status %d, %v, want %d\n%s", method, path, body, resp.StatusCode, err, status, clip(text))
	}
	return string(text)
}

// TestAdminAPIMatchesItsDocument drives traffic through a sidecar with every policy
// on, and calls each route in many ways: requests and responses are as the OpenAPI
// document says, and each status that the document lists occurs, but for broken stores.
func TestAdminAPIMatchesItsDocument(t *testing.T) {
	t.Parallel()
	primary := startProvider(t, mock.Config{Seed: 7, Speech: mock.Speech{Noise: .2}})
	faulty := mock.Config{Seed: 8, DrawSeed: 3, RetryAfter: 20 * time.Millisecond, Faults: []mock.Fault{
		{Kind: "500", Rate: .2}, {Kind: "429", Rate: .1}, {Kind: "no-done", Rate: .2}, {Kind: "reset-after-3", Rate: .1},
	}}
	faulty.BreakToolArguments = .3
	relay := startProvider(t, faulty)
	r := startSidecar(
		t,
		primary,
		relay,
		mirrorAll,
		"CUTOVER_FLAGS_RELAY_PERCENTAGE=50",
		"CUTOVER_FLAGS_NOISE_PERCENTAGE=50",
		"CUTOVER_UPSTREAMS_RELAY_BREAKER_MIN_CALLS=5",
		"CUTOVER_UPSTREAMS_RELAY_LIMITS_CONCURRENCY=9",
		"CUTOVER_UPSTREAMS_RELAY_LIMITS_RPM=6000",
		"CUTOVER_FALLBACK_HEDGE_AFTER=p95",
		"CUTOVER_CAPTURE_MODE=full",
	)
	api := apiCaller{t, apitest.NewTransport(t, admin.OpenAPIDocument(), newHTTPClient(t).Transport), r.AdminURL()}
	readAll(api, "") // before there is any evidence
	client := newHTTPClient(t)
	requests := slices.Concat(mixed(), mixed(), mixed())
	for i, q := range requests {
		if i == 60 {
			readAll(api, "")
		}
		q.body = strings.Replace(q.body, `{"model"`, `{"user":"caller-`+string(rune('a'+i%26))+`","model"`, 1)
		_, _ = q.send(within(t), client, r.URL()) // what callers get is other tests' business
	}
	eventually(t, "an outcome for each request", func() bool { return r.Mirror.Counts().Total() == uint64(len(requests)) },
		func() any { return r.Mirror.Counts().All() })
	var samples []compare.Result
	eventually(t, "a sample in the store", func() bool {
		var err error
		if samples, err = r.Results.SampleResults(within(t), store.Filter{}); err != nil {
			t.Fatal(err)
		}
		return len(samples) > 0
	}, func() any { return len(samples) })
	sample := samples[0].ID
	readAll(api, sample)
	flipAll(api)
	watchOne(t, api, r.Flags.Store())
	refuseAll(t, api)
	withToken(t, api.check)
	for _, missing := range api.check.Unseen(func(name string) bool {
		// A conflict with an import takes a change between its reading and its writing.
		return strings.HasSuffix(name, " 500") || strings.HasSuffix(name, " 503") || name == "POST /api/v1/flags/import 409"
	}) {
		t.Errorf("never happened: %s", missing)
	}
}

// readAll calls every route that changes nothing.
func readAll(api apiCaller, sample string) {
	for _, path := range []string{
		"/healthz", "/readyz", "/metrics", "/", "/api/v1/status", "/api/v1/openapi.json", "/api/v1/rollout",
		"/api/v1/report", "/api/v1/report?format=json", "/api/v1/report?format=text", "/api/v1/report?format=markdown",
		"/api/v1/report?format=html", "/api/v1/report?since=24h&model=gpt-4o&endpoint=chat.completions",
		"/api/v1/report?since=2020-01-01T00:00:00%2B02:00", "/api/v1/report?model=no-such-model",
		"/api/v1/results", "/api/v1/results?limit=3", "/api/v1/results?severity=major&since=7d", "/api/v1/results?code=no.such.code",
		"/api/v1/results?code=outcome.server_error&endpoint=messages&model=claude-sonnet-4-5",
		"/api/v1/samples", "/api/v1/samples?limit=1&severity=info&since=1h",
		"/api/v1/flags", "/api/v1/flags/relay-percentage", "/api/v1/flags/primary-provider",
		"/api/v1/flags/history", "/api/v1/flags/history?key=relay-percentage&limit=2", "/api/v1/flags/export",
		"/api/v1/flags/export?all=true", "/api/v1/flags/explain?key=user-1",
		"/api/v1/flags/explain?key=user-1&model=gpt-4o&endpoint=messages&tenant=acme&stream=true",
	} {
		api.call(http.MethodGet, path, "", http.StatusOK)
	}
	api.call(http.MethodHead, "/healthz", "", http.StatusOK)
	api.call(http.MethodHead, "/readyz", "", http.StatusOK)
	for path, status := range map[string]int{
		"/api/v1/report?since=yesterday": 400, "/api/v1/report?format=pdf": 400, "/api/v1/results?severity=awful": 400,
		"/api/v1/results?limit=0": 400, "/api/v1/samples?limit=x": 400, "/api/v1/samples/none": 404, "/api/v1/samples/none?format=pdf": 400,
		"/api/v1/flags/relay-percent": 404, "/api/v1/flags/history?limit=0": 400, "/api/v1/flags/explain": 400,
		"/api/v1/flags/openapi.json": 404, "/api/v2": 404,
	} {
		api.call(http.MethodGet, path, "", status)
	}
	if sample != "" {
		for _, format := range []string{"", "?format=json", "?format=html", "?format=text"} {
			api.call(http.MethodGet, "/api/v1/samples/"+sample+format, "", http.StatusOK)
		}
	}
}

// flipAll changes flags in every way, right and wrong.
func flipAll(api apiCaller) {
	const one, all = "/api/v1/flags/relay-percentage", "/api/v1/flags"
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"PUT", one, `{"value":5,"why":"canary","who":"ann@laptop"}`, 200},
		{"PUT", one, `{"value":"6","expect":null}`, 200},
		{"PUT", one, `{"value":7,"expect":"5"}`, 409},
		{"PUT", one, `{"value":101}`, 400},
		{"PUT", one, `{"value":[1]}`, 400},
		{"PUT", one, `{"why":"x"}`, 400},
		{"PUT", one, `{"value":1,"expects":"5"}`, 400},
		{"PUT", "/api/v1/flags/noise-percentage", `{"value":{"state":"ENABLED","variants":{"a":1,"b":2},"defaultVariant":"a"}}`, 200},
		{"GET", "/api/v1/flags", "", 200},
		{"GET", "/api/v1/flags/noise-percentage", "", 200},
		{"GET", "/api/v1/flags/explain?key=user-1", "", 200},
		{"POST", all, `{"changes":[{"key":"relay-percentage","value":"1"},{"key":"noise-percentage","value":null}],"why":"both"}`, 200},
		{"POST", all, `{"changes":[{"key":"relay-percentage","value":"1","expect":"4"}]}`, 409},
		{"POST", all, `{"changes":[]}`, 400},
		{"POST", all, `{"changes":[{"key":"relay-percentage","value":"much"}]}`, 400},
		{"POST", all + "/undo", `{"why":"too fast","who":"bob"}`, 200},
		{"POST", all + "/undo", `{"reason":"x"}`, 400},
		{"DELETE", one + "?why=done&who=bob", "", 200},
		{"DELETE", one + "?expect=3", "", 409},
		{"DELETE", one + "?expect=", "", 200},
		{"DELETE", "/api/v1/flags/" + strings.Repeat("x", 200), "", 400},
		{"POST", all + "/import?why=file", "relay-percentage: 2\nnoise-percentage: 3\n", 200},
		{"POST", all + "/import", `{"relay-percentage":2}`, 200},
		{"POST", all + "/import?replace=true", `{"relay-percentage":2}`, 200},
		{"POST", all + "/import", "- list\n", 400},
		{"POST", all + "/halt", `{"who":"ann","why":"relay returns nonsense"}`, 200},
		{"GET", "/readyz", "", 200},
		{"GET", all, "", 200},
		{"GET", all + "/explain?key=user-1", "", 200},
		{"POST", all + "/halt", `[]`, 400},
		{"POST", all + "/resume", `{}`, 200},
		{"POST", all + "/resume", `{"until":1}`, 400},
		{"POST", "/api/v1/report", `{}`, 405},
	} {
		api.call(c.method, c.path, c.body, c.status)
	}
	undone := 0
	for range 100 { // everything, until there is nothing left to undo
		if strings.Contains(api.undo(), "nothing_to_undo") {
			break
		}
		undone++
	}
	if undone == 0 || undone == 100 {
		api.t.Errorf("%d changes were undone", undone)
	}
	api.call(http.MethodPost, all+"/import", `{"noise-percentage":9}`, http.StatusOK)
	api.call(http.MethodGet, "/api/v1/flags/history", "", http.StatusOK)
}

func (a apiCaller) undo() string {
	a.t.Helper()
	resp, err := (&http.Client{Transport: a.check}).Post(a.base+"/api/v1/flags/undo", "application/json", strings.NewReader(`{}`))
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return string(text)
}

// watchOne reads one change from the stream of changes.
func watchOne(t *testing.T, api apiCaller, store flags.Store) {
	t.Helper()
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, api.base+"/api/v1/flags/watch", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := api.check.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	if !lines.Scan() || lines.Text() != "" {
		t.Fatalf("the stream begins with %q, %v", lines.Text(), lines.Err())
	}
	value := "31"
	if _, err := store.Write(
		ctx,
		flags.Flip{Who: "ann", Changes: []flags.Change{{Key: flags.KeyNoisePercentage, Value: &value}}},
	); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() && lines.Text() == "" {
	}
	if !strings.Contains(lines.Text(), `"31"`) {
		t.Errorf("the stream has %q, %v", lines.Text(), lines.Err())
	}
}

// refuseAll calls every operation under another host's name.
func refuseAll(t *testing.T, api apiCaller) {
	t.Helper()
	for path, item := range apitest.Load(t, admin.OpenAPIDocument()).Paths.Map() {
		for method := range item.Operations() {
			api.call(method, strings.NewReplacer("{key}", "relay-percentage", "{id}", "none").Replace(path), "", http.StatusForbidden,
				"Host", "evil.example")
		}
	}
	api.call(http.MethodPost, "/api/v1/flags/halt", `{}`, http.StatusForbidden, "Sec-Fetch-Site", "cross-site")
}

// withToken calls every operation of a sidecar that requires a token, without it.
func withToken(t *testing.T, check *apitest.Transport) {
	t.Helper()
	r := startSidecar(t, startProvider(t, mock.Config{Seed: 1}), nil, "CUTOVER_ADMIN_TOKEN=s3cret")
	api := apiCaller{t, check, r.AdminURL()}
	for path, item := range apitest.Load(t, admin.OpenAPIDocument()).Paths.Map() {
		for method := range item.Operations() {
			want := http.StatusUnauthorized
			if path == "/healthz" || path == "/readyz" {
				want = http.StatusOK
			}
			api.call(method, strings.NewReplacer("{key}", "relay-percentage", "{id}", "none").Replace(path), "", want)
		}
	}
	api.call(http.MethodGet, "/api/v1/flags", "", http.StatusOK, "Authorization", "Bearer s3cret")
}
