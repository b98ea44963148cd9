package sidecar

import (
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"cutover/exchange"
	"cutover/internal/config"
	"cutover/internal/store"
	"cutover/internal/usage"
	"cutover/router"
	"cutover/router/affinity"
	"cutover/upstream"
	"cutover/upstream/limit"
)

// newPolicies builds the limits, circuit breaker, retries and keys of an arm. Served
// calls and shadow requests share them.
func newPolicies(c *config.Config, arm exchange.Arm, fleet redis.UniversalClient, log zerolog.Logger) (*upstream.Policies, error) {
	u := c.Upstreams.Of(arm)
	policies := &upstream.Policies{
		QueueTimeout: u.Limits.Wait,
		Retry:        upstream.RetryPolicy{Attempts: u.Retry.Attempts, Base: u.Retry.Base, Max: u.Retry.Max},
	}
	if u.Retry.Attempts > 1 {
		policies.Budget = upstream.NewRetryBudget(u.Retry.Budget, 10)
	}
	if u.Breaker.Enabled {
		policies.Breaker = upstream.NewBreaker(upstream.BreakerOptions{
			ErrorRate: u.Breaker.ErrorRate, MinCalls: u.Breaker.MinCalls,
			SlowAfter: u.Breaker.SlowAfter, OpenFor: u.Breaker.OpenFor,
		}, time.Now().UTC())
	}
	var err error
	if policies.Limiter, err = newLimiter(u, arm, c.Store.Namespace, fleet); err != nil {
		return nil, usage.Errorf("upstreams.%s.limits: %v", arm, err)
	}
	if policies.Keys, err = newKeys(u, arm, log); err != nil {
		return nil, usage.Errorf("upstreams.%s.auth: %v", arm, err)
	}
	if policies.Limiter == nil && policies.Keys == nil && policies.Breaker == nil && u.Retry.Attempts <= 1 {
		return nil, nil
	}
	return policies, nil
}

func newLimiter(u *config.UpstreamConfig, arm exchange.Arm, namespace string, fleet redis.UniversalClient) (*limit.Limiter, error) {
	if u.Limits.RPM == 0 && u.Limits.TPM == 0 && u.Limits.Concurrency == 0 {
		return nil, nil
	}
	o := limit.Options{
		Name:   arm.String(),
		Limits: limit.Limits{RPM: u.Limits.RPM, TPM: u.Limits.TPM, Concurrency: u.Limits.Concurrency},
	}
	if fleet != nil {
		o.Fleet = &limit.Fleet{Redis: fleet, Namespace: namespace}
	}
	return limit.New(o)
}

// newKeys returns the keys of an auth with a secret; nil if callers send their own.
func newKeys(u *config.UpstreamConfig, arm exchange.Arm, log zerolog.Logger) (*upstream.Keys, error) {
	secret := &u.Auth.Secret
	if !secret.IsSet() {
		return nil, nil
	}
	source := upstream.KeySource{Name: secret.Where(), Value: secret.Reveal(), File: secret.File}
	return upstream.NewKeys(upstream.KeysOptions{
		Upstream: arm.String(), Sources: []upstream.KeySource{source},
		Shape: upstream.KeyShape{Prefix: u.Keys.Prefix, MinLength: u.Keys.MinLength, Scheme: u.Auth.Kind == config.AuthHeader},
		Changed: func(e upstream.KeyEvent) {
			log.Warn().Str("upstream", e.Upstream).Str("event", e.Event).Str("key", e.Key).
				Str("reason", e.Reason).Int("keys", e.Keys).Msg("keys")
		},
	})
}

// newHedge says when the reference is called because the relay is silent.
func newHedge(f *config.FallbackConfig) router.Hedge {
	h := router.Hedge{Delay: f.HedgeAfter.Fixed}
	if f.HedgeAfter.Percentile > 0 {
		h.Latency = router.NewLatencyTracker(f.HedgeAfter.Percentile / 100)
	}
	if h.Delay > 0 || h.Latency != nil {
		h.Budget = upstream.NewRetryBudget(f.HedgeBudget, 20)
	}
	return h
}

// newAffinity remembers which provider created which id, for the whole fleet if
// there is a Redis. Owners are identified by their URLs, which stay valid when the
// roles are swapped.
func (s *Sidecar) newAffinity() *affinity.Table {
	names := [2]string{s.cfg.Upstreams.Primary.BaseURL, s.cfg.Upstreams.Relay.BaseURL}
	if names[exchange.Primary] == names[exchange.Relay] { // upstreams.same_provider: still two owners
		names[exchange.Relay] += " (relay)"
	}
	c := affinity.Config{
		Store: s.store.Affinity(),
		Names: names,
		StoreHealth: func(err error) {
			if err != nil {
				s.log.Warn().Err(err).Msg("can't look up or store which provider created an id: using memory only")
				return
			}
			s.log.Info().Msg("looking up which provider created an id works again")
		},
	}
	if s.redis != nil {
		c.Store = store.NewRedisAffinity(s.redis, s.cfg.Store.Namespace)
	}
	return affinity.New(c)
}
