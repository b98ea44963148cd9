package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/oklog/run"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"cutover/compare"
	"cutover/exchange"
	"cutover/flags"
	"cutover/internal/store"
	"cutover/router"
	"cutover/router/affinity"
	"cutover/shadow"
	"cutover/upstream"
)

// sidecar is everything that serve runs, wired together: bound by newSidecar,
// served by Run.
type sidecar struct {
	cfg      Config
	log      zerolog.Logger
	registry *prometheus.Registry

	primary, relay upstreamPair
	flags          *flags.Set
	store          *store.Store  // this process's own
	results        store.Backend // where results, sums and samples go
	ledger         *store.Ledger
	sampler        *store.Sampler
	redis          redis.UniversalClient // nil without one
	budget         *shadow.Budget        // nil without a limit in dollars
	affinity       *affinity.Table
	hedge          router.Hedge
	mirror         *shadow.Mirror
	router         *router.Router

	proxy, admin                 *http.Server
	proxyListener, adminListener net.Listener
	started                      time.Time
	draining                     atomic.Bool
}

// upstreamPair is one provider twice: the mirror has a connection pool of its
// own, so that nothing it does can hold up a served call.
type upstreamPair struct{ serve, shadow *upstream.Upstream }

// newSidecar builds and binds. What it returns holds ports and files: it must
// be Run.
func newSidecar(ctx context.Context, cfg Config, log zerolog.Logger) (*sidecar, error) {
	s := &sidecar{cfg: cfg, log: log, started: time.Now(), registry: prometheus.NewRegistry()}
	s.registry.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if err := s.build(ctx); err != nil {
		s.release()
		return nil, err
	}
	return s, nil
}

// build fills the sidecar in; after an error it holds what was made so far.
func (s *sidecar) build(ctx context.Context) (err error) {
	if o := s.cfg.Store.redis(); o != nil {
		if s.redis, err = flags.DialRedis(*o); err != nil {
			return usagef("store.redis: %v", err)
		}
	}
	if s.primary, err = s.newUpstreamPair(exchange.Primary); err != nil {
		return err
	}
	if s.relay, err = s.newUpstreamPair(exchange.Relay); err != nil {
		return err
	}
	if err = s.listen(); err != nil {
		return err
	}
	if err = s.openStore(); err != nil {
		return err
	}
	if s.flags, err = flags.Open(ctx, s.flagOptions()); err != nil {
		return err
	}
	return s.wire()
}

// openStore opens what this process keeps for itself, and where results, sums
// and samples go: there too, or to the Redis of a fleet.
func (s *sidecar) openStore() (err error) {
	o := store.Options{
		Key: []byte(s.cfg.Capture.Key.Reveal()),
		Retention: store.Retention{
			PerClass: s.cfg.Capture.Samples, Age: s.cfg.Capture.Retention, Bytes: int64(s.cfg.Capture.MaxBytes),
		},
	}
	if s.store, err = store.Open(s.cfg.Store.Dir, o); err != nil {
		return err
	}
	s.results = s.store
	if s.redis != nil {
		if s.results, err = store.NewRedis(s.redis, s.cfg.Store.Namespace, o); err != nil {
			return usagef("capture.key: %v", err)
		}
	}
	mode, err := compare.ParseCapture(s.cfg.Capture.Mode)
	if err != nil {
		return usagef("capture.mode: %v", err)
	}
	s.sampler = store.NewSampler(s.results.PutSamples, store.SamplerOptions{
		Capture: mode, PerClass: s.cfg.Capture.Samples,
		Failed: func(lost int, err error) {
			s.log.Error().Err(err).Int("lost", lost).Msg("samples could not be stored")
		},
	})
	return nil
}

func (s *sidecar) newUpstreamPair(arm exchange.Arm) (p upstreamPair, err error) {
	c := s.cfg.upstream(arm)
	if c.Care, err = s.cfg.newCare(arm, s.redis, s.log); err != nil {
		return p, err
	}
	if c.BaseURL == "" {
		c.BaseURL = noRelay
	}
	if p.serve, err = upstream.New(c); err != nil {
		return p, err
	}
	c.Timeouts = shadowTimeouts(c.Timeouts)
	p.shadow, err = upstream.New(c)
	return p, err
}

// noRelay stands for a relay that is not configured. It is never called: decide
// sees to that.
const noRelay = "http://relay.invalid/v1"

// decide is the flags' Decision, less what can't be done without a relay.
func (s *sidecar) decide(a flags.Attributes) flags.Decision {
	d := s.flags.Decide(a)
	if s.cfg.Upstreams.Relay.BaseURL == "" {
		d.RelayEnabled, d.ServeRelay, d.Shadow, d.Noise, d.ReferenceRelay = false, false, false, false, false
	}
	return d
}

// shadowTimeouts bound a copy also where the served call has all the time that
// its caller has: a copy that hangs would hold its slot for ever.
func shadowTimeouts(t upstream.Timeouts) upstream.Timeouts {
	limit := func(d *time.Duration, most time.Duration) {
		if *d <= 0 {
			*d = most
		}
	}
	limit(&t.Connect, 10*time.Second)
	limit(&t.Header, 10*time.Minute)
	limit(&t.FirstToken, 2*time.Minute)
	limit(&t.Idle, 2*time.Minute)
	limit(&t.Total, 15*time.Minute)
	return t
}

// listen takes both ports, so that a taken one is an error at start.
func (s *sidecar) listen() (err error) {
	if s.proxyListener, err = listenOn("listen", s.cfg.Listen); err != nil {
		return err
	}
	s.adminListener, err = listenOn("admin.listen", s.cfg.Admin.Listen)
	return err
}

func listenOn(key, address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: can't listen on %s: %w; choose another address, or stop what holds it", key, address, err)
	}
	return l, nil
}

func (s *sidecar) flagOptions() flags.Options {
	return flags.Options{
		Initial: s.cfg.Flags.values(), File: s.cfg.Flags.File, DataDir: s.cfg.Store.Dir, Redis: s.cfg.Store.redis(),
		Logger: s.log, Registerer: s.registry,
	}
}

// newBudget bounds what copies cost in a day: the fleet's day where there is a
// Redis, this process's day otherwise.
func (s *sidecar) newBudget(primary, relay compare.Prices) *shadow.Budget {
	if s.cfg.Shadow.BudgetUSDPerDay <= 0 {
		return nil
	}
	var purse shadow.Purse = s.store.Purse()
	if s.redis != nil {
		purse = store.NewRedisPurse(s.redis, s.cfg.Store.Namespace)
	}
	return shadow.NewBudget(shadow.BudgetConfig{
		Purse: purse, PerDay: s.cfg.Shadow.BudgetUSDPerDay, Primary: primary, Relay: relay,
		Failed: func(err error) {
			s.log.Warn().Err(err).Msg("the mirror's budget can't be drawn on: copies wait until it can")
		},
	})
}

// wire connects the rooms: the router's hooks are filled here and nowhere else.
func (s *sidecar) wire() (err error) {
	s.ledger = store.NewLedger(s.results, store.LedgerOptions{Failed: func(lost int, err error) {
		s.log.Error().Err(err).Int("lost", lost).Msg("results could not be stored")
	}})
	exclude, err := shadow.ParseExclude(s.cfg.Shadow.Exclude)
	if err != nil {
		return usagef("shadow.exclude: %v", err)
	}
	primaryPrices, relayPrices := prices(s.cfg.Upstreams.Primary.Prices), prices(s.cfg.Upstreams.Relay.Prices)
	s.budget = s.newBudget(primaryPrices, relayPrices)
	s.mirror, err = shadow.New(shadow.Config{
		Primary: s.primary.shadow, Relay: s.relay.shadow, Sink: s.sink,
		MaxConcurrency: s.cfg.Shadow.MaxConcurrency, MaxBytes: int64(s.cfg.Shadow.MaxBytes),
		MaxRPS: s.cfg.Shadow.MaxRPS, Exclude: exclude, Budget: s.budget,
		Compare:    compare.Options{PrimaryPrices: primaryPrices, RelayPrices: relayPrices, Counter: &compare.Counter{}},
		Registerer: s.registry,
		Sample:     s.sampler.Offer,
	})
	if err != nil {
		return err
	}
	s.affinity = s.newAffinity()
	s.hedge = s.cfg.Fallback.hedge()
	s.registry.MustRegister(newCareCollector(map[string]*upstream.Care{
		exchange.Primary.String(): s.primary.serve.Care(), exchange.Relay.String(): s.relay.serve.Care(),
	}, s.affinity))
	metrics := router.NewMetrics(s.registry)
	s.router, err = router.New(router.Config{
		Primary: s.primary.serve, Relay: s.relay.serve,
		Decide: s.decide, Mirror: s.mirror.Offer, Served: metrics.Observe,
		CaptureLimit: int64(s.cfg.Capture.Limit), MaxBody: int64(s.cfg.Server.MaxBody),
		BodyStall: s.cfg.Server.ReadStallTimeout, WriteStall: s.cfg.Server.WriteStallTimeout,
		ServedBy: s.cfg.Headers.ServedBy, RequestID: s.cfg.Headers.RequestID,
		TenantHeader: s.cfg.Headers.Tenant, Logger: s.log,
		ReplaceReference: s.cfg.Fallback.ReplaceReference, MinTokensPerSecond: s.cfg.Fallback.MinTokensPerSecond,
		MergeModels: s.cfg.Server.Models == "merged",
		KeepAlive:   s.cfg.Server.StreamKeepalive,
		Hedge:       s.hedge, Affinity: s.affinity,
	})
	if err != nil {
		return err
	}
	var cert *tls.Config
	if c := s.cfg.TLS; c.Cert != "" {
		pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
		if err != nil {
			return usagef("tls: %v", err)
		}
		cert = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	s.proxy = router.NewServer(s.router, router.ServerLimits{
		HeaderBytes: int(s.cfg.Server.MaxHeaderBytes), HeaderTime: s.cfg.Server.ReadHeaderTimeout,
		IdleTime: s.cfg.Server.IdleTimeout, WriteStall: s.cfg.Server.WriteStallTimeout,
	}, cert, s.log)
	s.admin = s.newAdmin()
	return nil
}

// sink takes a pair's result: one log line, and the store. It runs off the
// path of requests.
func (s *sidecar) sink(r compare.Result) {
	s.log.Info().EmbedObject(r).Msg("pair")
	s.ledger.Add(r)
}

func prices(from map[string]Price) compare.Prices {
	out := make(compare.Prices, len(from))
	for model, p := range from {
		out[model] = compare.Price{Input: p.Input, Output: p.Output}
	}
	return out
}

// URL is where callers are served, AdminURL where people look.
func (s *sidecar) URL() string {
	if s.cfg.TLS.Cert != "" {
		return "https://" + s.proxyListener.Addr().String()
	}
	return "http://" + s.proxyListener.Addr().String()
}

// AdminURL is the address of the admin API.
func (s *sidecar) AdminURL() string { return "http://" + s.adminListener.Addr().String() }

// Run serves until ctx is done or a part of the sidecar fails, and then ends
// the parts one after the other, each when nothing needs it any more: proxy,
// mirror, ledger, flags and admin.
func (s *sidecar) Run(ctx context.Context) error {
	defer s.release()
	var g run.Group
	proxyCtx, endProxy := context.WithCancel(ctx)
	mirrorCtx, endMirror := context.WithCancel(context.Background())
	ledgerCtx, endLedger := context.WithCancel(context.Background())
	restCtx, endRest := context.WithCancel(context.Background())
	defer func() { endProxy(); endMirror(); endLedger(); endRest() }()

	// The first part to end makes the proxy end; the others follow in turn.
	follow := func(error) { endProxy() }
	g.Add(func() error { defer endMirror(); return s.serveProxy(proxyCtx) }, follow)
	g.Add(func() error { defer endLedger(); return s.mirror.Run(mirrorCtx) }, follow)
	g.Add(func() error { defer endRest(); return s.ledger.Run(ledgerCtx) }, follow)
	g.Add(func() error { return s.sampler.Run(ledgerCtx) }, follow)
	g.Add(func() error { return s.budget.Run(ledgerCtx) }, follow) // settles after the last copy
	g.Add(func() error { return s.affinity.Run(ledgerCtx) }, follow)
	g.Add(func() error { return s.primary.serve.Care().Run(ledgerCtx) }, follow)
	g.Add(func() error { return s.relay.serve.Care().Run(ledgerCtx) }, follow)
	g.Add(func() error { return s.flags.Run(restCtx) }, follow)
	g.Add(func() error { return s.serveAdmin(restCtx) }, follow)
	return g.Run()
}

// serveProxy serves callers until ctx is done, then lets them finish for at
// most the drain limit.
func (s *sidecar) serveProxy(ctx context.Context) error {
	return serveUntil(ctx, s.cfg.Shutdown.Drain, s.proxy, s.proxyListener, s.cfg.TLS.Cert != "",
		func() { s.draining.Store(true) },
		func() {
			s.log.Warn().Int64("open", s.router.Active()).Msg("the drain limit is over: open answers are cut")
			s.router.Close()
		}, s.router.Active)
}

func (s *sidecar) serveAdmin(ctx context.Context) error {
	return serveUntil(ctx, time.Second, s.admin, s.adminListener, false, nil, nil, nil)
}

// serveUntil serves until ctx is done, then drains. A server that fails by
// itself is an error.
func serveUntil(ctx context.Context, drain time.Duration, srv *http.Server, l net.Listener, withTLS bool,
	begun, overdue func(), active func() int64) error {
	failed := make(chan error, 1)
	go func() { // ends when the listener does, which the code below waits for
		if withTLS {
			failed <- srv.ServeTLS(l, "", "")
		} else {
			failed <- srv.Serve(l)
		}
	}()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	if begun != nil {
		begun()
	}
	limit, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	err := srv.Shutdown(limit)
	if err == nil && active != nil {
		err = waitIdle(limit, active) // upgraded connections, which the server has let go of
	}
	if err != nil {
		if overdue != nil {
			overdue()
		}
		_ = srv.Close()
	}
	<-failed
	return nil
}

func waitIdle(ctx context.Context, active func() int64) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for active() > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Abort cuts everything that is still open.
func (s *sidecar) Abort() {
	s.router.Close()
	_ = s.proxy.Close()
	s.mirror.Abort()
}

// release gives back what newSidecar took. A listener that was served is
// closed already.
func (s *sidecar) release() {
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
