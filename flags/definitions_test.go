package flags_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cutover/flags"
	"cutover/internal/doctable"
)

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

// TestFlagsTable holds the table in docs/flags.md to the definitions.
func TestFlagsTable(t *testing.T) {
	rows := [][]string{{"key", "type", "default", "meaning"}}
	for _, d := range flags.Definitions() {
		kind := d.Type
		switch d.Type {
		case "percentage":
			kind = "0-100"
		case "enum":
			kind = "`" + strings.Join(d.Allowed, "` or `") + "`"
		}
		rows = append(rows, []string{"`" + d.Key + "`", kind, "`" + d.Default + "`", d.Meaning})
	}
	doctable.Hold(t, "../docs/flags.md", "flags", doctable.Table(rows...))
}

// A new flag is defined in definitions.go and decides in decision.go. No other
// file names it, except those that act on this flag alone.
func TestFewFilesNameAFlag(t *testing.T) {
	users := map[string][]string{
		flags.KeyRelayPercentage: {"rollout.go"}, // the value that a rollout steps
		flags.KeyPrimaryProvider: {"check.go"},   // the reference must have a base URL
	}
	named := filesNamingFlags(t)
	for _, d := range flags.Definitions() {
		for _, path := range named[d.Key] {
			dir, name := filepath.Split(path)
			own := dir == "flags/" && (name == "definitions.go" || name == "decision.go")
			if !own && !slices.Contains(users[d.Key], name) {
				t.Errorf("%s names the flag %s: read the Decision, or go through Definitions", path, d.Key)
			}
		}
		if n := len(named[d.Key]); n < 1 || n > 3 {
			t.Errorf("%s is named in %d files, want 1 to 3: %v", d.Key, n, named[d.Key])
		}
	}
}

// filesNamingFlags parses the code of the module and returns, by flag, the files
// that name it: by its constants, as a field of Values, or as a string.
func filesNamingFlags(t *testing.T) map[string][]string {
	t.Helper()
	keys := map[string]string{} // what names a flag -> its key
	for _, d := range flags.Definitions() {
		name := ""
		for part := range strings.SplitSeq(d.Key, "-") {
			name += strings.ToUpper(part[:1]) + part[1:]
		}
		keys["Key"+name], keys[strconv.Quote(d.Key)], keys[strconv.Quote("flags."+d.Key)] = d.Key, d.Key, d.Key
		if _, ambiguous := reflect.TypeFor[flags.Decision]().FieldByName(name); !ambiguous {
			keys[name] = d.Key
		}
	}
	named := map[string][]string{}
	files := 0
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		files++
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		path = filepath.ToSlash(strings.TrimPrefix(path, ".."+string(filepath.Separator)))
		ast.Inspect(file, func(n ast.Node) bool {
			text := ""
			switch n := n.(type) {
			case *ast.Ident:
				text = n.Name
			case *ast.BasicLit:
				text = n.Value
			}
			if key, ok := keys[text]; ok && !slices.Contains(named[key], path) {
				named[key] = append(named[key], path)
			}
			return true
		})
		return nil
	})
	if err != nil || files < 100 {
		t.Fatalf("%d files were parsed: %v", files, err)
	}
	return named
}
