package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"cutover/flags"
	"cutover/internal/admin"
	"cutover/internal/config"
	"cutover/internal/redistest"
)

// flagsServer serves the admin API on flags in memory.
func flagsServer(t *testing.T) (*httptest.Server, *flags.Set) {
	t.Helper()
	set, err := flags.Open(context.Background(), flags.Options{Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(admin.NewHandler(admin.Options{Flags: set}))
	t.Cleanup(func() {
		srv.Close()
		if err := set.Close(); err != nil {
			t.Error(err)
		}
	})
	return srv, set
}

// startFlagsRedis starts a real redis-server and returns its URL.
func startFlagsRedis(t *testing.T) string {
	t.Helper()
	return "redis://" + redistest.Start(t)
}

// cutoverFlags runs `cutover flags` with arguments.
func cutoverFlags(t *testing.T, stdin string, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	con := console{In: strings.NewReader(stdin), Out: &o, Err: &e, Env: config.Environ{"USER=ann"}}
	code = execute(t.Context(), append([]string{"flags"}, args...), con)
	return code, o.String(), e.String()
}

// The whole life of a ramp, by command line, against both places.
func TestFlagsCommand(t *testing.T) {
	srv, _ := flagsServer(t)
	for place, where := range map[string][]string{
		"admin": {"--admin", srv.URL},
		"redis": {"--redis", startFlagsRedis(t)},
	} {
		t.Run(place, func(t *testing.T) {
			for _, step := range []struct {
				args string
				code int
				want string // in what is printed, on either stream
			}{
				{"list", 0, "relay-percentage   0        default"},
				{"get relay-percentage", 0, "0\n"},
				{"set relay-percentage 5 --reason canary", 0, "relay-percentage: (not set) -> 5 (version 1)"},
				{"list", 0, "canary"},
				{"set relay-percentage 5", 0, "nothing to change"},
				{"set relay-percentage 100", 2, "use --yes to raise a percentage by more than 25 percentage points"},
				{"set relay-percentage 100 --yes --expect 4", 1, "relay-percentage is 5, not 4 as expected"},
				{"set relay-percentage 100% --yes --expect 5.0 --reason all", 0, "5 -> 100 (version 2)"},
				{"get relay-percentage --output json", 0, `"value": "100"`},
				{"explain --key user-1 --model gpt-4o", 0, "the relay serves"},
				{"set relay-percentage 0 --reason back", 0, "100 -> 0 (version 3)"}, // down without a question
				{"undo", 0, "0 -> 100 (version 4)"},
				{"undo", 0, "100 -> 5 (version 5)"},
				{"history relay-percentage --limit 1", 0, "undo of version 2"},
				{"set relay-enabled off --reason kill", 0, "relay-enabled: (not set) -> false"},
				{"explain --key user-1", 0, "nothing goes to the relay"},
				{"set relay-percentage 101", 2, "out of range"},
				{"set relay-percent 5", 2, "did you mean relay-percentage?"},
				{"set primary-provider both", 2, "primary or relay"},
				{"get relay-percent", 2, "did you mean relay-percentage?"},
				{"unset relay-enabled", 0, "false -> (not set)"},
				{"set of-my-own 3 --create", 0, "(not set) -> 3"},
				{"list", 0, "of-my-own"},
				{"history", 0, "ann@|kill"},
				{"export", 0, `"defaultVariant"`},
				{"explain", 2, "--key is missing"},
			} {
				code, out, errs := cutoverFlags(t, "", append(where[:2:2], strings.Fields(step.args)...)...)
				for want := range strings.SplitSeq(step.want, "|") {
					if want == "ann@" { // the user who runs the test
						want = "@"
					}
					if code != step.code || !strings.Contains(out+errs, want) {
						t.Errorf("flags %s: exit %d\n%s%s\nwant exit %d with %q", step.args, code, out, errs, step.code, want)
					}
				}
			}
		})
	}
}

// What one place exports another one imports.
func TestFlagsExportToImport(t *testing.T) {
	srv, _ := flagsServer(t)
	redis := startFlagsRedis(t)
	rule := filepath.Join(t.TempDir(), "rule.json")
	definition := `{"state":"ENABLED","variants":{"all":100,"none":0},"defaultVariant":"none","targeting":{"if":[{"==":[{"var":` +
		`"tenant"},"acme"]},"all",null]}}`
	if err := os.WriteFile(rule, []byte(definition), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"--admin", srv.URL, "set", "relay-percentage", "@" + rule},
		{"--admin", srv.URL, "set", "shadow-percentage", "20"},
	} {
		if code, _, errs := cutoverFlags(t, "", args...); code != 0 {
			t.Fatalf("%v: %s", args, errs)
		}
	}
	code, file, errs := cutoverFlags(t, "", "--admin", srv.URL, "export")
	if code != 0 {
		t.Fatal(errs)
	}
	if code, out, errs := cutoverFlags(t, file, "--redis", redis, "import", "-", "--replace"); code != 0 ||
		!strings.Contains(out, "shadow-percentage: (not set) -> 20") {
		t.Fatalf("import: %d %s%s", code, out, errs)
	}
	if code, out, errs := cutoverFlags(t, "", "--redis", redis, "explain", "--key", "k", "--tenant", "acme"); code != 0 ||
		!strings.Contains(out, "the relay serves") ||
		!strings.Contains(out, "TARGETING_MATCH") {
		t.Errorf("explain: %d %s%s", code, out, errs)
	}
	if code, out, _ := cutoverFlags(t, "", "--redis", redis, "explain", "--key", "k", "--tenant", "other", "--output", "json"); code != 0 ||
		!json.Valid([]byte(out)) ||
		!strings.Contains(out, `"serves": "primary"`) {
		t.Errorf("explain: %d %s", code, out)
	}
}

func TestFlagsWatchPrintsFlips(t *testing.T) {
	srv, _ := flagsServer(t)
	for place, where := range map[string][]string{
		"admin": {"--admin", srv.URL},
		"redis": {"--redis", startFlagsRedis(t)},
	} {
		t.Run(place, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			reader, writer := io.Pipe()
			began, begun := io.Pipe()
			done := make(chan int, 1)
			go func() {
				con := console{In: strings.NewReader(""), Out: writer, Err: begun, Env: config.Environ{}}
				done <- execute(ctx, append([]string{"flags", "watch", "--output", "json"}, where...), con)
				_ = writer.Close()
				_ = begun.Close()
			}()
			if _, err := began.Read(make([]byte, 100)); err != nil {
				t.Fatalf("watch did not begin: %v", err)
			}
			go func() { _, _ = io.Copy(io.Discard, began) }()
			if code, _, errs := cutoverFlags(t, "", append(where[:2:2], "set", "noise-percentage", "7", "--reason", "seen?")...); code != 0 {
				t.Fatal(errs)
			}
			var e struct{ Key, New, Why string }
			if err := json.NewDecoder(reader).Decode(&e); err != nil || e.Key != "noise-percentage" || e.New != "7" || e.Why != "seen?" {
				t.Errorf("watched %+v, %v", e, err)
			}
			cancel()
			go func() { _, _ = io.Copy(io.Discard, reader) }()
			if code := <-done; code != 0 {
				t.Errorf("watch ended with %d", code)
			}
		})
	}
}

func TestFlagsCompletionKnowsTheKeys(t *testing.T) {
	var out, errs bytes.Buffer
	con := console{In: strings.NewReader(""), Out: &out, Err: &errs, Env: config.Environ{}}
	if code := execute(t.Context(), []string{"__complete", "flags", "set", ""}, con); code != 0 {
		t.Fatal(errs.String())
	}
	if !strings.Contains(out.String(), "relay-percentage\tshare of callers") {
		t.Errorf("completion: %s", out.String())
	}
	out.Reset()
	execute(t.Context(), []string{"__complete", "flags", "set", "primary-provider", ""}, con)
	if !strings.Contains(out.String(), "relay\n") {
		t.Errorf("completion of values: %s", out.String())
	}
}

func TestFlagsWithoutAnybodyThere(t *testing.T) {
	for _, args := range [][]string{
		{"--admin", "http://127.0.0.1:1", "list"},
		{"--admin", "http://127.0.0.1:1", "set", "relay-enabled", "false"},
	} {
		code, _, errs := cutoverFlags(t, "", args...)
		if code != 1 || !strings.Contains(errs, "127.0.0.1:1") {
			t.Errorf("%v: exit %d, %s", args, code, errs)
		}
	}
	if code, _, errs := cutoverFlags(t, "", "--redis", "http://x", "list"); code != 2 || !strings.Contains(errs, "unknown scheme") {
		t.Errorf("a URL that is none: exit %d, %s", code, errs)
	}
}
