package main

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/tidwall/gjson"

	"cutover/compare"
	"cutover/flags"
	"cutover/internal/mock"
	"cutover/internal/store"
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
	for _, want := range []string{`"detail":"unknown_model"`, `"model":"gpt-5-nope","model_rule":"models.batch.map"`,
		`"model":"other","model_rule":"unmapped"`} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %s", want)
		}
	}
	if strings.Contains(log, "<b>") {
		t.Error("the log holds what a caller wrote for a name")
	}
	const mapped = "The relay has no model gpt-5-nope, to which upstreams.relay.models.batch.map maps gpt-4o: correct that entry."
	const plainly = "The relay has no model other, which was requested by that name and is not mapped: add it under " +
		"upstreams.relay.models.map."
	said := map[string]int{}
	eventually(t, "three findings", func() bool {
		if err := r.Ledger.Flush(within(t)); err != nil {
			t.Fatal(err)
		}
		results, err := r.Results.Results(within(t), store.Filter{})
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

// TestMergedModelsWithTheSDKs lists the models of two providers with the
// official clients, page by page, as a caller whom the relay serves and as one
// whom it does not.
func TestMergedModelsWithTheSDKs(t *testing.T) {
	t.Parallel()
	relay := startProvider(t, mock.Config{Name: "relay", Models: []string{"b", "c", "d/e", "mapped"}, Keys: []string{relayKey}})
	r := startSidecar(t, startProvider(t, mock.Config{Name: "primary", Models: []string{"a", "b"}, Keys: []string{callerKey}}), relay,
		"CUTOVER_SERVER_MODELS=merged", "CUTOVER_UPSTREAMS_RELAY_MODELS_MAP=mapped=b")
	ctx := within(t)
	ours := openai.NewClient(
		option.WithBaseURL(r.URL()+"/v1"),
		option.WithAPIKey(callerKey),
		option.WithHTTPClient(newHTTPClient(t)),
		option.WithMaxRetries(0),
	)
	theirs := anthropic.NewClient(
		anthropicoption.WithBaseURL(r.URL()),
		anthropicoption.WithAPIKey(callerKey),
		anthropicoption.WithHTTPClient(newHTTPClient(t)),
		anthropicoption.WithMaxRetries(0),
	)
	for _, row := range []struct{ share, want string }{{"0", "a b"}, {"100", "a b c d/e"}} {
		r.share(t, row.share)
		var names []string
		pages := ours.Models.ListAutoPaging(ctx)
		for pages.Next() {
			names = append(names, pages.Current().ID)
		}
		if got := strings.Join(names, " "); got != row.want || pages.Err() != nil {
			t.Errorf("at %s %% OpenAI's client lists %q, %v; want %q", row.share, got, pages.Err(), row.want)
		}
		for _, limit := range []int64{1, 2, 3, 20} {
			var names []string
			pages := theirs.Models.ListAutoPaging(ctx, anthropic.ModelListParams{Limit: anthropic.Int(limit)})
			for pages.Next() && len(names) < 10 {
				names = append(names, pages.Current().ID)
			}
			if got := strings.Join(names, " "); got != row.want || pages.Err() != nil {
				t.Errorf("at %s %% Anthropic's client lists %q in pages of %d, %v; want %q", row.share, got, limit, pages.Err(), row.want)
			}
		}
		got, err := ours.Models.Get(ctx, "d/e")
		if served := row.share == "100"; served != (err == nil) || served && got.OwnedBy != "relay" {
			t.Errorf("at %s %% the relay's own model is %+v, %v", row.share, got, err)
		}
		if got, err := theirs.Models.Get(ctx, "a", anthropic.ModelGetParams{}); err != nil || got.ID != "a" {
			t.Errorf("at %s %% the primary's model is %+v, %v", row.share, got, err)
		}
	}
	// What is listed is served.
	askFor(t, r, "chat/completions", `{"model":"d/e","messages":[{"role":"user","content":"hi"}]}`, "relay")
	wrong := openai.NewClient(
		option.WithBaseURL(r.URL()+"/v1"),
		option.WithAPIKey("wrong"),
		option.WithHTTPClient(newHTTPClient(t)),
		option.WithMaxRetries(0),
	)
	var refused *openai.Error
	if _, err := wrong.Models.List(ctx); !errors.As(err, &refused) || refused.StatusCode != http.StatusUnauthorized {
		t.Errorf("a caller with a wrong key gets %v, want the primary's 401", err)
	}
	if before := relay.Stats().Calls; before > 0 {
		off := "false"
		if _, err := r.Flags.Store().Write(ctx, flags.Flip{Changes: []flags.Change{{Key: flags.KeyRelayEnabled, Value: &off}},
			Who: "test", Why: "off"}); err != nil {
			t.Fatal(err)
		}
		eventually(
			t,
			"the kill switch rules",
			func() bool { return !r.Flags.Decide(flags.Attributes{}).RelayEnabled },
			func() any { return r.Flags.State() },
		)
		if page, err := ours.Models.List(ctx); err != nil || len(page.Data) != 2 || relay.Stats().Calls != before {
			t.Errorf("with the relay off: %+v, %v, and the relay saw %d calls more", page, err, relay.Stats().Calls-before)
		}
	}
}
