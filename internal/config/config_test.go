package config

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"cutover/flags"
)

// loadFrom loads a configuration; file is the text of cutover.yaml, "" for no file.
func loadFrom(t testing.TB, file string, env Environ, args ...string) (*Loaded, []string) {
	t.Helper()
	if file == "" {
		return load(t, env, args...)
	}
	return loadFileIn(t, t.TempDir(), file, env, args...)
}

// loadFileIn is loadFrom with a directory for the file.
func loadFileIn(t testing.TB, dir, file string, env Environ, args ...string) (*Loaded, []string) {
	t.Helper()
	path := filepath.Join(dir, "cutover.yaml")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	return load(t, env, append([]string{"--config", path}, args...)...)
}

func load(t testing.TB, env Environ, args ...string) (*Loaded, []string) {
	t.Helper()
	set := pflag.NewFlagSet("test", pflag.ContinueOnError)
	flags := AddFlags(set)
	if err := set.Parse(args); err != nil {
		t.Fatal(err)
	}
	conf, err := flags.Load(env)
	if err == nil {
		return conf, nil
	}
	var wrong *Error
	if !errors.As(err, &wrong) {
		t.Fatalf("load: %v, want an *Error", err)
	}
	return conf, strings.Split(err.Error(), "\n")
}

// both are the flags that every configuration needs.
func both(more ...string) []string {
	return append([]string{"--primary", "https://primary.example/v1", "--relay", "https://relay.example/v1"}, more...)
}

func TestConfigDefaults(t *testing.T) {
	conf, wrong := loadFrom(t, "", nil, both()...)
	if wrong != nil {
		t.Fatalf("load: %q, want no problem", wrong)
	}
	relay, primary := conf.Upstreams.Relay, conf.Upstreams.Primary
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"listen", conf.Listen, "127.0.0.1:8080"},
		{"admin.listen", conf.Admin.Listen, "127.0.0.1:8081"},
		{"admin.token", conf.Admin.Token.IsSet(), false},
		{"primary.auth", primary.Auth, Auth{Kind: AuthPassthrough}},
		{"relay.auth without RELAY_API_KEY", relay.Auth, Auth{Kind: AuthNone}},
		{"primary.timeouts", primary.Timeouts, TimeoutsConfig{Connect: 10 * time.Second}},
		{"relay.timeouts", relay.Timeouts, TimeoutsConfig{10 * time.Second, time.Minute, 5 * time.Minute, 2 * time.Minute, time.Minute, 0}},
		{"capture.limit", conf.Capture.Limit, Size(8 << 20)},
		{"shadow.max_concurrency", conf.Shadow.MaxConcurrency, 256},
		{"shadow.max_bytes", conf.Shadow.MaxBytes, Size(256 << 20)},
		{"store.dir", conf.Store.Dir, "./cutover-data"},
		{"store.redis", conf.Store.Redis.IsSet(), false},
		{"headers", conf.Headers, HeadersConfig{ServedBy: true, RequestID: true, Tenant: "X-Cutover-Tenant"}},
		{"flags", conf.Flags, FlagsConfig{Values: flags.Values{
			RelayEnabled: new(true), RelayPercentage: new(0.0), ShadowPercentage: new(0.0), NoisePercentage: new(0.0),
			FallbackEnabled: new(true), PrimaryProvider: new("primary"),
		}}},
		{"log", conf.Log, LogConfig{Level: "info", Format: "auto"}},
		{"shutdown.drain", conf.Shutdown.Drain, 30 * time.Second},
	} {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("%s = %v, want %v", c.what, c.got, c.want)
		}
	}
}

func TestConfigPrecedence(t *testing.T) {
	const file = "listen: 127.0.0.1:1\nadmin: {listen: 127.0.0.1:9001}\nstore: {dir: from-file}\n"
	env := Environ{"CUTOVER_LISTEN=127.0.0.1:2", "CUTOVER_DATA=from-env"}
	conf, wrong := loadFrom(t, file, env, both("--listen", "127.0.0.1:3")...)
	if wrong != nil {
		t.Fatalf("load: %q", wrong)
	}
	for _, c := range []struct{ key, got, want, origin string }{
		{"listen", conf.Listen, "127.0.0.1:3", "flag --listen"},
		{"store.dir", conf.Store.Dir, "from-env", "environment CUTOVER_DATA"},
		{"admin.listen", conf.Admin.Listen, "127.0.0.1:9001", "file cutover.yaml:2"},
		{"log.level", conf.Log.Level, "info", "default"},
	} {
		if got := conf.origins[c.key].String(); c.got != c.want || got != c.origin {
			t.Errorf("%s = %q from %q, want %q from %q", c.key, c.got, got, c.want, c.origin)
		}
	}
}

// sampleFor is a text for each type of key that no default has.
func sampleFor(l *leaf) (text string, want any) {
	switch l.typ {
	case typeSecret:
		return "", nil
	case typeAuth:
		if strings.HasPrefix(l.key, "upstreams.primary") {
			return "none", Auth{Kind: AuthNone}
		}
		return `{"bearer": {"file": "/run/key"}}`, Auth{Kind: AuthBearer, Secret: Secret{File: "/run/key"}}
	case typeRedisURL:
		return "redis://r.example:6379/3", RedisURL{Plain: "redis://r.example:6379/3"}
	case typeDuration:
		return "17s", 17 * time.Second
	case typeHedge:
		return "P99.9", HedgeDelay{Percentile: 99.9}
	case typeSize:
		return "3MiB", Size(3 << 20)
	}
	switch l.typ.Kind() {
	case reflect.Bool:
		if l.def == "true" {
			return "false", false
		}
		return "true", true
	case reflect.Int:
		return "11", 11
	case reflect.Float64:
		return "12.5", 12.5
	case reflect.Slice:
		if l.typ.Elem() == typeStatus {
			return "429, 5XX", []Status{"429", "5xx"}
		}
		return "embeddings, messages", []string{"embeddings", "messages"}
	case reflect.Map:
		if l.typ.Elem() == typePrice {
			return "gpt-4.1=2/8.5", map[string]Price{"gpt-4.1": {2, 8.5}}
		}
		return "gpt-4o=gpt-4.1,gpt-4=gpt-4.1", map[string]string{"gpt-4o": "gpt-4.1", "gpt-4": "gpt-4.1"}
	}
	return "something", "something"
}

func TestEveryKeyFromTheEnvironment(t *testing.T) {
	s, err := newSchema()
	if err != nil {
		t.Fatal(err)
	}
	if len(s.leaves) < 60 {
		t.Fatalf("%d keys, want the whole configuration", len(s.leaves))
	}
	for i := range s.leaves {
		l := &s.leaves[i]
		text, want := sampleFor(l)
		if want == nil {
			continue // TestSecretsFromTheEnvironment
		}
		for _, name := range l.envNames() {
			conf, _ := loadFrom(t, "", Environ{name + "=" + text})
			if got := l.field(&conf.Config).Interface(); !reflect.DeepEqual(got, want) {
				t.Errorf("%s=%s: %s = %v, want %v", name, text, l.key, got, want)
			}
			if got := conf.origins[l.key].where; got != name {
				t.Errorf("%s=%s: origin %q", name, text, got)
			}
			// An empty variable is what compose files make of a missing one.
			conf, wrong := loadFrom(t, "", Environ{name + "="}, both()...)
			if conf.origins[l.key].kind == fromEnvironment || wrong != nil {
				t.Errorf("%s= sets %s, problems %q", name, l.key, wrong)
			}
		}
	}
}

func TestMapsFromTheEnvironmentAsJSON(t *testing.T) {
	conf, wrong := loadFrom(t, "", Environ{
		`CUTOVER_UPSTREAMS_RELAY_PRICES={"a,b": {"input": 1, "output": 2.5}}`,
		`CUTOVER_UPSTREAMS_RELAY_MODELS_MAP={"x=y": "z"}`,
		`CUTOVER_SHADOW_EXCLUDE=["embeddings"]`,
	}, both()...)
	if wrong != nil {
		t.Fatalf("load: %q", wrong)
	}
	relay := conf.Upstreams.Relay
	if got, want := relay.Prices, map[string]Price{"a,b": {1, 2.5}}; !reflect.DeepEqual(got, want) {
		t.Errorf("prices = %v, want %v", got, want)
	}
	if got, want := relay.Models.Map, map[string]string{"x=y": "z"}; !reflect.DeepEqual(got, want) {
		t.Errorf("map = %v, want %v", got, want)
	}
	if got, want := conf.Shadow.Exclude, []string{"embeddings"}; !slices.Equal(got, want) {
		t.Errorf("exclude = %v, want %v", got, want)
	}
}

func TestConfigFile(t *testing.T) {
	conf, wrong := loadFrom(t, `
listen: 127.0.0.1:8090
upstreams:
  primary: {base_url: https://api.openai.com/v1, auth: passthrough}
  relay:
    base_url: https://relay.example/v1
    auth: {header: {name: X-Key, value: {env: MY_KEY}}}
    models: {map: {gpt-4o: gpt-4.1, 2024-05-13: "5"}, prefix: true, default: "", strict: true}
    prices: {gpt-4.1: {input: 2, output: 8.0}}
    limits: {rpm: 60}
    timeouts: &slow {connect: 1m30s}
    protocol: h2
shadow: {max_bytes: 1048576, exclude: [embeddings]}
flags: {relay-percentage: 12.5, primary-provider: relay}
headers:
admin: {token: {env: CUTOVER_MY_TOKEN}}
`, Environ{"MY_KEY=  sk-1\n", "CUTOVER_MY_TOKEN=t"})
	if wrong != nil {
		t.Fatalf("load: %q", wrong)
	}
	relay := conf.Upstreams.Relay
	relay.Auth.Secret.value = nil
	want := UpstreamConfig{
		BaseURL:        "https://relay.example/v1",
		Protocol:       "h2",
		Auth:           Auth{Kind: AuthHeader, Name: "X-Key", Secret: Secret{Env: "MY_KEY"}},
		Models:         ModelsConfig{Map: map[string]string{"gpt-4o": "gpt-4.1", "2024-05-13": "5"}, Prefix: true, Strict: true},
		Prices:         map[string]Price{"gpt-4.1": {2, 8}},
		Limits:         LimitsConfig{RPM: 60, Wait: 2 * time.Second},
		FallbackOn:     []Status{"401", "402", "403", "404", "405", "408", "409", "410", "413", "429", "5xx"},
		Retry:          RetryConfig{1, 500 * time.Millisecond, 8 * time.Second, .1},
		Breaker:        BreakerConfig{Enabled: true, ErrorRate: .5, MinCalls: 20, OpenFor: 10 * time.Second},
		ShadowIdentity: ShadowIdentityConfig{User: "drop", Metadata: "drop"},
		Timeouts:       TimeoutsConfig{90 * time.Second, time.Minute, 5 * time.Minute, 2 * time.Minute, time.Minute, 0},
		Connections:    ConnectionsConfig{2048, 2 * time.Minute, 10 * time.Minute, 15 * time.Second},
	}
	if !reflect.DeepEqual(relay, want) {
		t.Errorf("relay = %+v\nwant    %+v", relay, want)
	}
	if got := conf.Upstreams.Relay.Auth.Secret.Reveal(); got != "sk-1" {
		t.Errorf("the key is %q, want it trimmed", got)
	}
	if conf.Shadow.MaxBytes != 1<<20 || *conf.Flags.RelayPercentage != 12.5 || *conf.Flags.PrimaryProvider != "relay" {
		t.Errorf("shadow %+v, flags %+v", conf.Shadow, conf.Flags)
	}
}

func TestEmptyFiles(t *testing.T) {
	for _, text := range []string{"\n", "# nothing\n", "---\n", "null\n", "{}", "listen:\n"} {
		conf, wrong := loadFrom(t, text, nil, both()...)
		if wrong != nil || conf.Listen != "127.0.0.1:8080" {
			t.Errorf("file %q: problems %q, listen %q; want the defaults", text, wrong, conf.Listen)
		}
	}
}

func TestUnreadableFiles(t *testing.T) {
	dir := t.TempDir()
	big := filepath.Join(dir, "big.yaml")
	if err := os.WriteFile(big, bytes.Repeat([]byte("#\n"), configFileLimit), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		env  Environ
		args []string
		want string
	}{
		{nil, []string{"--config", dir + "/none.yaml"}, "--config: the configuration file " + dir + "/none.yaml does not exist"},
		{Environ{"CUTOVER_CONFIG=" + dir}, nil, "CUTOVER_CONFIG: " + dir + " is a directory: expected a configuration file"},
		{nil, []string{"--config", big}, "--config: the configuration file " + big + " is larger than 4MiB"},
	} {
		// The only problem reported: other missing keys may be in the file.
		if _, wrong := loadFrom(t, "", c.env, c.args...); !slices.Equal(wrong, []string{c.want}) {
			t.Errorf("%q %q: %q, want %q", c.env, c.args, wrong, c.want)
		}
	}
}
