// Package admin is the API for watching and steering one sidecar: health, metrics,
// flags, reports, samples and the rollout's verdict. It holds the server, the types on
// the wire, their OpenAPI document and the client.
package admin

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"cutover/compare"
	"cutover/dashboards"
	"cutover/flags"
	"cutover/internal/store"
)

// What the API says about requests that no route takes.
var (
	errNoSuchPath   = errors.New("there is nothing at this path: /api/v1/openapi.json lists what there is")
	errNoSuchMethod = errors.New("this path does not take this method: /api/v1/openapi.json lists those that it takes")
)

// Options are what the API shows and changes.
type Options struct {
	// Token is required as a bearer token; if empty, only this machine may call.
	Token   string
	Flags   *flags.Set
	Results store.Backend
	// Criteria decide what a report concludes; the zero value is the default.
	Criteria compare.Criteria
	// Flush writes pending results, so that a report is up to date; nil: there are none.
	Flush   func(context.Context) error
	Metrics http.Handler
	Status  func() Status
	// NotMirrored counts the requests that were not mirrored, by reason; nil: unknown.
	NotMirrored func() map[string]uint64
	Draining    func() bool // no more requests should be sent here
	// Degraded lists the parts that work less well than they should; nil: there are none.
	Degraded func() []Degradation
	Started  time.Time
}

// NewServer is the API as a server that listens nowhere yet.
func NewServer(o Options) *http.Server {
	return &http.Server{
		Handler:           NewHandler(o),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
}

// NewHandler is the API behind its guard.
func NewHandler(o Options) http.Handler { return guard(o.Token, newRouter(o)) }

// newRouter has every route, and lets anybody in.
func newRouter(o Options) *mux.Router {
	if o.Degraded == nil {
		o.Degraded = func() []Degradation { return nil }
	}
	r := mux.NewRouter()
	results := resultsAPI{Results: o.Results, Criteria: o.Criteria, Flush: o.Flush, NotMirrored: o.NotMirrored}
	health := healthAPI{o}
	health.register(r)
	r.Handle("/metrics", o.Metrics).Methods(http.MethodGet).Name("metrics")
	r.Handle("/", dashboards.Console{Report: func(ctx context.Context) (compare.Report, error) {
		return results.reportNow(ctx, store.Filter{})
	}}).Methods(http.MethodGet).Name("console")
	results.register(r)
	rolloutAPI{flags: o.Flags, report: results.reportNow, started: o.Started}.register(r)
	flagsAPI{Set: o.Flags, Actor: actorOf(o.Token)}.register(r)
	r.HandleFunc("/api/v1/openapi.json", serveOpenAPI).Methods(http.MethodGet).Name("openapi")
	r.MethodNotAllowedHandler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		respondError(w, http.StatusMethodNotAllowed, errNoSuchMethod)
	})
	r.NotFoundHandler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		respondError(w, http.StatusNotFound, errNoSuchPath)
	})
	return r
}

// actorOf is who flips a flag when the request does not say.
func actorOf(token string) string {
	if token != "" {
		return "admin token"
	}
	return "admin API"
}
