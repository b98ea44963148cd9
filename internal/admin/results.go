package admin

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"cutover/compare"
	"cutover/dashboards"
	"cutover/internal/store"
)

// resultsAPI serves what the comparisons found.
type resultsAPI struct {
	Results  store.Backend
	Criteria compare.Criteria
	Flush    func(context.Context) error // may be nil
	// NotMirrored counts what this sidecar did not mirror, by reason; may be nil.
	NotMirrored func() map[string]uint64
}

// flushTimeout bounds how long a report waits for pending results.
const flushTimeout = 2 * time.Second

// register adds the routes.
//
//	GET /api/v1/report      -> compare.Report; format=text, markdown or html for people
//	GET /api/v1/results     -> ResultList, newest last
//	GET /api/v1/samples     -> ResultList of the kept samples, newest last
//	GET /api/v1/samples/ID  -> compare.Sample; format=html or text for people
//
// Lists and reports take since (RFC 3339 or a duration like 24h), model and
// endpoint; lists also code, severity and limit (results: 100 when left out).
func (api resultsAPI) register(r *mux.Router) {
	r.HandleFunc("/api/v1/report", api.report).Methods(http.MethodGet).Name("report")
	r.HandleFunc("/api/v1/results", api.results).Methods(http.MethodGet).Name("results")
	r.HandleFunc("/api/v1/samples", api.samples).Methods(http.MethodGet).Name("samples")
	r.HandleFunc("/api/v1/samples/{id}", api.sample).Methods(http.MethodGet).Name("sample")
}

func (api resultsAPI) report(w http.ResponseWriter, req *http.Request) {
	format := dashboards.JSON
	if v := req.URL.Query().Get("format"); v != "" {
		if err := format.Set(v); err != nil {
			respondError(w, http.StatusBadRequest, fmt.Errorf("format: %w", err))
			return
		}
	}
	f, err := store.ParseFilter(req.URL.Query(), time.Now())
	if err != nil {
		respondError(w, http.StatusBadRequest, err)
		return
	}
	report, err := api.reportNow(req.Context(), f)
	if err != nil {
		respondError(w, http.StatusInternalServerError, err)
		return
	}
	if format == dashboards.JSON {
		respond(w, report)
		return
	}
	var page bytes.Buffer
	if err := format.Write(&page, &report); err != nil {
		respondError(w, http.StatusInternalServerError, err)
		return
	}
	w.Header().Set("Content-Type", format.ContentType())
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	// A reader that has gone away needs no error.
	_, _ = page.WriteTo(w)
}

// reportNow is the report on all pairs, including those that are not written yet.
func (api resultsAPI) reportNow(ctx context.Context, f store.Filter) (compare.Report, error) {
	api.flush(ctx)
	report, err := store.Report(ctx, api.Results, f, api.Criteria, time.Now().UTC())
	if err == nil && api.NotMirrored != nil && f == (store.Filter{}) { // the counts are of everything
		report.NotMirrored = api.NotMirrored()
	}
	return report, err
}

func (api resultsAPI) results(w http.ResponseWriter, req *http.Request) {
	f, err := store.ParseFilter(req.URL.Query(), time.Now())
	if err != nil {
		respondError(w, http.StatusBadRequest, err)
		return
	}
	if f.Limit == 0 {
		f.Limit = 100
	}
	api.flush(req.Context())
	results, err := api.Results.Results(req.Context(), f)
	if err != nil {
		respondError(w, http.StatusInternalServerError, err)
		return
	}
	if results == nil {
		results = []compare.Result{}
	}
	respond(w, ResultList{Results: results})
}

// ResultList is the body of GET /api/v1/results.
type ResultList struct {
	Results []compare.Result `json:"results"` // newest last
}

// flush writes pending results, so that what is read is up to date. With a slow disk
// it may be a second old, which is better than an error.
func (api resultsAPI) flush(ctx context.Context) {
	if api.Flush == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	_ = api.Flush(ctx)
}
