package main

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"cutover/compare"
	"cutover/internal/mock"
	"cutover/internal/store"
)

// TestSameProvider runs both sides against one provider, with the
// callers' own key: either side serves, pairs are compared, and what one side
// created stays with that side.
func TestSameProvider(t *testing.T) {
	one := startProvider(t, mock.Config{Seed: 7})
	r := startSidecar(t, one, one, mirrorAll, "CUTOVER_UPSTREAMS_SAME_PROVIDER=true", "CUTOVER_UPSTREAMS_RELAY_AUTH=passthrough")
	const n = 4
	askChats(t, r, n)
	var results []compare.Result
	eventually(t, "every request has its pair in the store", func() bool { // counted first, then stored
		err := r.Ledger.Flush(within(t))
		if err == nil {
			results, err = r.Results.Results(within(t), store.Filter{})
		}
		if err != nil {
			t.Fatal(err)
		}
		return r.Mirror.Counts().Get(compare.Both) == n && len(results) == n
	}, func() any { return r.Mirror.Counts().All() })
	for _, res := range results {
		if !res.TextEqual {
			t.Errorf("a provider that gives the same response twice is reported as different: similarity %v", res.Similarity)
		}
	}
	client := newHTTPClient(t)
	call := func(method, path, body string) (servedBy, response string) {
		t.Helper()
		req, err := http.NewRequestWithContext(within(t), method, r.URL()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+callerKey)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		b, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s %s: %d %s, %v", method, path, resp.StatusCode, b, err)
		}
		return resp.Header.Get("X-Cutover-Served-By"), string(b)
	}
	r.share(t, "100")
	by, made := call("POST", "/v1/vector_stores", `{"name":"x"}`)
	_, id, _ := strings.Cut(made, `"id":"`)
	id, _, _ = strings.Cut(id, `"`)
	if by != "relay" || id == "" {
		t.Fatalf("created by %s: %s", by, made)
	}
	r.share(t, "0")
	if by, _ := call("GET", "/v1/vector_stores/"+id, ""); by != "relay" {
		t.Errorf("the relay's side created it, but the request went to the %s", by)
	}
	owners, err := r.Results.(*store.Store).Affinity().Owners(within(t), []string{id})
	if err != nil || !strings.HasSuffix(owners[0], "(relay)") {
		t.Errorf("the store has %q, %v", owners, err)
	}
	for _, e := range one.Journal() {
		if got := e.Header.Get("Authorization"); strings.Contains(got, relayKey) {
			t.Errorf("a call with the key from the environment: %s", got)
		}
	}
}
