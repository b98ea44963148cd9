package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"cutover/compare"
	"cutover/internal/mock"
	"cutover/internal/store"
)

// demoOptions are what a person can choose.
type demoOptions struct {
	length  time.Duration
	stay    bool
	callers int
	log     bool
}

// newDemoCommand shows the whole product in one process.
func newDemoCommand(con console) *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See it work: two rehearsal providers, a sidecar and traffic, in one process",
		Long: `demo starts two rehearsal providers and a sidecar between them and some callers,
all in this process and on free ports of this machine. Every request is served
by the first provider and mirrored to the second; at the end it prints how the
two compare. Nothing needs to be there beforehand, and nothing is left behind.`,
		Example: `  cutover demo
  cutover demo --for 1m --callers 40

  # stay up afterwards, to look around and to send requests by hand
  cutover demo --stay`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().DurationVar(&o.length, "for", 20*time.Second, "how long to send traffic")
	cmd.Flags().BoolVar(&o.stay, "stay", false, "stay up after the traffic, until Ctrl-C")
	cmd.Flags().IntVar(&o.callers, "callers", 16, "callers at the same time")
	cmd.Flags().BoolVar(&o.log, "log", false, "write the sidecar's log to standard error")
	format := addOutputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		switch {
		case o.length <= 0:
			return usagef("--for %s: give a time above 0, such as 20s", o.length)
		case o.callers < 1 || o.callers > 1000:
			return usagef("--callers %d: give a number from 1 to 1000", o.callers)
		}
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		return runDemo(ctx, con, o, format)
	}
	return cmd
}

// runDemo brings everything up, sends traffic, reports, and takes it down.
func runDemo(ctx context.Context, con console, o demoOptions, format *outputFormat) (err error) {
	dir, err := os.MkdirTemp("", "cutover-demo-")
	if err != nil {
		return fmt.Errorf("demo: a temporary directory is needed for the results: %w", err)
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

	log := zerolog.Nop()
	if o.log {
		if log, err = newLogger(con.Err, LogConfig{Level: "info", Format: "auto"}); err != nil {
			return err
		}
	}
	s, err := demoSidecar(ctx, primary.url, relay.url, dir, log)
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
	return demonstrate(ctx, con, s, o, format)
}

// demonstrate sends the traffic and says what came of it.
func demonstrate(ctx context.Context, con console, s *sidecar, o demoOptions, format *outputFormat) error {
	if *format == outputText {
		fmt.Fprintf(con.Out, `cutover demo: everything below runs in this process

  callers ─> sidecar %s/v1 ─> primary %s   serves every request
                       └─ mirror ─> relay   %s   gets a copy; the answers are compared

`, s.URL(), s.cfg.Upstreams.Primary.BaseURL, s.cfg.Upstreams.Relay.BaseURL)
	}
	traffic := newTraffic(s.URL(), o.callers)
	bar := newProgress(con.Err, o.length.Milliseconds(), "sending requests")
	seen := traffic.run(ctx, o.length, bar.set)
	bar.end()
	answer, err := demoReport(ctx, s, seen)
	if err != nil {
		return err
	}
	if err := format.write(con.Out, answer, func(w io.Writer) error { return answer.writeText(w, o.stay) }); err != nil {
		return err
	}
	if o.stay && ctx.Err() == nil {
		<-ctx.Done()
	}
	return nil
}

// demoAnswer is what demo prints.
type demoAnswer struct {
	Sidecar string         `json:"sidecar"`
	Admin   string         `json:"admin"`
	Callers trafficSeen    `json:"callers"`
	Report  compare.Report `json:"report"`
}

// demoReport waits for the copies that are still under way: they are part of
// the traffic that was sent.
func demoReport(ctx context.Context, s *sidecar, seen trafficSeen) (demoAnswer, error) {
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for s.mirror.Counts().Total() < seen.Requests && patience.Err() == nil {
		select {
		case <-tick.C:
		case <-patience.Done():
		}
	}
	if err := s.ledger.Flush(patience); err != nil {
		return demoAnswer{}, fmt.Errorf("demo: the results could not be stored: %w", err)
	}
	summary, err := s.results.Summary(patience, store.Filter{})
	if err != nil {
		return demoAnswer{}, fmt.Errorf("demo: %w", err)
	}
	return demoAnswer{
		Sidecar: s.URL(), Admin: s.AdminURL(), Callers: seen,
		Report: summaryReport(&summary, store.Filter{}, time.Now()),
	}, nil
}

func (a *demoAnswer) writeText(w io.Writer, stay bool) error {
	fmt.Fprintf(w, "What callers saw: %d requests in %s, %d with an error that the primary gave, %d without a whole answer.\n\n",
		a.Callers.Requests, a.Callers.Took.Round(100*time.Millisecond), a.Callers.Errors, a.Callers.Broken)
	if err := a.Report.WriteText(w); err != nil {
		return err
	}
	if !stay {
		_, err := fmt.Fprintf(w, `
Next:
  %[1]s demo --stay     look around while it runs
  %[1]s serve --primary https://api.openai.com/v1 --relay https://relay.example/v1
      in front of your own provider; nothing is mirrored until you say so
`, program())
		return err
	}
	_, err := fmt.Fprintf(w, `
Where to look, until Ctrl-C:
  %[1]s                  the report, in a browser
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

// program is how the reader can call this program again: whoever came by "go
// run" has no cutover on the path.
func program() string {
	if strings.Contains(os.Args[0], "go-build") {
		return "go run ./cmd/cutover"
	}
	return "cutover"
}

// demoSidecar is a sidecar with the configuration that serve would have with
// these variables set.
func demoSidecar(ctx context.Context, primary, relay, dir string, log zerolog.Logger) (*sidecar, error) {
	loaded, err := addConfigFlags(&cobra.Command{}).load(environ{
		"CUTOVER_PRIMARY=" + primary, "CUTOVER_RELAY=" + relay, "CUTOVER_DATA=" + dir,
		"CUTOVER_LISTEN=127.0.0.1:0", "CUTOVER_ADMIN_LISTEN=127.0.0.1:0",
		"CUTOVER_FLAGS_SHADOW_PERCENTAGE=100", "CUTOVER_FLAGS_NOISE_PERCENTAGE=40",
		`CUTOVER_UPSTREAMS_PRIMARY_PRICES={"gpt-4o":{"input":30,"output":60},"claude-sonnet-4.5":{"input":45,"output":90}}`,
		`CUTOVER_UPSTREAMS_RELAY_PRICES={"gpt-4o":{"input":4,"output":8},"claude-sonnet-4.5":{"input":7.5,"output":15}}`,
		"CUTOVER_SHUTDOWN_DRAIN=2s",
	})
	if err != nil {
		return nil, err
	}
	return newSidecar(ctx, loaded.Config, log)
}

// demoPrimary and demoRelay are two providers of the same models: the relay is
// faster, words things a little differently, and fails now and then.
func demoPrimary() mock.Config {
	c := mock.Config{Name: "primary", Seed: 1, DrawSeed: 1}
	c.TTFT, c.Gap = mock.Lognormal(180*time.Millisecond, .35), mock.Lognormal(6*time.Millisecond, .3)
	c.Noise, c.AnswerTokens = .15, 50
	c.Faults = []mock.Fault{{Kind: "503", Rate: .004}}
	return c
}

func demoRelay() mock.Config {
	c := mock.Config{Name: "relay", Seed: 1, DrawSeed: 2}
	c.TTFT, c.Gap = mock.Lognormal(95*time.Millisecond, .45), mock.Lognormal(4*time.Millisecond, .3)
	c.Noise, c.AnswerTokens = .25, 50
	c.BreakToolArguments = .05
	c.Faults = []mock.Fault{{Kind: "500", Rate: .01}, {Kind: "reset", Rate: .005}}
	return c
}

// mockServer is a mock on a port of its own.
type mockServer struct {
	url   string // base URL, with /v1
	srv   *http.Server
	mock  *mock.Server
	ended chan struct{}
}

func startMock(c mock.Config) (*mockServer, error) {
	m, err := mock.New(c)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("demo: no free port on this machine: %w", err)
	}
	s := &mockServer{
		url: "http://" + l.Addr().String() + "/v1", mock: m,
		srv:   &http.Server{Handler: m, ReadHeaderTimeout: 10 * time.Second},
		ended: make(chan struct{}),
	}
	go func() {
		defer close(s.ended)
		_ = s.srv.Serve(l) // ends by Close
	}()
	return s, nil
}

func (s *mockServer) close() {
	_ = s.srv.Close()
	<-s.ended
}
