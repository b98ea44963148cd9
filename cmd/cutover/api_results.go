package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gorilla/mux"

	"cutover/compare"
	"cutover/internal/store"
)

// resultsAPI serves what the comparisons found.
type resultsAPI struct {
	// Results reads stored results, oldest first: (*store.Store).Results.
	Results func(context.Context, store.Filter) ([]compare.Result, error)
	// Summary reads what all pairs come to, also those whose results are gone:
	// (*store.Store).Summary. When nil, reports are of the stored results.
	Summary func(context.Context, store.Filter) (compare.Summary, error)
	// Samples lists the results of the kept samples, and Sample reads one:
	// SampleResults and Sample of the store. When nil, there are no routes for
	// them.
	Samples func(context.Context, store.Filter) ([]compare.Result, error)
	Sample  func(ctx context.Context, id string) (compare.Sample, error)
	// Flush writes what still waits, so that a report is up to date:
	// (*store.Ledger).Flush. May be nil.
	Flush func(context.Context) error
}

// flushPatience is how long a report waits for results on their way to the disk.
const flushPatience = 2 * time.Second

// registerResults adds the routes to the admin API's router.
//
//	GET /api/v1/report   -> compare.Report; format=text, markdown or html for people
//	GET /api/v1/results  -> {"results": [compare.Result, ...]}, newest last
//
// Both take since (RFC 3339 or a duration like 24h), model and endpoint;
// results also code, severity and limit (100 when left out).
func registerResults(r *mux.Router, api resultsAPI) {
	r.HandleFunc("/api/v1/report", api.report).Methods(http.MethodGet).Name("report")
	r.HandleFunc("/api/v1/results", api.list).Methods(http.MethodGet).Name("results")
	if api.Samples != nil && api.Sample != nil {
		registerSamples(r, api)
	}
}

func (api resultsAPI) report(w http.ResponseWriter, req *http.Request) {
	now := time.Now()
	format := reportJSON
	if v := req.URL.Query().Get("format"); v != "" {
		if err := format.Set(v); err != nil {
			writeAPIError(w, http.StatusBadRequest, fmt.Errorf("format: %w", err))
			return
		}
	}
	f, err := filterOf(req.URL.Query(), now)
	if err != nil {
		writeAPIError(w, http.StatusBadRequest, err)
		return
	}
	f.Limit = 0
	api.flush(req.Context())
	report, err := api.sumUp(req.Context(), f, now)
	if err != nil {
		writeAPIError(w, http.StatusInternalServerError, err)
		return
	}
	if format == reportJSON {
		writeAPI(w, report)
		return
	}
	var page bytes.Buffer
	if err := format.write(&page, &report); err != nil {
		writeAPIError(w, http.StatusInternalServerError, err)
		return
	}
	w.Header().Set("Content-Type", format.contentType())
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	// A reader that went away is its own affair.
	_, _ = page.WriteTo(w)
}

func (api resultsAPI) sumUp(ctx context.Context, f store.Filter, now time.Time) (compare.Report, error) {
	if api.Summary != nil {
		s, err := api.Summary(ctx, f)
		return summaryReport(&s, f, now), err
	}
	results, err := api.Results(ctx, f)
	return reportOf(results, f, now), err
}

func (api resultsAPI) list(w http.ResponseWriter, req *http.Request) {
	f, err := filterOf(req.URL.Query(), time.Now())
	if err != nil {
		writeAPIError(w, http.StatusBadRequest, err)
		return
	}
	if f.Limit == 0 {
		f.Limit = 100
	}
	api.flush(req.Context())
	results, err := api.Results(req.Context(), f)
	if err != nil {
		writeAPIError(w, http.StatusInternalServerError, err)
		return
	}
	if results == nil {
		results = []compare.Result{}
	}
	writeAPI(w, resultList{Results: results})
}

// resultList is the body of GET /api/v1/results.
type resultList struct {
	Results []compare.Result `json:"results"`
}

// flush makes what is read up to date; a disk that is slow makes it a second
// old, which is no reason to fail.
func (api resultsAPI) flush(ctx context.Context) {
	if api.Flush == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, flushPatience)
	defer cancel()
	_ = api.Flush(ctx)
}

// reportOf reports on results.
func reportOf(results []compare.Result, f store.Filter, now time.Time) compare.Report {
	var s compare.Summary
	for _, r := range results {
		s.Add(r)
	}
	return summaryReport(&s, f, now)
}

// summaryReport reports on what results came to.
func summaryReport(s *compare.Summary, f store.Filter, now time.Time) compare.Report {
	return compare.NewReport(s, compare.ReportOptions{Scope: compare.Scope{Since: f.Since, Model: f.Model, Endpoint: f.Endpoint}, Now: now})
}

// filterOf reads a filter from a query; the error names the parameter.
func filterOf(q url.Values, now time.Time) (f store.Filter, err error) {
	f.Model, f.Endpoint, f.Code = q.Get("model"), q.Get("endpoint"), q.Get("code")
	if v := q.Get("since"); v != "" {
		if f.Since, err = parseSince(v, now); err != nil {
			return f, fmt.Errorf("since: %w", err)
		}
	}
	if v := q.Get("severity"); v != "" {
		if f.Severity, err = compare.ParseSeverity(v); err != nil {
			return f, fmt.Errorf("severity: %w", err)
		}
	}
	if v := q.Get("limit"); v != "" {
		if f.Limit, err = strconv.Atoi(v); err != nil || f.Limit < 1 {
			return f, fmt.Errorf("limit: %q is not a whole number above 0", v)
		}
	}
	return f, nil
}

// parseSince reads a moment (RFC 3339) or a span before now ("24h", "7d").
func parseSince(v string, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, v); err == nil {
		return t, nil
	}
	d, err := time.ParseDuration(v)
	if days, ok := daysOf(v); ok {
		d, err = days, nil
	}
	if err != nil || d <= 0 {
		return time.Time{}, fmt.Errorf("%q is neither a span like 90m, 24h or 7d nor a moment like 2006-01-02T15:04:05Z", v)
	}
	return now.Add(-d), nil
}

// daysOf reads "7d", which time.ParseDuration does not know.
func daysOf(v string) (time.Duration, bool) {
	if len(v) < 2 || v[len(v)-1] != 'd' {
		return 0, false
	}
	n, err := strconv.ParseFloat(v[:len(v)-1], 64)
	if err != nil || !(n > 0 && n < 36500) {
		return 0, false
	}
	return time.Duration(n * float64(24*time.Hour)), true
}

// apiError is the body of every answer of the admin API that is not a success.
type apiError struct {
	Error string `json:"error"`
}

func writeAPI(w http.ResponseWriter, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		writeAPIError(w, http.StatusInternalServerError, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	// A reader that went away is its own affair.
	_, _ = w.Write(append(b, '\n'))
}

func writeAPIError(w http.ResponseWriter, status int, err error) {
	b, _ := json.Marshal(apiError{Error: err.Error()})
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n'))
}
