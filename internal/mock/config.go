package mock

import (
	"fmt"
	"strings"
	"time"
)

// Config says how the mock behaves. All fields are optional; the zero Config
// knows every model, takes every key, and answers at once without a fault.
type Config struct {
	// Name tells mocks apart: it is in the Server header and in the models'
	// owned_by. "mock" when empty.
	Name string `yaml:"name,omitempty" json:"name,omitempty"`

	// BasePath stands before every endpoint. "/v1" when empty.
	BasePath string `yaml:"base_path,omitempty" json:"base_path,omitempty"`
	// BarePaths also serves the endpoints without BasePath.
	BarePaths bool `yaml:"bare_paths,omitempty" json:"bare_paths,omitempty"`

	// Models are the models that exist; any other is a 404 in the caller's
	// dialect. Empty: every name is served, and a few well-known ones are listed.
	Models []string `yaml:"models,omitempty" json:"models,omitempty"`
	// Aliases map a name asked for to the model that answers (and is named in
	// the answer).
	Aliases map[string]string `yaml:"aliases,omitempty" json:"aliases,omitempty"`

	// Seed is what all texts depend on, besides model and prompt.
	Seed uint64 `yaml:"seed,omitempty" json:"seed,omitempty"`
	// DrawSeed is what the rest depends on: noise, waits, faults. The Seed when
	// 0. Two mocks that shall say the same, but fail at different times, have
	// the same Seed and different DrawSeeds.
	DrawSeed uint64 `yaml:"draw_seed,omitempty" json:"draw_seed,omitempty"`

	Latency `yaml:",inline"`
	Speech  `yaml:",inline"`

	// Faults are drawn for each request, in this order; at most one strikes.
	Faults []Fault `yaml:"faults,omitempty" json:"faults,omitempty"`
	// Script gives the first calls of the inference endpoints their faults, in
	// order ("ok" or "" for none); afterwards Faults are drawn as usual.
	Script []string `yaml:"script,omitempty" json:"script,omitempty"`
	// RetryAfter is told with 429, 503 and 529. 1s when 0.
	RetryAfter time.Duration `yaml:"retry_after,omitempty" json:"retry_after,omitempty"`
	// DripEvery is the pause between the bytes of the fault "drip". 20ms when 0.
	DripEvery time.Duration `yaml:"drip_every,omitempty" json:"drip_every,omitempty"`

	// Keys are the API keys that are known (as a bearer token, x-api-key,
	// api-key or x-goog-api-key); any other request is a 401. Empty: no check.
	Keys []string `yaml:"keys,omitempty" json:"keys,omitempty"`
	// RPM and TPM are limits per key and minute; above them is a 429. 0: none.
	RPM int `yaml:"rpm,omitempty" json:"rpm,omitempty"`
	TPM int `yaml:"tpm,omitempty" json:"tpm,omitempty"`

	// Gzip says when answers are compressed: "" or "off" never, "accept" when
	// the caller accepts it, "always" even if not.
	Gzip string `yaml:"gzip,omitempty" json:"gzip,omitempty"`
	// Obfuscation adds the padding field that OpenAI's streams have by default.
	Obfuscation bool `yaml:"obfuscation,omitempty" json:"obfuscation,omitempty"`
	// KeepAlive sends a comment (Anthropic: a ping) while a stream is silent
	// for so long. 0: never.
	KeepAlive time.Duration `yaml:"keep_alive,omitempty" json:"keep_alive,omitempty"`

	// BatchTime is how long a batch is in progress. 0: done at the first poll.
	BatchTime time.Duration `yaml:"batch_time,omitempty" json:"batch_time,omitempty"`

	// Overrides lets a request ask for its own behaviour by X-Mock-* headers;
	// see Override.
	Overrides bool `yaml:"overrides,omitempty" json:"overrides,omitempty"`
	// Admin serves GET and PUT /_mock/config, GET /_mock/calls and GET and
	// DELETE /_mock/journal. The journal holds the keys of callers: only for
	// mocks that nobody else can reach.
	Admin bool `yaml:"admin,omitempty" json:"admin,omitempty"`
	// JournalSize is how many requests are remembered. 256 when 0; negative: none.
	JournalSize int `yaml:"journal_size,omitempty" json:"journal_size,omitempty"`
	// JournalBody is how many bytes of each body are remembered. 64 KiB when 0;
	// negative: none.
	JournalBody int `yaml:"journal_body,omitempty" json:"journal_body,omitempty"`
	// MaxBody is the largest JSON body that is read; above it is a 413. 64 MiB when 0.
	MaxBody int64 `yaml:"max_body,omitempty" json:"max_body,omitempty"`
	// MaxKept bounds the content of uploaded files in memory, all together;
	// what does not fit is accepted, but its content can't be fetched. 256 MiB when 0.
	MaxKept int64 `yaml:"max_kept,omitempty" json:"max_kept,omitempty"`
}

// Latency says when the pieces of an answer come.
type Latency struct {
	// TTFT is the time to the first content token. An answer that is not
	// streamed comes after TTFT and Gap for each of its tokens.
	TTFT Delay `yaml:"ttft,omitempty" json:"ttft,omitzero"`
	// Gap is the time between tokens.
	Gap Delay `yaml:"gap,omitempty" json:"gap,omitzero"`
	// Header is the time until the header of a stream; it counts towards TTFT.
	// A stream's header comes at once when it is zero.
	Header Delay `yaml:"header,omitempty" json:"header,omitzero"`
	// TokensPerSecond is another way to write a fixed Gap; not both.
	TokensPerSecond float64 `yaml:"tokens_per_second,omitempty" json:"tokens_per_second,omitempty"`
	// Other is the time that any other call takes (models, files, embeddings, ...).
	Other Delay `yaml:"other,omitempty" json:"other,omitzero"`
}

// Speech says what the answers are like.
type Speech struct {
	// Voice is the model whose way of speaking all models have: two mocks with
	// the same Voice and Seed say the same whatever their models are called.
	// Empty: each model has its own.
	Voice string `yaml:"voice,omitempty" json:"voice,omitempty"`
	// Noise from 0 to 1 is how much two calls with the same prompt differ, as
	// sampling at a temperature does. 0: not at all.
	Noise float64 `yaml:"noise,omitempty" json:"noise,omitempty"`
	// TruncateAt cuts every answer after so many tokens, with the finish reason
	// of a reached limit. 0: never.
	TruncateAt int `yaml:"truncate_at,omitempty" json:"truncate_at,omitempty"`
	// Refusals is the rate of answers that decline.
	Refusals float64 `yaml:"refusals,omitempty" json:"refusals,omitempty"`
	// ToolCalls is the rate at which tools that are offered (tool choice
	// "auto") are called. 0.7 when nil.
	ToolCalls *float64 `yaml:"tool_calls,omitempty" json:"tool_calls,omitempty"`
	// BreakToolArguments is the rate of tool calls whose arguments are not what
	// the tool's schema wants, or not even JSON.
	BreakToolArguments float64 `yaml:"break_tool_arguments,omitempty" json:"break_tool_arguments,omitempty"`
	// BreakJSON is the rate of answers that should be JSON and are not.
	BreakJSON float64 `yaml:"break_json,omitempty" json:"break_json,omitempty"`
	// Bill multiplies the token counts of usage: 1.2 bills 20 % more. 1 when 0.
	Bill float64 `yaml:"bill,omitempty" json:"bill,omitempty"`
	// AnswerTokens is the typical length of an answer. About 120 when 0.
	AnswerTokens int `yaml:"answer_tokens,omitempty" json:"answer_tokens,omitempty"`
	// Say is what every answer says, word for word, instead of a text of the
	// mock's own. Tool calls and JSON are not affected.
	Say string `yaml:"say,omitempty" json:"say,omitempty"`
	// Cached is the share of the input tokens that usage tells as read from the
	// provider's prompt cache.
	Cached float64 `yaml:"cached,omitempty" json:"cached,omitempty"`
	// Reasoning is how many hidden reasoning tokens are billed with each answer
	// (OpenAI's dialects).
	Reasoning int `yaml:"reasoning,omitempty" json:"reasoning,omitempty"`
	// Dimensions is the length of embeddings unless the request asks for
	// another. 1536 when 0.
	Dimensions int `yaml:"dimensions,omitempty" json:"dimensions,omitempty"`
}

// ConfigError is a setting that can't be: what it is called and what is wrong.
type ConfigError struct {
	Key     string // as in the file, e.g. "faults[2].kind"
	Problem string
}

func (e *ConfigError) Error() string { return "mock: " + e.Key + ": " + e.Problem }

func bad(key, format string, args ...any) error {
	return &ConfigError{Key: key, Problem: fmt.Sprintf(format, args...)}
}

// Validate reports the first setting that can't be, as a *ConfigError.
func (c *Config) Validate() error {
	for key, rate := range map[string]float64{
		"noise": c.Noise, "refusals": c.Refusals,
		"break_tool_arguments": c.BreakToolArguments, "break_json": c.BreakJSON, "cached": c.Cached,
	} {
		if !isRate(rate) {
			return bad(key, "must be a rate from 0 to 1, got %v", rate)
		}
	}
	if t := c.ToolCalls; t != nil && !isRate(*t) {
		return bad("tool_calls", "must be a rate from 0 to 1, got %v", *t)
	}
	for key, n := range map[string]int64{
		"rpm": int64(c.RPM), "tpm": int64(c.TPM), "truncate_at": int64(c.TruncateAt),
		"answer_tokens": int64(c.AnswerTokens), "dimensions": int64(c.Dimensions), "reasoning": int64(c.Reasoning),
		"max_body": c.MaxBody, "max_kept": c.MaxKept, "retry_after": int64(c.RetryAfter),
		"drip_every": int64(c.DripEvery), "keep_alive": int64(c.KeepAlive), "batch_time": int64(c.BatchTime),
	} {
		if n < 0 {
			return bad(key, "must not be negative")
		}
	}
	if c.Dimensions > maxDimensions {
		return bad("dimensions", "must be at most %d", maxDimensions)
	}
	if c.AnswerTokens > maxAnswerTokens {
		return bad("answer_tokens", "must be at most %d", maxAnswerTokens)
	}
	if b := c.Bill; !(b >= 0 && b <= 100) {
		return bad("bill", "must be a factor from 0 to 100, got %v", b)
	}
	if v := c.TokensPerSecond; !(v >= 0 && v <= 1e6) {
		return bad("tokens_per_second", "must be from 0 to 1000000, got %v", v)
	}
	if c.TokensPerSecond > 0 && !c.Gap.IsZero() {
		return bad("tokens_per_second", "can't be set together with gap; keep one of them")
	}
	return c.validateWords()
}

func (c *Config) validateWords() error {
	if c.BasePath != "" && (!strings.HasPrefix(c.BasePath, "/") || strings.ContainsAny(c.BasePath, "?# ")) {
		return bad("base_path", "must begin with / and be a plain path such as /v1, got %q", c.BasePath)
	}
	switch c.Gzip {
	case "", "off", "accept", "always":
	default:
		return bad("gzip", "must be off, accept or always, got %q", c.Gzip)
	}
	for i, key := range c.Keys {
		if strings.TrimSpace(key) == "" {
			return bad(fmt.Sprintf("keys[%d]", i), "must not be empty")
		}
	}
	for i, m := range c.Models {
		if strings.TrimSpace(m) == "" {
			return bad(fmt.Sprintf("models[%d]", i), "must not be empty")
		}
	}
	for i := range c.Faults {
		if _, err := c.Faults[i].compile(); err != nil {
			return bad(fmt.Sprintf("faults[%d]", i), "%v", err)
		}
	}
	for i, spec := range c.Script {
		if _, err := parseFault(spec); err != nil {
			return bad(fmt.Sprintf("script[%d]", i), "%v", err)
		}
	}
	return nil
}

func isRate(r float64) bool { return r >= 0 && r <= 1 }

// Limits of what a request or a setting may ask for.
const (
	maxDimensions   = 8192
	maxAnswerTokens = 100_000
)

func orElse[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// Redacted is a copy that can be shown: the keys in it are gone.
func (c Config) Redacted() Config {
	c = c.clone()
	for i := range c.Keys {
		c.Keys[i] = "(set)"
	}
	return c
}

// clone copies everything that the caller might still write to.
func (c *Config) clone() Config {
	d := *c
	d.Models = append([]string(nil), c.Models...)
	d.Keys = append([]string(nil), c.Keys...)
	d.Script = append([]string(nil), c.Script...)
	d.Faults = append([]Fault(nil), c.Faults...)
	if c.Aliases != nil {
		d.Aliases = make(map[string]string, len(c.Aliases))
		for from, to := range c.Aliases {
			d.Aliases[from] = to
		}
	}
	if t := c.ToolCalls; t != nil {
		rate := *t
		d.ToolCalls = &rate
	}
	return d
}
