package config

import (
	"time"

	"cutover/compare"
	"cutover/exchange"
	"cutover/flags"
)

// Config is the complete, checked configuration of a sidecar. Keys that were not
// set have their defaults. keys.go lists the keys, their defaults and meaning (of
// flags, package flags does); the yaml tags here are the names in the file.
type Config struct {
	Listen    string           `yaml:"listen"`
	TLS       TLSConfig        `yaml:"tls"`
	Admin     AdminConfig      `yaml:"admin"`
	Upstreams UpstreamsConfig  `yaml:"upstreams"`
	Server    ServerConfig     `yaml:"server"`
	Capture   CaptureConfig    `yaml:"capture"`
	Headers   HeadersConfig    `yaml:"headers"`
	Fallback  FallbackConfig   `yaml:"fallback"`
	Shadow    ShadowConfig     `yaml:"shadow"`
	Criteria  compare.Criteria `yaml:"criteria"`
	Store     StoreConfig      `yaml:"store"`
	Flags     FlagsConfig      `yaml:"flags"`
	Log       LogConfig        `yaml:"log"`
	Shutdown  ShutdownConfig   `yaml:"shutdown"`
}

// TLSConfig names the PEM files for TLS with callers. If both are empty, callers
// use plain HTTP.
type TLSConfig struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

// AdminConfig is the listener for the console, the API, metrics and health.
type AdminConfig struct {
	Listen string `yaml:"listen"`
	Token  Secret `yaml:"token"`
}

// UpstreamsConfig holds the two providers.
type UpstreamsConfig struct {
	// SameProvider says that both are deliberately the same provider.
	SameProvider bool           `yaml:"same_provider"`
	Primary      UpstreamConfig `yaml:"primary"`
	Relay        UpstreamConfig `yaml:"relay"`
}

// Of is the configuration of one arm's upstream.
func (u *UpstreamsConfig) Of(arm exchange.Arm) *UpstreamConfig {
	if arm == exchange.Relay {
		return &u.Relay
	}
	return &u.Primary
}

// UpstreamConfig describes how one provider is called.
type UpstreamConfig struct {
	BaseURL        string               `yaml:"base_url"`
	Protocol       string               `yaml:"protocol"` // auto, http1, h2 or h2c
	Auth           Auth                 `yaml:"auth"`
	CA             string               `yaml:"ca"` // PEM file, in place of the system's roots
	Models         ModelsConfig         `yaml:"models"`
	Prices         map[string]Price     `yaml:"prices"` // by the model's name at this upstream
	Limits         LimitsConfig         `yaml:"limits"`
	FallbackOn     []Status             `yaml:"fallback_on"` // statuses for which the other provider steps in
	Retry          RetryConfig          `yaml:"retry"`
	Breaker        BreakerConfig        `yaml:"breaker"`
	Keys           KeysConfig           `yaml:"keys"`
	ShadowIdentity ShadowIdentityConfig `yaml:"shadow_identity"`
	// ForwardHeaders and ForwardQuery name what else of a caller's request goes to
	// an upstream that does not get the caller's credentials.
	ForwardHeaders []string          `yaml:"forward_headers"`
	ForwardQuery   []string          `yaml:"forward_query"`
	HostedTools    []string          `yaml:"hosted_tools"` // that it runs itself, as the primary does
	Timeouts       TimeoutsConfig    `yaml:"timeouts"`
	Connections    ConnectionsConfig `yaml:"connections"`
}

// ModelsConfig maps the model that a caller asks for to one of the upstream's.
type ModelsConfig struct {
	Map           map[string]string `yaml:"map"`
	Prefix        bool              `yaml:"prefix"` // for each of the maps
	Default       string            `yaml:"default"`
	Strict        bool              `yaml:"strict"`
	Streaming     NamesConfig       `yaml:"streaming"` // comes before the two above, for streamed calls
	Batch         NamesConfig       `yaml:"batch"`     // likewise for all others
	ShowRequested bool              `yaml:"show_requested"`
}

// NamesConfig maps models for one use.
type NamesConfig struct {
	Map     map[string]string `yaml:"map"`
	Default string            `yaml:"default"`
}

// Price is in dollars per million tokens.
type Price struct {
	Input  float64 `yaml:"input"`
	Output float64 `yaml:"output"`
}

// LimitsConfig bounds what is sent to an upstream; 0 is no limit.
type LimitsConfig struct {
	RPM         int `yaml:"rpm"`         // requests per minute
	TPM         int `yaml:"tpm"`         // tokens per minute
	Concurrency int `yaml:"concurrency"` // concurrent calls
	// Wait is how long a served call may wait for capacity before it falls back.
	Wait time.Duration `yaml:"wait"`
}

// RetryConfig says when the same upstream is called again before falling back or
// returning the error to the caller.
type RetryConfig struct {
	Attempts int           `yaml:"attempts"` // total calls; 1: no retry
	Base     time.Duration `yaml:"base"`     // longest wait before the first retry
	Max      time.Duration `yaml:"max"`      // longest wait
	Budget   float64       `yaml:"budget"`   // retries as a share of the requests
}

// BreakerConfig stops calls to an upstream that keeps failing.
type BreakerConfig struct {
	Enabled   bool          `yaml:"enabled"`
	ErrorRate float64       `yaml:"error_rate"` // share of failed calls at which it opens
	MinCalls  int           `yaml:"min_calls"`  // minimum calls before it can open
	SlowAfter time.Duration `yaml:"slow_after"` // a call that takes longer to start responding is slow; 0: none is
	OpenFor   time.Duration `yaml:"open_for"`
}

// KeysConfig describes what an upstream's keys must look like.
type KeysConfig struct {
	Prefix    string `yaml:"prefix"`
	MinLength int    `yaml:"min_length"`
}

// ShadowIdentityConfig says what shadow requests tell an upstream about end users.
type ShadowIdentityConfig struct {
	User     string `yaml:"user"`     // drop, hash or keep
	Metadata string `yaml:"metadata"` // drop or keep
	Key      Secret `yaml:"key"`      // for the hashes
}

// FallbackConfig shapes what fallback-enabled allows.
type FallbackConfig struct {
	ReplaceReference   bool       `yaml:"replace_reference"`
	MinTokensPerSecond float64    `yaml:"min_tokens_per_second"`
	HedgeAfter         HedgeDelay `yaml:"hedge_after"`
	HedgeBudget        float64    `yaml:"hedge_budget"`
}

// TimeoutsConfig bounds one call; 0 is no limit.
type TimeoutsConfig struct {
	Connect    time.Duration `yaml:"connect"`     // TCP and TLS
	Header     time.Duration `yaml:"header"`      // until the response header
	Plain      time.Duration `yaml:"plain"`       // the same if it is not streamed; 0: as Header
	FirstToken time.Duration `yaml:"first_token"` // from the header to the first content
	Idle       time.Duration `yaml:"idle"`        // silence in the middle of the response
	Total      time.Duration `yaml:"total"`
}

// ConnectionsConfig bounds the connections to an upstream.
type ConnectionsConfig struct {
	MaxIdle     int           `yaml:"max_idle"`
	IdleTimeout time.Duration `yaml:"idle_timeout"`
	MaxAge      time.Duration `yaml:"max_age"` // 0: any
	Ping        time.Duration `yaml:"ping"`    // silence after which an HTTP/2 connection is pinged; 0: never
}

// ServerConfig bounds what callers may do; 0 is no limit.
type ServerConfig struct {
	MaxHeaderBytes    Size          `yaml:"max_header_bytes"`
	ReadHeaderTimeout time.Duration `yaml:"read_header_timeout"`
	IdleTimeout       time.Duration `yaml:"idle_timeout"`
	ReadStallTimeout  time.Duration `yaml:"read_stall_timeout"`
	WriteStallTimeout time.Duration `yaml:"write_stall_timeout"`
	MaxConnections    int           `yaml:"max_connections"` // 0: by the limit of open files
	AcceptWait        time.Duration `yaml:"accept_wait"`
	MaxBody           Size          `yaml:"max_body"`
	HeldBodies        Size          `yaml:"held_bodies"`
	MinUploadRate     Size          `yaml:"min_upload_rate"` // per second
	// StreamKeepalive is the silence after which a caller of a stream gets a
	// comment; 0: never.
	StreamKeepalive time.Duration `yaml:"stream_keepalive"`
	Models          string        `yaml:"models"`     // whose are listed: primary or merged
	WebSockets      string        `yaml:"websockets"` // for inference endpoints: primary or refuse
}

// CaptureConfig says what is kept of requests and responses: of bodies while they
// are served, and of the pairs kept for inspection.
type CaptureConfig struct {
	Limit     Size          `yaml:"limit"`
	Mode      string        `yaml:"mode"`      // full, redacted, hashes or none
	Samples   int           `yaml:"samples"`   // of each kind: worst, newest, random
	Retention time.Duration `yaml:"retention"` // of samples
	MaxBytes  Size          `yaml:"max_bytes"` // of all samples together
	Key       Secret        `yaml:"key"`       // encrypts samples at rest
}

// HeadersConfig says which headers the sidecar adds or reads.
type HeadersConfig struct {
	ServedBy  bool   `yaml:"served_by"`
	RequestID bool   `yaml:"request_id"`
	Forwarded bool   `yaml:"forwarded"`
	Tenant    string `yaml:"tenant"`
}

// ShadowConfig bounds the mirror.
type ShadowConfig struct {
	MaxConcurrency  int      `yaml:"max_concurrency"`
	MaxBytes        Size     `yaml:"max_bytes"`
	MaxRPS          float64  `yaml:"max_rps"`            // 0: no limit
	BudgetUSDPerDay float64  `yaml:"budget_usd_per_day"` // 0: no limit
	Exclude         []string `yaml:"exclude"`
}

// StoreConfig says where flags, samples and summaries are kept.
type StoreConfig struct {
	Redis     RedisURL `yaml:"redis"`
	Dir       string   `yaml:"dir"`
	Namespace string   `yaml:"namespace"`

	// Credentials and certificates for Redis, besides the URL.
	RedisUsername         string `yaml:"redis_username"`
	RedisPassword         Secret `yaml:"redis_password"`
	RedisSentinelUsername string `yaml:"redis_sentinel_username"`
	RedisSentinelPassword Secret `yaml:"redis_sentinel_password"`
	RedisCA               string `yaml:"redis_ca"`
	RedisCert             string `yaml:"redis_cert"`
	RedisKey              string `yaml:"redis_key"`
}

// FlagsConfig holds the values of the flags until Redis, the flags file or the
// last good values on disk override them. After loading, none of them is nil.
type FlagsConfig struct {
	File         string `yaml:"file"`
	flags.Values `yaml:",inline"`
}

// LogConfig is the log on standard error.
type LogConfig struct {
	Level  string `yaml:"level"`
	Format string `yaml:"format"` // auto, json or console
}

// ShutdownConfig bounds a graceful stop.
type ShutdownConfig struct {
	Drain time.Duration `yaml:"drain"`
	Delay time.Duration `yaml:"delay"` // most time before the listener closes
}
