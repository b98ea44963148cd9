// Package sidecar wires the product's packages into the process that `cutover serve`
// runs: all hooks between router, mirror, comparison, store, flags and admin API are
// set here and nowhere else.
package sidecar

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"cutover/flags"
	"cutover/internal/config"
	"cutover/internal/store"
	"cutover/router"
	"cutover/router/affinity"
	"cutover/shadow"
	"cutover/upstream"
)

// Sidecar is everything that serve runs, wired together. New binds its ports, Run
// serves.
type Sidecar struct {
	// The parts, for the admin API and tests. New sets them; they are not replaced.
	Flags    *flags.Set
	Router   *router.Router
	Mirror   *shadow.Mirror
	Results  store.Backend // where results, summaries and samples go
	Ledger   *store.Ledger
	Sampler  *store.Sampler
	Affinity *affinity.Table
	Registry *prometheus.Registry

	registerer     prometheus.Registerer // Registry
	cfg            config.Config
	version        string
	log            zerolog.Logger
	primary, relay upstreamPair
	store          *store.Store          // local to this process
	redis          redis.UniversalClient // nil without one
	budget         *shadow.Budget        // nil without a budget
	hedge          router.Hedge
	degraded       *degradations

	panics *prometheus.CounterVec // by where

	proxy, admin                 *http.Server
	proxyListener, adminListener net.Listener
	started                      time.Time
	draining                     atomic.Bool
	lastRequest                  atomic.Int64 // Unix nanoseconds, while draining
	connLimit                    *router.ConnLimit
	certificate                  *certificate // nil: plain HTTP
}

// upstreamPair is one provider with two connection pools: the mirror has its own, so
// that it can't delay served calls.
type upstreamPair struct{ serve, shadow *upstream.Upstream }

// New builds a Sidecar and binds its ports. It holds ports and files, so it must be
// Run. The version is shown in the status.
func New(ctx context.Context, cfg config.Config, version string, log zerolog.Logger) (*Sidecar, error) {
	registry := prometheus.NewRegistry()
	s := &Sidecar{cfg: cfg, version: version, log: log, started: time.Now().UTC(), Registry: registry, registerer: registry}
	s.registerer.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if err := s.build(ctx); err != nil {
		s.release()
		return nil, err
	}
	return s, nil
}

// URL is the base URL for callers.
func (s *Sidecar) URL() string {
	if s.cfg.TLS.Cert != "" {
		return "https://" + s.proxyListener.Addr().String()
	}
	return "http://" + s.proxyListener.Addr().String()
}

// AdminURL is the address of the admin API.
func (s *Sidecar) AdminURL() string { return "http://" + s.adminListener.Addr().String() }

// release frees what New acquired. Listeners that were served are already closed.
func (s *Sidecar) release() {
	for _, l := range []net.Listener{s.proxyListener, s.adminListener} {
		if l != nil {
			_ = l.Close()
		}
	}
	for _, p := range []upstreamPair{s.primary, s.relay} {
		if p.serve != nil {
			p.serve.Close()
		}
		if p.shadow != nil {
			p.shadow.Close()
		}
	}
	if s.redis != nil {
		_ = s.redis.Close()
	}
	if s.store != nil {
		if err := s.store.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			s.log.Error().Err(err).Msg("the store did not close cleanly")
		}
	}
}
