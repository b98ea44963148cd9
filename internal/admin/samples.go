package admin

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"cutover/compare"
	"cutover/dashboards"
	"cutover/internal/store"
	"cutover/internal/wording"
)

func (api resultsAPI) samples(w http.ResponseWriter, req *http.Request) {
	f, err := store.ParseFilter(req.URL.Query(), time.Now())
	if err != nil {
		respondError(w, http.StatusBadRequest, err)
		return
	}
	results, err := api.Results.SampleResults(req.Context(), f)
	if err != nil {
		respondError(w, http.StatusInternalServerError, err)
		return
	}
	if results == nil {
		results = []compare.Result{}
	}
	respond(w, ResultList{Results: results})
}

func (api resultsAPI) sample(w http.ResponseWriter, req *http.Request) {
	format := req.URL.Query().Get("format")
	if format != "" && format != "json" && format != "html" && format != "text" {
		respondError(w, http.StatusBadRequest, fmt.Errorf("format: found %s, expected json, html or text", wording.Quote(format)))
		return
	}
	sample, err := api.Results.Sample(req.Context(), mux.Vars(req)["id"])
	switch {
	case errors.Is(err, store.ErrNoSample):
		respondError(w, http.StatusNotFound, err)
		return
	case err != nil:
		respondError(w, http.StatusInternalServerError, err)
		return
	}
	var page bytes.Buffer
	switch format {
	case "html":
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		err = dashboards.WriteSample(&page, &sample)
	case "text":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		err = sample.WriteText(&page, compare.TextStyle{})
	default:
		respond(w, sample)
		return
	}
	if err != nil {
		respondError(w, http.StatusInternalServerError, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	// A reader that has gone away needs no error.
	_, _ = page.WriteTo(w)
}
