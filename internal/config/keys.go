package config

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

func configKeyTable() []keyRow {
	return []keyRow{
		{key: "listen", def: "127.0.0.1:8080", flag: "listen", doc: "address on which callers are served; port 0 takes a free one"},
		{key: "tls.cert", flag: "tls-cert", doc: "PEM file with the certificate chain shown to callers; with `tls.key` it turns TLS on"},
		{key: "tls.key", flag: "tls-key", doc: "PEM file with the certificate's private key"},
		{key: "admin.listen", def: "127.0.0.1:8081", flag: "admin-listen", doc: "address of the console, the API, `/metrics`, `/healthz` and `/readyz`"},
		{key: "admin.token", doc: "bearer token that the admin listener asks for; required when `admin.listen` is not a loopback address"},

		{key: "upstreams.rehearsal", def: "false", doc: "primary and relay are one provider, at one `base_url`: proves the sidecar, and measures how much a provider differs from itself, before there is a relay. The relay's `auth` may then be `passthrough`"},
		{key: "upstreams.primary.base_url", flag: "primary", env: "CUTOVER_PRIMARY", doc: "the provider that callers use today; a request for `/v1/X` goes to `base_url` + `/X`"},
		{key: "upstreams.relay.base_url", flag: "relay", env: "CUTOVER_RELAY", doc: "the provider to move to; needed unless `flags.relay-enabled` is false"},
		{key: "upstreams.primary.auth", def: "passthrough", doc: "credentials: `passthrough` (the caller's own key), `none`, or with a secret one of `key` (in the header in which the caller's own key came), `bearer`, `x_api_key`, `api_key`, `header: {name, value}`, `query: {name, value}`"},
		{key: "upstreams.relay.auth", def: "none", doc: "credentials, as for the primary but without `passthrough`: the caller's key goes to the primary only. When not set and `RELAY_API_KEY` is in the environment: `{key: {env: RELAY_API_KEY}}`"},
		{key: "upstreams.*.protocol", def: "auto", doc: "`auto` (what TLS negotiates, else HTTP/1.1), `http1`, `h2` (https only) or `h2c` (http only)"},
		{key: "upstreams.*.ca", doc: "PEM file of root certificates to trust in place of the system's"},
		{key: "upstreams.*.models.map", doc: "model asked for -> model of this upstream"},
		{key: "upstreams.*.models.prefix", def: "false", doc: "when no name of the map matches exactly, take the longest that the model's name begins with"},
		{key: "upstreams.*.models.default", doc: "model for names that the map does not know; empty: the name stays as it is"},
		{key: "upstreams.*.models.strict", def: "false", doc: "never send a model that neither map nor default covers"},
		{key: "upstreams.*.models.show_asked", def: "false", doc: "answers name the model that the caller asked for, where a map put another in its place"},
		{key: "upstreams.*.models.streaming.map", doc: "like `models.map`, for streamed calls (`stream: true`); it is asked before `models.map`"},
		{key: "upstreams.*.models.streaming.default", doc: "like `models.default`, for streamed calls; it comes before `models.default`"},
		{key: "upstreams.*.models.batch.map", doc: "like `models.map`, for calls that are not streamed, and for the lines of batch jobs; it is asked before `models.map`. Embeddings, moderations and counts of tokens are of neither use"},
		{key: "upstreams.*.models.batch.default", doc: "like `models.default`, for calls that are not streamed, and for the lines of batch jobs; it comes before `models.default`"},
		{key: "upstreams.*.prices", doc: "model -> `{input, output}` in dollars per million tokens"},
		{key: "upstreams.*.limits.rpm", def: "0", doc: "requests per minute; 0: no limit"},
		{key: "upstreams.*.limits.tpm", def: "0", doc: "tokens per minute; 0: no limit"},
		{key: "upstreams.*.limits.concurrency", def: "0", doc: "calls at the same time; 0: no limit"},
		{key: "upstreams.*.limits.wait", def: "2s", doc: "how long a served call waits for room within the limits before it falls back; a mirrored one never waits"},
		{key: "upstreams.*.fallback_on", def: "401,402,403,404,405,408,409,410,413,429,5xx", doc: "statuses and classes of statuses of which this upstream's answers are replaced by the other provider's, and retried where `retry` says so; any other answer is passed on as it is. `[]`: no answer is replaced for its status"},
		{key: "upstreams.*.retry.attempts", def: "1", doc: "calls of one request to this upstream, before anything has reached the caller; 1: no retries. Callers' SDKs retry by themselves"},
		{key: "upstreams.*.retry.base", def: "500ms", doc: "longest wait before the first retry; doubled each time, drawn at random. `Retry-After` and the like come before it"},
		{key: "upstreams.*.retry.max", def: "8s", doc: "longest wait before a retry"},
		{key: "upstreams.*.retry.budget", def: "0.1", doc: "retries as a share of the requests: stops storms"},
		{key: "upstreams.primary.breaker.enabled", def: "false", doc: "stop calling it while it keeps failing"},
		{key: "upstreams.relay.breaker.enabled", def: "true", doc: "stop serving from it while it keeps failing; its share goes to the primary at once"},
		{key: "upstreams.*.breaker.error_rate", def: "0.5", doc: "share of failed calls within 30 s from which the breaker opens, 0-1"},
		{key: "upstreams.*.breaker.min_calls", def: "20", doc: "fewer calls within 30 s never open it"},
		{key: "upstreams.*.breaker.slow_after", def: "0s", doc: "calls that take longer to speak count as slow, and 9 in 10 of those open it; 0: none is slow"},
		{key: "upstreams.*.breaker.open_for", def: "10s", doc: "how long it stays open at first; doubled each time in a row, up to 2m"},
		{key: "upstreams.*.keys.prefix", doc: "what every key of this upstream begins with, checked at start and when its file changes"},
		{key: "upstreams.*.keys.min_length", def: "0", doc: "characters that a key has at least, checked at start and when its file changes"},
		{key: "upstreams.*.copy.user", def: "drop", doc: "what mirrored copies tell this upstream of the caller's people (`user`, `safety_identifier`, `metadata.user_id`): `drop`, `hash` (by `copy.key`) or `keep`"},
		{key: "upstreams.*.copy.metadata", def: "drop", doc: "the rest of `metadata` in mirrored copies: `drop` or `keep`"},
		{key: "upstreams.*.copy.key", doc: "secret of at least 16 bytes for `copy.user: hash`, the same on all sidecars of a fleet; without one each process draws its own"},
		{key: "upstreams.*.timeouts.connect", def: "10s", doc: "for connection and TLS handshake"},
		// The primary gets no limit of its own below what callers accept
		// today: the sidecar must not end a call that would have succeeded
		// without it.
		{key: "upstreams.primary.timeouts.header", def: "0s", doc: "until the answer's header; 0: the caller's patience decides"},
		{key: "upstreams.relay.timeouts.header", def: "60s", doc: "until the answer's header; then the call falls back"},
		{key: "upstreams.primary.timeouts.plain", def: "0s", doc: "the same for answers that are not streamed, whose header comes when all of it is made; 0: as `header`"},
		{key: "upstreams.relay.timeouts.plain", def: "5m", doc: "the same for answers that are not streamed, whose header comes when all of it is made; 0: as `header`"},
		{key: "upstreams.primary.timeouts.first_token", def: "0s", doc: "from the header to the first content of a stream; 0: no limit"},
		{key: "upstreams.relay.timeouts.first_token", def: "30s", doc: "from the header to the first content of a stream; then the call falls back"},
		{key: "upstreams.primary.timeouts.idle", def: "0s", doc: "silence inside an answer; 0: no limit"},
		{key: "upstreams.relay.timeouts.idle", def: "60s", doc: "silence inside an answer, after which it counts as broken"},
		{key: "upstreams.*.timeouts.total", def: "0s", doc: "for a whole call; 0: no limit"},
		{key: "upstreams.*.connections.max_idle", def: "2048", doc: "idle connections kept open"},
		{key: "upstreams.*.connections.idle_timeout", def: "2m", doc: "how long an idle connection is kept"},
		{key: "upstreams.*.connections.ping", def: "15s", doc: "after so long a silence an HTTP/2 connection is asked whether it is alive, and given up when it does not answer for as long again (15 s at most); 0: never asked"},

		{key: "server.max_header_bytes", def: "1MiB", doc: "largest request header"},
		{key: "server.read_header_timeout", def: "10s", doc: "for a request's header to arrive"},
		{key: "server.idle_timeout", def: "2m", doc: "how long a caller's idle connection is kept"},
		{key: "server.read_stall_timeout", def: "1m", doc: "how long a caller may send nothing in the middle of a body"},
		{key: "server.write_stall_timeout", def: "1m", doc: "how long a caller may take nothing of an answer that waits for it"},
		{key: "server.max_body", def: "1GiB", doc: "largest request body; 0: no limit"},
		{key: "server.stream_keepalive", def: "0s", doc: "silence after which a caller that asked for a stream gets a comment (`: keep-alive`), so that balancers and proxies on the way keep the connection; 0: never"},
		{key: "server.models", def: "primary", doc: "whose models `/v1/models` lists: `primary`, as it answers, or `merged`: the reference's, and those of the other provider that the caller's requests would reach"},
		{key: "capture.limit", def: "8MiB", doc: "bodies up to this size are held in memory once and can be mirrored and retried; larger ones stream through"},
		{key: "capture.mode", def: "redacted", doc: "what kept pairs hold of what was said: `full`, `redacted` (without addresses, numbers and keys), `hashes` or `none`"},
		{key: "capture.samples", def: "200", doc: "pairs kept for people to look at: so many of the worst, of the newest and drawn at random"},
		{key: "capture.retention", def: "168h", doc: "how long they are kept"},
		{key: "capture.max_bytes", def: "256MiB", doc: "size of all of them together"},
		{key: "capture.key", env: "CUTOVER_SAMPLES_KEY", doc: "secret of at least 16 bytes with which they are encrypted at rest (AES-GCM); without one they are not"},
		{key: "headers.served_by", def: "true", doc: "answers bear `X-Cutover-Served-By`"},
		{key: "headers.request_id", def: "true", doc: "answers bear `X-Cutover-Request-Id`"},
		{key: "headers.forwarded", def: "false", doc: "upstreams get `X-Forwarded-For`, `-Host` and `-Proto`"},
		{key: "headers.tenant", def: "X-Cutover-Tenant", doc: "request header that names the tenant"},

		{key: "fallback.replace_reference", def: "false", doc: "let the relay answer where the reference fails, too"},
		{key: "fallback.min_tokens_per_second", def: "0", doc: "an answer of the relay that is slower at its beginning is replaced before it is seen; 0: any speed will do"},
		{key: "fallback.hedge_after", def: "0s", doc: "when the relay has said nothing for so long, the reference is called as well, and whoever speaks first serves: a duration, or `p50` to `p99.9` of the relay's own times in the last 5 to 10 minutes (of each model, once 30 calls are known; streams: to the first content, others: to the end); 0: never"},
		{key: "fallback.hedge_budget", def: "0.05", doc: "such second calls as a share of the relay's requests"},

		{key: "shadow.max_concurrency", def: "256", doc: "mirrored calls at the same time; more are dropped and counted"},
		{key: "shadow.max_bytes", def: "256MiB", doc: "memory for bodies that wait for or take part in mirrored calls"},
		{key: "shadow.max_rps", def: "0", doc: "mirrored calls per second; 0: no limit"},
		{key: "shadow.budget_usd_per_day", def: "0", doc: "dollars that mirrored calls may cost per day, by `prices`; 0: no limit"},
		{key: "shadow.exclude", doc: "what is never mirrored: endpoints (`embeddings`), `tenant:NAME`, `model:NAME`, `path:PATH`; names and paths may end in `*`"},

		{key: "store.redis", flag: "redis", env: "CUTOVER_REDIS", doc: "`redis://` or `rediss://` URL, shared by the fleet; one with a password as a secret: `{env: NAME}` or `{file: PATH}`"},
		{key: "store.redis_username", doc: "user for Redis, instead of one in the URL"},
		{key: "store.redis_password", env: "CUTOVER_REDIS_PASSWORD", doc: "password for Redis, as a secret, instead of one in the URL"},
		{key: "store.redis_sentinel_username", doc: "user for the Sentinels themselves"},
		{key: "store.redis_sentinel_password", doc: "password for the Sentinels themselves, as a secret"},
		{key: "store.redis_ca", doc: "PEM file of the authorities that Redis' certificate comes from (`rediss` URLs)"},
		{key: "store.redis_cert", doc: "PEM file with the certificate to show to Redis; with `store.redis_key`"},
		{key: "store.redis_key", doc: "PEM file with that certificate's private key"},
		{key: "store.dir", def: "./cutover-data", flag: "data", env: "CUTOVER_DATA", doc: "directory of the embedded store and of the last good flags"},
		{key: "store.namespace", def: "default", env: "CUTOVER_NAMESPACE", doc: "which fleet this sidecar belongs to: part of every key in Redis"},

		{key: "flags.file", doc: "YAML or JSON file of flags that is watched for changes"},
		{key: "flags.relay-enabled", def: "true", doc: "off: the relay gets nothing at all. The kill switch"},
		{key: "flags.relay-percentage", def: "0", doc: "share of callers that the relay serves, 0-100"},
		{key: "flags.shadow-percentage", def: "0", doc: "share of requests mirrored to the provider that did not serve, 0-100"},
		{key: "flags.noise-percentage", def: "0", doc: "share of mirrored requests for which the primary is called twice, 0-100"},
		{key: "flags.fallback-enabled", def: "true", doc: "a failing relay is hidden by the primary"},
		{key: "flags.primary-provider", def: "primary", doc: "which of the two is the reference: `primary` or `relay`"},

		{key: "log.level", def: "info", doc: "`trace`, `debug`, `info`, `warn`, `error` or `disabled`"},
		{key: "log.format", def: "auto", doc: "`json`, `console`, or `auto`: console on a terminal, json otherwise"},
		{key: "shutdown.drain", def: "30s", doc: "how long a stop waits for open answers"},
	}
}
