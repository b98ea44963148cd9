package flags_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/open-feature/go-sdk/openfeature"
	"github.com/open-feature/go-sdk/openfeature/isolated"
	"github.com/rs/zerolog"

	"cutover/flags"
	"cutover/internal/redistest"
)

func TestReasonsAndErrorCodes(t *testing.T) {
	s := open(t, flags.Values{RelayPercentage: ptr(25.0)})
	ctx := context.Background()
	for key, value := range map[string]string{
		"plain":     "7",
		"fraction":  "7.5",
		"words":     "hello",
		"off":       `{"state":"DISABLED","variants":{"on":true},"defaultVariant":"on"}`,
		"rule":      `{"variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{"if":[{"==":[{"var":"tenant"},"acme"]},"on"]}}`,
		"stray":     `{"variants":{"on":true},"defaultVariant":"on","targeting":"sideways"}`,
		"split":     `{"variants":{"on":true},"defaultVariant":"on","targeting":{"fractional":[["on",1]]}}`,
		"nodefault": `{"variants":{"on":true}}`,
		"object":    `{"variants":{"big":{"size":3}},"defaultVariant":"big","metadata":{"owner":"platform"}}`,
	} {
		if _, err := s.Store().Write(ctx, set(key, value)); err != nil {
			t.Fatal(err)
		}
	}
	api := isolated.NewAPI()
	if err := api.SetProviderAndWait(ctx, s.Provider()); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = api.Shutdown(ctx) }()
	c := api.NewClient()
	acme := openfeature.NewEvaluationContext("user-1", map[string]any{"tenant": "acme"})
	nobody := openfeature.EvaluationContext{}
	boolean := func(key string, ec openfeature.EvaluationContext) openfeature.InterfaceEvaluationDetails {
		d, _ := c.BooleanValueDetails(ctx, key, false, ec)
		return openfeature.InterfaceEvaluationDetails{Value: d.Value, EvaluationDetails: d.EvaluationDetails}
	}
	float, _ := c.FloatValueDetails(ctx, "relay-percentage", -1, nobody)
	unset, _ := c.FloatValueDetails(ctx, "shadow-percentage", -1, nobody)
	whole, _ := c.IntValueDetails(ctx, "plain", -1, nobody)
	broken, _ := c.IntValueDetails(ctx, "fraction", -1, nobody)
	words, _ := c.StringValueDetails(ctx, "words", "", nobody)
	object, _ := c.ObjectValueDetails(ctx, "object", nil, nobody)
	got := []string{
		describe(float.Value, float.EvaluationDetails),
		describe(unset.Value, unset.EvaluationDetails),
		describe(whole.Value, whole.EvaluationDetails),
		describe(broken.Value, broken.EvaluationDetails),
		describe(words.Value, words.EvaluationDetails),
		describe(object.Value, object.EvaluationDetails),
	}
	for _, key := range []string{"off", "rule", "stray", "split", "nodefault", "words", "gone"} {
		d := boolean(key, acme)
		got = append(got, describe(d.Value, d.EvaluationDetails))
	}
	d := boolean("rule", nobody)
	got = append(got, describe(d.Value, d.EvaluationDetails))
	d = boolean("split", nobody)
	got = append(got, describe(d.Value, d.EvaluationDetails))
	want := []string{
		"relay-percentage = 25 STATIC  ",
		"shadow-percentage = 0 DEFAULT  ",
		"plain = 7 STATIC  ",
		"fraction = -1 ERROR  TYPE_MISMATCH",
		"words = hello STATIC  ",
		"object = map[size:3] STATIC big ",
		"off = false DISABLED  ",
		"rule = true TARGETING_MATCH on ",
		"stray = false ERROR  PARSE_ERROR",
		"split = true TARGETING_MATCH on ",
		"nodefault = false DEFAULT  ",
		"words = false ERROR  TYPE_MISMATCH",
		"gone = false ERROR  FLAG_NOT_FOUND",
		"rule = false DEFAULT off ",
		"split = false ERROR  TARGETING_KEY_MISSING",
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got  %q\nwant %q", got[i], want[i])
		}
	}
	if object.FlagMetadata["owner"] != "platform" {
		t.Errorf("flag metadata = %v", object.FlagMetadata)
	}
}

func describe(v any, d openfeature.EvaluationDetails) string {
	return fmt.Sprintf("%s = %v %s %s %s", d.FlagKey, v, d.Reason, d.Variant, d.ErrorCode)
}

func TestEventsOfTheProvider(t *testing.T) {
	path := filepath.Join(t.TempDir(), "flags.yaml")
	write(t, path, "relay-percentage: 1\n")
	ctx := context.Background()
	p, err := flags.NewProvider(ctx, flags.Options{File: path, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	api := isolated.NewAPI()
	events := make(chan string, 100)
	listen := func(kind openfeature.EventType) {
		f := func(d openfeature.EventDetails) { events <- fmt.Sprintf("%s %v", kind, d.FlagChanges) }
		api.AddHandler(kind, &f)
	}
	if err := api.SetProviderAndWait(ctx, p); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = api.Shutdown(ctx) }()
	for _, kind := range []openfeature.EventType{openfeature.ProviderStale, openfeature.ProviderConfigChange, openfeature.ProviderReady} {
		listen(kind)
	}
	var seen []string
	await := func(want string) {
		t.Helper()
		within(t, 5*second, want+" after "+fmt.Sprint(seen), func() bool {
			select {
			case e := <-events:
				seen = append(seen, e)
			default:
			}
			return slices.Contains(seen, want)
		})
	}
	replace(t, path, "relay-percentage: 2\nnoise-percentage: 3\n")
	await("PROVIDER_CONFIGURATION_CHANGED [noise-percentage relay-percentage]")
	replace(t, path, "relay-percentage: [\n")
	await("PROVIDER_STALE []")
	client := api.NewClient()
	if d, _ := client.FloatValueDetails(ctx, "relay-percentage", -1, openfeature.EvaluationContext{}); d.Value != 2 || d.Reason != "STALE" {
		t.Errorf("while STALE: %v %s", d.Value, d.Reason)
	}
	if client.State() != openfeature.StaleState {
		t.Errorf("client's state = %s", client.State())
	}
	seen = nil
	replace(t, path, "relay-percentage: 2\n")
	await("PROVIDER_READY []")
}

func TestProviderThatStartsStale(t *testing.T) {
	ctx := context.Background()
	nobody := fmt.Sprintf("redis://127.0.0.1:%d", redistest.FreePort(t))
	p, err := flags.NewProvider(ctx, flags.Options{Redis: &flags.RedisOptions{URL: nobody}, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	api := isolated.NewAPI()
	if err := api.SetProviderAndWait(ctx, p); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = api.Shutdown(ctx) }()
	client := api.NewClient()
	within(t, 5*second, "the SDK knows that the provider is STALE", func() bool { return client.State() == openfeature.StaleState })
}

func TestSixRulesAllocateLittle(t *testing.T) {
	s := open(t, flags.Values{})
	for _, key := range []string{"relay-percentage", "shadow-percentage", "noise-percentage"} {
		if _, err := s.Store().Write(context.Background(), set(key, targeted)); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []string{"relay-enabled", "fallback-enabled"} {
		rule := `{"variants":{"on":true,"off":false},"defaultVariant":"on","targeting":{"if":[{"==":[{"var":"tenant"},"x"]},"off",null]}}`
		if _, err := s.Store().Write(context.Background(), set(key, rule)); err != nil {
			t.Fatal(err)
		}
	}
	a := flags.Attributes{TargetingKey: "0123456789abcdef", Model: "gpt-4o", Endpoint: "chat/completions", Tenant: "acme"}
	if n := testing.AllocsPerRun(1000, func() { s.Decide(a) }); n > 30 {
		t.Errorf("a Decision by rules allocates %v times, want at most 30", n)
	}
}
