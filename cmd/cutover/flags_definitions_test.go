package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cutover/flags"
	"cutover/internal/config"
)

// A flag that has a row in flags.Definitions is known everywhere: in the file, in
// the environment, in the documents, to the admin API and to the completion.
func TestEveryFlagIsKnownEverywhere(t *testing.T) {
	server, _ := flagsServer(t)
	var listed struct {
		Flags []struct{ Key, Type, Value string }
	}
	readJSON(t, server, "/api/v1/flags", &listed)
	for i, d := range flags.Definitions() {
		t.Run(d.Key, func(t *testing.T) {
			variable := "CUTOVER_FLAGS_" + strings.ToUpper(strings.ReplaceAll(d.Key, "-", "_"))
			other := map[string]string{"true": "false", "false": "true", "0": "12.5", "primary": "relay"}[d.Default]
			if other == "" {
				t.Fatalf("the test has no other value than %q for this flag", d.Default)
			}
			checkFlagConfiguration(t, d.Key, variable, other)
			checkFlagDocuments(t, d.Key, variable)
			if v := listed.Flags[i]; v.Key != d.Key || v.Type != d.Type || v.Value != d.Default {
				t.Errorf("the admin API lists %+v, want %s, %s, %s", v, d.Key, d.Type, d.Default)
			}
			if types := openAPIFlagTypes(t, server); !slices.Contains(types, d.Type) {
				t.Errorf("the OpenAPI document has the types %v, and not %s", types, d.Type)
			}
			_, keys, _ := runCommand(t, nil, "__complete", "flags", "set", "")
			if !strings.Contains(keys, d.Key+"\t"+d.Meaning+"\n") {
				t.Errorf("completion of keys:\n%s", keys)
			}
			_, values, _ := runCommand(t, nil, "__complete", "flags", "set", d.Key, "")
			if want := strings.Join(d.Suggestions(), "\n") + "\n"; !strings.HasPrefix(values, want) {
				t.Errorf("completion of values:\n%s\nwant\n%s", values, want)
			}
		})
	}
}

func checkFlagConfiguration(t *testing.T, key, variable, value string) {
	t.Helper()
	upstreams := []string{"serve", "--print-config", "--primary", "https://primary.example/v1", "--relay", "https://relay.example/v1"}
	file := filepath.Join(t.TempDir(), "cutover.yaml")
	if err := os.WriteFile(file, []byte("flags: {"+key+": "+value+"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`\n  ` + key + `: (.*) # (.*)\n`)
	for from, run := range map[string]struct {
		env  config.Environ
		args []string
	}{
		"default":                 {nil, nil},
		"environment " + variable: {config.Environ{variable + "=" + value}, nil},
		"file cutover.yaml:1":     {nil, []string{"--config", file}},
	} {
		_, out, errs := runCommand(t, run.env, append(upstreams, run.args...)...)
		got := line.FindStringSubmatch(out)
		if got == nil || got[2] != from || from != "default" && got[1] != value {
			t.Errorf("from %s: %q, want %s: %s # %s; %s", from, got, key, value, from, errs)
		}
	}
}

func checkFlagDocuments(t *testing.T, key, variable string) {
	t.Helper()
	for page, row := range map[string]string{
		"flags.md":         "\n| `" + key + "` | ",
		"configuration.md": "\n| `flags." + key + "` | ",
	} {
		text, err := os.ReadFile(filepath.Join("../../docs", page))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), row) || page == "configuration.md" && !strings.Contains(string(text), "`"+variable+"`") {
			t.Errorf("docs/%s has no row for %s", page, key)
		}
	}
}

func openAPIFlagTypes(t *testing.T, server *httptest.Server) []string {
	t.Helper()
	var document struct {
		Components struct {
			Schemas struct {
				Flag struct {
					Properties struct{ Type struct{ Enum []string } }
				}
			}
		}
	}
	readJSON(t, server, "/api/v1/openapi.json", &document)
	return document.Components.Schemas.Flag.Properties.Type.Enum
}

func readJSON(t *testing.T, server *httptest.Server, path string, into any) {
	t.Helper()
	response, err := http.Get(server.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		t.Fatalf("GET %s: %d, %v", path, response.StatusCode, err)
	}
}
