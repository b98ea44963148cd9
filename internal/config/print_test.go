package config

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestPrintConfig(t *testing.T) {
	conf, wrong := loadFrom(
		t,
		"shadow: {exclude: [embeddings]}\nupstreams: {relay: {models: {map: {a: b}}, prices: {b: {input: 1, output: 2.5}}}}\n",
		Environ{"RELAY_API_KEY=k", "CUTOVER_REDIS=redis://:p@h"},
		both()...)
	if wrong != nil {
		t.Fatal(wrong)
	}
	var out bytes.Buffer
	if err := conf.Print(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"listen: 127.0.0.1:8080 # default\n",
		"    base_url: https://relay.example/v1 # flag --relay\n",
		"    auth: {key: {env: RELAY_API_KEY}} # environment RELAY_API_KEY\n",
		"      map: {a: b} # file cutover.yaml:2\n",
		"    prices: {b: {input: 1, output: 2.5}} # file cutover.yaml:2\n",
		"  exclude: [embeddings] # file cutover.yaml:1\n",
		"  redis: {env: CUTOVER_REDIS} # environment CUTOVER_REDIS\n",
		"  max_bytes: 256MiB # default\n",
		"  token: null # default\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no line %q in:\n%s", want, out.String())
		}
	}
}

// TestPrintedConfigLoadsAgain is the property that what is printed means what
// was loaded, whatever the values are, valid or not.
func TestPrintedConfigLoadsAgain(t *testing.T) {
	schema, err := newSchema()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		first := &Loaded{origins: map[string]origin{}}
		for i := range schema.leaves {
			l := &schema.leaves[i]
			if v := drawValue(rt, l.key, l.typ); !hasNothing(v) {
				l.field(&first.Config).Set(v)
			}
			first.origins[l.key] = rapid.SampledFrom([]origin{{}, {fromFlag, "--x"}, {fromFile, "f.yaml:3"}}).Draw(rt, "origin")
		}
		var text bytes.Buffer
		if err := first.Print(&text); err != nil {
			rt.Fatal(err)
		}
		again, wrong := loadFileIn(t, dir, text.String(), nil)
		if !reflect.DeepEqual(again.Config, first.Config) {
			rt.Fatalf("printed\n%s\nloaded %+v\nwant   %+v\nproblems %q", text.String(), again.Config, first.Config, wrong)
		}
	})
}

func hasNothing(v reflect.Value) bool {
	return (v.Kind() == reflect.Map || v.Kind() == reflect.Slice) && v.Len() == 0
}

// drawValue makes any value that a key of type typ can have.
func drawValue(rt *rapid.T, key string, typ reflect.Type) reflect.Value {
	name := rapid.OneOf(
		rapid.SampledFrom(
			[]string{
				"",
				"null",
				"~",
				"true",
				"1e3",
				"2024-05-13",
				"<<",
				"#x",
				"a: b",
				"- x",
				"{",
				"*a",
				"&a",
				"!a",
				"'",
				"\"",
				" x",
				"\n",
				"\t\n",
				"\u2028",
				"\ufeff",
			},
		),
		rapid.String(),
	)
	secret := func() Secret {
		if rapid.Bool().Draw(rt, "file") {
			return Secret{File: rapid.StringMatching(`/[a-z #:'"{}]{0,9}[a-z]`).Draw(rt, "path")}
		}
		return Secret{Env: rapid.StringMatching(`[A-Z_][A-Z0-9_]{0,12}`).Draw(rt, "env")}
	}
	price := rapid.Custom(func(rt *rapid.T) Price {
		return Price{rapid.Float64Range(-1, 1e9).Draw(rt, "in"), rapid.Float64Range(0, 1e-9).Draw(rt, "out")}
	})
	switch typ {
	case typeSecret:
		if rapid.Bool().Draw(rt, "unset") {
			return reflect.ValueOf(Secret{})
		}
		return reflect.ValueOf(secret())
	case typeAuth:
		a := Auth{
			Kind: rapid.SampledFrom(
				[]AuthKind{AuthNone, AuthPassthrough, AuthKey, AuthBearer, AuthXAPIKey, AuthAPIKey, AuthHeader, AuthQuery},
			).Draw(
				rt,
				"kind",
			),
		}
		if a.Kind != AuthNone && a.Kind != AuthPassthrough {
			a.Secret = secret()
		}
		if a.Kind == AuthHeader || a.Kind == AuthQuery {
			a.Name = rapid.StringN(1, 8, -1).Draw(rt, "name")
		}
		return reflect.ValueOf(a)
	case typeRedisURL:
		if rapid.Bool().Draw(rt, "ref") {
			return reflect.ValueOf(RedisURL{Ref: secret()})
		}
		return reflect.ValueOf(RedisURL{Plain: rapid.StringMatching(`redis://[a-z]{1,8}(:[0-9]{4})?/[0-9]`).Draw(rt, key)})
	case typeHedge:
		if rapid.Bool().Draw(rt, "percentile") {
			return reflect.ValueOf(HedgeDelay{Percentile: float64(rapid.IntRange(500, 999).Draw(rt, key)) / 10})
		}
		return reflect.ValueOf(HedgeDelay{Fixed: time.Duration(rapid.Int64Min(0).Draw(rt, key))})
	case typeDuration:
		return reflect.ValueOf(time.Duration(rapid.Int64Min(0).Draw(rt, key)))
	case typeSize:
		n := rapid.Int64Min(0).Draw(rt, key)
		return reflect.ValueOf(Size(n &^ (1<<rapid.IntRange(0, 33).Draw(rt, "shift") - 1)))
	}
	switch typ.Kind() {
	case reflect.Bool:
		return reflect.ValueOf(rapid.Bool().Draw(rt, key))
	case reflect.Int:
		return reflect.ValueOf(rapid.Int().Draw(rt, key))
	case reflect.Float64:
		return reflect.ValueOf(rapid.Float64().Draw(rt, key))
	case reflect.Slice:
		if typ.Elem() == typeStatus {
			return reflect.ValueOf(rapid.SliceOf(rapid.SampledFrom([]Status{"400", "429", "4xx", "5xx", "599"})).Draw(rt, key))
		}
		return reflect.ValueOf(rapid.SliceOf(name).Draw(rt, key))
	case reflect.Map:
		if typ.Elem() == typePrice {
			return reflect.ValueOf(rapid.MapOfN(name, price, 0, 4).Draw(rt, key))
		}
		return reflect.ValueOf(rapid.MapOfN(name, name, 0, 4).Draw(rt, key))
	}
	return reflect.ValueOf(name.Draw(rt, key))
}

// FuzzConfigFile feeds the loader any file. It must answer every one with
// lines that name a place or a key, and what it accepts must survive printing.
func FuzzConfigFile(f *testing.F) {
	for _, seed := range []string{
		"", "listen: a:1", "a: [", "upstreams: {relay: {auth: {bearer: {env: X}}, prices: {m: {input: 1}}}}",
		"x: &a {b: *a}\nadmin: *a", "---\n---\n", "? {}\n: 1", "<<: {listen: x}", "listen: !!binary aGk=", "flags: {relay-percentage: 0x10}",
		"shadow: {exclude: [a, *b]}", "listen: |\n  x\n  y\n", "\ufefflisten: x", "shutdown: {drain: 1h}", "%YAML 1.2\n---\n{}",
	} {
		f.Add(seed)
	}
	dir := f.TempDir() // one for all: making directories is slower than loading
	f.Fuzz(func(t *testing.T, text string) {
		conf, wrong := loadFileIn(t, dir, text, nil, both()...)
		for _, line := range wrong {
			if strings.TrimSpace(line) == "" || strings.ContainsAny(line, "\r\n") {
				t.Fatalf("file %q: the problem %q is not one line", text, line)
			}
		}
		if wrong != nil {
			return
		}
		var printed bytes.Buffer
		if err := conf.Print(&printed); err != nil {
			t.Fatalf("file %q: print: %v", text, err)
		}
		again, wrong := loadFileIn(t, dir, printed.String(), nil)
		if wrong != nil || !reflect.DeepEqual(again.Config, conf.Config) {
			t.Fatalf("file %q, printed\n%s\ngives %+v, %q\nwant  %+v", text, printed.String(), again.Config, wrong, conf.Config)
		}
	})
}
