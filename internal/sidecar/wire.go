package sidecar

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"cutover/compare"
	"cutover/exchange"
	"cutover/flags"
	"cutover/internal/admin"
	"cutover/internal/store"
	"cutover/internal/usage"
	"cutover/router"
	"cutover/shadow"
	"cutover/upstream"
)

// build creates the sidecar's parts. After an error the parts created so far remain
// set.
func (s *Sidecar) build(ctx context.Context) (err error) {
	s.panics = newPanicCounter(s.registerer)
	s.degraded = newDegradations(s.log)
	s.registerer.MustRegister(s.degraded)
	if o := RedisOptions(&s.cfg.Store); o != nil {
		if s.redis, err = flags.DialRedis(*o); err != nil {
			return usage.Errorf("store.redis: %v", err)
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
	if s.Flags, err = flags.Open(ctx, s.flagOptions()); err != nil {
		return err
	}
	return s.wire()
}

// openStore opens this process's own store. Results, summaries and samples go there
// too, or to the Redis of a fleet.
func (s *Sidecar) openStore() (err error) {
	o := store.Options{
		Changed: func(reason string) { s.degraded.set(partStore, reason) },
		Key:     []byte(s.cfg.Capture.Key.Reveal()),
		Retention: store.Retention{
			PerClass: s.cfg.Capture.Samples, Age: s.cfg.Capture.Retention, Bytes: int64(s.cfg.Capture.MaxBytes),
		},
	}
	if s.store, err = store.OpenToServe(s.cfg.Store.Dir, o); err != nil {
		return err
	}
	s.Results = s.store
	if s.redis != nil {
		if s.Results, err = store.NewRedis(s.redis, s.cfg.Store.Namespace, o); err != nil {
			return usage.Errorf("capture.key: %v", err)
		}
	}
	mode, err := compare.ParseCapture(s.cfg.Capture.Mode)
	if err != nil {
		return usage.Errorf("capture.mode: %v", err)
	}
	s.Sampler = store.NewSampler(s.Results.PutSamples, store.SamplerOptions{
		Capture: mode, PerClass: s.cfg.Capture.Samples,
		After: s.degraded.after(partSamples), Secrets: s.secrets, Salt: s.Results.Salt,
	})
	return nil
}

// secrets are the keys that the sidecar itself calls upstreams with, and its own passwords.
func (s *Sidecar) secrets() []string {
	out := append(s.primary.serve.Secrets(), s.relay.serve.Secrets()...)
	return append(out, s.cfg.Admin.Token.Reveal(), s.cfg.Store.RedisPassword.Reveal(), s.cfg.Capture.Key.Reveal())
}

func (s *Sidecar) newUpstreamPair(arm exchange.Arm) (p upstreamPair, err error) {
	c := UpstreamConfig(&s.cfg, arm)
	if c.Policies, err = newPolicies(&s.cfg, arm, s.redis, s.log); err != nil {
		return p, err
	}
	if c.BaseURL == "" {
		c.BaseURL = noRelay
	}
	c.Withheld = &upstream.Withheld{} // served and shadow requests alike
	if p.serve, err = upstream.New(c); err != nil {
		return p, err
	}
	c.Timeouts = shadowTimeouts(c.Timeouts)
	p.shadow, err = upstream.New(c)
	return p, err
}

// noRelay is the base URL of a relay that is not configured. decide ensures that it
// is never called.
const noRelay = "http://relay.invalid/v1"

// decide is the flags' Decision, without what is impossible without a relay.
func (s *Sidecar) decide(a flags.Attributes) flags.Decision {
	d := s.Flags.Decide(a)
	if s.cfg.Upstreams.Relay.BaseURL == "" {
		d.RelayEnabled, d.ServeRelay, d.Shadow, d.Noise, d.ReferenceRelay = false, false, false, false, false
	}
	return d
}

// shadowTimeouts bound a shadow request even if the served call has no timeouts: a
// shadow request that hangs would hold its slot forever.
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

// listen binds both ports, so that a port in use is an error at startup.
func (s *Sidecar) listen() (err error) {
	if s.proxyListener, err = listenOn("listen", s.cfg.Listen); err != nil {
		return err
	}
	s.adminListener, err = listenOn("admin.listen", s.cfg.Admin.Listen)
	return err
}

func listenOn(key, address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: can't listen on %s: %w; choose another address, or stop the program that uses it", key, address, err)
	}
	return l, nil
}

func (s *Sidecar) flagOptions() flags.Options {
	return flags.Options{
		Initial: s.cfg.Flags.Values, File: s.cfg.Flags.File, DataDir: s.cfg.Store.Dir, Redis: RedisOptions(&s.cfg.Store),
		Logger: s.log, Registerer: s.registerer, Degraded: s.degraded.set,
	}
}

// newBudget bounds the daily cost of shadow requests: of the fleet if there is a
// Redis, of this process otherwise.
func (s *Sidecar) newBudget(primary, relay compare.Prices) *shadow.Budget {
	if s.cfg.Shadow.BudgetUSDPerDay <= 0 {
		return nil
	}
	var budget shadow.BudgetStore = s.store.Budget()
	if s.redis != nil {
		budget = store.NewRedisBudget(s.redis, s.cfg.Store.Namespace)
	}
	return shadow.NewBudget(shadow.BudgetConfig{
		Store: budget, PerDay: s.cfg.Shadow.BudgetUSDPerDay, Primary: primary, Relay: relay,
		Failed: func(err error) {
			s.log.Warn().Err(err).Msg("can't reserve budget for shadow requests: they are dropped until it works again")
		},
	})
}

// wire connects the parts: the router's hooks are set here and nowhere else.
func (s *Sidecar) wire() (err error) {
	s.Ledger = store.NewLedger(s.Results, store.LedgerOptions{After: s.degraded.after(partResults)})
	exclude, err := shadow.ParseExclude(s.cfg.Shadow.Exclude)
	if err != nil {
		return usage.Errorf("shadow.exclude: %v", err)
	}
	primaryPrices, relayPrices := prices(s.cfg.Upstreams.Primary.Prices), prices(s.cfg.Upstreams.Relay.Prices)
	s.budget = s.newBudget(primaryPrices, relayPrices)
	s.Mirror, err = shadow.New(shadow.Config{
		Primary: s.primary.shadow, Relay: s.relay.shadow, Sink: s.sink,
		MaxConcurrency: s.cfg.Shadow.MaxConcurrency, MaxBytes: int64(s.cfg.Shadow.MaxBytes),
		MaxRPS: s.cfg.Shadow.MaxRPS, Exclude: exclude, Budget: s.budget,
		Compare:    compare.Options{PrimaryPrices: primaryPrices, RelayPrices: relayPrices, Counter: &compare.Counter{}},
		Registerer: s.registerer,
		Sample:     s.Sampler.Offer,
		Panicked:   s.panicked,
	})
	if err != nil {
		return err
	}
	s.Affinity = s.newAffinity()
	s.hedge = newHedge(&s.cfg.Fallback)
	s.registerer.MustRegister(newPolicyCollector(map[string]*upstream.Policies{
		exchange.Primary.String(): s.primary.serve.Policies(), exchange.Relay.String(): s.relay.serve.Policies(),
	}, s.Affinity, configuredModels(&s.cfg)))
	metrics := router.NewMetrics(s.registerer)
	relayTools, err := exchange.ParseToolSet(s.cfg.Upstreams.Relay.HostedTools)
	if err != nil {
		return usage.Errorf("upstreams.relay.hosted_tools: %v", err)
	}
	s.Router, err = router.New(router.Config{
		Primary: s.primary.serve, Relay: s.relay.serve,
		CloseConnections: s.closeConnections,
		Decide:           s.decide, Mirror: s.Mirror.Offer, Served: metrics.Observe,
		CaptureLimit: int64(s.cfg.Capture.Limit), MaxBody: int64(s.cfg.Server.MaxBody),
		HeldBodies: int64(s.cfg.Server.HeldBodies), MinUploadRate: int64(s.cfg.Server.MinUploadRate),
		ReadStallTimeout: s.cfg.Server.ReadStallTimeout, WriteStallTimeout: s.cfg.Server.WriteStallTimeout,
		ServedBy: s.cfg.Headers.ServedBy, RequestID: s.cfg.Headers.RequestID,
		TenantHeader: s.cfg.Headers.Tenant, Logger: s.log,
		ReplaceReference: s.cfg.Fallback.ReplaceReference, MinTokensPerSecond: s.cfg.Fallback.MinTokensPerSecond,
		RelayTools:       relayTools,
		RefuseWebSockets: s.cfg.Server.WebSockets == "refuse",
		MergeModels:      s.cfg.Server.Models == "merged",
		KeepAlive:        s.cfg.Server.StreamKeepalive,
		Hedge:            s.hedge, Affinity: s.Affinity,
	})
	if err != nil {
		return err
	}
	if err = s.newProxy(); err != nil {
		return err
	}
	s.admin = admin.NewServer(admin.Options{
		Token: s.cfg.Admin.Token.Reveal(), Flags: s.Flags, Results: s.Results, Flush: s.Ledger.Flush, Criteria: s.cfg.Criteria,
		Metrics:     promhttp.HandlerFor(s.Registry, promhttp.HandlerOpts{}),
		NotMirrored: s.Mirror.Counts().Unmirrored,
		Status:      s.status, Draining: s.draining.Load, Degraded: s.degradedParts, Started: s.started,
	})
	return nil
}

// sink logs and stores a pair's result. It does not run on the request path.
func (s *Sidecar) sink(r compare.Result) {
	s.log.Info().EmbedObject(r).Msg("pair")
	s.Ledger.Add(r)
}

// newProxy makes the server that callers speak to.
func (s *Sidecar) newProxy() (err error) {
	var tlsConfig *tls.Config
	if c := s.cfg.TLS; c.Cert != "" {
		if s.certificate, err = loadCertificate(c.Cert, c.Key); err != nil {
			return usage.Errorf("tls: %v", err)
		}
		tlsConfig = &tls.Config{GetCertificate: s.certificate.get, MinVersion: tls.VersionTLS12}
	}
	s.proxy = router.NewServer(s.Router, router.ServerLimits{
		MaxHeaderBytes: int(s.cfg.Server.MaxHeaderBytes), ReadHeaderTimeout: s.cfg.Server.ReadHeaderTimeout,
		IdleTimeout: s.cfg.Server.IdleTimeout, WriteStallTimeout: s.cfg.Server.WriteStallTimeout,
	}, tlsConfig, s.log)
	most := s.cfg.Server.MaxConnections
	if most == 0 {
		most = connectionsFor(fileLimit())
	}
	s.connLimit = router.NewConnLimit(most, s.cfg.Server.AcceptWait)
	s.connLimit.TLS = tlsConfig != nil
	s.registerer.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "cutover_connections_refused_total", Help: "Connections refused with a 503 because server.max_connections were open.",
	}, func() float64 { return float64(s.connLimit.Refused()) }))
	s.connLimit.CloseIdle = func() {
		s.proxy.SetKeepAlivesEnabled(false) // closes those that are idle
		s.proxy.SetKeepAlivesEnabled(true)
	}
	return nil
}

// connectionsFor is how many callers fit into a limit of open files: each needs
// a file for itself, one for the provider that serves it and one for the mirror.
// What is left over is for everything else.
func connectionsFor(files uint64) int {
	const spare, each, most = 64, 3, 1 << 20
	if files <= spare+each*8 {
		return 8
	}
	return int(min((files-spare)/each, most))
}
