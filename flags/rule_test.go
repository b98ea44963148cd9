package flags_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/open-feature/go-sdk/openfeature"
	"github.com/rs/zerolog"

	"cutover/flags"
)

// evaluate stores a flag whose targeting yields a value of the rule as the name
// of its variant, and returns that name.
func evaluate(t testing.TB, rule string, attributes map[string]any) (string, openfeature.ProviderResolutionDetail) {
	t.Helper()
	variants := map[string]any{}
	for _, v := range []string{"true", "false", "a", "b", "c", "1", "2", "3", "6", "none"} {
		variants[v] = "value of " + v
	}
	definition, err := json.Marshal(map[string]any{
		"state": "ENABLED", "variants": variants, "defaultVariant": "none", "targeting": json.RawMessage(rule),
	})
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, flags.Values{})
	if _, err := s.Store().Write(context.Background(), set("feature", string(definition))); err != nil {
		t.Fatalf("%s: %v", rule, err)
	}
	d := s.Provider().StringEvaluation(context.Background(), "feature", "caller's default", attributes)
	return d.Variant, d.ProviderResolutionDetail
}

func TestJsonLogic(t *testing.T) {
	data := map[string]any{
		"targetingKey": "user-1", "model": "gpt-4o-mini", "endpoint": "chat/completions", "tenant": "acme", "stream": true,
		"n": 3, "list": []any{1.0, 2.0, 3.0}, "nested": map[string]any{"x": map[string]any{"y": "deep"}}, "version": "1.4.2", "empty": "",
	}
	for rule, want := range map[string]string{
		// Access.
		`{"==":[{"var":"tenant"},"acme"]}`:                                "true",
		`{"==":[{"var":["gone","b"]},"b"]}`:                               "true",
		`{"==":[{"var":"nested.x.y"},"deep"]}`:                            "true",
		`{"==":[{"var":"list.1"},2]}`:                                     "true",
		`{"==":[{"var":{"cat":["ten","ant"]}},"acme"]}`:                   "true",
		`{"var":"gone"}`:                                                  "none",
		`{"==":[{"var":"$flagd.flagKey"},"feature"]}`:                     "true",
		`{">":[{"var":"$flagd.timestamp"},1700000000]}`:                   "true",
		`{"if":[{"missing":["tenant"]},"a","b"]}`:                         "b",
		`{"if":[{"missing":["tenant","gone","empty"]},"a","b"]}`:          "a",
		`{"if":[{"missing_some":[1,["tenant","gone"]]},"a","b"]}`:         "b",
		`{"if":[{"missing_some":[2,["tenant","gone","gone2"]]},"a","b"]}`: "a",
		// Logic. What is absent must not count as agreed.
		`{"and":[{"var":"gone"},true]}`:                  "none",
		`{"if":[{"and":[{"var":"gone"},true]},"a","b"]}`: "b",
		`{"if":[{"and":[0,1]},"a","b"]}`:                 "b",
		`{"and":[true,"a"]}`:                             "a",
		`{"or":[false,"a"]}`:                             "a",
		`{"or":[false,0]}`:                               "none", // "0" is no variant: see below
		`{"!":[{"var":"gone"}]}`:                         "true",
		`{"!!":["0"]}`:                                   "true",
		`{"!!":[[]]}`:                                    "false",
		`{"!":true}`:                                     "false",
		`{"if":[false,"a",{"var":"stream"},"b","c"]}`:    "b",
		`{"if":[false,"a"]}`:                             "none",
		`{"?:":[true,"a","b"]}`:                          "a",
		// Comparison.
		`{"==":[1,"1"]}`:             "true",
		`{"===":[1,"1"]}`:            "false",
		`{"!=":[1,2]}`:               "true",
		`{"!==":[1,1]}`:              "false",
		`{"==":[null,false]}`:        "false",
		`{"==":[0,""]}`:              "true",
		`{"<":[1,2,3]}`:              "true",
		`{"<":[1,3,2]}`:              "false",
		`{"<=":[1,1,2]}`:             "true",
		`{">":["b","a"]}`:            "true",
		`{">=":[{"var":"n"},3]}`:     "true",
		`{"<":[{"var":"model"},10]}`: "false",
		// Arithmetic.
		`{"+":[1,"2"]}`:             "3",
		`{"-":[5,2]}`:               "3",
		`{"-":[{"-":[3]}]}`:         "3",
		`{"*":[2,3]}`:               "6",
		`{"/":[6,2]}`:               "3",
		`{"/":[6,0]}`:               "none",
		`{"%":[7,4]}`:               "3",
		`{"max":[1,3,2]}`:           "3",
		`{"min":[3,1,2]}`:           "1",
		`{"+":[{"var":"model"},1]}`: "none",
		// Strings and lists.
		`{"in":["gpt-4o",{"var":"model"}]}`:                                             "true",
		`{"in":[{"var":"tenant"},["acme","other"]]}`:                                    "true",
		`{"in":[{"var":"tenant"},["other"]]}`:                                           "false",
		`{"in":[{"var":"n"},[1,2,3]]}`:                                                  "true",
		`{"in":[7,"7up"]}`:                                                              "false",
		`{"==":[{"cat":["a",1,true]},"a1true"]}`:                                        "true",
		`{"==":[{"substr":["jsonlogic",4]},"logic"]}`:                                   "true",
		`{"==":[{"substr":["jsonlogic",-5]},"logic"]}`:                                  "true",
		`{"==":[{"substr":["jsonlogic",1,3]},"son"]}`:                                   "true",
		`{"==":[{"substr":["jsonlogic",4,-2]},"log"]}`:                                  "true",
		`{"==":[{"substr":["äöü",1,1]},"ö"]}`:                                           "true",
		`{"some":[{"var":"list"},{">":[{"var":""},2]}]}`:                                "true",
		`{"all":[{"var":"list"},{">":[{"var":""},1]}]}`:                                 "false",
		`{"all":[[],true]}`:                                                             "false",
		`{"none":[{"var":"list"},{">":[{"var":""},3]}]}`:                                "true",
		`{"reduce":[{"var":"list"},{"+":[{"var":"current"},{"var":"accumulator"}]},0]}`: "6",
		`{"==":[{"cat":{"map":[{"var":"list"},{"*":[{"var":""},2]}]}},"2,4,6"]}`:        "true",
		`{"==":[{"cat":{"filter":[{"var":"list"},{">":[{"var":""},1]}]}},"2,3"]}`:       "true",
		`{"in":[4,{"merge":[[1,2],[3,4],5]}]}`:                                          "true",
		`{"log":"a"}`:                                                                   "a",
		// flagd's own.
		`{"starts_with":[{"var":"model"},"gpt-4o"]}`:        "true",
		`{"ends_with":[{"var":"model"},"-mini"]}`:           "true",
		`{"starts_with":[{"var":"n"},"3"]}`:                 "false",
		`{"sem_ver":[{"var":"version"},">=","1.4.0"]}`:      "true",
		`{"sem_ver":[{"var":"version"},"<","v1.4.10"]}`:     "true",
		`{"sem_ver":[{"var":"version"},"=","1.4.2"]}`:       "true",
		`{"sem_ver":[{"var":"version"},"!=","1.4.2"]}`:      "false",
		`{"sem_ver":[{"var":"version"},"~","1.4.9"]}`:       "true",
		`{"sem_ver":[{"var":"version"},"^","1.9.0"]}`:       "true",
		`{"sem_ver":[{"var":"version"},"^","2.0.0"]}`:       "false",
		`{"sem_ver":[{"var":"version"},"<=","1.4.2-rc.1"]}`: "false",
		`{"sem_ver":[{"var":"model"},"=","1.0.0"]}`:         "none",
		`{"fractional":[["a",0],["b",100]]}`:                "b",
		`{"fractional":[{"var":"tenant"},["a",1],["b",0]]}`: "a",
		`{"fractional":[["a"]]}`:                            "a",
		`{"fractional":[["a",0]]}`:                          "none",
	} {
		got, d := evaluate(t, rule, data)
		if rule == `{"or":[false,0]}` { // 0 names the variant "0", which there is not
			if d.Reason != openfeature.ErrorReason {
				t.Errorf("%s = %q (%s), want an error", rule, got, d.Reason)
			}
			continue
		}
		if got == "" && d.Error() != nil {
			got = d.Error().Error()
		}
		wantReason := openfeature.TargetingMatchReason
		if want == "none" {
			wantReason = openfeature.DefaultReason
		}
		if rule == `{"and":[{"var":"gone"},true]}` {
			wantReason = openfeature.DefaultReason
		}
		if got != want || d.Reason != wantReason {
			t.Errorf("%s = %q (%s), want %q (%s)", rule, got, d.Reason, want, wantReason)
		}
	}
}

func TestBrokenRulesAreRefusedWhenSet(t *testing.T) {
	s := open(t, flags.Values{})
	deep := strings.Repeat(`{"!":[`, 100) + "1" + strings.Repeat("]}", 100)
	for rule, want := range map[string]string{
		`{"equals":[1,1]}`:               "unknown operator",
		`{"==":[1,1],"!=":[1,2]}`:        "one key",
		`{"$ref":"gone"}`:                "no shared rule",
		`{"fractional":[]}`:              "needs shares",
		`{"fractional":[["a",-1]]}`:      "weight",
		`{"fractional":[["a",1.5]]}`:     "weight",
		`{"fractional":[{"var":"x"},3]}`: "share",
		`{"var":[1,2,3]}`:                "var",
		deep:                             "deep",
	} {
		definition := `{"variants":{"a":1},"defaultVariant":"a","targeting":` + rule + `}`
		_, err := s.Store().Write(context.Background(), set("feature", definition))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %q", rule, err, want)
		}
	}
}

// A rule that would never end, or fill the memory, fails soon instead.
func TestRulesAreBounded(t *testing.T) {
	long := make([]any, 300)
	for name, rule := range map[string]string{
		"steps":  `{"map":[{"var":"long"},{"some":[{"var":"long"},false]}]}`,
		"memory": `{"reduce":[{"var":"long"},{"cat":[{"var":"accumulator"},{"var":"accumulator"}]},"ab"]}`,
	} {
		if name == "steps" {
			items, _ := json.Marshal(long)
			rule = fmt.Sprintf(`{"map":[%s,{"map":[%s,{"+":[1,1]}]}]}`, items, items)
		}
		_, d := evaluate(t, rule, map[string]any{"targetingKey": "k", "long": long})
		if d.Reason != openfeature.ErrorReason {
			t.Errorf("%s: reason %s, want ERROR", name, d.Reason)
		}
	}
}

func TestSharedRules(t *testing.T) {
	s := open(t, flags.Values{})
	ctx := context.Background()
	write := func(key, value string) {
		t.Helper()
		if _, err := s.Store().Write(ctx, set(key, value)); err != nil {
			t.Fatal(err)
		}
	}
	write("$evaluators", `{"inside":{"==":[{"var":"tenant"},"acme"]}}`)
	write("relay-percentage", `{"variants":{"all":100,"none":0},"defaultVariant":"none","targeting":{"if":[{"$ref":"inside"},"all",null]}}`)
	served := func(tenant string) bool {
		return s.Decide(flags.Attributes{TargetingKey: "k", Tenant: tenant}).ServeRelay
	}
	if !served("acme") || served("other") {
		t.Errorf("acme %v, other %v", served("acme"), served("other"))
	}
	write("$evaluators", `{"inside":{"==":[{"var":"tenant"},"other"]}}`)
	if served("acme") || !served("other") {
		t.Error("a change of the shared rule did not reach the flag that uses it")
	}
	for _, cyclic := range []string{`{"a":{"$ref":"a"}}`, `{"a":{"!":{"$ref":"b"}},"b":{"!":{"$ref":"a"}}}`} {
		if _, err := s.Store().Write(ctx, set("$evaluators", cyclic)); err == nil || !strings.Contains(err.Error(), "itself") {
			t.Errorf("%s: %v", cyclic, err)
		}
	}
	bomb := `{"a0":true`
	for i := range 40 {
		bomb += fmt.Sprintf(`,"a%d":{"and":[{"$ref":"a%d"},{"$ref":"a%d"}]}`, i+1, i, i)
	}
	if _, err := s.Store().Write(ctx, set("$evaluators", bomb+"}")); err == nil {
		t.Error("shared rules that double forty times were accepted")
	}
}

// A fractional split by the default bucketing value draws as a percentage does.
func TestFractionalEqualsPercentage(t *testing.T) {
	s := open(t, flags.Values{})
	ctx := context.Background()
	definition := `{"variants":{"in":true,"out":false},"defaultVariant":"out","targeting":{"fractional":[["in",37500],["out",62500]]}}`
	if _, err := s.Store().Write(ctx, set("feature", definition)); err != nil {
		t.Fatal(err)
	}
	p := s.Provider()
	in := 0
	for i := range 20_000 {
		key := fmt.Sprintf("caller-%d", i)
		got := p.BooleanEvaluation(ctx, "feature", false, openfeature.FlattenedContext{"targetingKey": key}).Value
		if want := flags.Included("feature", key, 37.5); got != want {
			t.Fatalf("%s: fractional %v, percentage %v", key, got, want)
		}
		if got {
			in++
		}
	}
	if math.Abs(float64(in)-7500) > 5*math.Sqrt(7500*.625) {
		t.Errorf("%d of 20000 are in, want about 7500", in)
	}
}

const targeted = `{"state":"ENABLED","variants":{"none":0,"some":5,"all":100},"defaultVariant":"some","targeting":
	{"if":[{"and":[{"starts_with":[{"var":"model"},"gpt-4o"]},{"==":[{"var":"tenant"},"acme"]}]},"all",
		{"in":[{"var":"endpoint"},["embeddings"]]},"none",null]}}`

func TestDecisionByRules(t *testing.T) {
	s := open(t, flags.Values{})
	if _, err := s.Store().Write(context.Background(), set("relay-percentage", targeted)); err != nil {
		t.Fatal(err)
	}
	a := flags.Attributes{TargetingKey: "user-1", Model: "gpt-4o", Tenant: "acme"} // bucket 93662: out at 5 %
	if d := s.Decide(a); !d.ServeRelay || d.Reasons[flags.RelayPercentage] != flags.ReasonTargetingMatch {
		t.Errorf("%+v: %+v", a, d)
	}
	a.Tenant = "other"
	if d := s.Decide(a); d.ServeRelay || d.Reasons[flags.RelayPercentage] != flags.ReasonDefault {
		t.Errorf("%+v: %+v", a, d)
	}
}

// A hook that fails, or a rule, must not undo the kill switch.
func TestFailingEvaluationKeepsTheKillSwitch(t *testing.T) {
	o := flags.Options{Initial: flags.Values{RelayEnabled: ptr(false), RelayPercentage: ptr(100.0)}, Logger: zerolog.Nop()}
	s, err := flags.Open(context.Background(), flags.WithHooks(o, failingHook{}))
	if err != nil {
		t.Fatal(err)
	}
	d := s.Decide(flags.Attributes{TargetingKey: "k"})
	if d.RelayEnabled || d.ServeRelay || d.Reasons[flags.RelayEnabled] != flags.ReasonError {
		t.Errorf("Decide = %+v", d)
	}
}

type failingHook struct{ openfeature.UnimplementedHook }

func (failingHook) Before(context.Context, openfeature.HookContext, openfeature.HookHints) (*openfeature.EvaluationContext, error) {
	return nil, fmt.Errorf("no")
}

func BenchmarkDecideOneRule(b *testing.B) { benchmarkRules(b, "relay-percentage") }

func BenchmarkDecideSixRules(b *testing.B) {
	benchmarkRules(b, "relay-percentage", "shadow-percentage", "noise-percentage", "relay-enabled", "fallback-enabled", "primary-provider")
}

func benchmarkRules(b *testing.B, keys ...string) {
	s := open(b, flags.Values{})
	for _, key := range keys {
		definition := targeted
		switch key {
		case "relay-enabled", "fallback-enabled":
			definition = `{"variants":{"on":true,"off":false},"defaultVariant":"on","targeting":{"if":[{"==":[{"var":"tenant"},"x"]},"off",null]}}`
		case "primary-provider":
			definition = `{"variants":{"p":"primary","r":"relay"},"defaultVariant":"p","targeting":{"if":[{"==":[{"var":"tenant"},"x"]},"r",null]}}`
		}
		if _, err := s.Store().Write(context.Background(), set(key, definition)); err != nil {
			b.Fatal(err)
		}
	}
	a := flags.Attributes{TargetingKey: "0123456789abcdef", Model: "gpt-4o", Endpoint: "chat/completions", Tenant: "acme"}
	b.ReportAllocs()
	for b.Loop() {
		s.Decide(a)
	}
}

type quietHook struct{ openfeature.UnimplementedHook }

func BenchmarkDecideThroughSDK(b *testing.B) {
	s, err := flags.Open(context.Background(), flags.WithHooks(flags.Options{Logger: zerolog.Nop()}, quietHook{}))
	if err != nil {
		b.Fatal(err)
	}
	a := flags.Attributes{TargetingKey: "0123456789abcdef", Model: "gpt-4o", Endpoint: "chat/completions", Tenant: "acme"}
	b.ReportAllocs()
	for b.Loop() {
		s.Decide(a)
	}
}
