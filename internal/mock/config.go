package mock

import (
	"fmt"
	"strings"
	"time"
)

// Config says how the mock behaves. All fields are optional; the zero Config serves
// every model, accepts every key, and responds at once without faults.
type Config struct {
	// Name identifies the mock in the Server header and in the models' owned_by.
	// "mock" if empty.
	Name string `yaml:"name,omitempty" json:"name,omitempty"`

	// BasePath is the prefix of every endpoint. "/v1" if empty.
	BasePath string `yaml:"base_path,omitempty" json:"base_path,omitempty"`
	// BarePaths also serves the endpoints without BasePath.
	BarePaths bool `yaml:"bare_paths,omitempty" json:"bare_paths,omitempty"`

	// Models are the available models; any other is a 404 in the caller's API format.
	// Empty: every name is served, and a few well-known ones are listed.
	Models []string `yaml:"models,omitempty" json:"models,omitempty"`
	// Aliases map a requested name to the model that responds (and is named in the
	// response).
	Aliases map[string]string `yaml:"aliases,omitempty" json:"aliases,omitempty"`

	// Seed determines all text, together with model and prompt.
	Seed uint64 `yaml:"seed,omitempty" json:"seed,omitempty"`
	// DrawSeed determines the rest: noise, delays and faults. The Seed if 0. Two mocks
	// that should give the same text, but fail at different times, have the same Seed
	// and different DrawSeeds.
	DrawSeed uint64 `yaml:"draw_seed,omitempty" json:"draw_seed,omitempty"`

	Latency `yaml:",inline"`
	Speech  `yaml:",inline"`

	// Faults are drawn for each request, in this order; at most one applies.
	Faults []Fault `yaml:"faults,omitempty" json:"faults,omitempty"`
	// Script gives the first calls of the inference endpoints their faults, in
	// order ("ok" or "" for none); afterwards Faults are drawn as usual.
	Script []string `yaml:"script,omitempty" json:"script,omitempty"`
	// RetryAfter is sent with 429, 503 and 529. 1s if 0.
	RetryAfter time.Duration `yaml:"retry_after,omitempty" json:"retry_after,omitempty"`
	// DripEvery is the pause between the bytes of the fault "drip". 20ms if 0.
	DripEvery time.Duration `yaml:"drip_every,omitempty" json:"drip_every,omitempty"`

	// Keys are the accepted API keys (as a bearer token, x-api-key, api-key or
	// x-goog-api-key); any other request is a 401. Empty: no check.
	Keys []string `yaml:"keys,omitempty" json:"keys,omitempty"`
	// RPM and TPM are limits per key and minute; above them is a 429. 0: none.
	RPM int `yaml:"rpm,omitempty" json:"rpm,omitempty"`
	TPM int `yaml:"tpm,omitempty" json:"tpm,omitempty"`

	// Gzip says when responses are compressed: "" or "off" never, "accept" if the
	// caller accepts it, "always" even if not.
	Gzip string `yaml:"gzip,omitempty" json:"gzip,omitempty"`
	// Obfuscation adds the padding field that OpenAI's streams have by default.
	Obfuscation bool `yaml:"obfuscation,omitempty" json:"obfuscation,omitempty"`
	// KeepAlive sends a comment (Anthropic: a ping) when a stream has been silent for
	// this long. 0: never.
	KeepAlive time.Duration `yaml:"keep_alive,omitempty" json:"keep_alive,omitempty"`

	// BatchTime is how long a batch is in progress. 0: done at the first poll.
	BatchTime time.Duration `yaml:"batch_time,omitempty" json:"batch_time,omitempty"`

	// Overrides lets requests control their behavior with X-Mock-* headers; see
	// Override.
	Overrides bool `yaml:"overrides,omitempty" json:"overrides,omitempty"`
	// Admin serves GET and PUT /_mock/config, GET /_mock/calls and GET and
	// DELETE /_mock/journal. The journal contains the callers' keys: use it only for
	// mocks that nobody else can reach.
	Admin bool `yaml:"admin,omitempty" json:"admin,omitempty"`
	// JournalSize is how many requests are remembered. 256 when 0; negative: none.
	JournalSize int `yaml:"journal_size,omitempty" json:"journal_size,omitempty"`
	// JournalBody is how many bytes of each body are remembered. 64 KiB when 0;
	// negative: none.
	JournalBody int `yaml:"journal_body,omitempty" json:"journal_body,omitempty"`
	// MaxBody is the largest JSON body that is read; above it is a 413. 64 MiB when 0.
	MaxBody int64 `yaml:"max_body,omitempty" json:"max_body,omitempty"`
	// MaxKept bounds the total content of uploaded files in memory. Files that do not
	// fit are accepted, but their content can't be fetched. 256 MiB if 0.
	MaxKept int64 `yaml:"max_kept,omitempty" json:"max_kept,omitempty"`
}

// Latency says when the pieces of a response are sent.
type Latency struct {
	// TTFT is the time to the first content token. A response that is not streamed is
	// sent after TTFT plus Gap for each of its tokens.
	TTFT Delay `yaml:"ttft,omitempty" json:"ttft,omitzero"`
	// Gap is the time between tokens.
	Gap Delay `yaml:"gap,omitempty" json:"gap,omitzero"`
	// Header is the time until the header of a stream; it counts towards TTFT.
	// If zero, a stream's header is sent at once.
	Header Delay `yaml:"header,omitempty" json:"header,omitzero"`
	// TokensPerSecond is another way to set a fixed Gap; set only one of them.
	TokensPerSecond float64 `yaml:"tokens_per_second,omitempty" json:"tokens_per_second,omitempty"`
	// Other is the time that any other call takes (models, files, embeddings, ...).
	Other Delay `yaml:"other,omitempty" json:"other,omitzero"`
}

// Speech says what the responses are like.
type Speech struct {
	// Voice is the model whose style all models use: two mocks with the same Voice and
	// Seed give the same text whatever their models are called. Empty: each model has
	// its own.
	Voice string `yaml:"voice,omitempty" json:"voice,omitempty"`
	// Noise from 0 to 1 is how much two calls with the same prompt differ, as
	// sampling at a temperature does. 0: not at all.
	Noise float64 `yaml:"noise,omitempty" json:"noise,omitempty"`
	// TruncateAt truncates every response after this many tokens, with the finish
	// reason of a reached limit. 0: never.
	TruncateAt int `yaml:"truncate_at,omitempty" json:"truncate_at,omitempty"`
	// Refusals is the rate of responses that decline.
	Refusals float64 `yaml:"refusals,omitempty" json:"refusals,omitempty"`
	// ToolCalls is the rate at which offered tools (tool choice "auto") are called. 0.7
	// if nil.
	ToolCalls *float64 `yaml:"tool_calls,omitempty" json:"tool_calls,omitempty"`
	// BreakToolArguments is the rate of tool calls whose arguments violate the tool's
	// schema, or are not JSON at all.
	BreakToolArguments float64 `yaml:"break_tool_arguments,omitempty" json:"break_tool_arguments,omitempty"`
	// BreakJSON is the rate of responses that should be JSON but are not.
	BreakJSON float64 `yaml:"break_json,omitempty" json:"break_json,omitempty"`
	// Bill multiplies the token counts of usage: 1.2 bills 20 % more. 1 when 0.
	Bill float64 `yaml:"bill,omitempty" json:"bill,omitempty"`
	// ResponseTokens is the typical length of a response. About 120 if 0.
	ResponseTokens int `yaml:"response_tokens,omitempty" json:"response_tokens,omitempty"`
	// Say is the exact text of every response, instead of generated text. Tool calls and
	// JSON are not affected.
	Say string `yaml:"say,omitempty" json:"say,omitempty"`
	// Cached is the share of the input tokens that usage reports as read from the
	// provider's prompt cache.
	Cached float64 `yaml:"cached,omitempty" json:"cached,omitempty"`
	// Reasoning is how many hidden reasoning tokens are billed with each response
	// (OpenAI's dialects).
	Reasoning int `yaml:"reasoning,omitempty" json:"reasoning,omitempty"`
	// Dimensions is the length of embeddings unless the request asks for
	// another. 1536 when 0.
	Dimensions int `yaml:"dimensions,omitempty" json:"dimensions,omitempty"`
}

// ConfigError is an invalid setting: its key and what is wrong.
type ConfigError struct {
	Key     string // as in the file, e.g. "faults[2].kind"
	Problem string
}

func (e *ConfigError) Error() string { return "mock: " + e.Key + ": " + e.Problem }

func bad(key, format string, args ...any) error {
	return &ConfigError{Key: key, Problem: fmt.Sprintf(format, args...)}
}

// Validate reports the first invalid setting, as a *ConfigError.
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
		"response_tokens": int64(c.ResponseTokens), "dimensions": int64(c.Dimensions), "reasoning": int64(c.Reasoning),
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
	if c.ResponseTokens > maxResponseTokens {
		return bad("response_tokens", "must be at most %d", maxResponseTokens)
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

// Limits of requests and settings.
const (
	maxDimensions     = 8192
	maxResponseTokens = 100_000
)

func orElse[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// Redacted is a copy without the keys, which can be shown.
func (c Config) Redacted() Config {
	c = c.clone()
	for i := range c.Keys {
		c.Keys[i] = "(set)"
	}
	return c
}

// clone copies everything that the caller might still modify.
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
