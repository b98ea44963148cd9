// Package demo runs the whole product in one process: two mock providers, a sidecar
// and simulated callers, and a report at the end.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"cutover/compare"
	"cutover/internal/config"
	"cutover/internal/sidecar"
	"cutover/internal/store"
)

// Options are the user's choices and the callbacks for progress and outcome.
type Options struct {
	Length  time.Duration // of the traffic
	Callers int           // concurrent
	Stay    bool          // keep running afterwards, until the context ends
	Log     zerolog.Logger
	// Started gets the addresses once everything is running, Progress the milliseconds
	// of traffic so far, and Done the outcome.
	Started  func(Addresses)
	Progress func(ms int64)
	Done     func(*Outcome) error
}

// Addresses are base URLs on this machine.
type Addresses struct{ Sidecar, Admin, Primary, Relay string }

// Run starts everything, sends traffic, reports, and stops everything.
func Run(ctx context.Context, o Options) (err error) {
	dir, err := os.MkdirTemp("", "cutover-demo-")
	if err != nil {
		return fmt.Errorf("demo: can't create a temporary directory for the results: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	primary, err := startMock(demoPrimary())
	if err != nil {
		return err
	}
	defer primary.close()
	relay, err := startMock(demoRelay())
	if err != nil {
		return err
	}
	defer relay.close()

	s, err := demoSidecar(ctx, primary.url, relay.url, dir, o.Log)
	if err != nil {
		return err
	}
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- s.Run(running) }()
	defer func() {
		end()
		err = errors.Join(err, <-ended)
	}()
	o.Started(Addresses{s.URL(), s.AdminURL(), primary.url, relay.url})
	return demonstrate(ctx, s, o)
}

// demonstrate sends the traffic and reports the outcome.
func demonstrate(ctx context.Context, s *sidecar.Sidecar, o Options) error {
	seen := newTraffic(s.URL(), o.Callers).run(ctx, o.Length, o.Progress)
	outcome, err := outcomeOf(ctx, s, seen)
	if err != nil {
		return err
	}
	if err := o.Done(&outcome); err != nil {
		return err
	}
	if o.Stay && ctx.Err() == nil {
		<-ctx.Done()
	}
	return nil
}

// Outcome is what the demo prints.
type Outcome struct {
	Sidecar string         `json:"sidecar"`
	Admin   string         `json:"admin"`
	Callers CallersSaw     `json:"callers"`
	Report  compare.Report `json:"report"`
}

// outcomeOf waits for in-flight shadow requests, which are part of the traffic, and
// reads the report.
func outcomeOf(ctx context.Context, s *sidecar.Sidecar, seen CallersSaw) (Outcome, error) {
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for s.Mirror.Counts().Total() < seen.Requests && deadline.Err() == nil {
		select {
		case <-tick.C:
		case <-deadline.Done():
		}
	}
	if err := s.Ledger.Flush(deadline); err != nil {
		return Outcome{}, fmt.Errorf("demo: can't store the results: %w", err)
	}
	report, err := store.Report(deadline, s.Results, store.Filter{}, compare.Criteria{}, time.Now())
	if err != nil {
		return Outcome{}, fmt.Errorf("demo: %w", err)
	}
	return Outcome{Sidecar: s.URL(), Admin: s.AdminURL(), Callers: seen, Report: report}, nil
}

// WriteText writes the outcome as text, and what to do next.
func (a *Outcome) WriteText(w io.Writer, stay bool) error {
	fmt.Fprintf(w, "What callers saw: %d requests in %s, %d got an error from the primary, %d got no complete response.\n\n",
		a.Callers.Requests, (time.Duration(a.Callers.TookMS) * time.Millisecond).Round(100*time.Millisecond), a.Callers.Errors, a.Callers.Broken)
	if err := a.Report.WriteText(w); err != nil {
		return err
	}
	if !stay {
		_, err := fmt.Fprintf(w, `
Next:
  %[1]s demo --stay     keeps running, to look around
  %[1]s serve --primary https://api.openai.com/v1 --relay https://relay.example/v1
      runs in front of your own provider; nothing is mirrored until you turn it on
`, program())
		return err
	}
	_, err := fmt.Fprintf(w, `
Where to look, until Ctrl-C:
  %[1]s                  the report in a browser
  %[3]s report --admin %[1]s
  %[3]s diff list --admin %[1]s
  %[3]s flags list --admin %[1]s
  curl %[1]s/api/v1/status
  curl %[1]s/metrics
  curl %[2]s/v1/chat/completions -H 'Content-Type: application/json' \
    -d '{"model":"gpt-4o","messages":[{"role":"user","content":"Why is the sky blue?"}]}'
`, a.Admin, a.Sidecar, program())
	return err
}

// program is the command to run this program again: with "go run" there is no
// cutover on the path.
func program() string {
	if strings.Contains(os.Args[0], "go-build") {
		return "go run ./cmd/cutover"
	}
	return "cutover"
}

// demoSidecar is a sidecar with the configuration that serve would have with these
// environment variables.
func demoSidecar(ctx context.Context, primary, relay, dir string, log zerolog.Logger) (*sidecar.Sidecar, error) {
	loaded, err := config.AddFlags(pflag.NewFlagSet("demo", pflag.ContinueOnError)).Load(config.Environ{
		"CUTOVER_PRIMARY=" + primary, "CUTOVER_RELAY=" + relay, "CUTOVER_DATA=" + dir,
		"CUTOVER_LISTEN=127.0.0.1:0", "CUTOVER_ADMIN_LISTEN=127.0.0.1:0",
		"CUTOVER_FLAGS_SHADOW_PERCENTAGE=100", "CUTOVER_FLAGS_NOISE_PERCENTAGE=40",
		`CUTOVER_UPSTREAMS_PRIMARY_PRICES={"gpt-4o":{"input":30,"output":60},"claude-sonnet-4.5":{"input":45,"output":90}}`,
		`CUTOVER_UPSTREAMS_RELAY_PRICES={"gpt-4o":{"input":4,"output":8},"claude-sonnet-4.5":{"input":7.5,"output":15}}`,
		"CUTOVER_SHUTDOWN_DRAIN=2s", "CUTOVER_SHUTDOWN_DELAY=0s",
	})
	if err != nil {
		return nil, err
	}
	return sidecar.New(ctx, loaded.Config, "demo", log)
}
