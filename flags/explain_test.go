package flags_test

import (
	"context"
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"cutover/flags"
)

func TestExplainShowsEachPartAndHidesTheKey(t *testing.T) {
	s := open(t, flags.Values{RelayPercentage: ptr(94.0), ShadowPercentage: ptr(10.0)})
	e := s.Explain(flags.Attributes{TargetingKey: "user-1", Model: "gpt-4o"}) // buckets 93.662, 13.349
	if e.Serves != "relay" || len(e.Steps) != 6 {
		t.Fatalf("Explain = %+v", e)
	}
	relay, shadow := e.Steps[flags.RelayPercentage], e.Steps[flags.ShadowPercentage]
	if *relay.Share != 94 || *relay.Bucket != 93.662 || !*relay.In || relay.Source != flags.FromConfiguration {
		t.Errorf("relay-percentage: %+v", relay)
	}
	if *shadow.In || *shadow.Bucket != 13.349 {
		t.Errorf("shadow-percentage: %+v", shadow)
	}
	text, err := json.Marshal(e)
	if err != nil || strings.Contains(string(text), "user-1") || len(e.KeyHash) != 12 {
		t.Errorf("the targeting key is in the explanation, or its hash is not: %s, %v", text, err)
	}
}

func TestExportAndImportAreInverse(t *testing.T) {
	fields := map[string]string{
		"relay-percentage": "12.5",
		"relay-enabled":    "false",
		"primary-provider": "relay",
		"shadow-percentage": `{"state":"ENABLED","variants":{"all":100,"none":0},"defaultVariant":"none",
			"targeting":{"if":[{"$ref":"inside"},"all",null]}}`,
		"$evaluators": `{"inside":{"==":[{"var":"tenant"},"acme"]}}`,
	}
	file, err := flags.Export(fields)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"$schema"`, `"flags"`, `"$evaluators"`, `"defaultVariant"`} {
		if !strings.Contains(string(file), want) {
			t.Errorf("the export has no %s:\n%s", want, file)
		}
	}
	back, err := flags.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []map[string]string{fields, back} { // the order of keys in a definition says nothing
		var v any
		if err := json.Unmarshal([]byte(m["shadow-percentage"]), &v); err != nil {
			t.Fatal(err)
		}
		b, _ := json.Marshal(v)
		m["shadow-percentage"] = string(b)
	}
	if !maps.Equal(fields, back) {
		t.Errorf("after export and import:\n%v\nwant\n%v", back, fields)
	}
	s := open(t, flags.Values{})
	ctx := context.Background()
	if _, err := s.Store().Write(ctx, set("noise-percentage", "3")); err != nil {
		t.Fatal(err)
	}
	have, err := s.Store().Fields(ctx)
	if err != nil {
		t.Fatal(err)
	}
	flip := flags.ImportFlip(have, back, true)
	flip.Who = "tester@here"
	entries, err := s.Store().Write(ctx, flip)
	if err != nil || len(entries) != 6 {
		t.Fatalf("import = %+v, %v: want five flags set and one unset", entries, err)
	}
	if d := s.Decide(flags.Attributes{TargetingKey: "k", Tenant: "acme"}); d.RelayEnabled {
		t.Errorf("after the import: %+v", d)
	}
}
