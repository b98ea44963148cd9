package main

import (
	"net/http"
	"strings"
	"testing"

	"cutover/internal/mock"
)

// TestFlagsHalt: the relay serves, Redis is away, and an operator stops the
// relay all the same.
func TestFlagsHalt(t *testing.T) {
	t.Parallel()
	r := startSidecar(t, startProvider(t, mock.Config{Seed: 1}), startProvider(t, mock.Config{Seed: 1}),
		"CUTOVER_REDIS=redis://127.0.0.1:1", "CUTOVER_FLAGS_RELAY_PERCENTAGE=100", mirrorAll)
	client := newHTTPClient(t)
	servedBy := func() string {
		t.Helper()
		resp, err := client.Post(r.URL()+"/v1/chat/completions", "application/json",
			strings.NewReader(`{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("status %d", resp.StatusCode)
		}
		return resp.Header.Get("X-Cutover-Served-By")
	}
	if by := servedBy(); by != "relay" {
		t.Fatalf("served by %s at 100 %%", by)
	}
	for _, step := range []struct {
		args, want string
		code       int
		by         string
	}{
		{"set relay-enabled false", "", 1, "relay"}, // not possible while Redis is unavailable
		{"halt --reason nonsense", "sends nothing to the relay", 0, "primary"},
		{"list", "HALTED since|(nonsense)|cutover flags resume", 0, "primary"},
		{"explain --key anybody", "halted", 0, "primary"},
		{"halt --output json", `"halted"`, 0, "primary"},
		{"resume", "apply again", 0, "relay"},
		{"resume extra", "", 2, "relay"},
	} {
		code, out, errs := cutoverFlags(t, "", append([]string{"--admin", r.AdminURL()}, strings.Fields(step.args)...)...)
		for want := range strings.SplitSeq(step.want, "|") {
			if code != step.code || !strings.Contains(out+errs, want) {
				t.Errorf("flags %s: exit %d\n%s%s\nwant exit %d with %q", step.args, code, out, errs, step.code, want)
			}
		}
		if by := servedBy(); by != step.by {
			t.Errorf("after flags %s served by %s, want %s", step.args, by, step.by)
		}
	}
	if page := get(t, client, r.AdminURL()+"/metrics"); !strings.Contains(page, "\ncutover_flags_halted 0\n") {
		t.Error("/metrics lacks cutover_flags_halted")
	}
	if code, _, errs := cutoverFlags(t, "", "--redis", "redis://127.0.0.1:1", "halt"); code != 2 ||
		!strings.Contains(errs, "use --admin instead of --redis") {
		t.Errorf("halt --redis: exit %d, %s", code, errs)
	}
}
