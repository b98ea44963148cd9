package sidecar

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/rs/zerolog"

	"cutover/internal/config"
)

// Serve runs a sidecar until a signal arrives or ctx is done.
func Serve(ctx context.Context, cfg config.Config, version string, log zerolog.Logger) error {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)

	defer newBallast().keep()
	s, err := New(ctx, cfg, version, log)
	if err != nil {
		return err
	}
	log.Info().Str("listen", s.URL()).Str("admin", s.AdminURL()).
		Str("primary", cfg.Upstreams.Primary.BaseURL).Str("relay", cfg.Upstreams.Relay.BaseURL).
		Str("version", version).Msg("serving")
	stop, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan struct{})
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		s.obey(signals, cancel, ended)
	}()
	err = s.Run(stop)
	close(ended)
	<-watching
	if err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	log.Info().Msg("stopped")
	return nil
}

// obey stops the sidecar gracefully at the first signal and at once at the
// second; SIGHUP reloads. It returns when the sidecar has ended.
func (s *Sidecar) obey(signals <-chan os.Signal, stop context.CancelFunc, ended <-chan struct{}) {
	first := true
	for {
		select {
		case sig := <-signals:
			if sig == syscall.SIGHUP {
				s.Reload()
				continue
			}
			if first {
				first = false
				s.log.Info().Stringer("signal", sig).Int64("open", s.Router.Active()).
					Dur("drain", s.cfg.Shutdown.Drain).Msg("draining; a second signal stops at once")
				stop()
				continue
			}
			s.log.Warn().Stringer("signal", sig).Int64("open", s.Router.Active()).Msg("stopping at once")
			s.Abort()
		case <-ended:
			return
		}
	}
}
