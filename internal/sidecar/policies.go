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

// newPolicies builds what stands before an arm's calls, as configured; served and
// mirrored calls share it.
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
		}, time.Now())
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

// keys are those of an auth that is ours; the caller's own are nobody's to
// choose.
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

// newHedge is when the reference is called beside a silent relay.
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

// newAffinity remembers who made which id, for the fleet where there is a Redis.
// The owners go by their URLs, which outlive a swap of the roles.
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
				s.log.Warn().Err(err).Msg("who made which id can't be looked up or stored: memory is all there is")
				return
			}
			s.log.Info().Msg("who made which id can be looked up again")
		},
	}
	if s.redis != nil {
		c.Store = store.NewRedisAffinity(s.redis, s.cfg.Store.Namespace)
	}
	return affinity.New(c)
}
