package main

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"cutover/compare"
	"cutover/internal/config"
	"cutover/internal/sidecar"
	"cutover/internal/store"
)

// The keys and words that must never leave for the wrong place.
const (
	callerKey   = "sk-caller-3f9a1c77d2"
	relayKey    = "sk-relay-b8e6024f51"
	secretWords = "the heron named Quillfeather"
)

// canary is a secret of a configuration that is only printed or checked.
const canary = "sk-Canary-5c8f"

// rig is a running sidecar in front of two providers.
type rig struct {
	*sidecar.Sidecar
	primary, relay *provider
	log            *textBuffer
}

// startSidecar runs a sidecar on free ports until the test ends; settings are
// environment variables that configure it further. The relay may be nil.
func startSidecar(t testing.TB, primary, relay *provider, settings ...string) *rig {
	t.Helper()
	args := []string{"--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
		"--data", t.TempDir(), "--primary", primary.url + "/v1"}
	if relay != nil {
		args = append(args, "--relay", relay.url+"/v1")
	} else {
		settings = append(settings, "CUTOVER_FLAGS_RELAY_ENABLED=false")
	}
	conf := loadConfig(t, append(config.Environ{"RELAY_API_KEY=" + relayKey, "CUTOVER_SHUTDOWN_DELAY=0s"}, settings...), args...)
	r := &rig{primary: primary, relay: relay, log: &textBuffer{}}
	ctx, stop := context.WithCancel(context.Background())
	var err error
	r.Sidecar, err = sidecar.New(ctx, conf, "test", zerolog.New(r.log).Level(zerolog.TraceLevel))
	if err != nil {
		stop()
		t.Fatalf("sidecar.New: %v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the sidecar ended with: %v", err)
		}
		r.checkLog(t)
	})
	return r
}

// loadConfig is the configuration that serve would have.
func loadConfig(t testing.TB, env config.Environ, args ...string) config.Config {
	t.Helper()
	set := pflag.NewFlagSet("test", pflag.ContinueOnError)
	settings := config.AddFlags(set)
	if err := set.Parse(args); err != nil {
		t.Fatal(err)
	}
	loaded, err := settings.Load(env)
	if err != nil {
		t.Fatalf("configuration: %v", err)
	}
	return loaded.Config
}

// mirrorAll mirrors every request that can be mirrored.
const mirrorAll = "CUTOVER_FLAGS_SHADOW_PERCENTAGE=100"

// checkLog looks for what must not be in a log, at any level.
func (r *rig) checkLog(t testing.TB) {
	t.Helper()
	checkLogText(t, r.log.String())
}

func checkLogText(t testing.TB, log string) {
	t.Helper()
	for line := range strings.Lines(log) {
		for _, secret := range []string{callerKey, relayKey, secretWords} {
			if strings.Contains(line, secret) {
				t.Errorf("the log tells %q: %s", secret, line)
			}
		}
	}
}

// settled waits until every request that reached the primary has its outcome,
// and returns the results that were stored.
func (r *rig) settled(t testing.TB) []compare.Result {
	t.Helper()
	want := r.primary.Stats().Calls
	eventually(t, "an outcome for each request", func() bool { return r.Mirror.Counts().Total() == want },
		func() any { return r.Mirror.Counts().All() })
	ctx := within(t)
	compared := want - r.Mirror.Counts().Get(compare.Skipped)
	var results []compare.Result
	eventually(t, "all results in the store", func() bool {
		if err := r.Ledger.Flush(ctx); err != nil {
			t.Fatalf("Flush: %v", err)
		}
		var err error
		if results, err = r.Results.Results(ctx, store.Filter{}); err != nil {
			t.Fatalf("Results: %v", err)
		}
		return uint64(len(results)) >= min(compared, 1000)
	}, func() any { return len(results) })
	return results
}

// newHTTPClient is a client with connections of its own, which end with the test.
func newHTTPClient(t testing.TB) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil
	transport.MaxIdleConnsPerHost = 64
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// sortedKeys are a header's names.
func sortedKeys(h http.Header) []string {
	var names []string
	for k := range h {
		names = append(names, k)
	}
	slices.Sort(names)
	return names
}
