package main

import (
	"io"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"cutover/internal/config"
	"cutover/internal/sidecar"
	"cutover/internal/usage"
)

// newServeCommand is `cutover serve`: it runs a sidecar until a signal stops it.
func newServeCommand(con console) *cobra.Command {
	var printConfig bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the sidecar",
		Long: `serve runs the sidecar in front of the primary. Callers change their base URL to
its address and notice no other difference. With shadow-percentage above 0, the
requests of that share of callers are mirrored to the relay, and both responses
are compared.

SIGTERM or SIGINT stops it: /readyz fails, new requests are still accepted for up
to shutdown.delay, in-flight responses are drained (for at most shutdown.drain),
and it exits with 0. A second signal stops it at once. SIGHUP reloads the
certificate and the keys.`,
		Example: `  # in front of OpenAI, nothing mirrored yet
  cutover serve --primary https://api.openai.com/v1 --relay https://relay.example/v1

  # the same from a file, with every request mirrored
  CUTOVER_FLAGS_SHADOW_PERCENTAGE=100 cutover serve --config cutover.yaml

  # print the effective configuration, and where each value comes from
  cutover serve --config cutover.yaml --print-config`,
		Args: cobra.NoArgs,
	}
	conf := config.AddFlags(cmd.Flags())
	cmd.Flags().BoolVar(&printConfig, "print-config", false, "print the effective configuration, without secrets, and exit")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		loaded, err := conf.Load(con.Env)
		if printConfig && loaded != nil {
			if perr := loaded.Print(con.Out); perr != nil {
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
		return sidecar.Serve(cmd.Context(), loaded.Config, readBuildFacts().Version, log)
	}
	return cmd
}

// newLogger writes to w, as JSON or in columns for a person.
func newLogger(w io.Writer, c config.LogConfig) (zerolog.Logger, error) {
	level, err := zerolog.ParseLevel(c.Level)
	if err != nil {
		return zerolog.Nop(), usage.Errorf("log.level: %v", err)
	}
	if c.Format == "console" || c.Format == "auto" && isTerminal(w) {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly, NoColor: !isTerminal(w)}
	}
	return zerolog.New(w).Level(level).With().Timestamp().Logger(), nil
}
