package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"cutover/internal/config"

	"github.com/spf13/cobra"
)

// runCommand runs the program with one command line, as main does.
func runCommand(t *testing.T, env config.Environ, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = execute(t.Context(), args, console{In: strings.NewReader(""), Out: &stdout, Err: &stderr, Env: env})
	return code, stdout.String(), stderr.String()
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		errs string // all of standard error
	}{
		{nil, exitDone, ""},
		{[]string{"--help"}, exitDone, ""},
		{[]string{"version"}, exitDone, ""},
		{[]string{"srve"}, exitUsage, "cutover: unknown command \"srve\": did you mean 'cutover serve'?\nRun 'cutover --help' for usage.\n"},
		{[]string{"version", "x"}, exitUsage,
			"cutover: unknown command \"x\" for \"cutover version\"\nRun 'cutover version --help' for usage.\n"},
		{[]string{"serve", "--prmary", "x"}, exitUsage,
			"cutover: unknown flag --prmary: did you mean --primary?\nRun 'cutover serve --help' for usage.\n"},
		{[]string{"serve", "--quite-other"}, exitUsage, "cutover: unknown flag --quite-other\nRun 'cutover serve --help' for usage.\n"},
		{[]string{"serve", "-x"}, exitUsage, "cutover: unknown shorthand flag: 'x' in -x\nRun 'cutover serve --help' for usage.\n"},
		{[]string{"serve", "--config"}, exitUsage, "cutover: flag needs an argument: --config\nRun 'cutover serve --help' for usage.\n"},
		{[]string{"version", "--output", "xml"}, exitUsage,
			"cutover: invalid argument \"xml\" for \"--output\" flag: found \"xml\", expected text or json\nRun 'cutover version --help' for " +
				"usage.\n"},
		{[]string{"serve", "--relay", "https://relay.example/v1"}, exitUsage,
			"cutover: upstreams.primary.base_url: missing: set it with --primary URL, CUTOVER_PRIMARY or in the file (for OpenAI: " +
				"https://api.openai.com/v1)\n"},
		{[]string{"doctor", "--live", "--admin-listen", "127.0.0.1:1"}, exitFailed, ""},
	} {
		code, _, errs := runCommand(t, nil, c.args...)
		if code != c.code || errs != c.errs {
			t.Errorf("cutover %s: exit %d, standard error %q; want %d, %q", strings.Join(c.args, " "), code, errs, c.code, c.errs)
		}
	}
}

func TestUnknownCommandWithoutANearOne(t *testing.T) {
	code, _, errs := runCommand(t, nil, "xxxxxxxxxxxx")
	if code != exitUsage || !strings.HasPrefix(errs, `cutover: unknown command "xxxxxxxxxxxx": expected one of `) ||
		!strings.Contains(errs, "serve") {
		t.Errorf("exit %d, standard error %q", code, errs)
	}
}

// TestEveryCommandExplainsItself holds the whole tree against what --help owes.
func TestEveryCommandExplainsItself(t *testing.T) {
	root := newRootCommand(console{})
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		if cmd.Short == "" {
			t.Errorf("%s has no short description", cmd.CommandPath())
		}
		if cmd.RunE == nil {
			t.Errorf("%s has no RunE: its errors would not reach the exit code", cmd.CommandPath())
		}
		if !cmd.HasSubCommands() && cmd.Example == "" {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
		if cmd.HasParent() && !cmd.Parent().HasParent() && cmd.GroupID == "" {
			t.Errorf("%s is in no group", cmd.CommandPath())
		}
		names := map[string]bool{}
		for _, sub := range cmd.Commands() {
			if names[sub.Name()] {
				t.Errorf("%s is there twice", sub.CommandPath())
			}
			names[sub.Name()] = true
			visit(sub)
		}
	}
	visit(root)
	_, help, _ := runCommand(t, nil)
	for _, want := range []string{"Run:\n", "Migrate:\n", "Other:\n", "Examples:\n", "serve", "report", "doctor", "completion", "version"} {
		if !strings.Contains(help, want) {
			t.Errorf("help without %q:\n%s", want, help)
		}
	}
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		code, out, errs := runCommand(t, nil, "completion", shell)
		if code != exitDone || errs != "" || !strings.Contains(out, "__complete") {
			t.Errorf("completion %s: exit %d, standard error %q, %d bytes", shell, code, errs, len(out))
		}
	}
	for _, c := range []struct{ typed, want string }{
		{"ser", "serve"},
		{"serve --adm", "--admin-listen"},
		{"version --output j", "json"},
	} {
		args := append([]string{"__complete"}, strings.Split(c.typed, " ")...)
		if _, out, _ := runCommand(t, nil, args...); !strings.HasPrefix(out, c.want) && !strings.Contains(out, "\n"+c.want) {
			t.Errorf("completing %q gives %q, want %q", c.typed, out, c.want)
		}
	}
}

func TestVersion(t *testing.T) {
	code, out, _ := runCommand(t, nil, "version", "--output", "json")
	var facts buildFacts
	if err := json.Unmarshal([]byte(out), &facts); err != nil || code != exitDone {
		t.Fatalf("exit %d, %v:\n%s", code, err, out)
	}
	if facts.Version == "" || !strings.HasPrefix(facts.Go, "go1.") || !strings.Contains(facts.Platform, "/") {
		t.Errorf("version: %+v", facts)
	}
	facts = buildFacts{
		Version:  "v1.2.3",
		Revision: "0123456789abcdef",
		Time:     "2026-01-02T03:04:05Z",
		Modified: true,
		Go:       "go1.26",
		Platform: "linux/arm64",
	}
	var text bytes.Buffer
	if err := facts.writeText(&text); err != nil {
		t.Fatal(err)
	}
	if got, want := text.String(), "cutover v1.2.3 (0123456789ab, 2026-01-02T03:04:05Z, modified) go1.26 linux/arm64\n"; got != want {
		t.Errorf("version = %q, want %q", got, want)
	}
}

func TestPrintConfigCommand(t *testing.T) {
	code, out, errs := runCommand(
		t,
		config.Environ{"RELAY_API_KEY=" + canary},
		"serve",
		"--print-config",
		"--primary",
		"https://primary.example/v1",
		"--relay",
		"https://relay.example/v1",
	)
	if code != exitDone || errs != "" || !strings.Contains(out, "auth: {key: {env: RELAY_API_KEY}} # environment RELAY_API_KEY") {
		t.Errorf("exit %d, standard error %q:\n%s", code, errs, out)
	}
	if strings.Contains(out, canary) {
		t.Errorf("the key is printed:\n%s", out)
	}
	// A wrong configuration is shown as well: that is when one looks.
	code, out, errs = runCommand(t, nil, "serve", "--print-config", "--listen", "x")
	if code != exitUsage || !strings.Contains(errs, "--listen: listen: ") || !strings.Contains(out, "listen: x # flag --listen") {
		t.Errorf("exit %d, standard error %q:\n%s", code, errs, out)
	}
}
