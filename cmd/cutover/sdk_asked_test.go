package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"

	"cutover/internal/mock"
)

// relayNames are what the relay has for the models that the scenarios ask for.
func relayNames() map[string]string {
	return map[string]string{
		"gpt-4o": "relay-a", "gpt-4.1": "relay-b", "claude-sonnet-4-5": "relay-c", "text-embedding-3-small": "relay-d",
	}
}

// TestSDKSeesTheModelThatItAskedFor: the relay serves under names of its own.
// With show_requested no SDK's object says so, and nothing else differs.
func TestSDKSeesTheModelThatItAskedFor(t *testing.T) {
	t.Parallel()
	var pairs, back []string
	for asked, name := range relayNames() {
		pairs = append(pairs, asked+"="+name)
		back = append(back, `"model":"`+name+`"`, `"model":"`+asked+`"`)
	}
	play := func(settings ...string) string {
		primary, relay := startProvider(t, mock.Config{Seed: 7}), startProvider(t, mock.Config{Seed: 7})
		r := startSidecar(t, primary, relay, append(settings, "CUTOVER_FLAGS_RELAY_PERCENTAGE=100",
			"CUTOVER_UPSTREAMS_RELAY_MODELS_MAP="+strings.Join(pairs, ","))...)
		c := newCaller(t, r.URL(), relay)
		ask(c)
		streams(c)
		client := c.openai()
		c.object(client.Embeddings.New(c.ctx, openai.EmbeddingNewParams{
			Model: "text-embedding-3-small", Input: openai.EmbeddingNewParamsInputUnion{OfString: openai.String("rivers")},
		}))
		if n := primary.Stats().Calls; n > 0 {
			t.Errorf("the primary was called %d times", n)
		}
		for _, e := range relay.Journal() {
			if model := bodyModel(t, e.Body); !strings.HasPrefix(model, "relay-") {
				t.Errorf("the relay was asked for %q", model)
			}
		}
		return strings.Join(c.transcript(), "\n")
	}
	plain := play()
	for _, name := range relayNames() {
		if !strings.Contains(plain, `"model":"`+name+`"`) {
			t.Errorf("the relay's name %s does not come up: this test proves little", name)
		}
	}
	got, want := play("CUTOVER_UPSTREAMS_RELAY_MODELS_SHOW_REQUESTED=true"), strings.NewReplacer(back...).Replace(plain)
	if got != want {
		t.Errorf("with show_requested: %s", firstDifference(strings.Split(got, "\n"), strings.Split(want, "\n")))
	}
}

// bodyModel is the model that a request's body names.
func bodyModel(t *testing.T, body []byte) string {
	t.Helper()
	var b struct{ Model string }
	if err := json.Unmarshal(body, &b); err != nil {
		t.Fatalf("body %q: %v", body, err)
	}
	return b.Model
}
