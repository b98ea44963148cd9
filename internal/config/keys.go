package config

import (
	"slices"
	"strconv"
	"strings"

	"cutover/compare"
	"cutover/flags"
	"cutover/internal/rediskeys"
)

// keyRow is one key of the configuration.
type keyRow struct {
	key  string // dotted path in the file
	def  string // default, written as in an environment variable; "" is the type's zero
	doc  string // what it means, for the table in docs/configuration.md
	flag string // flag on the command line, if there is one
	env  string // short name of the environment variable, besides the full one
}

// keyRows lists every key: the one place for defaults. Rows of both
// upstreams are written once, as "upstreams.*.".
func keyRows() []keyRow {
	var keys []keyRow
	for _, k := range configKeyTable() {
		const wild = "upstreams.*."
		if len(k.key) < len(wild) || k.key[:len(wild)] != wild {
			keys = append(keys, k)
			continue
		}
		for _, name := range []string{"primary", "relay"} {
			one := k
			one.key = "upstreams." + name + "." + k.key[len(wild):]
			keys = append(keys, one)
		}
	}
	return keys
}

// configKeyTable is the table in its order in the documentation.
func configKeyTable() []keyRow {
	return slices.Concat(
		listenerKeys(), upstreamKeys(), limitKeys(),
		credentialKeys(), timeoutKeys(), serverKeys(),
		routingKeys(), criteriaKeys(), storeKeys(), processKeys(), flagKeys(),
	)
}

// listenerKeys are the addresses that the sidecar listens on.
func listenerKeys() []keyRow {
	return []keyRow{
		{key: "listen", def: "127.0.0.1:8080", flag: "listen",
			doc: "address that callers connect to; port 0 picks a free one"},
		{key: "tls.cert", flag: "tls-cert",
			doc: "PEM file with the certificate chain sent to callers; turns TLS on, together with `tls.key`"},
		{key: "tls.key", flag: "tls-key", doc: "PEM file with the certificate's private key"},
		{key: "admin.listen", def: "127.0.0.1:8081", flag: "admin-listen",
			doc: "address of the console, the API, `/metrics`, `/healthz` and `/readyz`"},
		{key: "admin.token",
			doc: "bearer token that the admin listener requires; needed unless `admin.listen` is a loopback " +
				"address"},
	}
}

// upstreamKeys say where the providers are, how to authenticate, and what their
// models are called and cost.
func upstreamKeys() []keyRow {
	return []keyRow{
		{key: "upstreams.same_provider", def: "false",
			doc: "primary and relay are the same provider, at one `base_url`: a trial run before there is a " +
				"relay, which tests the sidecar and measures the provider's run-to-run variation. The relay's " +
				"`auth` may then be `passthrough`"},
		{key: "upstreams.primary.base_url", flag: "primary", env: "CUTOVER_PRIMARY",
			doc: "the provider that callers use today; a request for `/v1/X` goes to `base_url` + `/X`"},
		{key: "upstreams.relay.base_url", flag: "relay", env: "CUTOVER_RELAY",
			doc: "the provider to move to; required unless `flags.relay-enabled` is false"},
		{key: "upstreams.primary.auth", def: "passthrough",
			doc: "credentials: `passthrough` (the caller's own key), `none`, or one of these with a secret: " +
				"`key` (in the header that the caller's own key came in), `bearer`, `x_api_key`, `api_key`, " +
				"`header: {name, value}`, `query: {name, value}`"},
		{key: "upstreams.relay.auth", def: "none",
			doc: "credentials, as for the primary but without `passthrough`: the caller's key goes to the " +
				"primary only. If not set and `RELAY_API_KEY` is in the environment: `{key: {env: " +
				"RELAY_API_KEY}}`"},
		{key: "upstreams.*.protocol", def: "auto",
			doc: "`auto` (what TLS negotiates, otherwise HTTP/1.1), `http1`, `h2` (https only) or `h2c` (http " +
				"only)"},
		{key: "upstreams.*.ca", doc: "PEM file of root certificates to trust instead of the system's"},
		{key: "upstreams.*.models.map", doc: "model that the caller asks for -> model of this upstream"},
		{key: "upstreams.*.models.prefix", def: "false",
			doc: "if no name in the map matches exactly, use the longest one that the model's name starts with"},
		{key: "upstreams.*.models.default",
			doc: "model for names that the map does not have; empty: the name stays as it is"},
		{key: "upstreams.*.models.strict", def: "false",
			doc: "never send a model that neither map nor default covers"},
		{key: "upstreams.*.models.show_requested", def: "false",
			doc: "responses name the model that the caller asked for, where a map replaced it"},
		{key: "upstreams.*.models.streaming.map",
			doc: "like `models.map`, for streamed calls (`stream: true`); looked up before `models.map`"},
		{key: "upstreams.*.models.streaming.default",
			doc: "like `models.default`, for streamed calls; takes precedence over `models.default`"},
		{key: "upstreams.*.models.batch.map",
			doc: "like `models.map`, for calls that are not streamed and for the lines of batch jobs; looked " +
				"up before `models.map`. Does not apply to embeddings, moderations and token counts, nor does " +
				"`models.streaming`"},
		{key: "upstreams.*.models.batch.default",
			doc: "like `models.default`, for calls that are not streamed and for the lines of batch jobs; " +
				"takes precedence over `models.default`"},
		{key: "upstreams.*.prices", doc: "model -> `{input, output}` in dollars per million tokens"},
	}
}

// limitKeys bound the calls to a provider and say what happens when they fail.
func limitKeys() []keyRow {
	return []keyRow{
		{key: "upstreams.*.limits.rpm", def: "0", doc: "requests per minute; 0: no limit"},
		{key: "upstreams.*.limits.tpm", def: "0", doc: "tokens per minute; 0: no limit"},
		{key: "upstreams.*.limits.concurrency", def: "0", doc: "concurrent calls; 0: no limit"},
		{key: "upstreams.*.limits.wait", def: "2s",
			doc: "how long a served call waits for capacity within the limits before it falls back; shadow " +
				"requests never wait"},
		{key: "upstreams.*.hosted_tools",
			doc: "tools run by the provider that this upstream has as the primary does: `web_search`, `code_interpreter`, `mcp`, ...; " +
				"a request that offers one the relay lacks stays with the primary and is not mirrored"},
		{key: "upstreams.*.fallback_on", def: "401,402,403,404,405,408,409,410,413,429,5xx",
			doc: "statuses and classes of statuses for which the other provider's response replaces this " +
				"upstream's, and which are retried if `retry` allows it; any other response is passed on " +
				"unchanged. `[]`: no status triggers fallback"},
		{key: "upstreams.*.retry.attempts", def: "1",
			doc: "maximum calls to this upstream per request, before anything has reached the caller; 1: no " +
				"retries. Callers' SDKs already retry"},
		{key: "upstreams.*.retry.base", def: "500ms",
			doc: "longest wait before the first retry, drawn at random; doubles with each retry. `Retry-After` " +
				"and similar headers take precedence"},
		{key: "upstreams.*.retry.max", def: "8s", doc: "longest wait before any retry"},
		{key: "upstreams.*.retry.budget", def: "0.1",
			doc: "retries as a share of the requests; prevents retry storms"},
		{key: "upstreams.primary.breaker.enabled", def: "false", doc: "stop calling it while it keeps failing"},
		{key: "upstreams.relay.breaker.enabled", def: "true",
			doc: "stop serving from it while it keeps failing; its share falls back to the primary at once"},
		{key: "upstreams.*.breaker.error_rate", def: "0.5",
			doc: "share of failed calls within 30 s at which the circuit breaker opens, 0-1"},
		{key: "upstreams.*.breaker.min_calls", def: "20",
			doc: "minimum calls within 30 s before the circuit breaker can open"},
		{key: "upstreams.*.breaker.slow_after", def: "0s",
			doc: "calls that take longer to start responding count as slow, and the circuit breaker opens if 9 " +
				"of 10 are slow; 0: none is slow"},
		{key: "upstreams.*.breaker.open_for", def: "10s",
			doc: "how long the circuit breaker stays open the first time; doubles each time it reopens, up to " +
				"2m"},
	}
}

// credentialKeys say what a key looks like, and what shadow requests reveal
// about end users.
func credentialKeys() []keyRow {
	return []keyRow{
		{key: "upstreams.*.keys.prefix",
			doc: "what every key of this upstream starts with, checked at startup and when its file changes"},
		{key: "upstreams.*.keys.min_length", def: "0",
			doc: "minimum length of a key in characters, checked at startup and when its file changes"},
		{key: "upstreams.*.forward_headers",
			doc: "request headers to forward to this upstream in addition to the allowlist (content type and encoding, API " +
				"versions, `user-agent`, `x-stainless-*`, trace context and similar). The relay gets no other headers from " +
				"callers; for the primary this applies to shadow requests only. `/api/v1/status` lists what was withheld"},
		{key: "upstreams.*.forward_query",
			doc: "query parameters to forward to the relay in addition to `api-version`, `beta` and those that select a page or " +
				"part of a result; it gets no other parameters from callers"},
		{key: "upstreams.*.shadow_identity.user", def: "drop",
			doc: "what shadow requests tell this upstream about end users (`user`, `safety_identifier`, " +
				"`metadata.user_id`): `drop`, `hash` (with `shadow_identity.key`) or `keep`"},
		{key: "upstreams.*.shadow_identity.metadata", def: "drop",
			doc: "the rest of `metadata` in shadow requests: `drop` or `keep`"},
		{key: "upstreams.*.shadow_identity.key",
			doc: "secret of at least 16 bytes for `shadow_identity.user: hash`, the same on all sidecars of a fleet; " +
				"without one each process generates its own"},
	}
}

// timeoutKeys bound the duration of calls and the connections to a provider.
func timeoutKeys() []keyRow {
	return []keyRow{
		{key: "upstreams.*.timeouts.connect", def: "10s", doc: "for connecting, including the TLS handshake"},
		// The primary gets no limit of its own below what callers accept
		// today: the sidecar must not end a call that would have succeeded
		// without it.
		{key: "upstreams.primary.timeouts.header", def: "0s",
			doc: "until the response header; 0: the caller's own timeout decides"},
		{key: "upstreams.relay.timeouts.header", def: "60s",
			doc: "until the response header; then the call falls back"},
		{key: "upstreams.primary.timeouts.plain", def: "0s",
			doc: "the same for responses that are not streamed, whose header comes only when the whole " +
				"response is ready; 0: same as `header`"},
		{key: "upstreams.relay.timeouts.plain", def: "5m",
			doc: "the same for responses that are not streamed, whose header comes only when the whole " +
				"response is ready; 0: same as `header`"},
		{key: "upstreams.primary.timeouts.first_token", def: "0s",
			doc: "from the header to the first content of a stream; 0: no limit"},
		{key: "upstreams.relay.timeouts.first_token", def: "2m",
			doc: "from the header to the first content of a stream; then the call falls back. Models think in silence for " +
				"up to a minute. A caller that names its own timeout (`X-Stainless-Timeout`) gets the fallback in time for that"},
		{key: "upstreams.primary.timeouts.idle", def: "0s", doc: "silence in the middle of a response; 0: no limit"},
		{key: "upstreams.relay.timeouts.idle", def: "60s",
			doc: "silence in the middle of a response, after which it counts as broken"},
		{key: "upstreams.*.timeouts.total", def: "0s", doc: "for a whole call; 0: no limit"},
		{key: "upstreams.*.connections.max_idle", def: "2048", doc: "maximum idle connections kept open"},
		{key: "upstreams.*.connections.idle_timeout", def: "2m", doc: "how long an idle connection is kept"},
		{key: "upstreams.*.connections.max_age", def: "10m",
			doc: "age at which a connection gets no more calls, up to a quarter earlier at random, so that changes of DNS are " +
				"noticed; calls on it are not cut; 0: any age"},
		{key: "upstreams.*.connections.ping", def: "15s",
			doc: "silence after which an HTTP/2 connection is pinged; it is closed if there is no reply for " +
				"the same time again (15 s at most); 0: never"},
	}
}

// serverKeys bound what callers may do, and say what is captured and which headers
// are added.
func serverKeys() []keyRow {
	return []keyRow{
		{key: "server.max_header_bytes", def: "1MiB", doc: "largest request header"},
		{key: "server.read_header_timeout", def: "10s", doc: "for a request header to arrive"},
		{key: "server.idle_timeout", def: "2m", doc: "how long a caller's idle connection is kept"},
		{key: "server.read_stall_timeout", def: "1m",
			doc: "how long a caller may send nothing in the middle of a request body"},
		{key: "server.write_stall_timeout", def: "1m",
			doc: "how long a caller may stop reading in the middle of a response"},
		{key: "server.max_connections", def: "0",
			doc: "maximum open connections from callers; further ones wait to be accepted; 0: as many as the limit on open " +
				"files allows, at three files per connection"},
		{key: "server.accept_wait", def: "5s",
			doc: "how long a new connection waits while `server.max_connections` are open; then it gets a 503 with `Retry-After`"},
		{key: "server.held_bodies", def: "256MiB",
			doc: "memory for all request bodies that are held (see `capture.limit`) together; requests beyond that stream " +
				"through to the primary, unmirrored"},
		{key: "server.min_upload_rate", def: "1KiB",
			doc: "least rate per second at which a caller has to send a body that is held, over `server.read_stall_timeout`; " +
				"slower ones get a 408; 0: any rate"},
		{key: "server.max_body", def: "1GiB", doc: "largest request body; 0: no limit"},
		{key: "server.stream_keepalive", def: "0s",
			doc: "silence after which a caller that asked for a stream gets a comment (`: keep-alive`), so " +
				"that load balancers and proxies do not cut the connection; 0: never"},
		{key: "server.models", def: "primary",
			doc: "whose models `/v1/models` lists: `primary`, its list unchanged, or `merged`: the " +
				"reference's, and those of the other provider that the caller's requests would reach"},
		{key: "server.websockets", def: "primary",
			doc: "what happens to WebSockets for inference endpoints such as `/v1/responses`: `primary` connects them to the " +
				"primary, whatever the percentages say, and mirrors nothing; `refuse` responds with 426, and clients call over HTTP"},
		{key: "capture.limit", def: "8MiB",
			doc: "bodies up to this size are held in memory once and can be mirrored and retried; larger ones " +
				"stream through"},
		{key: "capture.mode", def: "redacted",
			doc: "what kept pairs contain of requests and responses: `full`, `redacted` (without addresses, " +
				"numbers and keys, people's ids hashed), `hashes` or `none`; keys of the sidecar and of the request itself are in none of them"},
		{key: "capture.samples", def: "200",
			doc: "pairs kept for inspection: this many each of the worst, the newest and a random sample"},
		{key: "capture.retention", def: "168h", doc: "how long they are kept"},
		{key: "capture.max_bytes", def: "256MiB", doc: "their total size"},
		{key: "capture.key", env: "CUTOVER_SAMPLES_KEY",
			doc: "secret of at least 16 bytes that encrypts them at rest (AES-GCM); without one they are not " +
				"encrypted"},
		{key: "headers.served_by", def: "true", doc: "add `X-Cutover-Served-By` to responses"},
		{key: "headers.request_id", def: "true", doc: "add `X-Cutover-Request-Id` to responses"},
		{key: "headers.forwarded", def: "false", doc: "send `X-Forwarded-For`, `-Host` and `-Proto` to upstreams"},
		{key: "headers.tenant", def: "X-Cutover-Tenant", doc: "request header that names the tenant"},
	}
}

// routingKeys shape fallback and mirroring.
func routingKeys() []keyRow {
	return []keyRow{
		{key: "fallback.replace_reference", def: "false", doc: "also let the relay step in when the reference fails"},
		{key: "fallback.min_tokens_per_second", def: "0",
			doc: "a response of the relay that starts slower than this is replaced before the caller sees it; " +
				"0: any speed is accepted"},
		{key: "fallback.hedge_after", def: "0s",
			doc: "when the relay has sent nothing for this long, the reference is called as well, and the " +
				"first to respond serves: a duration, or `p50` to `p99.9` of the relay's own latency over the " +
				"last 5 to 10 minutes (per model, once 30 calls are known; streams: to the first content, " +
				"others: to the end); 0: never"},
		{key: "fallback.hedge_budget", def: "0.05", doc: "such second calls as a share of the relay's requests"},

		{key: "shadow.max_concurrency", def: "256", doc: "concurrent shadow requests; more are dropped and counted"},
		{key: "shadow.max_bytes", def: "256MiB",
			doc: "memory for the bodies of shadow requests that are waiting or in flight"},
		{key: "shadow.max_rps", def: "0", doc: "shadow requests per second; 0: no limit"},
		{key: "shadow.budget_usd_per_day", def: "0",
			doc: "dollars that shadow requests may cost per day, according to `prices`; 0: no limit"},
		{key: "shadow.exclude",
			doc: "what is never mirrored: endpoints (`embeddings`), `tenant:NAME`, `model:NAME`, `path:PATH`; " +
				"names and paths may end in `*`"},
	}
}

// storeKeys say where flags, samples and summaries are kept.
func storeKeys() []keyRow {
	return []keyRow{
		{key: "store.redis", flag: "redis", env: "CUTOVER_REDIS",
			doc: "`redis://` or `rediss://` URL, shared by the fleet; one with a password is given as a " +
				"secret: `{env: NAME}` or `{file: PATH}`"},
		{key: "store.redis_username", doc: "user name for Redis, instead of one in the URL"},
		{key: "store.redis_password", env: "CUTOVER_REDIS_PASSWORD",
			doc: "password for Redis, as a secret, instead of one in the URL"},
		{key: "store.redis_sentinel_username", doc: "user name for the Sentinels themselves"},
		{key: "store.redis_sentinel_password", doc: "password for the Sentinels themselves, as a secret"},
		{key: "store.redis_ca", doc: "PEM file of the CAs that issued Redis' certificate (`rediss` URLs)"},
		{key: "store.redis_cert", doc: "PEM file with the client certificate for Redis; needs `store.redis_key`"},
		{key: "store.redis_key", doc: "PEM file with that certificate's private key"},
		{key: "store.dir", def: "./cutover-data", flag: "data", env: "CUTOVER_DATA",
			doc: "directory of the embedded store and the last good flags"},
		{key: "store.namespace", def: rediskeys.DefaultNamespace, env: "CUTOVER_NAMESPACE",
			doc: "the fleet that this sidecar belongs to: part of every key in Redis"},
	}
}

// processKeys are the flags file, logging and shutdown.
func processKeys() []keyRow {
	return []keyRow{
		{key: "flags.file", doc: "YAML or JSON file of flags, watched for changes"},

		{key: "log.level", def: "info", doc: "`trace`, `debug`, `info`, `warn`, `error` or `disabled`"},
		{key: "log.format", def: "auto", doc: "`json`, `console`, or `auto`: console on a terminal, otherwise json"},
		{key: "shutdown.drain", def: "30s", doc: "how long a shutdown waits for in-flight responses; then they are cut off"},
		{key: "shutdown.delay", def: "15s",
			doc: "how long new requests are still accepted after SIGTERM: `/readyz` fails at once, responses have " +
				"`Connection: close`, and the listener closes when nothing has been in flight for half a second, or after this " +
				"time; at most half of `shutdown.drain`; 0: it closes at once"},
	}
}

// criteriaKeys are the numbers by which reports decide, which package compare
// defines.
func criteriaKeys() []keyRow {
	var rows []keyRow
	for _, c := range compare.CriterionTable() {
		rows = append(rows, keyRow{
			key: "criteria." + c.Key, def: strconv.FormatFloat(c.Default, 'f', -1, 64), doc: c.Meaning,
		})
	}
	return rows
}

// flagKeys are the initial values of the flags, which package flags defines.
func flagKeys() []keyRow {
	var rows []keyRow
	for _, d := range flags.Definitions() {
		row := keyRow{key: flagKey(d), def: d.Default, doc: d.Meaning}
		switch {
		case d.Type == "percentage":
			row.doc += "; 0-100"
		case len(d.Allowed) > 0:
			row.doc += ": `" + strings.Join(d.Allowed, "` or `") + "`"
		}
		rows = append(rows, row)
	}
	return rows
}

// flagKey is the key of a flag in the configuration.
func flagKey(d flags.Definition) string { return "flags." + d.Key }
