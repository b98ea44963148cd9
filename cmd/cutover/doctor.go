package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"cutover/exchange"
)

// findingStatus is how a check of the doctor ended.
type findingStatus string

// The statuses. Only failed makes the doctor fail.
const (
	findingOK     findingStatus = "ok"
	findingNote   findingStatus = "note" // works, but worth knowing
	findingFailed findingStatus = "failed"
)

// finding is the outcome of one check.
type finding struct {
	Check  string        `json:"check"`
	Status findingStatus `json:"status"`
	Detail string        `json:"detail"`
	Advice string        `json:"advice,omitempty"` // what to do
	TookMS float64       `json:"took_ms"`          // milliseconds
}

// diagnosis is everything that the doctor found.
type diagnosis struct {
	OK       bool      `json:"ok"`
	Findings []finding `json:"findings"`
}

// newDoctorCommand is `cutover doctor`.
func newDoctorCommand(env environ) *cobra.Command {
	var live bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check configuration, providers, Redis, data directory and a running sidecar",
		Long: `Checks everything that serving needs, with the configuration that serving
would have: the configuration itself, both providers (their list of models, with
the configured key), Redis, the data directory, and the sidecar if one runs.

With --live it asks only whether a running sidecar is alive: the health check of
a container.

Exit codes: 0 all is well, 1 something failed, 2 the configuration is wrong.`,
		Example: `  cutover doctor --primary https://api.openai.com/v1 --relay https://relay.example/v1
  cutover doctor --config cutover.yaml --output json
  cutover doctor --live`,
		Args: cobra.NoArgs,
	}
	config := addConfigFlags(cmd)
	output := addOutputFlag(cmd)
	cmd.Flags().BoolVar(&live, "live", false, "only ask a running sidecar whether it is alive")
	cmd.Flags().DurationVar(&timeout, "timeout", 10*time.Second, "for each check")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		conf, err := config.load(env)
		if conf == nil {
			return err
		}
		d := &doctor{conf: conf, timeout: timeout}
		var found diagnosis
		if live {
			// A container is alive or not, whatever else is wrong with the
			// settings of the process that asks.
			err = nil
			found = d.run(cmd.Context(), d.alive)
		} else {
			found = d.examine(cmd.Context(), err)
		}
		if err := output.write(cmd.OutOrStdout(), found, found.writeText); err != nil {
			return err
		}
		if !found.OK {
			return errors.Join(errReported, err)
		}
		return nil
	}
	return cmd
}

// doctor runs checks against one configuration.
type doctor struct {
	conf    *loaded
	timeout time.Duration // for each check
}

// examine runs every check that the configuration allows.
func (d *doctor) examine(ctx context.Context, configErr error) diagnosis {
	checks := []check{func(context.Context) finding { return configurationFinding(configErr) }}
	var wrong *configError
	if errors.As(configErr, &wrong) && wrong.unread {
		return d.run(ctx, checks...) // the other checks would be about defaults
	}
	for _, arm := range []exchange.Arm{exchange.Primary, exchange.Relay} {
		if c := d.conf.upstream(arm); c.BaseURL != "" && checkBaseURL(c.BaseURL) == "" {
			checks = append(checks, func(ctx context.Context) finding { return d.upstream(ctx, arm) })
		}
	}
	if r := d.conf.Store.Redis.Reveal(); r != "" && checkRedisURL(r) == nil {
		checks = append(checks, d.redis)
	}
	checks = append(checks, d.dataDirectory, d.sidecar)
	return d.run(ctx, checks...)
}

// check looks at one thing.
type check func(context.Context) finding

// run makes the checks at the same time and keeps their order.
func (d *doctor) run(ctx context.Context, checks ...check) diagnosis {
	found := diagnosis{OK: true, Findings: make([]finding, len(checks))}
	var all sync.WaitGroup
	for i, c := range checks {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, d.timeout)
			defer cancel()
			begun := time.Now()
			f := c(ctx)
			f.TookMS = float64(time.Since(begun).Microseconds()) / 1000
			found.Findings[i] = f
		})
	}
	all.Wait()
	for _, f := range found.Findings {
		found.OK = found.OK && f.Status != findingFailed
	}
	return found
}

func (d diagnosis) writeText(w io.Writer) error {
	const indent = "                       " // below the details
	for _, f := range d.Findings {
		if _, err := fmt.Fprintf(w, "%-7s %-14s %s\n", f.Status, f.Check, strings.ReplaceAll(f.Detail, "\n", "\n"+indent)); err != nil {
			return err
		}
		if f.Advice != "" {
			if _, err := fmt.Fprintf(w, "%s-> %s\n", indent, f.Advice); err != nil {
				return err
			}
		}
	}
	return nil
}

// configurationFinding sums up what loading the configuration said.
func configurationFinding(err error) finding {
	if err == nil {
		return finding{Check: "configuration", Status: findingOK, Detail: "complete and valid"}
	}
	return finding{
		Check:  "configuration",
		Status: findingFailed,
		Detail: err.Error(),
		Advice: "docs/configuration.md lists the keys; `cutover serve --print-config` shows where each value comes from",
	}
}

// dialable is an address on which this machine listens, as one that can be
// called: all addresses become loopback.
func dialable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip != nil && ip.To4() == nil {
			host = "::1"
		}
	}
	return net.JoinHostPort(host, port)
}
