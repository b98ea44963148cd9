package main

import (
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"cutover/exchange"
	"cutover/internal/store"
	"cutover/router"
	"cutover/router/affinity"
	"cutover/upstream"
)

// newCare builds what stands before an arm's calls, as configured; served and
// mirrored calls share it.
func (c *Config) newCare(arm exchange.Arm, fleet redis.UniversalClient, log zerolog.Logger) (*upstream.Care, error) {
	u := &c.Upstreams.Primary
	if arm == exchange.Relay {
		u = &c.Upstreams.Relay
	}
	care := &upstream.Care{
		Wait:  u.Limits.Wait,
		Retry: upstream.RetryPolicy{Attempts: u.Retry.Attempts, Base: u.Retry.Base, Max: u.Retry.Max},
	}
	if u.Retry.Attempts > 1 {
		care.Budget = upstream.NewRetryBudget(u.Retry.Budget, 10)
	}
	if u.Breaker.Enabled {
		care.Breaker = upstream.NewBreaker(upstream.BreakerOptions{
			ErrorRate: u.Breaker.ErrorRate, MinCalls: u.Breaker.MinCalls,
			SlowAfter: u.Breaker.SlowAfter, OpenFor: u.Breaker.OpenFor,
		}, time.Now())
	}
	var err error
	if care.Limiter, err = u.limiter(arm, c.Store.Namespace, fleet); err != nil {
		return nil, usagef("upstreams.%s.limits: %v", arm, err)
	}
	if care.Keys, err = u.keys(arm, log); err != nil {
		return nil, usagef("upstreams.%s.auth: %v", arm, err)
	}
	if care.Limiter == nil && care.Keys == nil && care.Breaker == nil && u.Retry.Attempts <= 1 {
		return nil, nil
	}
	return care, nil
}

func (u *UpstreamConfig) limiter(arm exchange.Arm, namespace string, fleet redis.UniversalClient) (*upstream.Limiter, error) {
	if u.Limits.RPM == 0 && u.Limits.TPM == 0 && u.Limits.Concurrency == 0 {
		return nil, nil
	}
	o := upstream.LimiterOptions{
		Name:   arm.String(),
		Limits: upstream.Limits{RPM: u.Limits.RPM, TPM: u.Limits.TPM, Concurrency: u.Limits.Concurrency},
	}
	if fleet != nil {
		o.Fleet = &upstream.Fleet{Redis: fleet, Namespace: namespace}
	}
	return upstream.NewLimiter(o)
}

// keys are those of an auth that is ours; the caller's own are nobody's to
// choose.
func (u *UpstreamConfig) keys(arm exchange.Arm, log zerolog.Logger) (*upstream.Keys, error) {
	secret := &u.Auth.Secret
	if !secret.IsSet() {
		return nil, nil
	}
	source := upstream.KeySource{Name: secret.where(), Value: secret.Reveal(), File: secret.File}
	return upstream.NewKeys(upstream.KeysOptions{
		Upstream: arm.String(), Sources: []upstream.KeySource{source},
		Shape: upstream.KeyShape{Prefix: u.Keys.Prefix, MinLength: u.Keys.MinLength, Scheme: u.Auth.Kind == AuthHeader},
		Changed: func(e upstream.KeyEvent) {
			log.Warn().Str("upstream", e.Upstream).Str("event", e.Event).Str("key", e.Key).
				Str("reason", e.Reason).Int("keys", e.Keys).Msg("keys")
		},
	})
}

// hedge is when the reference is called beside a silent relay.
func (f *FallbackConfig) hedge() router.Hedge {
	h := router.Hedge{Delay: f.HedgeAfter.Fixed}
	if f.HedgeAfter.Percentile > 0 {
		h.Pace = router.NewPace(f.HedgeAfter.Percentile / 100)
	}
	if h.Delay > 0 || h.Pace != nil {
		h.Budget = upstream.NewRetryBudget(f.HedgeBudget, 20)
	}
	return h
}

// hedgeState is when silent calls to the relay get company at the moment.
type hedgeState struct {
	After  string             `json:"after"` // as configured
	Budget float64            `json:"budget_left"`
	Models []router.PaceState `json:"models,omitempty"`
}

// hedgeState is nil where nothing is hedged.
func (s *sidecar) hedgeState(now time.Time) *hedgeState {
	if s.hedge.Budget == nil {
		return nil
	}
	return &hedgeState{After: s.cfg.Fallback.HedgeAfter.String(), Budget: s.hedge.Budget.Left(), Models: s.hedge.Pace.State(now)}
}

// newAffinity remembers who made which id, for the fleet where there is a Redis.
// The owners go by their URLs, which outlive a swap of the roles.
func (s *sidecar) newAffinity() *affinity.Table {
	names := [2]string{s.cfg.Upstreams.Primary.BaseURL, s.cfg.Upstreams.Relay.BaseURL}
	if names[exchange.Primary] == names[exchange.Relay] { // a rehearsal: two owners all the same
		names[exchange.Relay] += " (rehearsal)"
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

// careState is what stands before an upstream's calls at the moment.
type careState struct {
	Limits  *upstream.LimiterState  `json:"limits,omitempty"`
	Breaker []upstream.CircuitState `json:"breaker,omitempty"`
	Keys    []upstream.KeyState     `json:"keys,omitempty"`
	Trouble string                  `json:"keys_trouble,omitempty"`
}

func stateOf(care *upstream.Care, now time.Time) (s careState) {
	if care == nil {
		return s
	}
	if care.Limiter != nil {
		limits := care.Limiter.State()
		s.Limits = &limits
	}
	if care.Breaker != nil {
		s.Breaker = care.Breaker.State(now)
	}
	if care.Keys != nil {
		s.Keys, s.Trouble = care.Keys.State(now)
	}
	return s
}
