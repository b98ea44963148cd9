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
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"cutover/internal/mock"
)

// mockDrain is how long answers under way may take after SIGTERM.
const mockDrain = 5 * time.Second

// mockOptions are the flags of the command; those that were given win over the
// file.
type mockOptions struct {
	listen string
	file   string
	errors []string // kind=rate
	set    mock.Config
}

// newMockCommand runs a provider to rehearse with.
func newMockCommand() *cobra.Command {
	var o mockOptions
	cmd := &cobra.Command{
		Use:   "mock",
		Short: "Run an OpenAI- and Anthropic-compatible provider to rehearse with",
		Long: `mock runs a provider to rehearse with. It answers like the OpenAI and the
Anthropic APIs (chat, completions, responses, messages, embeddings, files,
batches, audio, images, realtime, ...), streamed or not, and can be told to be
slow, wrong or broken. Its answers look like language; they depend on prompt,
model and seed alone, so that two mocks with the same seed say the same.

Everything can be written in a file too (--config, YAML or JSON, keys as in
--print-config); flags win over the file.

Delays: 200ms, uniform(100ms,300ms), lognormal(200ms,0.4) (median and sigma),
exponential(50ms), empirical(40ms,55ms,70ms,2s) (quantiles from 0 to 1).

Faults (N counts tokens of content):
` + columns(mock.FaultKinds(), 4),
		Example: `  # a provider that is as slow as a real one
  cutover mock --ttft 'lognormal(250ms,0.4)' --gap 12ms

  # a relay that says almost the same as a mock with the same seed, but fails now and then
  cutover mock --listen 127.0.0.1:9091 --seed 1 --draw-seed 2 --noise 0.2 --error-rate 503=0.01 --error-rate reset-after-20=0.005

  # two models, a key and a rate limit
  cutover mock --model gpt-4o --model gpt-4o-mini --keys sk-test --rpm 60

  # each request chooses its own fate
  cutover mock --overrides &
  curl http://127.0.0.1:9090/v1/models -H 'X-Mock-Fault: 503'`,
		Args: cobra.NoArgs,
	}
	printConfig := cmd.Flags().Bool("print-config", false, "print the effective configuration and exit")
	o.addFlags(cmd)
	format := addOutputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := o.config(cmd)
		if err != nil {
			return err
		}
		if *printConfig {
			return printMockConfig(cmd.OutOrStdout(), cfg)
		}
		return runMock(cmd.Context(), o.listen, cfg, func(url string) error {
			return announceMock(cmd.OutOrStdout(), format, url, cfg)
		})
	}
	return cmd
}

func (o *mockOptions) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:9090", "`address` to listen on; port 0 picks a free one")
	f.StringVar(&o.file, "config", "", "`file` with the mock's configuration (YAML or JSON)")
	f.StringVar(&o.set.Name, "name", "", "name in the Server header and in owned_by")
	f.StringVar(&o.set.BasePath, "base-path", "", "`path` before every endpoint (default /v1)")
	f.BoolVar(&o.set.BarePaths, "bare-paths", false, "serve the endpoints without the base path as well")
	f.StringSliceVar(&o.set.Models, "model", nil, "`model` that exists; repeatable (default: every name is served)")
	f.StringToStringVar(&o.set.Aliases, "alias", nil, "`asked=served`: another name for a model; repeatable")
	f.Uint64Var(&o.set.Seed, "seed", 0, "what all texts depend on, besides model and prompt")
	f.Uint64Var(&o.set.DrawSeed, "draw-seed", 0, "what noise, waits and faults depend on (default: the seed)")
	f.StringVar(&o.set.Voice, "voice", "", "speak like this `model`, whatever model is asked for")
	f.Float64Var(&o.set.Noise, "noise", 0, "how much two answers to the same prompt differ, 0 to 1")
	f.TextVar(&o.set.TTFT, "ttft", mock.Delay{}, "`delay` until the first token")
	f.TextVar(&o.set.Gap, "gap", mock.Delay{}, "`delay` between tokens")
	f.Float64Var(&o.set.TokensPerSecond, "tokens-per-second", 0, "speed of a stream, instead of --gap")
	f.StringArrayVar(&o.errors, "error-rate", nil, "`kind=rate` of a fault, e.g. 429=0.02 or reset-after-5=0.01; repeatable")
	f.StringSliceVar(&o.set.Script, "script", nil, "`faults` of the first calls in order, e.g. ok,500,reset-after-3")
	f.StringSliceVar(&o.set.Keys, "keys", nil, "API `keys` that are accepted (default: any)")
	f.IntVar(&o.set.RPM, "rpm", 0, "requests a minute and key (default: no limit)")
	f.IntVar(&o.set.TPM, "tpm", 0, "tokens a minute and key (default: no limit)")
	f.IntVar(&o.set.TruncateAt, "truncate-at", 0, "cut every answer after so many tokens")
	f.Float64Var(&o.set.BreakToolArguments, "break-tool-arguments", 0, "`rate` of tool calls with wrong arguments, 0 to 1")
	f.Float64Var(&o.set.Bill, "bill", 0, "`factor` on the tokens of usage, e.g. 1.2 (default 1)")
	f.BoolVar(&o.set.Overrides, "overrides", false, "let requests choose faults and waits by X-Mock-* headers")
	f.BoolVar(&o.set.Admin, "admin", false, "serve /_mock/config, /_mock/calls and /_mock/journal")
}

// config is the file's configuration with the flags that were given.
func (o *mockOptions) config(cmd *cobra.Command) (mock.Config, error) {
	var cfg mock.Config
	if o.file != "" {
		var err error
		if cfg, err = mock.LoadFile(o.file); err != nil {
			return cfg, usagef("%s", strings.TrimPrefix(err.Error(), "mock: "))
		}
	}
	for name, take := range map[string]func(){
		"name":                 func() { cfg.Name = o.set.Name },
		"base-path":            func() { cfg.BasePath = o.set.BasePath },
		"bare-paths":           func() { cfg.BarePaths = o.set.BarePaths },
		"model":                func() { cfg.Models = o.set.Models },
		"alias":                func() { cfg.Aliases = o.set.Aliases },
		"seed":                 func() { cfg.Seed = o.set.Seed },
		"draw-seed":            func() { cfg.DrawSeed = o.set.DrawSeed },
		"voice":                func() { cfg.Voice = o.set.Voice },
		"noise":                func() { cfg.Noise = o.set.Noise },
		"ttft":                 func() { cfg.TTFT = o.set.TTFT },
		"script":               func() { cfg.Script = o.set.Script },
		"keys":                 func() { cfg.Keys = o.set.Keys },
		"rpm":                  func() { cfg.RPM = o.set.RPM },
		"tpm":                  func() { cfg.TPM = o.set.TPM },
		"truncate-at":          func() { cfg.TruncateAt = o.set.TruncateAt },
		"break-tool-arguments": func() { cfg.BreakToolArguments = o.set.BreakToolArguments },
		"bill":                 func() { cfg.Bill = o.set.Bill },
		"overrides":            func() { cfg.Overrides = o.set.Overrides },
		"admin":                func() { cfg.Admin = o.set.Admin },
	} {
		if cmd.Flags().Changed(name) {
			take()
		}
	}
	o.speed(cmd, &cfg)
	if cmd.Flags().Changed("error-rate") {
		faults, err := parseErrorRates(o.errors)
		if err != nil {
			return cfg, err
		}
		cfg.Faults = faults
	}
	return cfg, usageOfMock(cfg.Validate())
}

// speed takes --gap and --tokens-per-second, of which each replaces the file's
// other one.
func (o *mockOptions) speed(cmd *cobra.Command, cfg *mock.Config) {
	gap, rate := cmd.Flags().Changed("gap"), cmd.Flags().Changed("tokens-per-second")
	if gap || rate {
		cfg.Gap, cfg.TokensPerSecond = o.set.Gap, o.set.TokensPerSecond
	}
}

// usageOfMock makes a wrong setting a mistake in usage.
func usageOfMock(err error) error {
	var wrong *mock.ConfigError
	if errors.As(err, &wrong) {
		return usagef("%s: %s", wrong.Key, wrong.Problem)
	}
	return err
}

// parseErrorRates reads --error-rate.
func parseErrorRates(words []string) ([]mock.Fault, error) {
	var faults []mock.Fault
	for _, word := range words {
		kind, share, ok := strings.Cut(word, "=")
		rate, err := strconv.ParseFloat(strings.TrimSpace(share), 64)
		if !ok || err != nil {
			return nil, usagef("--error-rate %s: write it as kind=rate, e.g. 500=0.02", quote(word))
		}
		faults = append(faults, mock.Fault{Kind: strings.TrimSpace(kind), Rate: rate})
	}
	return faults, nil
}

// runMock serves until a signal, or until ctx is done; ready is called with
// the address once it listens.
func runMock(ctx context.Context, listen string, cfg mock.Config, ready func(url string) error) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	m, err := mock.New(cfg)
	if err != nil {
		return usageOfMock(err)
	}
	defer m.Close()
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return listenError(listen, err)
	}
	srv := &http.Server{Handler: m, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, Protocols: new(http.Protocols)}
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetUnencryptedHTTP2(true)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	if err := ready("http://" + l.Addr().String()); err != nil {
		return errors.Join(err, srv.Close(), ignoreClosed(<-served))
	}
	select {
	case err := <-served:
		return fmt.Errorf("mock: serving failed: %w", err)
	case <-ctx.Done():
	}
	stop() // a second signal ends the process at once
	return errors.Join(stopMock(srv, m), ignoreClosed(<-served))
}

// stopMock lets answers under way end, and breaks off those that don't.
func stopMock(srv *http.Server, m *mock.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), mockDrain)
	defer cancel()
	err := srv.Shutdown(ctx)
	_ = m.Close() // sockets and faults that hang; it has no error
	if errors.Is(err, context.DeadlineExceeded) {
		return srv.Close()
	}
	return err
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// listenError says what is wrong with an address: a mistake in the flag, or a
// port that is taken.
func listenError(listen string, err error) error {
	var wrong *net.AddrError
	var port *net.DNSError
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("mock: %s is taken by another program: stop it or choose another --listen (port 0 picks a free one)", listen)
	case errors.As(err, &wrong), errors.As(err, &port):
		return usagef("--listen %s: expected host:port, such as 127.0.0.1:9090", quote(listen))
	}
	return fmt.Errorf("mock: can't listen on %s: %w", listen, err)
}

// announceMock says where the mock is and how to try it.
func announceMock(w io.Writer, format *outputFormat, url string, cfg mock.Config) error {
	base := url + "/v1"
	if cfg.BasePath != "" {
		base = url + strings.TrimRight(cfg.BasePath, "/")
	}
	model := "gpt-4o"
	if len(cfg.Models) > 0 {
		model = cfg.Models[0]
	}
	auth := ""
	if len(cfg.Keys) > 0 {
		auth = ` -H "Authorization: Bearer $KEY"`
	}
	body := fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":"How do whales sleep?"}]}`, model)
	try := fmt.Sprintf("curl -s %s/chat/completions%s -H 'Content-Type: application/json' -d '%s'", base, auth, body)
	return format.write(w, map[string]string{"url": url, "base_url": base, "try": try}, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "mock provider at %s (Ctrl-C stops it)\ntry: %s\n", base, try)
		return err
	})
}

// printMockConfig writes a configuration as a file that --config takes.
func printMockConfig(w io.Writer, cfg mock.Config) error {
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	return errors.Join(enc.Encode(cfg.Redacted()), enc.Close())
}

// columns sets words in n columns.
func columns(words []string, n int) string {
	width := 0
	for _, w := range words {
		width = max(width, len(w))
	}
	var b strings.Builder
	for i, w := range words {
		switch {
		case i == len(words)-1 || i%n == n-1:
			b.WriteString("  " + w + "\n")
		default:
			fmt.Fprintf(&b, "  %-*s", width, w)
		}
	}
	return strings.TrimRight(b.String(), "\n")
}
