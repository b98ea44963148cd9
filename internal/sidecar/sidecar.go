// Package sidecar wires the rooms of the product into the process that `cutover
// serve` runs: every hook between router, mirror, comparison, store, flags and
// admin API is filled here and nowhere else.
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

// Sidecar is everything that serve runs, wired together: bound by New, served by
// Run.
type Sidecar struct {
	// The rooms, for whoever watches the process. New sets them; they are not
	// replaced.
	Flags    *flags.Set
	Router   *router.Router
	Mirror   *shadow.Mirror
	Results  store.Backend // where results, sums and samples go
	Ledger   *store.Ledger
	Sampler  *store.Sampler
	Affinity *affinity.Table
	Registry *prometheus.Registry

	registerer     prometheus.Registerer // Registry
	cfg            config.Config
	version        string
	log            zerolog.Logger
	primary, relay upstreamPair
	store          *store.Store          // this process's own
	redis          redis.UniversalClient // nil without one
	budget         *shadow.Budget        // nil without a limit in dollars
	hedge          router.Hedge

	proxy, admin                 *http.Server
	proxyListener, adminListener net.Listener
	started                      time.Time
	draining                     atomic.Bool
	lastRequest                  atomic.Int64 // Unix nanoseconds, while draining
	connLimit                    *router.ConnLimit
	certificate                  *certificate // nil: plain HTTP
}

// upstreamPair is one provider twice: the mirror has a connection pool of its
// own, so that nothing it does can hold up a served call.
type upstreamPair struct{ serve, shadow *upstream.Upstream }

// New builds and binds. What it returns holds ports and files: it must be Run.
// The version is shown in the status.
func New(ctx context.Context, cfg config.Config, version string, log zerolog.Logger) (*Sidecar, error) {
	registry := prometheus.NewRegistry()
	s := &Sidecar{cfg: cfg, version: version, log: log, started: time.Now(), Registry: registry, registerer: registry}
	s.registerer.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if err := s.build(ctx); err != nil {
		s.release()
		return nil, err
	}
	return s, nil
}

// URL is where callers are served, AdminURL where people look.
func (s *Sidecar) URL() string {
	if s.cfg.TLS.Cert != "" {
		return "https://" + s.proxyListener.Addr().String()
	}
	return "http://" + s.proxyListener.Addr().String()
}

// AdminURL is the address of the admin API.
func (s *Sidecar) AdminURL() string { return "http://" + s.adminListener.Addr().String() }

// release gives back what newSidecar took. A listener that was served is
// closed already.
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
