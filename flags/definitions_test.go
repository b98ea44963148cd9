package flags_test

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"cutover/flags"
)

var update = flag.Bool("update", false, "write the table of docs/flags.md anew")

// Each flag has all that a flag needs: whoever adds one and forgets a part
// learns of it here.
func TestDefinitionsAreComplete(t *testing.T) {
	wellFormed := regexp.MustCompile(`^[a-z]+(-[a-z]+)+$`)
	goTypes := map[string]reflect.Type{
		"boolean": reflect.TypeFor[*bool](), "percentage": reflect.TypeFor[*float64](), "enum": reflect.TypeFor[*string](),
	}
	inValues := map[string]reflect.Type{}
	for f := range reflect.TypeFor[flags.Values]().Fields() {
		inValues[f.Tag.Get("yaml")] = f.Type
	}
	for i, d := range flags.Definitions() {
		if !wellFormed.MatchString(d.Key) || d.Key != flags.Flag(i).Key() {
			t.Errorf("flag %d: key %q, by its number %q", i, d.Key, flags.Flag(i).Key())
		}
		if d.Meaning == "" || strings.HasSuffix(d.Meaning, ".") {
			t.Errorf("%s: meaning %q, want a sentence without its full stop", d.Key, d.Meaning)
		}
		for _, v := range append(d.Suggestions(), d.Default) {
			if err := flags.ValidateValue(d.Key, v); err != nil {
				t.Errorf("%s: %q is its default or suggested: %v", d.Key, v, err)
			}
		}
		if inValues[d.Key] != goTypes[d.Type] || goTypes[d.Type] == nil {
			t.Errorf("%s is of type %q, and its field in Values of %v, want %v", d.Key, d.Type, inValues[d.Key], goTypes[d.Type])
		}
		delete(inValues, d.Key)
	}
	if len(inValues) > 0 {
		t.Errorf("Values has fields that no definition has: %v", inValues)
	}
}

// Where everything else is on, each flag changes the Decision, and no two
// change the same part of it.
func TestEachFlagDecidesSomething(t *testing.T) {
	values := func(d flags.Definition) (off, on string) {
		switch d.Type {
		case "boolean":
			return "false", "true"
		case "percentage":
			return "0", "100"
		}
		return d.Allowed[0], d.Allowed[len(d.Allowed)-1]
	}
	decide := func(off string) flags.Decision {
		s := open(t, flags.Values{})
		var all flags.Flip
		for _, d := range flags.Definitions() {
			low, high := values(d)
			if d.Key == off {
				high = low
			}
			all.Changes = append(all.Changes, flags.Change{Key: d.Key, Value: &high})
		}
		all.Who = "test"
		if _, err := s.Store().Write(t.Context(), all); err != nil {
			t.Fatal(err)
		}
		d := s.Decide(flags.Attributes{TargetingKey: "anybody"})
		d.Reasons, d.Version = flags.Reasons{}, 0
		return d
	}
	full := decide("")
	seen := map[flags.Decision]string{full: "no flag"}
	for _, d := range flags.Definitions() {
		got := decide(d.Key)
		if other, twice := seen[got]; twice {
			t.Errorf("without %s the decision is %+v, as without %s", d.Key, got, other)
		}
		seen[got] = d.Key
	}
}

const flagsPage = "../docs/flags.md"

// TestFlagsTable compares the table in docs/flags.md with the definitions; with
// -update it writes the table.
func TestFlagsTable(t *testing.T) {
	text, err := os.ReadFile(flagsPage)
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	const begin, end = "<!-- flags: begin -->\n", "<!-- flags: end -->"
	from, to := strings.Index(page, begin)+len(begin), strings.Index(page, end)
	if from < len(begin) || to < from {
		t.Fatalf("%s has no place for the table between %q and %q", flagsPage, begin, end)
	}
	var table strings.Builder
	table.WriteString("| key | type | default | meaning |\n|---|---|---|---|\n")
	for _, d := range flags.Definitions() {
		kind := d.Type
		switch d.Type {
		case "percentage":
			kind = "0-100"
		case "enum":
			kind = "`" + strings.Join(d.Allowed, "` or `") + "`"
		}
		fmt.Fprintf(&table, "| `%s` | %s | `%s` | %s |\n", d.Key, kind, d.Default, d.Meaning)
	}
	want := page[:from] + table.String() + page[to:]
	if want == page {
		return
	}
	if !*update {
		t.Fatalf("the table in %s is stale: go test ./flags -run TestFlagsTable -update", flagsPage)
	}
	if err := os.WriteFile(flagsPage, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}
