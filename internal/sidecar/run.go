package sidecar

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/oklog/run"
)

// Run serves until ctx is done or a part of the sidecar fails, and then ends
// the parts one after the other, each when nothing needs it any more: proxy,
// mirror, ledger, flags and admin.
func (s *Sidecar) Run(ctx context.Context) error {
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
	g.Add(func() error { defer endLedger(); return s.Mirror.Run(mirrorCtx) }, follow)
	g.Add(func() error { defer endRest(); return s.Ledger.Run(ledgerCtx) }, follow)
	g.Add(func() error { return s.Sampler.Run(ledgerCtx) }, follow)
	g.Add(func() error { return s.budget.Run(ledgerCtx) }, follow) // settles after the last copy
	g.Add(func() error { return s.Affinity.Run(ledgerCtx) }, follow)
	g.Add(func() error { return s.primary.serve.Policies().Run(ledgerCtx) }, follow)
	g.Add(func() error { return s.relay.serve.Policies().Run(ledgerCtx) }, follow)
	g.Add(func() error { return s.Flags.Run(restCtx) }, follow)
	g.Add(func() error { return s.serveAdmin(restCtx) }, follow)
	return g.Run()
}

// serveProxy serves callers until ctx is done, then lets them finish for at
// most the drain limit.
func (s *Sidecar) serveProxy(ctx context.Context) error {
	return serveUntil(ctx, s.cfg.Shutdown.Drain, s.proxy, s.proxyListener, s.cfg.TLS.Cert != "",
		func() { s.draining.Store(true) },
		func() {
			s.log.Warn().Int64("open", s.Router.Active()).Msg("the drain limit is over: open answers are cut")
			s.Router.Close()
		}, s.Router.Active)
}

func (s *Sidecar) serveAdmin(ctx context.Context) error {
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
func (s *Sidecar) Abort() {
	s.Router.Close()
	_ = s.proxy.Close()
	s.Mirror.Abort()
}
