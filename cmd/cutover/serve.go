package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
)

// newServeCommand runs a sidecar until a signal stops it.
func newServeCommand(con console) *cobra.Command {
	var printConfig bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the sidecar",
		Long: `serve runs the sidecar in front of the primary. Callers change their base URL
to its address and notice nothing else. With shadow-percentage above 0 a share
of the requests is mirrored to the relay, and the answers are compared.

SIGTERM or SIGINT stops it: /readyz turns off, answers under way are finished
(at most shutdown.drain long), and it exits with 0. A second signal stops it at
once.`,
		Example: `  # in front of OpenAI, nothing mirrored yet
  cutover serve --primary https://api.openai.com/v1 --relay https://relay.example/v1

  # the same by file, with every request mirrored
  CUTOVER_FLAGS_SHADOW_PERCENTAGE=100 cutover serve --config cutover.yaml

  # what would it run with, and where does each value come from?
  cutover serve --config cutover.yaml --print-config`,
		Args: cobra.NoArgs,
	}
	conf := addConfigFlags(cmd)
	cmd.Flags().BoolVar(&printConfig, "print-config", false, "print the effective configuration, without secrets, and exit")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		loaded, err := conf.load(con.Env)
		if printConfig && loaded != nil {
			if perr := loaded.print(con.Out); perr != nil {
				return perr
			}
		}
		if err != nil || printConfig {
			return err
		}
		log, err := newLogger(con.Err, loaded.Log)
		if err != nil {
			return err
		}
		return serve(cmd.Context(), loaded.Config, log)
	}
	return cmd
}

// serve runs a sidecar until a signal, or until ctx is done.
func serve(ctx context.Context, cfg Config, log zerolog.Logger) error {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)

	defer newHeapFloor().keep()
	s, err := newSidecar(ctx, cfg, log)
	if err != nil {
		return err
	}
	log.Info().Str("listen", s.URL()).Str("admin", s.AdminURL()).
		Str("primary", cfg.Upstreams.Primary.BaseURL).Str("relay", cfg.Upstreams.Relay.BaseURL).
		Str("version", readBuildFacts().Version).Msg("serving")
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
// second. It returns when the sidecar has ended.
func (s *sidecar) obey(signals <-chan os.Signal, stop context.CancelFunc, ended <-chan struct{}) {
	for first := true; ; first = false {
		select {
		case sig := <-signals:
			if first {
				s.log.Info().Stringer("signal", sig).Int64("open", s.router.Active()).
					Dur("drain", s.cfg.Shutdown.Drain).Msg("stopping: a second signal stops at once")
				stop()
				continue
			}
			s.log.Warn().Stringer("signal", sig).Int64("open", s.router.Active()).Msg("stopping at once")
			s.Abort()
		case <-ended:
			return
		}
	}
}

// newLogger writes to w, as JSON or, for a person, in columns.
func newLogger(w io.Writer, c LogConfig) (zerolog.Logger, error) {
	level, err := zerolog.ParseLevel(c.Level)
	if err != nil {
		return zerolog.Nop(), usagef("log.level: %v", err)
	}
	if c.Format == "console" || c.Format == "auto" && isTerminal(w) {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly, NoColor: !isTerminal(w)}
	}
	return zerolog.New(w).Level(level).With().Timestamp().Logger(), nil
}
