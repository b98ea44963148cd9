package sidecar

import (
	"time"

	"cutover/internal/admin"
	"cutover/internal/millis"
	"cutover/upstream"
)

// status is the sidecar's current state.
func (s *Sidecar) status() admin.Status {
	now := time.Now().UTC()
	return admin.Status{
		Version:  s.version,
		UptimeMS: now.Sub(s.started).Milliseconds(),
		Active:   s.Router.Active(), HeldBodies: s.Router.HeldBodies(),
		Flags:    s.Flags.State(),
		Primary:  upstreamStatus(s.primary.serve, now),
		Relay:    upstreamStatus(s.relay.serve, now),
		Hedge:    s.hedgeStatus(now),
		Affinity: s.Affinity.State(),
		Mirror:   admin.MirrorStatus{InFlight: s.Mirror.InFlight(), Held: s.Mirror.Held(), Outcomes: s.Mirror.Counts().All()},
		Store: admin.StoreStatus{
			Written: s.Ledger.Written(), Dropped: s.Ledger.Dropped(), Lost: s.Ledger.Lost(), Samples: s.Sampler.Stored(),
		},
		Degraded: s.degradedParts(),
	}
}

// hedgeStatus is nil without hedging.
func (s *Sidecar) hedgeStatus(now time.Time) *admin.HedgeStatus {
	if s.hedge.Budget == nil {
		return nil
	}
	return &admin.HedgeStatus{
		After: millis.Duration(s.cfg.Fallback.HedgeAfter.Fixed), Percentile: s.cfg.Fallback.HedgeAfter.Percentile,
		Budget: s.hedge.Budget.Left(), Models: s.hedge.Latency.State(now),
	}
}

func upstreamStatus(u *upstream.Upstream, now time.Time) admin.UpstreamStatus {
	s := policiesStatus(u.Policies(), now)
	s.Withheld = u.Withheld().State()
	return s
}

func policiesStatus(policies *upstream.Policies, now time.Time) (s admin.UpstreamStatus) {
	if policies == nil {
		return s
	}
	if policies.Limiter != nil {
		limits := policies.Limiter.State()
		s.Limits = &limits
	}
	if policies.Breaker != nil {
		s.Breaker = policies.Breaker.State(now)
	}
	if policies.Keys != nil {
		s.Keys, s.KeysTrouble = policies.Keys.State(now)
	}
	return s
}
