package admin

import (
	"net/http"
	"reflect"
	"slices"

	"cutover/flags"
)

// operation is one route as the document describes it.
type operation struct {
	method, path, id, tag, summary string
	details                        string // optional
	parameters                     []parameter
	body                           *content
	responses                      map[int]content
}

// parameter is part of the path or of the query.
type parameter struct {
	name, description string
	in                string         // "query" if empty
	required          bool           // those in the path always are
	schema            map[string]any // a string if nil
	example           any
}

// content is a body.
type content struct {
	description string
	kind        string       // media type; empty: application/json, or none if there is no body
	model       reflect.Type // of JSON
	schema      map[string]any
	example     any
	// others are further media types of the same body.
	others []string
}

func jsonBody[T any](description string, example T) content {
	return content{description: description, kind: "application/json", model: reflect.TypeFor[T](), example: example}
}

func failure(description, sentence string) content {
	return jsonBody(description, ErrorBody{Error: sentence})
}

func query(name, description string, schema map[string]any, example any) parameter {
	return parameter{name: name, description: description, schema: schema, example: example}
}

// scope are the parameters of everything that looks at pairs.
func scope() []parameter {
	return []parameter{
		query("since", "Only requests since then: a moment (RFC 3339) or a span before now such as `90m`, `24h` or `7d`.", nil, "24h"),
		query("model", "Only requests for this model, as callers name it.", nil, "gpt-4o"),
		query("endpoint", "Only requests to this endpoint.", nil, "chat.completions"),
	}
}

// selection are the parameters of lists of results.
func selection(limit string) []parameter {
	return append(scope(),
		query("code", "Only results that have a finding with this code; an unknown code finds nothing.", nil, "tools.schema"),
		query("severity", "Only results whose worst finding is at least this severe.", refTo("Severity"), "major"),
		query("limit", limit, map[string]any{"type": "integer", "minimum": 1}, 20),
	)
}

func whoAndWhy() []parameter {
	return []parameter{
		query("who", "Who does it, for the audit. Left out: `admin token` or `admin API`.", nil, "ann@laptop"),
		query("why", "The reason, for the audit.", nil, "canary is done"),
	}
}

func format(names ...string) parameter {
	return query(
		"format",
		"What to return. `json` is the default.",
		map[string]any{"type": "string", "enum": names, "default": "json"},
		names[0],
	)
}

func flagKey() parameter {
	return parameter{
		name: "key", in: "path", description: "The flag's OpenFeature key: one of the listed ones, or that of any other flag in the store.",
		schema: map[string]any{"anyOf": []any{
			map[string]any{"type": "string", "enum": flags.Keys()},
			map[string]any{"type": "string", "minLength": 1, "maxLength": 128},
		}},
		example: flags.KeyRelayPercentage,
	}
}

// operations are all routes, grouped as a reader looks for them.
func operations() []operation {
	return slices.Concat(probeOperations(), evidenceOperations(), flagOperations(), flagFileOperations())
}

func probeOperations() []operation {
	ready := jsonBody("The sidecar takes requests.", Readiness{Ready: true, Flags: exampleState()})
	draining := jsonBody("The sidecar is draining: send no more requests.", Readiness{Draining: true, Flags: exampleState()})
	alive := content{
		description: "The process is alive.",
		kind:        "text/plain",
		schema:      map[string]any{"type": "string", "const": "ok\n"},
		example:     "ok\n",
	}
	return []operation{
		{
			method: http.MethodGet, path: "/healthz", id: "live", tag: "sidecar", summary: "Liveness probe; needs no token",
			responses: map[int]content{200: alive},
		},
		{
			method: http.MethodHead, path: "/healthz", id: "liveHead", tag: "sidecar", summary: "Liveness probe without a body",
			responses: map[int]content{200: {description: "The process is alive."}},
		},
		{
			method: http.MethodGet, path: "/readyz", id: "ready", tag: "sidecar", summary: "Readiness probe; needs no token",
			details:   "STALE flags do not make a sidecar unready: it serves by their last good values.",
			responses: map[int]content{200: ready, 503: draining},
		},
		{
			method: http.MethodHead, path: "/readyz", id: "readyHead", tag: "sidecar", summary: "Readiness probe without a body",
			responses: map[int]content{200: {description: "The sidecar takes requests."}, 503: {description: "The sidecar is draining."}},
		},
		{
			method: http.MethodGet, path: "/api/v1/status", id: "status", tag: "sidecar", summary: "State of this sidecar",
			responses: map[int]content{200: jsonBody("The state at this moment; counts are since the start.", exampleStatus())},
		},
		{
			method: http.MethodGet, path: "/metrics", id: "metrics", tag: "sidecar", summary: "Metrics for Prometheus",
			responses: map[int]content{200: {
				description: "The metrics that docs/reference.md lists, in the text format or the one that Accept asks for.",
				kind:        "text/plain", schema: map[string]any{"type": "string"}, others: []string{"application/openmetrics-text"},
			}},
		},
		{
			method: http.MethodGet, path: "/api/v1/openapi.json", id: "openAPI", tag: "sidecar", summary: "This document",
			responses: map[int]content{200: {
				description: "OpenAPI 3.1.", kind: "application/json",
				schema: map[string]any{"type": "object", "required": []string{"openapi", "info", "paths"}},
			}},
		},
	}
}

func evidenceOperations() []operation {
	invalid := failure(
		"A parameter is invalid.",
		`since: "yesterday" is neither a span like 90m, 24h or 7d nor a moment like 2006-01-02T15:04:05Z`,
	)
	unreadable := failure("The store can't be read.", "store: the samples can't be read: database not open")
	report := jsonBody("The report.", exampleReport())
	report.others = []string{"text/html", "text/markdown", "text/plain"}
	sample := jsonBody("The sample.", exampleSample())
	sample.others = []string{"text/html", "text/plain"}
	return []operation{
		{
			method: http.MethodGet, path: "/", id: "console", tag: "evidence", summary: "The console: the report as a page",
			responses: map[int]content{
				200: {description: "A page without scripts that loads nothing.", kind: "text/html"},
				500: {description: "The report can't be made.", kind: "text/plain", schema: map[string]any{"type": "string"}},
			},
		},
		{
			method: http.MethodGet, path: "/api/v1/report", id: "report", tag: "evidence",
			summary:    "What the comparisons come to: is the relay as good as the primary?",
			parameters: append(scope(), format("json", "text", "markdown", "html")),
			responses:  map[int]content{200: report, 400: invalid, 500: unreadable},
		},
		{
			method:     http.MethodGet,
			path:       "/api/v1/results",
			id:         "results",
			tag:        "evidence",
			summary:    "Results of single comparisons, newest last",
			parameters: selection("The newest so many."),
			details:    "Without limit, the newest 100. Results hold no text of requests or responses.",
			responses:  map[int]content{200: jsonBody("The results.", exampleResults()), 400: invalid, 500: unreadable},
		},
		{
			method:     http.MethodGet,
			path:       "/api/v1/samples",
			id:         "samples",
			tag:        "evidence",
			summary:    "Results of the pairs that were kept as samples, newest last",
			parameters: selection("The newest so many; left out: all."),
			responses:  map[int]content{200: jsonBody("The results.", exampleResults()), 400: invalid, 500: unreadable},
		},
		{
			method: http.MethodGet, path: "/api/v1/samples/{id}", id: "sample", tag: "evidence",
			summary: "One sample: a request and both responses, as far as capture.mode keeps them",
			parameters: []parameter{
				{name: "id", in: "path", description: "The id of the result.", example: exampleResults().Results[0].ID},
				format("json", "text", "html"),
			},
			responses: map[int]content{
				200: sample, 400: failure("The format is unknown.", "format: found \"pdf\", expected json, html or text"),
				404: failure("There is no sample with this id, or no longer.", "there is no such sample"), 500: unreadable,
			},
		},
		{
			method: http.MethodGet, path: "/api/v1/rollout", id: "rollout", tag: "evidence",
			summary: "What the evidence allows: hold, advance or roll back",
			details: "Nothing is changed by it: whoever agrees sets relay-percentage.",
			responses: map[int]content{
				200: jsonBody("The verdict on the weight in force.", exampleRollout()),
				503: failure("The store can't be read.", "store: the summaries can't be read: i/o timeout"),
			},
		},
	}
}

func flagOperations() []operation {
	changed := jsonBody("The changes that were made; none if everything was stored already.", exampleChanges())
	halted := jsonBody("The state of the flags afterwards.", exampleState())
	unsaved := failure("The halt can't be saved, and is not in force.", "the halt can't be saved: read-only file system")
	halt, setting := jsonBody("Who and why.", HaltRequest{Who: "ann@laptop", Why: "relay returns nonsense"}), settingBody()
	undo, flip := jsonBody("Who and why.", UndoRequest{Why: "too fast"}), jsonBody("The changes.", exampleFlip())
	return []operation{
		{
			method:  http.MethodGet,
			path:    "/api/v1/flags",
			id:      "flags",
			tag:     "flags",
			summary: "Every flag: what is in force here, what is stored, by whom and since when",
			responses: map[int]content{
				200: jsonBody("The flags. If the store can't be reached, what is in force is listed nevertheless.", exampleFlags()),
			},
		},
		{
			method: http.MethodPost, path: "/api/v1/flags", id: "flip", tag: "flags", summary: "Change several flags together: all or none",
			body: &flip, responses: writes(changed),
		},
		{
			method: http.MethodGet, path: "/api/v1/flags/{key}", id: "flag", tag: "flags", summary: "One flag",
			parameters: []parameter{flagKey()},
			responses: map[int]content{
				200: jsonBody("The flag.", exampleFlags().Flags[0]),
				404: failure("There is no such flag.", `there is no flag "relay-percent": did you mean relay-percentage?`),
			},
		},
		{
			method: http.MethodPut, path: "/api/v1/flags/{key}", id: "setFlag", tag: "flags", summary: "Set a flag",
			parameters: []parameter{flagKey()}, body: &setting, responses: writes(changed),
		},
		{
			method: http.MethodDelete, path: "/api/v1/flags/{key}", id: "unsetFlag", tag: "flags",
			summary: "Unset a flag: the configured value or the default applies again",
			parameters: append([]parameter{flagKey(),
				query("expect", "Only if this is stored; empty: only if the flag is not set.", nil, "5"),
			}, whoAndWhy()...),
			responses: writes(changed),
		},
		{
			method:    http.MethodPost,
			path:      "/api/v1/flags/undo",
			id:        "undo",
			tag:       "flags",
			summary:   "Take back the last change that has not been taken back",
			body:      &undo,
			responses: writes(changed),
		},
		{
			method: http.MethodPost, path: "/api/v1/flags/halt", id: "halt", tag: "flags",
			summary: "Halt the relay in this sidecar, also while Redis is unavailable",
			details: "The relay gets nothing from this sidecar until a resume, whatever the flags say, also after a restart.",
			body:    &halt, responses: map[int]content{200: halted, 400: invalidBody(), 500: unsaved},
		},
		{
			method: http.MethodPost, path: "/api/v1/flags/resume", id: "resume", tag: "flags", summary: "End a halt",
			body: &halt, responses: map[int]content{200: halted, 400: invalidBody(), 500: unsaved},
		},
		{
			method:  http.MethodGet,
			path:    "/api/v1/flags/explain",
			id:      "explain",
			tag:     "flags",
			summary: "Who would serve a caller, and why",
			parameters: []parameter{
				{name: "key", description: "The caller's targeting key.", required: true, example: "user-1"},
				query("model", "The model that the caller asks for.", nil, "gpt-4o"),
				query("endpoint", "The endpoint that the caller calls.", nil, "chat.completions"),
				query("tenant", "The caller's tenant.", nil, "acme"),
				query("stream", "Whether the caller asks for a stream.", map[string]any{"type": "boolean", "default": false}, true),
			},
			responses: map[int]content{
				200: jsonBody("The decision and each flag's part in it.", exampleExplanation()),
				400: failure("The targeting key is missing.", "key is missing: the targeting key of the caller to explain"),
			},
		},
	}
}

func flagFileOperations() []operation {
	changed := jsonBody("The changes that were made; none if everything was stored already.", exampleChanges())
	file := content{
		description: "A flags file: a mapping of keys to values, or a file in flagd's format; YAML or JSON.",
		kind:        "application/json",
		schema: map[string]any{
			"type": "object",
		},
		example: map[string]any{flags.KeyRelayPercentage: 5},
		others:  []string{"application/yaml"},
	}
	exported := content{
		description: "A file that flagd and `import` read.", kind: "application/json",
		schema: map[string]any{"type": "object", "required": []string{"$schema", "flags"}},
	}
	change := jsonBody(
		"Changes from then on, one a line. An empty line shows that the connection is alive; one is sent at once.",
		exampleChanges().Entries[0],
	)
	change.kind = "application/x-ndjson"
	return []operation{
		{
			method: http.MethodGet, path: "/api/v1/flags/history", id: "flagHistory", tag: "flags", summary: "The audit, newest first",
			parameters: []parameter{
				query("key", "Only changes of this flag.", nil, flags.KeyRelayPercentage),
				query("limit", "How many.", map[string]any{"type": "integer", "minimum": 1, "maximum": 10_000, "default": 100}, 20),
			},
			responses: map[int]content{
				200: jsonBody("The changes.", exampleChanges()),
				400: failure(
					"The limit is invalid.",
					`limit: "x" is not a whole number from 1 to 10000`,
				),
				500: flagsFailed(),
				503: flagsUnavailable(),
			},
		},
		{
			method:    http.MethodGet,
			path:      "/api/v1/flags/watch",
			id:        "watchFlags",
			tag:       "flags",
			summary:   "Changes as they are made, without end",
			responses: map[int]content{200: change},
		},
		{
			method:  http.MethodGet,
			path:    "/api/v1/flags/export",
			id:      "exportFlags",
			tag:     "flags",
			summary: "The flags as a file in flagd's format",
			parameters: []parameter{query("all", "Also flags that are not set, with the values in force here.",
				map[string]any{"type": "boolean", "default": false}, true)},
			responses: map[int]content{200: exported, 500: flagsFailed(), 503: flagsUnavailable()},
		},
		{
			method:  http.MethodPost,
			path:    "/api/v1/flags/import",
			id:      "importFlags",
			tag:     "flags",
			summary: "Set the flags of a file together: all or none",
			parameters: append([]parameter{query("replace", "Also unset the flags that the file does not have.",
				map[string]any{"type": "boolean", "default": false}, true)}, whoAndWhy()...),
			body:      &file,
			responses: writes(changed),
		},
	}
}

func invalidBody() content {
	return failure("The body is not what this route takes.", `the body is not the JSON that is expected: json: unknown field "expects"`)
}

func flagsFailed() content {
	return jsonBody(
		"The store of the flags failed.",
		ErrorBody{Error: "the flags file can't be written: no space left on device", Code: "failed"},
	)
}

func flagsUnavailable() content {
	return jsonBody("The store of the flags can't be reached or refuses. What is in force stays so.",
		ErrorBody{Error: "Redis is unavailable: dial tcp 10.0.0.7:6379: i/o timeout", Code: "unreachable"})
}

// writes are the responses of a route that changes flags.
func writes(changed content) map[int]content {
	return map[int]content{
		200: changed,
		400: jsonBody("The request is invalid, and nothing was changed.",
			ErrorBody{Error: "relay-percentage: 101 is out of range: a percentage from 0 to 100 is needed", Code: "invalid"}),
		409: jsonBody(
			"A flag has another value than the request expects, or there is nothing to undo.",
			ErrorBody{
				Error:    "relay-percentage is 100, not 5",
				Code:     "conflict",
				Key:      flags.KeyRelayPercentage,
				Expected: "5",
				Actual:   "100",
			},
		),
		500: flagsFailed(), 503: flagsUnavailable(),
	}
}

func settingBody() content {
	expect := "5"
	return jsonBody("The value.", FlagSetting{Value: []byte("25"), Expect: &expect, Why: "error rate is fine", Who: "ann@laptop"})
}
