package admin

import (
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"cutover/flags"
	"cutover/internal/millis"
	"cutover/router"
	"cutover/router/affinity"
	"cutover/shadow"
	"cutover/upstream"
	"cutover/upstream/limit"
)

// healthAPI answers probes and tells how the sidecar is.
type healthAPI struct{ Options }

func (api healthAPI) register(r *mux.Router) {
	r.HandleFunc("/healthz", api.healthz).Methods(http.MethodGet, http.MethodHead).Name("healthz")
	r.HandleFunc("/readyz", api.readyz).Methods(http.MethodGet, http.MethodHead).Name("readyz")
	r.HandleFunc("/api/v1/status", api.status).Methods(http.MethodGet).Name("status")
}

// healthz says that the process lives.
func (api healthAPI) healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n"))
}

// Readiness is the body of /readyz.
type Readiness struct {
	Ready    bool        `json:"ready"`
	Draining bool        `json:"draining"`
	Flags    flags.State `json:"flags"`
	// Degraded lists what works less well than it should, although requests are served.
	Degraded []Degradation `json:"degraded,omitempty"`
}

// Degradation is a part of the sidecar that works less well than it should, and why.
type Degradation struct {
	Part   string    `json:"part"` // "store", "results", "samples", "flags" or "audit"
	Reason string    `json:"reason"`
	Since  time.Time `json:"since"`
}

// readyz says whether callers should be sent here. Stale flags and degraded parts are
// shown, but do not make the sidecar unready: it serves by the last good flags.
func (api healthAPI) readyz(w http.ResponseWriter, _ *http.Request) {
	draining := api.Draining()
	if draining {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	respond(w, Readiness{Ready: !draining, Draining: draining, Flags: api.Flags.State(), Degraded: api.Degraded()})
}

func (api healthAPI) status(w http.ResponseWriter, _ *http.Request) { respond(w, api.Status()) }

// Status is the body of /api/v1/status: how one sidecar is at the moment.
type Status struct {
	Version  string `json:"version"`
	UptimeMS int64  `json:"uptime_ms"`
	Active   int64  `json:"active_requests"`
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
	// Degraded is as in Readiness.
	Degraded []Degradation `json:"degraded,omitempty"`
}

// UpstreamStatus is what stands before an upstream's calls at the moment.
type UpstreamStatus struct {
	Limits      *limit.State            `json:"limits,omitempty"`
	Breaker     []upstream.CircuitState `json:"breaker,omitempty"`
	Keys        []upstream.KeyState     `json:"keys,omitempty"`
	KeysTrouble string                  `json:"keys_trouble,omitempty"`
	// Withheld counts what callers sent and this upstream did not get, by name.
	Withheld *upstream.WithheldState `json:"withheld,omitempty"`
}

// HedgeStatus says when a silent request to the relay gets a second one beside it.
type HedgeStatus struct {
	After      millis.Duration       `json:"after_ms,omitempty"`         // the configured delay, if it is a fixed one
	Percentile float64               `json:"after_percentile,omitempty"` // or the percentile of recent calls that it is learnt from
	Budget     float64               `json:"budget_left"`                // how many second calls the budget allows now
	Models     []router.LatencyState `json:"models,omitempty"`
}

// MirrorStatus is about shadow requests.
type MirrorStatus struct {
	InFlight int64          `json:"in_flight"`
	Held     int64          `json:"held_bytes"`
	Outcomes []shadow.Count `json:"outcomes"`
}

// StoreStatus counts results and samples.
type StoreStatus struct {
	Written uint64 `json:"written"`
	Dropped uint64 `json:"dropped"`
	Lost    uint64 `json:"lost"`
	Samples uint64 `json:"samples"`
}
