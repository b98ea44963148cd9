package sidecar

import (
	"time"

	"cutover/compare"
	"cutover/exchange"
	"cutover/flags"
	"cutover/internal/config"
	"cutover/upstream"
)

// The functions of this file translate the configuration into the options of the
// packages that use it.

// UpstreamConfig is the configuration of one arm's upstream. It contains the secret
// itself and must not be printed.
func UpstreamConfig(c *config.Config, arm exchange.Arm) upstream.Config {
	u := c.Upstreams.Of(arm)
	return upstream.Config{
		Name:     arm.String(),
		Arm:      arm,
		BaseURL:  u.BaseURL,
		Protocol: upstream.Protocol(u.Protocol),
		Auth:     authOf(u.Auth),
		Models: upstream.Models{
			NameMap:       upstream.NameMap{Exact: u.Models.Map, Default: u.Models.Default},
			Streaming:     namesOf(u.Models.Streaming),
			Batch:         namesOf(u.Models.Batch),
			Prefix:        u.Models.Prefix,
			Strict:        u.Models.Strict,
			ShowRequested: u.Models.ShowRequested,
		},
		Timeouts:   upstream.Timeouts(u.Timeouts),
		FallbackOn: words(u.FallbackOn),
		CAFile:     u.CA,
		ShadowIdentity: upstream.ShadowPolicy{
			User: upstream.UserPolicy(u.ShadowIdentity.User), Metadata: u.ShadowIdentity.Metadata == "keep",
			Key: []byte(u.ShadowIdentity.Key.Reveal()),
		},
		Forwarded: c.Headers.Forwarded, ForwardHeaders: u.ForwardHeaders, ForwardQuery: u.ForwardQuery,
		MaxIdle:  u.Connections.MaxIdle,
		IdleTime: u.Connections.IdleTimeout,
		MaxAge:   u.Connections.MaxAge,
		Ping:     pingOf(u.Connections),
	}
}

// words converts a list to strings. The result is never nil: an empty list must not
// turn into a default.
func words[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, item := range list {
		out[i] = string(item)
	}
	return out
}

func namesOf(n config.NamesConfig) upstream.NameMap {
	return upstream.NameMap{Exact: n.Map, Default: n.Default}
}

// pingOf translates the interval: for the upstream, 0 means its default.
func pingOf(c config.ConnectionsConfig) time.Duration {
	if c.Ping == 0 {
		return -1
	}
	return c.Ping
}

// authOf returns credentials that contain the secret and must not be printed.
func authOf(a config.Auth) upstream.Auth {
	out := upstream.Auth{Name: a.Name, Key: a.Secret.Reveal()}
	switch a.Kind {
	case config.AuthPassthrough:
		out.Kind = upstream.Passthrough
	case config.AuthKey:
		out.Kind = upstream.SameHeader
	case config.AuthBearer:
		out.Kind = upstream.Bearer
	case config.AuthXAPIKey:
		out.Kind = upstream.XAPIKey
	case config.AuthAPIKey:
		out.Kind = upstream.APIKey
	case config.AuthHeader:
		out.Kind = upstream.InHeader
	case config.AuthQuery:
		out.Kind = upstream.InQuery
	case config.AuthNone:
		out.Kind = upstream.NoAuth
	}
	return out
}

// RedisOptions are the options for the fleet's Redis; nil without one. They contain
// the password, if there is one.
func RedisOptions(s *config.StoreConfig) *flags.RedisOptions {
	if !s.Redis.IsSet() {
		return nil
	}
	return &flags.RedisOptions{
		URL: s.Redis.Reveal(), Namespace: s.Namespace,
		Username: s.RedisUsername, Password: s.RedisPassword.Reveal(),
		SentinelUsername: s.RedisSentinelUsername, SentinelPassword: s.RedisSentinelPassword.Reveal(),
		TLS: flags.TLSFiles{CA: s.RedisCA, Cert: s.RedisCert, Key: s.RedisKey},
	}
}

// prices converts a price list for comparisons.
func prices(from map[string]config.Price) compare.Prices {
	out := make(compare.Prices, len(from))
	for model, p := range from {
		out[model] = compare.Price{Input: p.Input, Output: p.Output}
	}
	return out
}
