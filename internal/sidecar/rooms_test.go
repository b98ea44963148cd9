package sidecar

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/spf13/pflag"

	"cutover/exchange"
	"cutover/internal/config"
	"cutover/upstream"
)

// loadFrom loads a configuration from the text of a file.
func loadFrom(t *testing.T, file string, env config.Environ) *config.Loaded {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cutover.yaml")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	set := pflag.NewFlagSet("test", pflag.ContinueOnError)
	settings := config.AddFlags(set)
	args := []string{"--config", path, "--primary", "https://primary.example/v1", "--relay", "https://relay.example/v1"}
	if err := set.Parse(args); err != nil {
		t.Fatal(err)
	}
	conf, err := settings.Load(env)
	if err != nil {
		t.Fatal(err)
	}
	return conf
}

// TestStatusesToFallBackOn checks that an empty list stays empty, and that no list
// means the default.
func TestStatusesToFallBackOn(t *testing.T) {
	for _, c := range []struct {
		file, env string
		on, off   []int
	}{
		{"", "", []int{401, 402, 404, 429, 500, 529}, []int{200, 400, 422}},
		{"fallback_on: ~", "", []int{401, 503}, []int{400}},
		{"fallback_on: []", "", nil, []int{200, 400, 401, 429, 500}},
		{"fallback_on: [422, 5xx]", "", []int{422, 500, 599}, []int{400, 429}},
		{"fallback_on: [422]", "429,4xx", []int{400, 429, 499}, []int{500}},
		{"fallback_on: [422]", "[503]", []int{503}, []int{422, 500}},
	} {
		var env config.Environ
		if c.env != "" {
			env = config.Environ{"CUTOVER_UPSTREAMS_RELAY_FALLBACK_ON=" + c.env}
		}
		conf := loadFrom(t, "upstreams: {relay: {"+c.file+"}}", env)
		up, err := upstream.New(UpstreamConfig(&conf.Config, exchange.Relay))
		if err != nil {
			t.Fatal(err)
		}
		for _, status := range append(slices.Clone(c.on), c.off...) {
			if got, want := up.FallsBackOn(status), slices.Contains(c.on, status); got != want {
				t.Errorf("%q, %q: falls back on %d: %v, want %v", c.file, c.env, status, got, want)
			}
		}
		up.Close()
	}
}
