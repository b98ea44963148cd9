package sidecar

import (
	"context"
	"time"

	"github.com/oklog/run"
)

// Run serves until ctx is done or a part of the sidecar fails. Then it stops the
// parts one after the other, each when nothing needs it any more: proxy, mirror,
// ledger, flags and admin.
func (s *Sidecar) Run(ctx context.Context) error {
	defer s.release()
	var g run.Group
	proxyCtx, endProxy := context.WithCancel(ctx)
	mirrorCtx, endMirror := context.WithCancel(context.Background())
	ledgerCtx, endLedger := context.WithCancel(context.Background())
	restCtx, endRest := context.WithCancel(context.Background())
	defer func() { endProxy(); endMirror(); endLedger(); endRest() }()

	// The first part to end stops the proxy; the others follow in turn.
	follow := func(error) { endProxy() }
	g.Add(func() error { defer endMirror(); return s.serveProxy(proxyCtx) }, follow)
	g.Add(func() error { defer endLedger(); return s.Mirror.Run(mirrorCtx) }, follow)
	g.Add(func() error { defer endRest(); return s.keepRunning(ledgerCtx, "ledger", s.Ledger.Run) }, follow)
	g.Add(func() error { return s.keepRunning(ledgerCtx, "sampler", s.Sampler.Run) }, follow)
	g.Add(func() error { return s.keepRunning(ledgerCtx, "budget", s.budget.Run) }, follow) // accounts for the last shadow request
	g.Add(func() error { return s.keepRunning(ledgerCtx, "affinity", s.Affinity.Run) }, follow)
	g.Add(func() error {
		return s.keepRunning(ledgerCtx, "policies of the primary", s.primary.serve.Policies().Run)
	}, follow)
	g.Add(func() error { return s.keepRunning(ledgerCtx, "policies of the relay", s.relay.serve.Policies().Run) }, follow)
	g.Add(func() error { return s.keepRunning(restCtx, "flags", s.Flags.Run) }, follow)
	g.Add(func() error { return s.serveAdmin(restCtx) }, follow)
	return g.Run()
}

// serveProxy serves callers until ctx is done, then drains: it keeps accepting requests
// for shutdown.delay, then lets the rest finish.
func (s *Sidecar) serveProxy(ctx context.Context) error {
	listener := s.connLimit.Listen(s.proxyListener)
	served := make(chan error, 1)
	go func() { // ends with the listener, which the code below waits for
		if s.cfg.TLS.Cert != "" {
			served <- s.proxy.ServeTLS(listener, "", "")
		} else {
			served <- s.proxy.Serve(listener)
		}
	}()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	s.draining.Store(true)
	limit, cancel := context.WithTimeout(context.Background(), s.cfg.Shutdown.Drain)
	defer cancel()
	s.waitQuiet(limit)
	err := s.proxy.Shutdown(limit)
	if err == nil {
		err = waitIdle(limit, s.Router.Active) // upgraded connections, which the server no longer tracks
	}
	if err != nil {
		s.log.Warn().Int64("open", s.Router.Active()).Msg("shutdown.drain has passed: cutting off in-flight responses")
		s.Router.Close()
		_ = s.proxy.Close()
	}
	<-served
	return nil
}

// quiet is how long nothing must have been in flight before a stopping sidecar closes
// its listener: the application beside it gets SIGTERM at the same moment, and may
// still send some requests.
const quiet = 500 * time.Millisecond

// waitQuiet waits until no request has been in flight for a while, for at most
// shutdown.delay.
func (s *Sidecar) waitQuiet(ctx context.Context) {
	delay := min(s.cfg.Shutdown.Delay, s.cfg.Shutdown.Drain/2)
	if delay <= 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, delay)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	s.lastRequest.Store(time.Now().UnixNano())
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			if s.Router.Active() > 0 {
				s.lastRequest.Store(now.UnixNano())
			} else if now.Sub(time.Unix(0, s.lastRequest.Load())) >= quiet {
				return
			}
		}
	}
}

// closeConnections reports whether callers should open a new connection for their next
// request. It is called once per request.
func (s *Sidecar) closeConnections() bool {
	if !s.draining.Load() {
		return s.connLimit.Full()
	}
	s.lastRequest.Store(time.Now().UnixNano())
	return true
}

// serveAdmin serves until ctx is done, and lets in-flight responses finish for up to a
// second.
func (s *Sidecar) serveAdmin(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- s.admin.Serve(s.adminListener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	limit, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if s.admin.Shutdown(limit) != nil {
		_ = s.admin.Close()
	}
	<-served
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

// Abort closes everything that is still open.
func (s *Sidecar) Abort() {
	s.Router.Close()
	_ = s.proxy.Close()
	s.Mirror.Abort()
}
