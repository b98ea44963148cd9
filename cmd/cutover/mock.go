package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"cutover/internal/mock"
)

// newMockCommand is `cutover mock`: a mock provider.
func newMockCommand() *cobra.Command {
	var o mockOptions
	cmd := &cobra.Command{
		Use:   "mock",
		Short: "Run a mock provider, compatible with OpenAI and Anthropic",
		Long: `mock runs a mock provider. It implements the OpenAI and Anthropic APIs (chat,
completions, responses, messages, embeddings, files, batches, audio, images,
realtime, ...), streamed or not, and can be made slow, wrong or broken. Its
responses look like natural language. They depend only on prompt, model and seed,
so two mocks with the same seed give the same responses.

All settings can also be given in a file (--config, YAML or JSON, keys as in
--print-config). Flags override the file.

Delays: 200ms, uniform(100ms,300ms), lognormal(200ms,0.4) (median and sigma),
exponential(50ms), empirical(40ms,55ms,70ms,2s) (quantiles from 0 to 1).

Faults (N counts tokens of content):
` + columns(mock.FaultKinds(), 4),
		Example: `  # a provider with realistic latency
  cutover mock --ttft 'lognormal(250ms,0.4)' --gap 12ms

  # a relay that responds almost like a mock with the same seed, but fails sometimes
  cutover mock --listen 127.0.0.1:9091 --seed 1 --draw-seed 2 --noise 0.2 \
    --error-rate 503=0.01 --error-rate reset-after-20=0.005

  # two models, a key and a rate limit
  cutover mock --model gpt-4o --model gpt-4o-mini --keys sk-test --rpm 60

  # each request chooses its own fault
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
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		context.AfterFunc(ctx, stop) // a second signal ends the process at once
		return usageOfMock(mock.ListenAndServe(ctx, o.listen, cfg, func(url string) error {
			return announceMock(cmd.OutOrStdout(), format, url, cfg)
		}))
	}
	return cmd
}

// announceMock prints the mock's address and a command to try it.
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
		_, err := fmt.Fprintf(w, "mock provider at %s (stop with Ctrl-C)\ntry: %s\n", base, try)
		return err
	})
}

// printMockConfig writes a configuration in the format that --config reads.
func printMockConfig(w io.Writer, cfg mock.Config) error {
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	return errors.Join(enc.Encode(cfg.Redacted()), enc.Close())
}

// columns arranges words in n columns.
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
