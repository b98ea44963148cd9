package sidecar

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"cutover/internal/config"
	"cutover/router/affinity"
	"cutover/upstream"
	"cutover/upstream/limit"
)

// policyCollector exposes in /metrics what /api/v1/status shows about circuit
// breakers, limits, keys and ids bound to a provider. It reads the state on each
// scrape, so that calls do not have to count anything twice.
type policyCollector struct {
	policies map[string]*upstream.Policies // by upstream
	affinity *affinity.Table
	models   map[string]bool // that have a label of their own

	breakerState, breakerTrips, breakerRefused            *prometheus.Desc
	limitInFlight, limitWaiting, limitWaited, limitPaused *prometheus.Desc
	limitRefused, fleetUnavailable                        *prometheus.Desc
	keys                                                  *prometheus.Desc
	ids, idsFailing, lookups, idsLearned                  *prometheus.Desc
}

func newPolicyCollector(policies map[string]*upstream.Policies, affinity *affinity.Table, models map[string]bool) *policyCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("cutover_"+name, help, labels, nil)
	}
	return &policyCollector{
		policies: policies, affinity: affinity, models: models,
		breakerState: desc("breaker_state",
			"Circuit breaker: 0 closed, 1 half-open, 2 open. An empty model means the whole upstream, \"other\" "+
				"all models that the configuration does not name.", "upstream", "model"),
		breakerTrips:     desc("breaker_trips_total", "Times that a circuit breaker opened.", "upstream", "model"),
		breakerRefused:   desc("breaker_refused_total", "Calls blocked by an open circuit breaker.", "upstream", "model"),
		limitInFlight:    desc("limit_in_flight", "In-flight calls to an upstream with limits.", "upstream"),
		limitWaiting:     desc("limit_waiting", "Served calls waiting for capacity within an upstream's limits.", "upstream"),
		limitWaited:      desc("limit_waited_total", "Served calls that had to wait for capacity.", "upstream"),
		limitPaused:      desc("limit_paused_models", "Models paused because of the provider's own rate limit headers.", "upstream"),
		limitRefused:     desc("limit_refused_total", "Calls rejected for lack of capacity, by the limit that was reached.", "upstream", "limit"),
		fleetUnavailable: desc("limit_fleet_unavailable", "1 while the fleet can't share its limits because Redis is unavailable.", "upstream"),
		keys:             desc("keys", "Keys of an upstream: in use, or quarantined.", "upstream", "state"),
		ids:              desc("affinity_ids", "Ids in memory whose provider is known."),
		idsFailing:       desc("affinity_store_failing", "1 while the store of ids is unavailable."),
		lookups:          desc("affinity_lookups_total", "Lookups of an id's provider in the store, by result.", "result"),
		idsLearned:       desc("affinity_ids_total", "Ids learned from responses, by what happened to them.", "result"),
	}
}

// Describe implements prometheus.Collector.
func (c *policyCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		c.breakerState, c.breakerTrips, c.breakerRefused,
		c.limitInFlight, c.limitWaiting, c.limitWaited, c.limitPaused, c.limitRefused, c.fleetUnavailable,
		c.keys, c.ids, c.idsFailing, c.lookups, c.idsLearned,
	} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *policyCollector) Collect(out chan<- prometheus.Metric) {
	now := time.Now()
	for name, policies := range c.policies {
		s := policiesStatus(policies, now)
		c.breakers(out, name, s.Breaker)
		if s.Limits != nil {
			c.limits(out, name, s.Limits)
		}
		if policies != nil && policies.Keys != nil {
			quarantined := 0
			for _, k := range s.Keys {
				if k.Quarantine != "" {
					quarantined++
				}
			}
			gauge(out, c.keys, float64(len(s.Keys)-quarantined), name, "in_use")
			gauge(out, c.keys, float64(quarantined), name, "quarantined")
		}
	}
	if c.affinity != nil {
		c.bindings(out, c.affinity.State())
	}
}

// breakers adds the circuits up by label: only models that the configuration names
// have one of their own, as callers write what they like into "model".
func (c *policyCollector) breakers(out chan<- prometheus.Metric, name string, circuits []upstream.CircuitState) {
	type sums struct {
		state          float64 // the worst
		trips, refused uint64
	}
	byLabel := make(map[string]*sums, len(circuits))
	for _, b := range circuits {
		label := c.modelLabel(b.Model)
		s := byLabel[label]
		if s == nil {
			s = &sums{}
			byLabel[label] = s
		}
		switch b.State {
		case "half_open":
			s.state = max(s.state, 1)
		case "open":
			s.state = 2
		}
		s.trips += b.Trips
		s.refused += b.Refused
	}
	for label, s := range byLabel {
		gauge(out, c.breakerState, s.state, name, label)
		counter(out, c.breakerTrips, s.trips, name, label)
		counter(out, c.breakerRefused, s.refused, name, label)
	}
}

// otherModels is the label of models that the configuration does not name.
const otherModels = "other"

// modelLabel is the one function that makes a label of a model's name.
func (c *policyCollector) modelLabel(model string) string {
	if model == "" || c.models[model] {
		return model
	}
	return otherModels
}

// configuredModels are the names that the configuration has for models: what
// others are mapped to, and what has a price.
func configuredModels(c *config.Config) map[string]bool {
	names := map[string]bool{}
	for _, u := range []*config.UpstreamConfig{&c.Upstreams.Primary, &c.Upstreams.Relay} {
		for _, m := range u.Models.All() {
			for asked, to := range m.Names.Map {
				names[asked], names[to] = true, true
			}
			names[m.Names.Default] = true
		}
		for model := range u.Prices {
			names[model] = true
		}
	}
	delete(names, "")
	return names
}

func (c *policyCollector) limits(out chan<- prometheus.Metric, name string, s *limit.State) {
	gauge(out, c.limitInFlight, float64(s.InFlight), name)
	gauge(out, c.limitWaiting, float64(s.Waiting), name)
	gauge(out, c.limitPaused, float64(len(s.Paused)), name)
	counter(out, c.limitWaited, s.Waited, name)
	for limit, n := range s.Refused {
		counter(out, c.limitRefused, n, name, limit)
	}
	gauge(out, c.fleetUnavailable, oneIf(s.Mode == "away"), name)
}

func (c *policyCollector) bindings(out chan<- prometheus.Metric, s affinity.State) {
	gauge(out, c.ids, float64(s.Memory))
	gauge(out, c.idsFailing, oneIf(s.Failing))
	counter(out, c.lookups, s.Lookups-s.Failed, "ok")
	counter(out, c.lookups, s.Failed, "failed")
	counter(out, c.lookups, s.Crowded, "left_out")
	counter(out, c.idsLearned, s.Learned, "learned")
	counter(out, c.idsLearned, s.Stored, "stored")
	counter(out, c.idsLearned, s.Dropped, "dropped")
}

func gauge(out chan<- prometheus.Metric, d *prometheus.Desc, v float64, labels ...string) {
	out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func counter(out chan<- prometheus.Metric, d *prometheus.Desc, n uint64, labels ...string) {
	out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
