package main

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"cutover/compare"
	"cutover/flags"
	"cutover/internal/store"
	"cutover/ramp"
)

// reportNow is the report on all pairs, also on those that still wait to be
// written.
func (s *sidecar) reportNow(ctx context.Context, f store.Filter) (compare.Report, error) {
	patience, cancel := context.WithTimeout(ctx, flushPatience)
	defer cancel()
	_ = s.ledger.Flush(patience) // a slow disk makes the report a moment old, no more
	summary, err := s.results.Summary(ctx, f)
	if err != nil {
		return compare.Report{}, err
	}
	return summaryReport(&summary, f, time.Now()), nil
}

// rolloutAnswer is the answer of /api/v1/rollout.
type rolloutAnswer struct {
	Weight    float64        `json:"weight"` // relay-percentage in force
	Since     time.Time      `json:"since"`
	Plan      ramp.Plan      `json:"plan"`
	Judgement ramp.Judgement `json:"judgement"`
}

// rollout says what the evidence allows. Whoever agrees flips the flag: nothing
// is moved here.
func (s *sidecar) rollout(w http.ResponseWriter, r *http.Request) {
	a := rolloutAnswer{Since: s.started, Plan: ramp.DefaultPlan()}
	for _, v := range s.flags.Views() {
		if v.Key != flags.KeyRelayPercentage {
			continue
		}
		weight, err := strconv.ParseFloat(v.Value, 64)
		if err != nil { // a rule: callers have no one weight
			a.Judgement.Reasons = []string{"relay-percentage is a rule, which no plan can judge: set it to a number."}
			writeAPI(w, a)
			return
		}
		a.Weight = weight
	}
	if fields, err := s.flags.Store().Fields(r.Context()); err == nil {
		if f, ok := fields.Values[flags.KeyRelayPercentage]; ok && !f.At.IsZero() {
			a.Since = f.At
		}
	}
	report, err := s.reportNow(r.Context(), store.Filter{Since: a.Since})
	if err != nil {
		writeAPIError(w, http.StatusServiceUnavailable, err)
		return
	}
	a.Judgement = ramp.Judge(a.Plan, ramp.Evidence{Weight: a.Weight, Since: a.Since, Report: &report}, time.Now())
	writeAPI(w, a)
}

// console is the page at the admin address.
func (s *sidecar) console(ctx context.Context) (compare.Report, error) {
	return s.reportNow(ctx, store.Filter{})
}
