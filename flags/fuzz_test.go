package flags_test

import (
	"context"
	"testing"

	"github.com/rs/zerolog"

	"cutover/flags"
)

// Whatever somebody stores, it is refused or it decides: it never panics, and
// what was accepted can be exported and read again.
func FuzzStoredValue(f *testing.F) {
	f.Add("relay-percentage", "12.5%")
	f.Add("relay-enabled", "off")
	f.Add("relay-percentage", targeted)
	f.Add("$evaluators", `{"a":{"$ref":"b"},"b":{"!":[]}}`)
	f.Add("feature", `{"variants":{"a":1},"targeting":
		{"fractional":[{"cat":[{"var":"$flagd.flagKey"},{"var":""}]},["a",1],["b",{"var":"n"}]]}}`)
	f.Add("feature", `{"variants":{"a":1},"targeting":{"$ref":[]}}`)
	f.Add("feature", `{"variants":{"a":1},"targeting":
		{"reduce":[{"map":[[1,[2]],{"var":""}]},{"merge":[{"var":"current"},{"var":"accumulator"}]},{"substr":["äb",-1e99,1e99]}]}}`)
	f.Add("feature", `{"variants":{"a":1},"targeting":{"if":[{"missing_some":[1,["a","b"]]},{"sem_ver":["","~","v"]},{"in":[{},[]]}]}}`)
	f.Fuzz(func(t *testing.T, key, value string) {
		s, err := flags.Open(context.Background(), flags.Options{Logger: zerolog.Nop()})
		if err != nil {
			t.Fatal(err)
		}
		ctx := context.Background()
		if _, err := s.Store().Write(ctx, set(key, value)); err != nil {
			return
		}
		a := flags.Attributes{TargetingKey: "user-1", Model: "gpt-4o", Endpoint: "messages", Tenant: "acme", Stream: true}
		s.Decide(a)
		s.Explain(a)
		s.Provider().ObjectEvaluation(ctx, key, nil, map[string]any{"targetingKey": "k", "n": 3})
		fields, err := s.Store().Fields(ctx)
		if err != nil {
			t.Fatal(err)
		}
		raw := map[string]string{}
		for k, f := range fields.Values {
			raw[k] = f.Value
		}
		file, err := flags.Export(raw)
		if err != nil {
			t.Fatalf("%q = %q was accepted, but not exported: %v", key, value, err)
		}
		if _, err := flags.ParseFile(file); err != nil {
			t.Fatalf("%q = %q was exported, but not read again: %v\n%s", key, value, err, file)
		}
	})
}

// A flags file of any bytes is read or refused.
func FuzzFlagsFile(f *testing.F) {
	f.Add([]byte("relay-percentage: 5 # canary\n"))
	f.Add([]byte(`{"flags":{"relay-percentage":{"state":"ENABLED","variants":{"v":5},"defaultVariant":"v"}},"$evaluators":{}}`))
	f.Add([]byte("a: &x [1]\nb: *x\n? [c]\n: d\n"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, _ = flags.ParseFile(data) // must come back
	})
}
