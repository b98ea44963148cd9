package main

import (
	"errors"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"cutover/internal/mock"
	"cutover/internal/usage"
	"cutover/internal/wording"
)

// mockOptions are the flags of the command. Flags that are given override the file.
type mockOptions struct {
	listen string
	file   string
	errors []string // kind=rate
	set    mock.Config
}

func (o *mockOptions) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:9090", "`address` to listen on; port 0 picks a free one")
	f.StringVar(&o.file, "config", "", "`file` with the mock's configuration (YAML or JSON)")
	f.StringVar(&o.set.Name, "name", "", "name in the Server header and in owned_by")
	f.StringVar(&o.set.BasePath, "base-path", "", "`path` prefix of every endpoint (default /v1)")
	f.BoolVar(&o.set.BarePaths, "bare-paths", false, "also serve the endpoints without the base path")
	f.StringSliceVar(&o.set.Models, "model", nil, "available `model`; repeatable (default: any name is served)")
	f.StringToStringVar(&o.set.Aliases, "alias", nil, "`requested=served`: another name for a model; repeatable")
	f.Uint64Var(&o.set.Seed, "seed", 0, "seed of all generated text")
	f.Uint64Var(&o.set.DrawSeed, "draw-seed", 0, "seed of noise, delays and faults (default: the seed)")
	f.StringVar(&o.set.Voice, "voice", "", "generate text like this `model`, whatever model is requested")
	f.Float64Var(&o.set.Noise, "noise", 0, "how much two responses to the same prompt differ, 0 to 1")
	f.TextVar(&o.set.TTFT, "ttft", mock.Delay{}, "`delay` until the first token")
	f.TextVar(&o.set.Gap, "gap", mock.Delay{}, "`delay` between tokens")
	f.Float64Var(&o.set.TokensPerSecond, "tokens-per-second", 0, "speed of streams, instead of --gap")
	f.StringArrayVar(&o.errors, "error-rate", nil, "`kind=rate` of a fault, e.g. 429=0.02 or reset-after-5=0.01; repeatable")
	f.StringSliceVar(&o.set.Script, "script", nil, "`faults` of the first calls in order, e.g. ok,500,reset-after-3")
	f.StringSliceVar(&o.set.Keys, "keys", nil, "accepted API `keys` (default: any)")
	f.IntVar(&o.set.RPM, "rpm", 0, "requests per minute and key (default: no limit)")
	f.IntVar(&o.set.TPM, "tpm", 0, "tokens per minute and key (default: no limit)")
	f.IntVar(&o.set.TruncateAt, "truncate-at", 0, "truncate every response after this many tokens")
	f.Float64Var(&o.set.BreakToolArguments, "break-tool-arguments", 0, "`rate` of tool calls with invalid arguments, 0 to 1")
	f.Float64Var(&o.set.Bill, "bill", 0, "`factor` applied to the reported token usage, e.g. 1.2 (default 1)")
	f.BoolVar(&o.set.Overrides, "overrides", false, "let requests choose faults and delays with X-Mock-* headers")
	f.BoolVar(&o.set.Admin, "admin", false, "serve /_mock/config, /_mock/calls and /_mock/journal")
}

// config is the configuration from the file, overridden by the flags.
func (o *mockOptions) config(cmd *cobra.Command) (mock.Config, error) {
	var cfg mock.Config
	if o.file != "" {
		var err error
		if cfg, err = mock.LoadFile(o.file); err != nil {
			return cfg, usage.Errorf("%s", strings.TrimPrefix(err.Error(), "mock: "))
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

// speed applies --gap and --tokens-per-second. Each replaces the other in the file.
func (o *mockOptions) speed(cmd *cobra.Command, cfg *mock.Config) {
	gap, rate := cmd.Flags().Changed("gap"), cmd.Flags().Changed("tokens-per-second")
	if gap || rate {
		cfg.Gap, cfg.TokensPerSecond = o.set.Gap, o.set.TokensPerSecond
	}
}

// usageOfMock turns an invalid setting into a usage error.
func usageOfMock(err error) error {
	var wrong *mock.ConfigError
	if errors.As(err, &wrong) {
		return usage.Errorf("%s: %s", wrong.Key, wrong.Problem)
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
			return nil, usage.Errorf("--error-rate %s: write it as kind=rate, e.g. 500=0.02", wording.Quote(word))
		}
		faults = append(faults, mock.Fault{Kind: strings.TrimSpace(kind), Rate: rate})
	}
	return faults, nil
}
