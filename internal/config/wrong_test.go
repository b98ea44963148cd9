package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestWrongFiles checks the one-line message for each mistake in a file.
func TestWrongFiles(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		// names
		{"lisen: x", "cutover.yaml:1: lisen: unknown key: did you mean listen?"},
		{"a: 1\n",
			"cutover.yaml:1: a: unknown key: expected one of admin, capture, criteria, fallback, flags, headers, listen, log, server, shadow, " +
				"shutdown, store, tls, upstreams"},
		{"\nupstreams:\n  relay:\n    base_ulr: http://x", "cutover.yaml:4: upstreams.relay.base_ulr: unknown key: did you mean base_url?"},
		{"base_url: http://x", "cutover.yaml:1: base_url: unknown key: did you mean upstreams.primary.base_url?"},
		{"flags: {relay_percentage: 5}", "cutover.yaml:1: flags.relay_percentage: unknown key: did you mean relay-percentage?"},
		{"listen: a:1\nlisten: b:2", "cutover.yaml:2: listen: set twice: first in line 1"},
		{"upstreams: {relay: {models: {map: {a: b, a: c}}}}", "cutover.yaml:1: upstreams.relay.models.map.a: set twice: first in line 1"},
		{"? [a]\n: b", "cutover.yaml:1: found a list where a key is expected"},
		{"log: &l {level: debug}\nheaders: {<<: *l}", "cutover.yaml:2: headers: merge keys (<<) are not supported: write out the keys"},
		{"upstreams: {relay: {prices: {m: {inptu: 1}}}}",
			"cutover.yaml:1: upstreams.relay.prices.m.inptu: unknown key: expected input or output"},
		// types
		{"admin: x", "cutover.yaml:1: admin: found the text, expected a section with the keys listen, token"},
		{"[]",
			"cutover.yaml:1: found a list, expected a section with the keys admin, capture, criteria, fallback, flags, headers, listen, log, " +
				"server, shadow, shutdown, store, tls, upstreams"},
		{"listen: 8080", `cutover.yaml:1: listen: found the number "8080", expected text`},
		{"listen: [x]", "cutover.yaml:1: listen: found a list, expected text"},
		{"flags: {relay-enabled: yes}", `cutover.yaml:1: flags.relay-enabled: found the text "yes", expected true or false`},
		{"flags: {relay-percentage: \"5\"}", `cutover.yaml:1: flags.relay-percentage: found the text "5", expected a number`},
		{"flags: {relay-percentage: .inf}", `cutover.yaml:1: flags.relay-percentage: found ".inf": expected a number`},
		{"shadow: {max_concurrency: 1.5}", `cutover.yaml:1: shadow.max_concurrency: found the number "1.5", expected a whole number`},
		{"shadow: {max_bytes: 5XB}", `cutover.yaml:1: shadow.max_bytes: found "5XB": expected a size such as 8MiB, 256KB or 1048576`},
		{"shadow: {max_bytes: -5}", `cutover.yaml:1: shadow.max_bytes: found "-5": a size can't be negative`},
		{"shutdown: {drain: 30}",
			`cutover.yaml:1: shutdown.drain: found "30": the unit is missing: expected a duration such as 30s, 30ms or 1m30s`},
		{"shutdown: {drain: -1s}", `cutover.yaml:1: shutdown.drain: found "-1s": a duration can't be negative`},
		{"shutdown: {drain: soon}", `cutover.yaml:1: shutdown.drain: found "soon": expected a duration such as 500ms, 10s or 1m30s`},
		{"shadow: {exclude: embeddings}", `cutover.yaml:1: shadow.exclude: found the text, expected a list such as [embeddings, moderations]`},
		{"shadow: {exclude: [1]}", `cutover.yaml:1: shadow.exclude[0]: found the number "1", expected text`},
		{"upstreams: {relay: {models: {stream: {}}}}", "cutover.yaml:1: upstreams.relay.models.stream: unknown key: did you mean streaming?"},
		{"upstreams: {relay: {models: {map: x}}}",
			`cutover.yaml:1: upstreams.relay.models.map: found the text, expected a mapping such as {gpt-4o: gpt-4.1}`},
		{"upstreams: {relay: {models: {show_requested: yes}}}",
			`cutover.yaml:1: upstreams.relay.models.show_requested: found the text "yes", expected true or false`},
		{"upstreams: {relay: {prices: {m: 5}}}",
			`cutover.yaml:1: upstreams.relay.prices.m: found the number, expected {input: DOLLARS, output: DOLLARS} per million tokens`},
		{"upstreams: {relay: {fallback_on: [429, 200]}}",
			`cutover.yaml:1: upstreams.relay.fallback_on[1]: found "200": expected a status from 400 to 599 such as 429, or one of 4xx and 5xx`},
		{"upstreams: {relay: {fallback_on: [3xx]}}",
			`cutover.yaml:1: upstreams.relay.fallback_on[0]: found "3xx": expected a status from 400 to 599 such as 429, or one of 4xx and 5xx`},
		{"upstreams: {relay: {fallback_on: 5xx}}",
			`cutover.yaml:1: upstreams.relay.fallback_on: found the text, expected a list such as [429, 5xx]`},
		{"upstreams: {primary: {fallback_on: [true]}}",
			`cutover.yaml:1: upstreams.primary.fallback_on[0]: found the boolean "true", expected a status such as 429, or one of 4xx and 5xx`},
		{"fallback: {hedge_after: p45}",
			`cutover.yaml:1: fallback.hedge_after: found "p45": expected a percentile from p50 to p99.9, such as p95`},
		{"fallback: {hedge_after: p99.95}",
			`cutover.yaml:1: fallback.hedge_after: found "p99.95": expected a percentile from p50 to p99.9, such as p95`},
		{"fallback: {hedge_after: p1e2}",
			`cutover.yaml:1: fallback.hedge_after: found "p1e2": expected a percentile from p50 to p99.9, such as p95`},
		{"fallback: {hedge_after: 95}",
			`cutover.yaml:1: fallback.hedge_after: found "95": the unit is missing: expected a duration such as 95s, 95ms or 1m30s, or a ` +
				`percentile of the relay's own latency such as p95`},
		{"fallback: {hedge_after: -1s}", `cutover.yaml:1: fallback.hedge_after: found "-1s": a duration can't be negative`},
		{"fallback: {hedge_after: [p95]}",
			`cutover.yaml:1: fallback.hedge_after: found a list, expected a duration such as 500ms, or a percentile of the relay's own latency ` +
				`such as p95`},
		// syntax
		{"a: [", "cutover.yaml:1: not valid YAML: did not find expected node content"},
		{"listen: x\n\tadmin: y", "cutover.yaml:2: not valid YAML: found a tab character that violates indentation"},
		{"listen: x\n---\nlisten: y", "cutover.yaml:2: a second document starts here (---): the configuration must be a single document"},
		{"listen: *nowhere", "cutover.yaml: not valid YAML: an alias (*name) refers to an anchor (&name) that does not exist"},
		{"listen: \x01", "cutover.yaml: not valid YAML: control characters are not allowed"},
	} {
		if _, wrong := loadFrom(t, c.file, nil, both()...); !slices.Equal(wrong, []string{c.want}) {
			t.Errorf("file %q\n gives %q\n want  %q", c.file, wrong, c.want)
		}
	}
}

// TestWrongValues holds what is judged after reading against its one line.
func TestWrongValues(t *testing.T) {
	dir := t.TempDir()
	cert, key := writePair(t, dir)
	for _, c := range []struct {
		file string
		env  Environ
		args []string
		want string
	}{
		{args: []string{"--relay", "https://r/v1"},
			want: "upstreams.primary.base_url: missing: set it with --primary URL, CUTOVER_PRIMARY or in the file (for OpenAI: " +
				"https://api.openai.com/v1)"},
		{args: []string{"--primary", "https://p/v1"},
			want: "upstreams.relay.base_url: missing: set it with --relay URL, CUTOVER_RELAY or in the file, or set flags.relay-enabled to false"},
		{args: both("--relay", "relay.example/v1"),
			want: "--relay: upstreams.relay.base_url: not an absolute URL: expected a URL such as https://api.openai.com/v1"},
		{args: both("--relay", "ftp://relay.example/v1"),
			want: `--relay: upstreams.relay.base_url: found the scheme "ftp", expected http or https`},
		{args: both("--relay", "http://:80/v1"),
			want: "--relay: upstreams.relay.base_url: the host is missing: expected a URL such as https://api.openai.com/v1"},
		{args: both("--relay", "http://r:70000/v1"),
			want: `--relay: upstreams.relay.base_url: found the port "70000", expected a number from 1 to 65535`},
		{args: both("--relay", "http://r/v1#x"),
			want: "--relay: upstreams.relay.base_url: the URL has a fragment (#...), which is never sent: remove it"},
		{args: both("--relay", "http://r/v1?a=b"),
			want: "--relay: upstreams.relay.base_url: the URL has a query string: remove it, callers' own queries are passed on; for a key in " +
				"the query use auth: {query: {name: NAME, value: SECRET}}"},
		{args: both("--relay", "http://u:p@r/v1"),
			want: "--relay: upstreams.relay.base_url: the URL contains a user name or password: put credentials in auth, as a secret"},
		{args: both("--relay", "https://PRIMARY.example:443/v1/"),
			want: "--relay: upstreams.relay.base_url: the same as upstreams.primary.base_url: there would be nothing to compare; for a trial " +
				"run with one provider set upstreams.same_provider to true"},
		{file: "upstreams: {same_provider: true}",
			want: "cutover.yaml:1: upstreams.same_provider: true, but the two base_url differ: remove it if there are two providers"},
		{file: "upstreams: {same_provider: true, relay: {auth: passthrough}}",
			want: "cutover.yaml:1: upstreams.same_provider: true, but the two base_url differ: remove it if there are two providers"},
		{args: both("--relay", "http://localhost:8080/v1"),
			want: "--relay: upstreams.relay.base_url: points back at this sidecar (listen is 127.0.0.1:8080), which would be a loop: set the " +
				"provider's URL"},
		{args: both("--relay", "http://127.0.0.1:8081/v1"),
			want: "--relay: upstreams.relay.base_url: points back at this sidecar (admin.listen is 127.0.0.1:8081), which would be a loop: set " +
				"the provider's URL"},
		{args: both("--primary", "http://127.0.0.1/v1", "--listen", ":80"),
			want: "--primary: upstreams.primary.base_url: points back at this sidecar (listen is :80), which would be a loop: set the " +
				"provider's URL"},
		{file: "upstreams: {relay: {connections: {ping: 5ms}}}", args: both(),
			want: "cutover.yaml:1: upstreams.relay.connections.ping: found 5ms, expected 0 (never) or at least 1s: providers treat more " +
				"frequent pings as an attack"},
		{args: both("--listen", "8080"),
			want: `--listen: listen: found "8080", expected HOST:PORT such as 127.0.0.1:8080, or :8080 for all addresses`},
		{args: both("--listen", "a:http"), want: `--listen: listen: found the port "http", expected a number from 0 to 65535`},
		{args: both("--listen", "127.0.0.1:8081"), want: "admin.listen: the same address as listen: give each its own port"},
		{args: both("--admin-listen", ":8081"),
			want: "admin.token: missing, but required because :8081 can be reached from other machines: set it to {env: NAME} or {file: PATH}, " +
				"or set CUTOVER_ADMIN_TOKEN"},
		{args: both("--tls-cert", cert), want: "tls.key: missing: tls.cert is set, but TLS needs both"},
		{args: both("--tls-key", key), want: "tls.cert: missing: tls.key is set, but TLS needs both"},
		{args: both("--tls-cert", cert, "--tls-key", dir+"/none"),
			want: "--tls-cert: tls.cert: certificate and key can't be used: open " + dir + "/none: no such file or directory"},
		{file: "upstreams: {relay: {auth: passthrough}}",
			want: "cutover.yaml:1: upstreams.relay.auth: passthrough would send every caller's key for the primary to the relay: use a " +
				"separate key such as {key: {env: RELAY_API_KEY}}, or none"},
		{file: "upstreams: {relay: {protocol: h3}}",
			want: `cutover.yaml:1: upstreams.relay.protocol: found "h3", expected one of auto, http1, h2, h2c: did you mean h2?`},
		{file: "upstreams: {relay: {protocol: h2c}}",
			want: "cutover.yaml:1: upstreams.relay.protocol: h2c is HTTP/2 without TLS, but base_url is an https URL: use h2 or auto"},
		{file: "upstreams: {relay: {protocol: h2}}", args: []string{"--relay", "http://r/v1"},
			want: "cutover.yaml:1: upstreams.relay.protocol: h2 needs TLS, but base_url is not an https URL: for HTTP/2 without TLS use h2c"},
		{file: "upstreams: {relay: {ca: " + key + "}}",
			want: "cutover.yaml:1: upstreams.relay.ca: the file " + key + " contains no PEM certificate"},
		{file: "upstreams: {relay: {ca: /none}}",
			want: "cutover.yaml:1: upstreams.relay.ca: the file /none can't be read: no such file or directory"},
		{file: "upstreams: {relay: {models: {map: {a: ''}}}}",
			want: `cutover.yaml:1: upstreams.relay.models.map: a model's name is empty: "a -> "`},
		{file: "upstreams: {relay: {models: {batch: {map: {'': b}}}}}",
			want: `cutover.yaml:1: upstreams.relay.models.batch.map: a model's name is empty: " -> b"`},
		{file: "upstreams: {primary: {models: {streaming: {map: {a: ''}}}}}",
			want: `cutover.yaml:1: upstreams.primary.models.streaming.map: a model's name is empty: "a -> "`},
		{file: "flags: {relay-enabled: false}\nupstreams: {relay: {models: {batch: {map: {a: b}}}}}", args: []string{"--relay", ""},
			want: "cutover.yaml:2: upstreams.relay.models.batch.map: has no effect because upstreams.relay.base_url is not set: set it, or " +
				"remove this key"},
		{file: "flags: {relay-enabled: false}\nupstreams: {relay: {models: {default: b}}}", args: []string{"--relay", ""},
			want: "cutover.yaml:2: upstreams.relay.models.default: has no effect because upstreams.relay.base_url is not set: set it, or " +
				"remove this key"},
		{file: "upstreams: {relay: {prices: {m: {input: -1, output: 1}}}}",
			want: `cutover.yaml:1: upstreams.relay.prices: the price of "m" is negative: expected 0 or more`},
		{file: "upstreams: {relay: {limits: {rpm: -1}}}", want: "cutover.yaml:1: upstreams.relay.limits.rpm: found -1, expected 0 or more"},
		{file: "server: {stream_keepalive: 15ms}",
			want: "cutover.yaml:1: server.stream_keepalive: found 15ms, expected 0 (never) or at least 50ms; 15s suits most load balancers"},
		{file: "upstreams: {relay: {shadow_identity: {user: hashed}}}",
			want: `cutover.yaml:1: upstreams.relay.shadow_identity.user: found "hashed", expected one of drop, hash, keep: did you mean hash?`},
		{file: "upstreams: {primary: {shadow_identity: {metadata: hash}}}",
			want: `cutover.yaml:1: upstreams.primary.shadow_identity.metadata: found "hash", expected one of drop, keep`},
		{file: "upstreams: {relay: {shadow_identity: {key: {env: SHORT}}}}", env: Environ{"SHORT=0123456789"},
			want: "cutover.yaml:1: upstreams.relay.shadow_identity.key: the environment variable SHORT has 10 bytes, expected at least 16"},
		{file: "criteria: {alpha: 0}", want: "cutover.yaml:1: criteria.alpha: found 0, expected a number above 0 and at most 0.2"},
		{file: "criteria: {error_margin: 1.5}",
			want: "cutover.yaml:1: criteria.error_margin: found 1.5, expected a number above 0 and at most 1"},
		{file: "flags: {shadow-percentage: 100.5}",
			want: "cutover.yaml:1: flags.shadow-percentage: found 100.5, expected a number from 0 to 100"},
		{file: "flags: {primary-provider: realy}",
			want: `cutover.yaml:1: flags.primary-provider: found "realy", expected one of primary, relay: did you mean relay?`},
		{file: "shadow: {max_concurrency: 0}",
			want: "cutover.yaml:1: shadow.max_concurrency: found 0, expected at least 1: to turn mirroring off set flags.shadow-percentage to 0"},
		{file: "shadow: {exclude: [embedings]}",
			want: `cutover.yaml:1: shadow.exclude: "embedings" is not an endpoint that is mirrored: use a name such as chat/completions or ` +
				`embeddings, or tenant:NAME, model:NAME, path:PATH`},
		{file: "server: {models: merge}",
			want: `cutover.yaml:1: server.models: found "merge", expected one of primary, merged: did you mean merged?`},
		{file: "headers: {tenant: 'X Y'}", want: `cutover.yaml:1: headers.tenant: found "X Y", which is not a valid HTTP header name`},
		{file: "log: {level: verbose}",
			want: `cutover.yaml:1: log.level: found "verbose", expected one of trace, debug, info, warn, error, disabled`},
		{file: "store: {namespace: 'a{b'}",
			want: `cutover.yaml:1: store.namespace: found "a{b", expected a name without spaces and without any of {}:*?[]\`},
		{args: both("--redis", "127.0.0.1:6379"), want: "--redis: store.redis: no scheme; write redis://host:port"},
		{args: both("--redis", "http://127.0.0.1:6379"),
			want: `--redis: store.redis: unknown scheme "http"; one of redis, redis-sentinel, redis-cluster (rediss... with TLS), unix`},
		{args: both("--redis", "redis:///0"), want: "--redis: store.redis: a host is missing"},
		{args: both("--data", ""),
			want: "--data: store.dir: missing: set a directory for the last good flags, and for results if there is no Redis"},
		// the environment
		{env: Environ{"CUTOVER_LISTN=x"}, want: "CUTOVER_LISTN: unknown environment variable: did you mean CUTOVER_LISTEN?"},
		{env: Environ{"CUTOVER_QUITE_OTHER_THING=x"},
			want: "CUTOVER_QUITE_OTHER_THING: unknown environment variable: names that start with CUTOVER_ are reserved for the settings in " +
				"docs/configuration.md"},
		{env: Environ{"CUTOVER_DATA=a", "CUTOVER_STORE_DIR=b"}, want: "CUTOVER_DATA: store.dir: also set by CUTOVER_STORE_DIR: keep only one"},
		{env: Environ{"CUTOVER_FLAGS_RELAY_PERCENTAGE=many"},
			want: `CUTOVER_FLAGS_RELAY_PERCENTAGE: flags.relay-percentage: found "many": expected a number`},
		{env: Environ{"CUTOVER_UPSTREAMS_RELAY_PRICES=m=1"},
			want: `CUTOVER_UPSTREAMS_RELAY_PRICES: upstreams.relay.prices: found "m=1", expected JSON or MODEL=INPUT/OUTPUT in dollars per ` +
				`million tokens`},
		{env: Environ{"CUTOVER_UPSTREAMS_RELAY_MODELS_MAP=m"},
			want: `CUTOVER_UPSTREAMS_RELAY_MODELS_MAP: upstreams.relay.models.map: found "m", expected JSON or NAME=VALUE,NAME=VALUE`},
		{env: Environ{"CUTOVER_UPSTREAMS_RELAY_MODELS_MAP=m=a,m=b"},
			want: `CUTOVER_UPSTREAMS_RELAY_MODELS_MAP: upstreams.relay.models.map: "m" is set twice`},
		{env: Environ{`CUTOVER_UPSTREAMS_RELAY_PRICES={"m":`},
			want: "CUTOVER_UPSTREAMS_RELAY_PRICES: upstreams.relay.prices: not valid JSON: expected a mapping such as {gpt-4.1: {input: 2.0, " +
				"output: 8.0}}"},
		{env: Environ{"CUTOVER_UPSTREAMS_RELAY_FALLBACK_ON=429,6xx"},
			want: `CUTOVER_UPSTREAMS_RELAY_FALLBACK_ON: upstreams.relay.fallback_on: found "6xx": expected a status from 400 to 599 such as ` +
				`429, or one of 4xx and 5xx`},
		{env: Environ{"CUTOVER_LISTEN=\xff:1"}, want: "CUTOVER_LISTEN: listen: not valid UTF-8"},
	} {
		args := c.args
		if args == nil || c.file != "" {
			args = append(both(), args...)
		}
		if _, wrong := loadFrom(t, c.file, c.env, args...); !slices.Equal(wrong, []string{c.want}) {
			t.Errorf("file %q, environment %q, flags %q\n gives %q\n want  %q", c.file, c.env, args, wrong, c.want)
		}
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	_, wrong := loadFrom(t, "listen: 8080\nflags: {noise-percentage: -1}\n", Environ{"CUTOVER_XYZXYZ=1"}, "--redis", "x")
	want := []string{
		"cutover.yaml:1: listen: ",
		"CUTOVER_XYZXYZ: unknown",
		"upstreams.primary.base_url: missing",
		"upstreams.relay.base_url: missing",
		"cutover.yaml:2: flags.noise-percentage: ",
		"--redis: store.redis: ",
	}
	if len(wrong) != len(want) {
		t.Fatalf("problems %q, want %d", wrong, len(want))
	}
	for i := range want {
		if !strings.HasPrefix(wrong[i], want[i]) {
			t.Errorf("problem %d is %q, want %q...", i, wrong[i], want[i])
		}
	}
}

// TestMistypedKeyIsNotMissingToo checks that one mistake is reported in one line.
func TestMistypedKeyIsNotMissingToo(t *testing.T) {
	for file, want := range map[string]string{
		"upstreams: {primary: {base_ulr: https://p/v1}, relay: {base_url: " +
			"https://r/v1}}": "cutover.yaml:1: upstreams.primary.base_ulr: unknown key: did you " +
			"mean base_url?",
		"admin: {listen: ':8081', token: {env: ''}}\nupstreams: {primary: {base_url: https://p/v1}, relay: {base_url: " +
			"https://r/v1}}": "cutover.yaml:1: admin.token.env: expected a name as text",
		"upsteams: {primary: {base_url: https://p/v1}}": "cutover.yaml:1: upsteams: unknown key: did you mean upstreams?",
	} {
		if _, wrong := loadFrom(t, file, nil); !slices.Equal(wrong, []string{want}) {
			t.Errorf("file %q gives %q, want %q", file, wrong, want)
		}
	}
}

// TestAllowed checks what must be accepted.
func TestAllowed(t *testing.T) {
	cert, key := writePair(t, t.TempDir())
	for _, c := range []struct {
		file string
		env  Environ
		args []string
	}{
		{args: []string{"--primary", "https://p/v1"}, file: "flags: {relay-enabled: false}"},
		{args: both("--listen", ":0", "--admin-listen", "[::1]:0")},
		{args: both("--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")},
		{args: both("--admin-listen", "0.0.0.0:8081"), env: Environ{"CUTOVER_ADMIN_TOKEN=t"}},
		{args: both("--tls-cert", cert, "--tls-key", key), file: "upstreams: {relay: {ca: " + cert + "}}"},
		{args: both("--redis", "unix:///run/redis.sock")},
		{args: both("--redis", "rediss://user@redis.example:6380/1")},
		{args: both("--redis", "redis-cluster://a:1,b:2")},
		{args: both("--redis", "redis-sentinel://user@a,b/master/1")},
		{args: both("--relay", "http://127.0.0.2:8080/v1")}, // another loopback address is another machine's port
		{args: both("--relay", "http://relay:9000"), file: "upstreams: {relay: {protocol: h2c}}"},
		// What Kubernetes and Docker add for a service named cutover.
		{args: both(), env: Environ{
			"CUTOVER_SERVICE_HOST=10.0.0.1", "CUTOVER_SERVICE_PORT=80", "CUTOVER_SERVICE_PORT_HTTP=80",
			"CUTOVER_PORT=tcp://10.0.0.1:80", "CUTOVER_PORT_80_TCP=tcp://10.0.0.1:80", "CUTOVER_PORT_80_TCP_PROTO=tcp",
			"CUTOVER_PORT_80_TCP_PORT=80", "CUTOVER_PORT_80_TCP_ADDR=10.0.0.1", "CUTOVER_ADMIN_SERVICE_HOST=10.0.0.2",
			"CUTOVER_ADMIN_PORT_8081_TCP_ADDR=10.0.0.2", "PATH=/bin", "CUTOVERISH=1",
		}},
	} {
		if _, wrong := loadFrom(t, c.file, c.env, c.args...); wrong != nil {
			t.Errorf("file %q, environment %q, flags %q: %q, want no problem", c.file, c.env, c.args, wrong)
		}
	}
}

// writePair writes a certificate and its key for TLS.
func writePair(t *testing.T, dir string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		DNSNames:     []string{"localhost"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{
		cert: {Type: "CERTIFICATE", Bytes: der},
		key:  {Type: "EC PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}
