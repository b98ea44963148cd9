package main

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"cutover/compare"
	"cutover/internal/mock"
)

// TestHostedTools: a request that offers a tool run by the provider stays with the
// primary, and the status says for which tool; unless the relay has it as well.
func TestHostedTools(t *testing.T) {
	t.Parallel()
	const body = `{"model":"gpt-5","store":false,"input":"hello","tools":[{"type":"web_search"},{"type":"function","name":"f"}]}`
	for _, c := range []struct {
		setting, by, why string
	}{
		{"", "primary", "tool_web_search"},
		{"CUTOVER_UPSTREAMS_RELAY_HOSTED_TOOLS=image_generation", "primary", "tool_web_search"},
		{"CUTOVER_UPSTREAMS_RELAY_HOSTED_TOOLS=web_search,mcp", "relay", ""},
	} {
		settings := []string{mirrorAll, "CUTOVER_FLAGS_RELAY_PERCENTAGE=100"}
		if c.setting != "" {
			settings = append(settings, c.setting)
		}
		r := startSidecar(t, startProvider(t, mock.Config{Seed: 1}), startProvider(t, mock.Config{Seed: 1}), settings...)
		resp, err := newHTTPClient(t).Post(r.URL()+"/v1/responses", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if by := resp.Header.Get("X-Cutover-Served-By"); by != c.by {
			t.Errorf("%s: served by %s, want %s", c.setting, by, c.by)
		}
		eventually(t, "an outcome", func() bool { return r.Mirror.Counts().Total() == 1 }, func() any { return r.Mirror.Counts().All() })
		if all := r.Mirror.Counts().All(); all[0].Why != c.why || (c.why != "") != (all[0].Outcome == compare.Skipped) {
			t.Errorf("%s: %v, want the reason %q", c.setting, all, c.why)
		}
	}
}

// TestWebSocketsRefused: clients that are told to call over HTTP do so.
func TestWebSocketsRefused(t *testing.T) {
	t.Parallel()
	r := startSidecar(t, startProvider(t, mock.Config{Seed: 1}), startProvider(t, mock.Config{Seed: 1}), mirrorAll,
		"CUTOVER_SERVER_WEBSOCKETS=refuse")
	req, err := http.NewRequestWithContext(within(t), http.MethodGet, r.URL()+"/v1/responses", nil)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
		"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} {
		req.Header.Set(k, v)
	}
	resp, err := newHTTPClient(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if resp.StatusCode != http.StatusUpgradeRequired || !strings.Contains(string(text), "websocket_refused") {
		t.Errorf("%d %s, want 426", resp.StatusCode, text)
	}
	if all := r.Mirror.Counts().All(); len(all) != 1 || all[0].Why != "websocket" {
		t.Errorf("outcomes %v, want one WebSocket", all)
	}
}
