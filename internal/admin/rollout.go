package admin

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/gorilla/mux"

	"cutover/compare"
	"cutover/flags"
	"cutover/internal/store"
	"cutover/ramp"
)

// rolloutAPI says what the evidence allows. It changes nothing: an operator who agrees
// sets the flag.
type rolloutAPI struct {
	flags   *flags.Set
	report  func(context.Context, store.Filter) (compare.Report, error)
	started time.Time
}

func (api rolloutAPI) register(r *mux.Router) {
	r.HandleFunc("/api/v1/rollout", api.rollout).Methods(http.MethodGet).Name("rollout")
}

// Rollout is the body of /api/v1/rollout.
type Rollout struct {
	Weight  float64      `json:"weight"` // relay-percentage in force, in percent
	Since   time.Time    `json:"since"`  // when it came into force
	Plan    ramp.Plan    `json:"plan"`
	Verdict ramp.Verdict `json:"verdict"`
}

func (api rolloutAPI) rollout(w http.ResponseWriter, r *http.Request) {
	a := Rollout{Since: api.started, Plan: ramp.DefaultPlan()}
	for _, v := range api.flags.Views() {
		if v.Key != flags.KeyRelayPercentage {
			continue
		}
		weight, err := strconv.ParseFloat(v.Value, 64)
		if err != nil { // a rule: callers have no one weight
			a.Verdict.Reasons = []string{"relay-percentage is a rule, which a plan can't judge: set it to a number."}
			respond(w, a)
			return
		}
		a.Weight = weight
	}
	if fields, err := api.flags.Store().Fields(r.Context()); err == nil {
		if f, ok := fields.Values[flags.KeyRelayPercentage]; ok && !f.At.IsZero() {
			a.Since = f.At
		}
	}
	report, err := api.report(r.Context(), store.Filter{Since: a.Since})
	if err != nil {
		respondError(w, http.StatusServiceUnavailable, err)
		return
	}
	a.Verdict = ramp.Judge(a.Plan, ramp.Evidence{Weight: a.Weight, Since: a.Since, Report: &report}, time.Now())
	respond(w, a)
}
