package compare

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/google/jsonschema-go/jsonschema" // its module ships the official suite
)

// TestOfficialSchemaSuite runs the JSON Schema organisation's own test suite. A
// finding must never be wrong, so no valid instance may be refused. Invalid
// instances that pass are allowed: the checker knows what tools' schemas use and
// lets the rest through. Their number is held, so that it can only shrink.
func TestOfficialSchemaSuite(t *testing.T) {
	module, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/google/jsonschema-go").Output()
	if err != nil {
		t.Fatalf("finding the module with the suite: %v", err)
	}
	root := filepath.Join(strings.TrimSpace(string(module)), "jsonschema", "testdata")
	for _, c := range []struct {
		draft            string
		cases, undecided int // undecided: invalid, and let through
	}{
		{"draft7", 913, 70},
		{"draft2020-12", 1099, 202},
	} {
		t.Run(c.draft, func(t *testing.T) {
			files, err := filepath.Glob(filepath.Join(root, c.draft, "*.json"))
			if err != nil || len(files) < 30 {
				t.Fatalf("%d files in %s, %v", len(files), root, err)
			}
			cases, undecided := 0, 0
			for _, file := range files {
				n, through := runSchemaFile(t, file)
				cases, undecided = cases+n, undecided+through
			}
			if cases != c.cases || undecided != c.undecided {
				t.Errorf("%d cases, %d invalid ones let through; want %d and %d", cases, undecided, c.cases, c.undecided)
			}
		})
	}
}

// runSchemaFile runs one file of the suite; it returns how many cases it has and
// how many invalid instances were let through.
func runSchemaFile(t *testing.T, file string) (cases, through int) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var groups []struct {
		Description string
		Schema      json.RawMessage
		Tests       []struct {
			Description string
			Data        json.RawMessage
			Valid       bool
		}
	}
	if err := json.Unmarshal(text, &groups); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	for _, g := range groups {
		schema, err := decodeJSON(g.Schema)
		if err != nil {
			t.Fatalf("%s: %s: %v", file, g.Description, err)
		}
		for _, c := range g.Tests {
			value, err := decodeJSON(c.Data)
			if err != nil {
				t.Fatalf("%s: %s: %v", file, c.Description, err)
			}
			cases++
			fits := validates(schema, value)
			if c.Valid && !fits {
				t.Errorf("%s: %s: %s: refused, and is valid", filepath.Base(file), g.Description, c.Description)
			}
			if !c.Valid && fits {
				through++
			}
		}
	}
	return cases, through
}

// TestSchemaGuessesDecideNothing: what can't be judged must not become a refusal
// when it stands under "not" or in "oneOf".
func TestSchemaGuessesDecideNothing(t *testing.T) {
	for _, c := range []struct {
		schema, value string
		want          bool
	}{
		{`{"not": {"type": "string"}}`, `"a"`, false},
		{`{"not": {"pattern": "^(?=a)"}}`, `"b"`, true}, // look-ahead: Go has none
		{`{"not": {"minimum": 5}}`, `7`, false},
		{`{"not": {"minimum": 5}}`, `1e999999999`, true},
		{`{"not": {"minimum": 1e999999999}}`, `7`, true},
		{`{"not": {"contains": {"const": 1}}}`, `[2]`, true}, // contains is not checked
		{`{"oneOf": [{"type": "string"}, {"maxLength": 2}]}`, `"a"`, false},
		{`{"oneOf": [{"type": "string"}, {"contentSchema": {}, "maxLength": 2}]}`, `"a"`, true},
		{`{"oneOf": [{"type": "number"}, {"type": "boolean"}]}`, `"a"`, false},
	} {
		schema, err := decodeJSON([]byte(c.schema))
		if err != nil {
			t.Fatal(err)
		}
		value, err := decodeJSON([]byte(c.value))
		if err != nil {
			t.Fatal(err)
		}
		if got := validates(schema, value); got != c.want {
			t.Errorf("%s fits %s: %v, want %v", c.value, c.schema, got, c.want)
		}
	}
}
