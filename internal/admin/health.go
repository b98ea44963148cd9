package admin

import (
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"cutover/flags"
)

// healthAPI serves the probes and the status.
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
	Ready    bool        `json:"ready"`    // send requests here
	Draining bool        `json:"draining"` // the sidecar is stopping: in-flight responses are completed, and no more requests should come
	Flags    flags.State `json:"flags"`
	// Degraded lists what works less well than it should, although requests are served.
	Degraded []Degradation `json:"degraded,omitempty"`
}

// Degradation is a part of the sidecar that works less well than it should, and why.
type Degradation struct {
	Part   string    `json:"part"`   // "store", "results", "samples", "flags" or "audit"
	Reason string    `json:"reason"` // a sentence
	Since  time.Time `json:"since"`  // when it began
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
