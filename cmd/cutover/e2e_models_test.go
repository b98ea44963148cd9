package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"cutover/compare"
	"cutover/mock"
	"cutover/store"
)

// askedFor are the models that a provider was asked for, in the order of
// arrival.
func askedFor(p *provider) []string {
	var models []string
	for _, e := range p.Journal() {
		models = append(models, gjson.GetBytes(e.Body, "model").Str)
	}
	return models
}

// askFor posts a body to an endpoint and checks who served it.
func askFor(t *testing.T, r *rig, endpoint, body, by string) {
	t.Helper()
	a, err := loadRequest{endpoint, body}.send(within(t), newHTTPClient(t), r.URL())
	if err != nil || a.status != http.StatusOK || a.by != by {
		t.Fatalf("%s: %d, served by %q: %v; want %s", endpoint, a.status, a.by, err, by)
	}
}

// TestModelsByUse: streamed calls and the others have maps of their own, served
// and mirrored alike; what is of neither use has the common one.
func TestModelsByUse(t *testing.T) {
	t.Parallel()
	const stream, plain, vectors = `{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"hi"}]}`,
		`{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}`, `{"model":"gpt-4o","input":"hi"}`
	for _, row := range []struct{ name, by, setting string }{
		{"served", "relay", "CUTOVER_FLAGS_RELAY_PERCENTAGE=100"},
		{"mirrored", "primary", mirrorAll},
	} {
		t.Run(row.name, func(t *testing.T) {
			relay := startProvider(t, mock.Config{Name: "relay", Models: []string{"fast", "cheap", "common"}})
			r := startSidecar(t, startProvider(t, mock.Config{}), relay, row.setting,
				"CUTOVER_UPSTREAMS_RELAY_MODELS_MAP=gpt-4o=common",
				"CUTOVER_UPSTREAMS_RELAY_MODELS_STREAMING_MAP=gpt-4o=fast",
				"CUTOVER_UPSTREAMS_RELAY_MODELS_BATCH_MAP=gpt-4=cheap", "CUTOVER_UPSTREAMS_RELAY_MODELS_PREFIX=true")
			for i, c := range []struct{ endpoint, body, model string }{
				{"chat/completions", stream, "fast"}, {"chat/completions", plain, "cheap"}, {"embeddings", vectors, "common"},
				{"responses", vectors, "cheap"}, {"messages", strings.Replace(stream, "{", `{"max_tokens":9,`, 1), "fast"},
			} {
				askFor(t, r, c.endpoint, c.body, row.by)
				eventually(t, "the relay's call", func() bool { return relay.Stats().Calls == uint64(i+1) }, func() any { return relay.Stats() })
				if got := askedFor(relay); got[i] != c.model {
					t.Errorf("%s %s: the relay was asked for %s, want %s", c.endpoint, c.body, got[i], c.model)
				}
			}
		})
	}
}

// TestUnknownModelIsExplained: a relay that does not have the model names the
// mapping in the pair's finding, in the report and in the log of the fallback.
func TestUnknownModelIsExplained(t *testing.T) {
	t.Parallel()
	const plain = `{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}`
	relay := startProvider(t, mock.Config{Models: []string{"gpt-4.1"}})
	r := startSidecar(t, startProvider(t, mock.Config{}), relay, mirrorAll,
		"CUTOVER_UPSTREAMS_RELAY_MODELS_BATCH_MAP=gpt-4o=gpt-5-nope")
	askFor(t, r, "chat/completions", plain, "primary") // mirrored
	r.share(t, "100")
	askFor(t, r, "chat/completions", plain, "primary") // in place of the relay
	askFor(t, r, "chat/completions", strings.Replace(plain, "gpt-4o", "a <b>model</b>", 1), "primary")
	log := r.log.String()
	for _, want := range []string{`"detail":"unknown-model"`, `"model":"gpt-5-nope","model_rule":"models.batch.map"`, `"model":"other","model_rule":"unmapped"`} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %s", want)
		}
	}
	if strings.Contains(log, "<b>") {
		t.Error("the log holds what a caller wrote for a name")
	}
	const mapped = "The relay has no model gpt-5-nope, to which upstreams.relay.models.batch.map maps gpt-4o: correct that entry."
	const plainly = "The relay has no model other, which was asked for by that name and is not mapped: add it under upstreams.relay.models.map."
	said := map[string]int{}
	eventually(t, "three findings", func() bool {
		if err := r.ledger.Flush(within(t)); err != nil {
			t.Fatal(err)
		}
		results, err := r.store.Results(within(t), store.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		clear(said)
		for _, res := range results {
			for _, f := range res.Findings {
				said[f.Code+": "+f.Sentence]++
			}
		}
		return said[compare.CodeUnknownModel+": "+mapped] == 2 && said[compare.CodeUnknownModel+": "+plainly] == 1
	}, func() any { return said })
}
