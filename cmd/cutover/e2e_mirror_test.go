package main

import (
	"net/http"
	"strings"
	"testing"

	"cutover/compare"
	"cutover/exchange"
	"cutover/internal/mock"
	"cutover/shadow"
)

// askChats sends n chats, every second one streamed.
func askChats(t *testing.T, r *rig, n int) {
	t.Helper()
	client := newHTTPClient(t)
	for i := range n {
		body := `{"model":"gpt-4o","messages":[{"role":"user","content":"Tell me about rivers and lakes."}]}`
		if i%2 == 1 {
			body = strings.Replace(body, `{`, `{"stream":true,`, 1)
		}
		a, err := loadRequest{"chat/completions", body}.send(within(t), client, r.URL())
		if err != nil || a.status != http.StatusOK || a.by != "primary" {
			t.Fatalf("%d served by %q: %v", a.status, a.by, err)
		}
	}
}

// TestMirrorSeesNoise: a relay that says something else is found out, and one
// that says the same is not accused.
func TestMirrorSeesNoise(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		relay mock.Config
		same  bool
	}{
		"the same":      {mock.Config{Seed: 7}, true},
		"noise":         {mock.Config{Seed: 7, Speech: mock.Speech{Noise: 1}}, false},
		"another model": {mock.Config{Seed: 8, Speech: mock.Speech{Voice: "another"}}, false},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			r := startSidecar(t, startProvider(t, mock.Config{Seed: 7}), startProvider(t, c.relay), mirrorAll)
			const n = 6
			askChats(t, r, n)
			results := r.settled(t)
			if len(results) != n || r.Mirror.Counts().Get(compare.Both) != n {
				t.Fatalf("%d results, outcomes %v, want %d times both", len(results), r.Mirror.Counts().All(), n)
			}
			for _, res := range results {
				if !res.Checked || (res.Similarity == 1) != c.same || res.TextEqual != c.same {
					t.Errorf("similarity %v, text equal %t, checked %t; want the same: %t", res.Similarity, res.TextEqual, res.Checked, c.same)
				}
				if !c.same && (res.Similarity <= 0 || res.Similarity >= 1) {
					t.Errorf("similarity %v of two texts about one thing", res.Similarity)
				}
				if res.Stream != res.Relay.Streamed || res.Stream != res.Primary.Streamed {
					t.Errorf("streamed %t, the primary's response %t, the relay's %t", res.Stream, res.Primary.Streamed, res.Relay.Streamed)
				}
				if !res.Primary.UsageKnown && !res.Stream || !res.Relay.UsageKnown {
					t.Errorf("usage known: primary %t, relay %t", res.Primary.UsageKnown, res.Relay.UsageKnown)
				}
			}
		})
	}
}

// TestMirrorLeavesTheRestAlone: what bears the mark of a copy is not copied
// again, what is switched off gets nothing, and the marks go to no provider.
func TestMirrorLeavesTheRestAlone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		setting string
		header  http.Header
		why     string
	}{
		"a copy":         {mirrorAll, http.Header{"X-Cutover-Shadow": {"1"}}, exchange.SkipStamp},
		"relay disabled": {"CUTOVER_FLAGS_RELAY_ENABLED=false", nil, exchange.SkipRelayOff},
		"no share":       {"CUTOVER_FLAGS_SHADOW_PERCENTAGE=0", nil, exchange.SkipSample},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			r := startSidecar(t, startProvider(t, mock.Config{Seed: 7}), startProvider(t, mock.Config{Seed: 7}), mirrorAll, c.setting)
			req, err := http.NewRequestWithContext(within(t), http.MethodPost, r.URL()+"/v1/chat/completions",
				strings.NewReader(`{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}`))
			if err != nil {
				t.Fatal(err)
			}
			req.Header = c.header.Clone()
			if req.Header == nil {
				req.Header = http.Header{}
			}
			req.Header.Set("X-Cutover-Key", "caller-1")
			resp, err := newHTTPClient(t).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Errorf("status %d", resp.StatusCode)
			}
			r.settled(t)
			want := shadow.Count{Outcome: compare.Skipped, Why: c.why, N: 1}
			if all := r.Mirror.Counts().All(); len(all) != 1 || all[0] != want || r.relay.Stats().Calls != 0 {
				t.Errorf("outcomes %v, want %v; the relay was called %d times", all, want, r.relay.Stats().Calls)
			}
			for _, e := range r.primary.Journal() {
				for k := range e.Header {
					if strings.HasPrefix(k, "X-Cutover") {
						t.Errorf("the primary got %s", k)
					}
				}
			}
		})
	}
}

// TestMirrorAfterTheLastWord: an SDK closes a stream after its last event,
// without waiting for the end of the connection. That is no abort.
func TestMirrorAfterTheLastWord(t *testing.T) {
	t.Parallel()
	primary := startProvider(t, mock.Config{Seed: 7})
	primary.linger = true
	r := startSidecar(t, primary, startProvider(t, mock.Config{Seed: 7}), mirrorAll)
	c := newCaller(t, r.URL(), primary)
	client := c.openai()
	whole(c, client.Chat.Completions.NewStreaming(c.ctx, chatWith("Tell me about rivers.")), nil)
	if last := c.seen[len(c.seen)-1]; last != "end of the stream" {
		t.Errorf("the stream ended with %s", last)
	}
	for _, res := range r.settled(t) {
		if res.Outcome != compare.Both || !res.Primary.OK() || !res.Checked {
			t.Errorf("%s: a stream that was heard to its last word ended as %s, the primary's as %q", res.Endpoint, res.Outcome, res.Primary.Class)
		}
	}
}
