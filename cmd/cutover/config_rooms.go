package main

import (
	"time"

	"cutover/exchange"
	"cutover/flags"
	"cutover/upstream"
)

// The functions of this file word the configuration for the packages that it
// is about.

// upstream is the configuration of one arm's upstream.
func (c *Config) upstream(arm exchange.Arm) upstream.Config {
	u := &c.Upstreams.Primary
	if arm == exchange.Relay {
		u = &c.Upstreams.Relay
	}
	return upstream.Config{
		Name:     arm.String(),
		Arm:      arm,
		BaseURL:  u.BaseURL,
		Protocol: upstream.Protocol(u.Protocol),
		Auth:     u.Auth.upstream(),
		Models: upstream.Models{
			NameMap:   upstream.NameMap{Exact: u.Models.Map, Default: u.Models.Default},
			Streaming: u.Models.Streaming.upstream(),
			Batch:     u.Models.Batch.upstream(),
			Prefix:    u.Models.Prefix,
			Strict:    u.Models.Strict,
			ShowAsked: u.Models.ShowAsked,
		},
		Timeouts:   upstream.Timeouts(u.Timeouts),
		FallbackOn: words(u.FallbackOn),
		CAFile:     u.CA,
		Copy: upstream.CopyPolicy{
			User: upstream.UserPolicy(u.Copy.User), Metadata: u.Copy.Metadata == "keep", Key: []byte(u.Copy.Key.Reveal()),
		},
		Forwarded: c.Headers.Forwarded,
		MaxIdle:   u.Connections.MaxIdle,
		IdleTime:  u.Connections.IdleTimeout,
		Ping:      u.Connections.ping(),
	}
}

// words are the texts of a list: empty rather than nil, for what is listed is
// all there is.
func words[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, item := range list {
		out[i] = string(item)
	}
	return out
}

func (n NamesConfig) upstream() upstream.NameMap {
	return upstream.NameMap{Exact: n.Map, Default: n.Default}
}

// ping words the interval for the upstream, for which 0 is a default.
func (c ConnectionsConfig) ping() time.Duration {
	if c.Ping == 0 {
		return -1
	}
	return c.Ping
}

// upstream holds the secret itself: it must not be printed.
func (a Auth) upstream() upstream.Auth {
	out := upstream.Auth{Name: a.Name, Key: a.Secret.Reveal()}
	switch a.Kind {
	case AuthPassthrough:
		out.Kind = upstream.Passthrough
	case AuthKey:
		out.Kind = upstream.SameHeader
	case AuthBearer:
		out.Kind = upstream.Bearer
	case AuthXAPIKey:
		out.Kind = upstream.XAPIKey
	case AuthAPIKey:
		out.Kind = upstream.APIKey
	case AuthHeader:
		out.Kind = upstream.InHeader
	case AuthQuery:
		out.Kind = upstream.InQuery
	case AuthNone:
		out.Kind = upstream.NoAuth
	}
	return out
}

// values are the flags that rule until Redis, the flags file or the last good
// values on disk say otherwise.
func (f FlagsConfig) values() flags.Values {
	return flags.Values{
		RelayEnabled:     &f.RelayEnabled,
		RelayPercentage:  &f.RelayPercentage,
		ShadowPercentage: &f.ShadowPercentage,
		NoisePercentage:  &f.NoisePercentage,
		FallbackEnabled:  &f.FallbackEnabled,
		PrimaryProvider:  &f.PrimaryProvider,
	}
}

// redis is where the fleet's flags and results live; nil without a Redis. It
// holds the password, if there is one.
func (s StoreConfig) redis() *flags.RedisOptions {
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
