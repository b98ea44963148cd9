package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"cutover/internal/doctable"
	"cutover/internal/wording"
)

const configurationPage = "../../docs/configuration.md"

// TestConfigurationTable compares the table in docs/configuration.md with the keys.
// With -update it writes the table.
func TestConfigurationTable(t *testing.T) {
	doctable.Hold(t, configurationPage, "keys", keyTables(t))
}

// keyTables writes one table for each section of the file.
func keyTables(t *testing.T) string {
	t.Helper()
	schema, err := newSchema()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	section := "-"
	for i := range schema.leaves {
		l := &schema.leaves[i]
		if s := sectionOf(l.key); s != section {
			section = s
			title := "`" + section + "`"
			if section == "" {
				title = "Top level"
			}
			fmt.Fprintf(&b, "\n### %s\n\n| key | type | default | also as | meaning |\n|---|---|---|---|---|\n", title)
		}
		def := "-"
		if l.def != "" {
			def = "`" + l.def + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", l.key, typeName(l.typ), def, alsoAs(l), l.doc)
	}
	return b.String() + "\n"
}

// sectionOf is the heading of a key: two levels for the providers, one for the
// rest.
func sectionOf(key string) string {
	parts := strings.Split(key, ".")
	switch {
	case len(parts) == 1:
		return ""
	case len(parts) == 2:
		return parts[0]
	case parts[0] == "upstreams":
		return parts[0] + "." + parts[1]
	}
	return parts[0]
}

func typeName(t reflect.Type) string {
	switch t {
	case typeSecret:
		return "secret"
	case typeAuth:
		return "credentials"
	case typeRedisURL:
		return "URL or secret"
	case typeDuration:
		return "duration"
	case typeHedge:
		return "duration or percentile"
	case typeSize:
		return "size"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "whole number"
	case reflect.Float64:
		return "number"
	case reflect.Slice:
		return "list"
	case reflect.Map:
		return "map"
	}
	return "text"
}

func alsoAs(l *leaf) string {
	var names []string
	for _, n := range l.envNames() {
		names = append(names, "`"+n+"`")
	}
	if l.flag != "" {
		names = append(names, "`--"+l.flag+"`")
	}
	return wording.List(names)
}

// TestExampleInTheDocumentation loads the example file of the documentation.
func TestExampleInTheDocumentation(t *testing.T) {
	text, err := os.ReadFile(configurationPage)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "<!-- example: begin -->\n```yaml\n")
	example, _, ok := strings.Cut(rest, "```\n<!-- example: end -->")
	if !ok {
		t.Fatalf("%s has no example", filepath.Base(configurationPage))
	}
	conf, wrong := loadFrom(t, example, Environ{"RELAY_API_KEY=k"})
	if wrong != nil || conf.Upstreams.Relay.Limits.RPM != 600 {
		t.Errorf("the example in the documentation: %q", wrong)
	}
}
