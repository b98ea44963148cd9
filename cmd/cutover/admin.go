package main

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"cutover/dashboards"
	"cutover/flags"
	"cutover/router/affinity"
	"cutover/shadow"
)

// What the admin API says when it lets nobody in.
var (
	errToken       = errors.New("a token is needed: send Authorization: Bearer and the token of admin.token")
	errForeignHost = errors.New("this address is for this machine only: call it as localhost or by its IP address, or set admin.token")
	errNoSuchPath  = errors.New("there is nothing at this path: the API is below /api/v1")
)

// newAdmin builds the server for people and machines that watch: health,
// readiness, metrics, and the API.
func (s *sidecar) newAdmin() *http.Server {
	r := mux.NewRouter()
	r.HandleFunc("/healthz", s.healthz).Methods(http.MethodGet, http.MethodHead).Name("healthz")
	r.HandleFunc("/readyz", s.readyz).Methods(http.MethodGet, http.MethodHead).Name("readyz")
	r.Handle("/metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{})).Methods(http.MethodGet).Name("metrics")
	r.Handle("/", dashboards.Console{Report: s.console}).Methods(http.MethodGet).Name("console")
	r.HandleFunc("/api/v1/rollout", s.rollout).Methods(http.MethodGet).Name("rollout")
	r.HandleFunc("/api/v1/status", s.status).Methods(http.MethodGet).Name("status")
	registerResults(r, resultsAPI{
		Results: s.results.Results, Summary: s.results.Summary,
		Samples: s.results.SampleResults, Sample: s.results.Sample, Flush: s.ledger.Flush,
	})
	registerFlags(r, flagsAPI{Set: s.flags, Actor: s.actor})
	r.NotFoundHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		writeAPIError(w, http.StatusNotFound, errNoSuchPath)
	})
	return &http.Server{
		Handler:           guard(s.cfg.Admin.Token, r),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
}

// actor is who flips a flag when the request does not say.
func (s *sidecar) actor(*http.Request) string {
	if s.cfg.Admin.Token.IsSet() {
		return "admin token"
	}
	return "admin API"
}

// guard lets only those in who may see and change things: nobody from another
// site's page, and, where a token is set, nobody without it. Probes need no
// token.
func guard(token Secret, next http.Handler) http.Handler {
	next = http.NewCrossOriginProtection().Handler(next)
	if !token.IsSet() {
		return onlyLocalNames(next)
	}
	// Hashing makes the comparison's time independent of the lengths as well.
	want := sha256.Sum256([]byte(token.Reveal()))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" && r.URL.Path != "/readyz" {
			got, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			sum := sha256.Sum256([]byte(got))
			if subtle.ConstantTimeCompare(sum[:], want[:]) != 1 {
				w.Header().Set("WWW-Authenticate", `Bearer realm="cutover"`)
				writeAPIError(w, http.StatusUnauthorized, errToken)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// onlyLocalNames refuses requests under another host's name: without a token,
// a page whose name was made to point here (DNS rebinding) must not get in.
func onlyLocalNames(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		ip := net.ParseIP(strings.Trim(host, "[]"))
		if ip == nil && !strings.EqualFold(host, "localhost") {
			writeAPIError(w, http.StatusForbidden, errForeignHost)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// healthz says that the process lives.
func (s *sidecar) healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n"))
}

// readiness is the answer of /readyz.
type readiness struct {
	Ready    bool        `json:"ready"`
	Draining bool        `json:"draining"`
	Flags    flags.State `json:"flags"`
}

// readyz says whether callers should be sent here. Stale flags are shown, but
// do not make the sidecar unready: it serves by the last good ones.
func (s *sidecar) readyz(w http.ResponseWriter, _ *http.Request) {
	state := readiness{Ready: !s.draining.Load(), Draining: s.draining.Load(), Flags: s.flags.State()}
	if !state.Ready {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	writeAPI(w, state)
}

// statusAnswer is the answer of /api/v1/status.
type statusAnswer struct {
	Version string      `json:"version"`
	Uptime  string      `json:"uptime"`
	Active  int64       `json:"active_requests"`
	Flags   flags.State `json:"flags"`
	Primary careState   `json:"primary"`
	Relay   careState   `json:"relay"`
	Hedge   *hedgeState `json:"hedge,omitempty"`
	// Affinity is of the ids that only one provider knows.
	Affinity affinity.State `json:"affinity"`
	Mirror   struct {
		InFlight int64          `json:"in_flight"`
		Held     int64          `json:"held_bytes"`
		Outcomes []shadow.Count `json:"outcomes"`
	} `json:"mirror"`
	Store struct {
		Written uint64 `json:"written"`
		Dropped uint64 `json:"dropped"`
		Lost    uint64 `json:"lost"`
		Samples uint64 `json:"samples"`
	} `json:"store"`
}

func (s *sidecar) status(w http.ResponseWriter, _ *http.Request) {
	a := statusAnswer{
		Version: readBuildFacts().Version, Uptime: time.Since(s.started).Round(time.Second).String(),
		Active: s.router.Active(), Flags: s.flags.State(),
		Primary: stateOf(s.primary.serve.Care(), time.Now()), Relay: stateOf(s.relay.serve.Care(), time.Now()),
		Affinity: s.affinity.State(),
	}
	a.Hedge = s.hedgeState(time.Now())
	a.Mirror.InFlight, a.Mirror.Held, a.Mirror.Outcomes = s.mirror.InFlight(), s.mirror.Held(), s.mirror.Counts().All()
	a.Store.Written, a.Store.Dropped, a.Store.Lost = s.ledger.Written(), s.ledger.Dropped(), s.ledger.Lost()
	a.Store.Samples = s.sampler.Stored()
	writeAPI(w, a)
}
