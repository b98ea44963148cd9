package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"go.yaml.in/yaml/v3"
)

// canary is the secret that must be found nowhere.
const canary = "sk-Canary-5c8f"

func TestSecretIsNeverShown(t *testing.T) {
	conf, wrong := loadFrom(t, `
admin: {token: {env: MY_TOKEN}}
upstreams:
  primary: {base_url: https://p/v1, auth: {query: {name: key, value: {env: MY_TOKEN}}}}
  relay: {base_url: https://r/v1, auth: {bearer: {env: MY_TOKEN}}}
store: {redis: {env: MY_REDIS}}
`, Environ{"MY_TOKEN=" + canary, "MY_REDIS=redis://:" + canary + "@redis.example/0"})
	if wrong != nil {
		t.Fatalf("load: %q", wrong)
	}
	if got := conf.Admin.Token.Reveal(); got != canary {
		t.Fatalf("Reveal = %q, want the secret", got)
	}
	if got, want := conf.Store.Redis.Reveal(), "redis://:"+canary+"@redis.example/0"; got != want {
		t.Fatalf("Redis.Reveal = %q, want %q", got, want)
	}
	if got, want := conf.Store.Redis.String(), "redis://redis.example/0"; got != want {
		t.Errorf("Redis.String = %q, want %q", got, want)
	}
	var out bytes.Buffer
	secret := conf.Admin.Token
	for _, x := range []any{secret, &secret, conf.Config, &conf.Config, conf, struct{ hidden Secret }{secret}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p", "%T"} {
			_, _ = fmt.Fprintf(&out, verb+"\n", x)
		}
		_ = json.NewEncoder(&out).Encode(x)
		slog.New(slog.NewTextHandler(&out, nil)).Info("slog", "x", x)
		log := zerolog.New(&out)
		log.Info().Interface("i", x).Any("a", x).Msg("zerolog")
	}
	_ = yaml.NewEncoder(&out).Encode(conf.Config)
	_, _ = fmt.Fprintln(&out, errors.New(secret.String()), conf.Store.Redis)
	log := zerolog.New(&out)
	log.Info().Stringer("s", secret).Msg("")
	if err := conf.Print(&out); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); strings.Contains(text, canary) || strings.Contains(text, fmt.Sprintf("%x", canary)) {
		t.Errorf("the secret is shown:\n%s", text)
	}
}

// TestSecretsInWrongPlaces puts a secret wherever people might, and looks for it in
// the messages.
func TestSecretsInWrongPlaces(t *testing.T) {
	for _, c := range []struct {
		file string
		env  Environ
		args []string
	}{
		{file: "admin: {token: " + canary + "}"},
		{file: "admin: {token: [" + canary + "]}"},
		{file: "admin: {token: {env: " + canary + "}}"},
		{file: "admin: {token: {env: 0123456789abcdefCanary5c8f}}"},
		{file: "admin: {token: {env: Canary0123456789abcdef5c8f}}"},
		{file: "admin: {token: {" + canary + ": x}}"},
		{file: "admin: {token: {env: {x: " + canary + "}}}"},
		{file: "admin: " + canary},
		{file: "admin: {token: *" + canary + "}"},
		{file: "admin: {token: \"" + canary + "\\q\"}"},
		{file: "admin: {token: @" + canary + "}"},
		{file: "admin: {token: !" + canary + " x}"},
		{file: "admin: {token: !x!" + canary + " x}"},
		{file: "upstreams: {relay: {auth: " + canary + "}}"},
		{file: "upstreams: {relay: {auth: [" + canary + "]}}"},
		{file: "upstreams: {relay: {auth: {bearer: " + canary + "}}}"},
		{file: "upstreams: {relay: {auth: {" + canary + ": {env: X}}}}"},
		{file: "upstreams: {relay: {auth: {header: " + canary + "}}}"},
		{file: "upstreams: {relay: {auth: {header: {name: x, value: " + canary + "}}}}"},
		{file: "upstreams: {relay: {auth: {header: {name: 'bad " + canary + "', value: {env: X}}}}}", env: Environ{"X=x"}},
		{file: "upstreams: {relay: {auth: {query: {name: [" + canary + "], value: {env: X}}}}}"},
		{file: "upstreams: {relay: {base_url: https://" + canary + "@r/v1}}"},
		{file: "upstreams: {relay: {base_url: 'https://u:" + canary + "@r:x/v1'}}"},
		{file: "upstreams: {relay: {base_url: 'https://r/v1?key=" + canary + "'}}"},
		{file: "upstreams: {relay: {base_url: '" + canary + "'}}"},
		{file: "store: {redis: 'redis://:" + canary + "@h'}"},
		{file: "store: {redis: 'redis://h?password=" + canary + "'}"},
		{file: "store: {redis: ':" + canary + "@h'}"},
		{file: "store: {redis: " + canary + "}"},
		{args: both("--redis", "redis://:"+canary+"@h")},
		{env: Environ{"CUTOVER_REDIS=" + canary + "@"}},
		{env: Environ{"CUTOVER_REDIS=redis://:" + canary + "/@h"}},
		{env: Environ{"CUTOVER_REDIS=redis://:/" + canary + "@h/0"}},
		{env: Environ{"CUTOVER_REDIS=redis://:x@h/" + canary}},
		{env: Environ{"CUTOVER_UPSTREAMS_RELAY_AUTH=" + canary}},
		{env: Environ{"CUTOVER_UPSTREAMS_RELAY_AUTH={" + canary}},
		{env: Environ{"CUTOVER_UPSTREAMS_RELAY_AUTH={bearer: " + canary + "}"}},
		{env: Environ{"RELAY_API_KEY=Bearer " + canary}},
		{env: Environ{"RELAY_API_KEY=\"" + canary + "\""}},
		{env: Environ{"RELAY_API_KEY=" + canary + "\nsecond"}},
		{env: Environ{"CUTOVER_TOKEN=" + canary}},
		{env: Environ{"CUTOVER_ADMIN_TOKEN=a\x00" + canary}},
	} {
		args := both()
		if strings.Contains(c.file, "base_url") {
			args = args[:2] // the flag for the relay would override the file
		}
		_, wrong := loadFrom(t, c.file, c.env, append(args, c.args...)...)
		text := strings.Join(wrong, "\n")
		if wrong == nil {
			t.Errorf("file %q, environment %q, flags %q: accepted", c.file, c.env, c.args)
		}
		if strings.Contains(strings.ToLower(text), "canary") {
			t.Errorf("file %q, environment %q, flags %q: the message shows the secret: %s", c.file, c.env, c.args, text)
		}
	}
}

func TestSecretsAreFetched(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good, empty, big := write("good", "\n key-1 \r\n"), write("empty", " \n"), write("big", strings.Repeat("x", secretFileLimit+1))
	for _, c := range []struct {
		secret string
		env    Environ
		value  string
		want   string
	}{
		{"{env: K}", Environ{"K= key-0\n"}, "key-0", ""},
		{"{file: " + good + "}", nil, "key-1", ""},
		{"{env: K}", nil, "", "cutover.yaml:1: upstreams.relay.auth.bearer: the environment variable K is not set"},
		{"{env: K}", Environ{"K= "}, "", "cutover.yaml:1: upstreams.relay.auth.bearer: the environment variable K is empty"},
		{"{env: K}", Environ{"K=a\nb"}, "",
			"cutover.yaml:1: upstreams.relay.auth.bearer: the environment variable K contains a line break or a control character: it must " +
				"contain only the key"},
		{"{env: K}", Environ{"K=Bearer x"}, "",
			`cutover.yaml:1: upstreams.relay.auth.bearer: the environment variable K starts with "Bearer": it must contain only the key`},
		{"{file: " + empty + "}", nil, "", "cutover.yaml:1: upstreams.relay.auth.bearer: the file " + empty + " is empty"},
		{"{file: " + dir + "/none}", nil, "",
			"cutover.yaml:1: upstreams.relay.auth.bearer: the file " + dir + "/none can't be read: no such file or directory"},
		{"{file: " + dir + "}", nil, "", "cutover.yaml:1: upstreams.relay.auth.bearer: the file " + dir + " can't be read: is a directory"},
		{"{file: " + big + "}", nil, "",
			"cutover.yaml:1: upstreams.relay.auth.bearer: the file " + big + " is larger than 65536 bytes: it must contain only the key"},
		{"{}", nil, "", "cutover.yaml:1: upstreams.relay.auth.bearer: expected exactly one of {env: NAME} and {file: PATH}"},
		{"{env: A, file: B}", nil, "", "cutover.yaml:1: upstreams.relay.auth.bearer: expected exactly one of {env: NAME} and {file: PATH}"},
		{"{env: ''}", nil, "", "cutover.yaml:1: upstreams.relay.auth.bearer.env: expected a name as text"},
		{"text", nil, "",
			"cutover.yaml:1: upstreams.relay.auth.bearer: a secret can't be written here in plain text: use {env: NAME} for an environment " +
				"variable or {file: PATH} for a file"},
	} {
		conf, wrong := loadFrom(t, "upstreams: {relay: {auth: {bearer: "+c.secret+"}}}", c.env, both()...)
		if got := strings.Join(wrong, "\n"); got != c.want {
			t.Errorf("%s with %q\n gives %q\n want  %q", c.secret, c.env, got, c.want)
		}
		if got := conf.Upstreams.Relay.Auth.Secret.Reveal(); c.want == "" && got != c.value {
			t.Errorf("%s with %q: %q, want %q", c.secret, c.env, got, c.value)
		}
	}
}

func TestAuthForms(t *testing.T) {
	for text, want := range map[string]Auth{
		"none":                                     {Kind: AuthNone},
		"{key: {env: K}}":                          {Kind: AuthKey, Secret: Secret{Env: "K"}},
		"{bearer: {env: K}}":                       {Kind: AuthBearer, Secret: Secret{Env: "K"}},
		"{x_api_key: {env: K}}":                    {Kind: AuthXAPIKey, Secret: Secret{Env: "K"}},
		"{api_key: {env: K}}":                      {Kind: AuthAPIKey, Secret: Secret{Env: "K"}},
		"{query: {name: k, value: {env: K}}}":      {Kind: AuthQuery, Name: "k", Secret: Secret{Env: "K"}},
		"{header: {name: X-Key, value: {env: K}}}": {Kind: AuthHeader, Name: "X-Key", Secret: Secret{Env: "K"}},
	} {
		conf, wrong := loadFrom(t, "upstreams: {relay: {auth: "+text+"}}", Environ{"K=v"}, both()...)
		got := conf.Upstreams.Relay.Auth
		value := got.Secret.Reveal()
		got.Secret.value = nil
		if wrong != nil || got.Kind != want.Kind || got.Name != want.Name || got.Secret.Env != want.Secret.Env {
			t.Errorf("auth: %s = %+v, problems %q; want %+v", text, got, wrong, want)
		}
		if want.Kind != AuthNone && value != "v" {
			t.Errorf("auth: %s has the key %q", text, value)
		}
	}
	for text, want := range map[string]string{
		"{bearer: {env: K}, api_key: {env: K}}":    authForms,
		"{}":                                       authForms,
		"{header: {name: X-Key}}":                  "name and value are both required",
		"{query: {value: {env: K}}}":               "name and value are both required",
		"{query: {key: x}}":                        "unknown key: expected name or value",
		"{header: {name: 'X Y', value: {env: K}}}": "header.name is not a valid HTTP header name",
	} {
		_, wrong := loadFrom(t, "upstreams: {relay: {auth: "+text+"}}", Environ{"K=v"}, both()...)
		if len(wrong) != 1 || !strings.HasSuffix(wrong[0], want) {
			t.Errorf("auth: %s: %q, want %q", text, wrong, want)
		}
	}
}

func TestSecretsFromTheEnvironment(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("filed\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const relay = "CUTOVER_UPSTREAMS_RELAY_AUTH"
	for _, c := range []struct {
		env  Environ
		read func(*Loaded) (reference, value string)
		ref  string
		want string
	}{
		{Environ{"CUTOVER_ADMIN_TOKEN=t"}, adminToken, "CUTOVER_ADMIN_TOKEN", "t"},
		{Environ{"CUTOVER_ADMIN_TOKEN_FILE=" + file}, adminToken, file, "filed"},
		{Environ{"RELAY_API_KEY=k"}, relayAuth(AuthKey, ""), "RELAY_API_KEY", "k"},
		{Environ{"RELAY_API_KEY=k", relay + "_BEARER=b"}, relayAuth(AuthBearer, ""), relay + "_BEARER", "b"},
		{Environ{relay + "_X_API_KEY_FILE=" + file}, relayAuth(AuthXAPIKey, ""), file, "filed"},
		{Environ{relay + "_HEADER_NAME=X-K", relay + "_HEADER_VALUE=v"}, relayAuth(AuthHeader, "X-K"), relay + "_HEADER_VALUE", "v"},
		{Environ{relay + "_QUERY_NAME=k", relay + "_QUERY_VALUE_FILE=" + file}, relayAuth(AuthQuery, "k"), file, "filed"},
		{Environ{relay + `={"api_key": {"env": "OTHER"}}`, "OTHER=o"}, relayAuth(AuthAPIKey, ""), "OTHER", "o"},
		{Environ{"CUTOVER_REDIS=redis://:p@h/0"}, redisRef, "CUTOVER_REDIS", "redis://:p@h/0"},
	} {
		conf, wrong := loadFrom(t, "", c.env, both()...)
		if wrong != nil {
			t.Errorf("%q: %q", c.env, wrong)
			continue
		}
		if ref, value := c.read(conf); ref != c.ref || value != c.want {
			t.Errorf("%q: reference %q, value %q; want %q, %q", c.env, ref, value, c.ref, c.want)
		}
	}
	for _, c := range []struct {
		env  Environ
		want string
	}{
		{Environ{"CUTOVER_ADMIN_TOKEN=t", "CUTOVER_ADMIN_TOKEN_FILE=" + file},
			"CUTOVER_ADMIN_TOKEN_FILE: admin.token: also set by CUTOVER_ADMIN_TOKEN: keep only one"},
		{Environ{relay + "_BEARER=b", relay + "_API_KEY=a"},
			relay + "_API_KEY: upstreams.relay.auth: also set by " + relay + "_BEARER: keep only one"},
		{Environ{relay + "=none", relay + "_API_KEY=a"}, relay + "_API_KEY: upstreams.relay.auth: also set by " + relay + ": keep only one"},
		{Environ{relay + "_HEADER_VALUE=v"},
			relay + "_HEADER_VALUE: " +
				"upstreams.relay.auth: " + relay + "_HEADER_NAME and " + relay + "_HEADER_VALUE (or " + relay + "_HEADER_VALUE_FILE) are both " +
				"required"},
		{Environ{relay + "_HEADER_NAME=v"},
			relay + "_HEADER_NAME: upstreams.relay.auth: " + relay + "_HEADER_NAME and " + relay + "_HEADER_VALUE (or " + relay +
				"_HEADER_VALUE_FILE) are both required"},
	} {
		if _, wrong := loadFrom(t, "", c.env, both()...); !slices.Equal(wrong, []string{c.want}) {
			t.Errorf("%q\n gives %q\n want  %q", c.env, wrong, c.want)
		}
	}
}

func adminToken(c *Loaded) (string, string) {
	return c.Admin.Token.Env + c.Admin.Token.File, c.Admin.Token.Reveal()
}

func redisRef(c *Loaded) (string, string) { return c.Store.Redis.Ref.Env, c.Store.Redis.Reveal() }

func relayAuth(kind AuthKind, name string) func(*Loaded) (string, string) {
	return func(c *Loaded) (string, string) {
		a := c.Upstreams.Relay.Auth
		if a.Kind != kind || a.Name != name {
			return fmt.Sprintf("%s %s", a.Kind, a.Name), ""
		}
		return a.Secret.Env + a.Secret.File, a.Secret.Reveal()
	}
}
