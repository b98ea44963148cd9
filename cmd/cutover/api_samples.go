package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"cutover/compare"
	"cutover/internal/store"
)

// registerSamples adds the routes for single pairs to look at.
//
//	GET /api/v1/samples      -> {"results": [...]} of the kept samples, newest last
//	GET /api/v1/samples/ID   -> compare.Sample; format=html or text for people
//
// The list takes since, model, endpoint, code, severity and limit.
func registerSamples(r *mux.Router, api resultsAPI) {
	r.HandleFunc("/api/v1/samples", api.samples).Methods(http.MethodGet).Name("samples")
	r.HandleFunc("/api/v1/samples/{id}", api.sample).Methods(http.MethodGet).Name("sample")
}

func (api resultsAPI) samples(w http.ResponseWriter, req *http.Request) {
	f, err := filterOf(req.URL.Query(), time.Now())
	if err != nil {
		writeAPIError(w, http.StatusBadRequest, err)
		return
	}
	results, err := api.Samples(req.Context(), f)
	if err != nil {
		writeAPIError(w, http.StatusInternalServerError, err)
		return
	}
	if results == nil {
		results = []compare.Result{}
	}
	writeAPI(w, resultList{Results: results})
}

func (api resultsAPI) sample(w http.ResponseWriter, req *http.Request) {
	format := req.URL.Query().Get("format")
	if format != "" && format != "json" && format != "html" && format != "text" {
		writeAPIError(w, http.StatusBadRequest, fmt.Errorf("format: found %s, expected json, html or text", quote(format)))
		return
	}
	sample, err := api.Sample(req.Context(), mux.Vars(req)["id"])
	switch {
	case errors.Is(err, store.ErrNoSample):
		writeAPIError(w, http.StatusNotFound, err)
		return
	case err != nil:
		writeAPIError(w, http.StatusInternalServerError, err)
		return
	}
	var page bytes.Buffer
	switch format {
	case "html":
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		err = sample.WriteHTML(&page)
	case "text":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		err = sample.WriteText(&page, compare.TextStyle{})
	default:
		writeAPI(w, sample)
		return
	}
	if err != nil {
		writeAPIError(w, http.StatusInternalServerError, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	// A reader that went away is its own affair.
	_, _ = page.WriteTo(w)
}
