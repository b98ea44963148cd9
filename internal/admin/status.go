package admin

import (
	"net/http"

	"cutover/flags"
	"cutover/internal/millis"
	"cutover/router"
	"cutover/router/affinity"
	"cutover/shadow"
	"cutover/upstream"
	"cutover/upstream/limit"
)

// status serves the state of this one sidecar.
func (api healthAPI) status(w http.ResponseWriter, _ *http.Request) { respond(w, api.Status()) }

// Status is the body of /api/v1/status: the state of one sidecar at the moment.
type Status struct {
	Version  string `json:"version"`         // of the program
	UptimeMS int64  `json:"uptime_ms"`       // since the start
	Active   int64  `json:"active_requests"` // requests in flight
	// HeldBodies are request bodies in memory.
	HeldBodies router.HeldBodies `json:"held_bodies"`
	Flags      flags.State       `json:"flags"`
	Primary    UpstreamStatus    `json:"primary"`
	Relay      UpstreamStatus    `json:"relay"`
	Hedge      *HedgeStatus      `json:"hedge,omitempty"` // nil: nothing is hedged
	// Affinity is about ids that only one provider knows.
	Affinity affinity.State `json:"affinity"`
	Mirror   MirrorStatus   `json:"mirror"`
	Store    StoreStatus    `json:"store"`
	// Degraded lists what works less well than it should, as readiness does.
	Degraded []Degradation `json:"degraded,omitempty"`
}

// UpstreamStatus is what limits calls to an upstream at the moment.
type UpstreamStatus struct {
	Limits      *limit.State            `json:"limits,omitempty"`
	Breaker     []upstream.CircuitState `json:"breaker,omitempty"`      // its circuits, if it has a circuit breaker
	Keys        []upstream.KeyState     `json:"keys,omitempty"`         // the API keys that are rotated, as hashes
	KeysTrouble string                  `json:"keys_trouble,omitempty"` // why a changed file of keys was not applied
	// Withheld counts what callers sent and this upstream did not get, by name.
	Withheld *upstream.WithheldState `json:"withheld,omitempty"`
}

// HedgeStatus says when a request that the relay leaves unanswered is also sent to the primary.
type HedgeStatus struct {
	After      millis.Duration       `json:"after_ms,omitempty"`         // the configured delay, if it is a fixed one
	Percentile float64               `json:"after_percentile,omitempty"` // or the percentile of recent calls that it is learnt from
	Budget     float64               `json:"budget_left"`                // how many second calls the budget allows now
	Models     []router.LatencyState `json:"models,omitempty"`           // by name
}

// MirrorStatus is about shadow requests.
type MirrorStatus struct {
	InFlight int64          `json:"in_flight"`  // shadow requests in flight
	Held     int64          `json:"held_bytes"` // held for pairs that are not complete
	Outcomes []shadow.Count `json:"outcomes"`   // of mirrored requests since the start
}

// StoreStatus counts results and samples.
type StoreStatus struct {
	Written uint64 `json:"written"` // results stored
	Dropped uint64 `json:"dropped"` // results that were not kept because too many waited to be written
	Lost    uint64 `json:"lost"`    // results that could not be written
	Samples uint64 `json:"samples"` // samples stored
}
