// Package docs holds the documentation and the tests that keep it true.
package docs

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cutover/internal/doctable"
	"cutover/internal/wording"
)

// room is one package of the module: which others it may import, and why no
// more than those.
type room struct {
	may     []string
	because string
}

// rooms is the picture of architecture.md: who may import whom.
func rooms() map[string]room {
	return map[string]room{
		"exchange": {[]string{"internal/millis"}, "it is what everybody speaks about; if it knew anybody, nobody could be understood alone"},
		"flags": {
			[]string{"internal/millis", "internal/rediskeys", "internal/setaside"},
			"flags decide about callers, not about providers or responses: a flag engine that anything can use",
		},
		"upstream": {
			[]string{"exchange", "upstream/limit", "upstream/internal/permodel", "internal/millis"},
			"calling one provider needs no flags, no mirror and no comparison",
		},
		"upstream/limit": {
			[]string{"exchange", "internal/millis", "internal/rediskeys", "upstream/internal/permodel"},
			"limits know what calls cost, and not how they are made: they know of no URL, key or transport",
		},
		"upstream/internal/permodel": {nil, "a bounded map, shared by the limiter and the breaker; what it holds is their business"},
		"compare": {
			[]string{"exchange", "compare/stats", "internal/millis"},
			"comparing is pure: what it says must be the same on any machine at any time",
		},
		"compare/stats": {nil, "it is mathematics: figures come in, evidence comes out"},
		"router": {
			[]string{"exchange", "upstream", "flags", "router/affinity", "internal/millis"},
			"the served call must not depend on mirror, comparison or ramp: they are hooks",
		},
		"router/affinity": {[]string{"exchange"}, "who created an id is read from requests and responses; the store behind it is an interface"},
		"shadow": {[]string{"exchange", "upstream", "compare", "compare/stats"},
			"the mirror is told what to mirror; it reads no flags and serves nobody"},
		"ramp": {[]string{"compare", "flags", "internal/millis", "internal/store"},
			"the controller judges summaries and flips flags; it touches no request"},
		"dashboards": {[]string{"compare"}, "pages show what compare says, and read nothing by themselves"},
		"cmd/cutover": {
			[]string{"compare", "dashboards", "exchange", "flags", "internal/admin", "internal/config", "internal/demo", "internal/doctor",
				"internal/mock", "internal/sidecar", "internal/store", "internal/target", "internal/usage", "internal/wording"},
			"commands: they read the command line, call a room and print",
		},
		"internal/sidecar": {
			[]string{"exchange", "upstream", "upstream/limit", "flags", "compare", "router", "router/affinity", "shadow",
				"internal/admin", "internal/config", "internal/millis", "internal/store", "internal/usage"},
			"the only place that wires rooms together",
		},
		"internal/config": {
			[]string{"compare", "exchange", "flags", "shadow", "upstream", "internal/rediskeys", "internal/wording"},
			"it checks values by the rooms' own parsers, and builds none of them",
		},
		"internal/admin": {
			[]string{"compare", "dashboards", "flags", "ramp", "router", "router/affinity", "shadow", "upstream", "upstream/limit",
				"internal/millis", "internal/store", "internal/usage", "internal/wording"},
			"it shows what the rooms say of themselves and flips flags; it gets the rooms, and makes none",
		},
		"internal/target": {
			[]string{"compare", "flags", "internal/admin", "internal/config", "internal/store", "internal/usage"},
			"where a command reads and flips: a running sidecar, a fleet's Redis or a data directory",
		},
		"internal/doctor": {
			[]string{"exchange", "flags", "upstream", "internal/config", "internal/sidecar", "internal/wording"},
			"it makes the calls that serving would make, with what serving would be built from",
		},
		"internal/demo": {
			[]string{"compare", "internal/config", "internal/mock", "internal/sidecar", "internal/store"},
			"the product as a whole, from outside: it starts a sidecar like serve does",
		},
		"internal/millis":    {nil, "it is how JSON writes a duration; every room with JSON of its own uses it"},
		"internal/usage":     {nil, "it marks mistakes in how the program was called; anybody may make one"},
		"internal/wording":   {nil, "words for messages, which know nothing of what the messages are about"},
		"internal/mock":      {nil, "a mock provider must not share code with what it tests, or both are wrong together"},
		"internal/rediskeys": {nil, "one list of every key in Redis: names alone, no client"},
		"internal/store": {[]string{"compare", "internal/rediskeys", "internal/setaside"},
			"it keeps results and summaries; where they come from is not its business"},
		"internal/setaside":  {nil, "it renames damaged files, and knows nothing of what is in them"},
		"internal/doctable":  {nil, "it writes what tests tell it into the documentation, and knows none of it"},
		"internal/apitest":   {nil, "it holds requests and responses against a document, and knows nothing of what that describes"},
		"internal/netfault":  {nil, "it breaks connections for tests, and knows nothing of what goes over them"},
		"internal/mergetest": {nil, "it adds up whatever it is given, and knows nothing of what that is"},
		"internal/redistest": {nil, "it starts servers for tests, and knows nothing of what they test"},
		"cmd/proxybench":     {nil, "it measures the program from outside, as a process"},
		"cmd/mutants":        {nil, "it changes the rooms' text and runs their tests, and needs none of them to do so"},
	}
}

// only lists foreign packages that belong to some rooms alone.
func only() map[string]room {
	return map[string]room{
		"go.etcd.io/bbolt": {[]string{"internal/store"}, "the embedded store's format is the store's secret"},
		"github.com/redis/go-redis/v9": {[]string{"flags", "internal/store", "ramp", "shadow", "upstream/limit",
			"internal/sidecar", "internal/redistest"}, "the router must not wait for Redis; where the others do, it is off the path of a request"},
		"github.com/open-feature/go-sdk": {[]string{"flags"}, "requests read one Decision from one snapshot, and no flags besides"},
		"github.com/spf13/cobra":         {[]string{"cmd/cutover"}, "the command line is the thin outside"},
		"go.yaml.in/yaml/v3": {[]string{"cmd/cutover", "flags", "internal/config", "internal/mock"},
			"configuration reaches the rooms as values"},
		"github.com/schollz/progressbar/v3":   {[]string{"cmd/cutover"}, "rooms do not talk to terminals"},
		"github.com/sergi/go-diff":            {[]string{"compare"}, "one place says how alike two texts are"},
		"github.com/tiktoken-go/tokenizer":    {[]string{"compare"}, "one place counts tokens"},
		"golang.org/x/text":                   {[]string{"compare"}, "one place says which texts are the same to a reader"},
		"net/http/httputil":                   {[]string{"router", "cmd/proxybench"}, "one reverse proxy"},
		"github.com/google/jsonschema-go":     {nil, "its module ships the official JSON Schema suite, for tests"},
		"github.com/diegoholiveira/jsonlogic": {nil, "rules have a compiler of their own; the library is an oracle for tests"},
		"github.com/getkin/kin-openapi": {[]string{"internal/apitest"},
			"the admin API serves a file that describes it; the library checks in tests that it is true"},
		"github.com/invopop/jsonschema":          {nil, "schemas of the admin API are derived from its types by a test"},
		"github.com/openai/openai-go":            {nil, "the product speaks HTTP to providers; the SDKs are for tests"},
		"github.com/anthropics/anthropic-sdk-go": {nil, "the product speaks HTTP to providers; the SDKs are for tests"},
	}
}

// never lists what a room must not import from the standard library or
// elsewhere, by beginnings of import paths.
func never() map[string]room {
	return map[string]room{
		"compare":       {[]string{"net", "os", "syscall", "github.com/redis", "go.etcd.io"}, "pure: no network, no files, no store"},
		"compare/stats": {[]string{"net", "os", "syscall", "github.com/redis", "go.etcd.io"}, "pure: no network, no files, no store"},
		"exchange": {[]string{"net/http/httputil", "net/http/httptest", "os", "syscall", "github.com/redis", "go.etcd.io"},
			"it does no input or output: bytes and times come in, facts come out"},
	}
}

const moduleName = "cutover"

// TestImportDirections pins the picture: a forbidden import is a mistake of
// design, and the reason stands beside the rule.
func TestImportDirections(t *testing.T) {
	const root = ".."
	known := rooms()
	found := importsBelow(t, root)
	for _, must := range []string{"exchange", "upstream", "flags", "compare", "internal/store", "router", "shadow", "cmd/cutover"} {
		if len(found[must]) == 0 {
			t.Errorf("no package %s was found below %s: this test looks in the wrong place", must, root)
		}
	}
	for name, imports := range found {
		rule, ok := known[name]
		if !ok {
			t.Errorf("package %s is not in the picture: add it to rooms in this file, with what it may import and why", name)
			continue
		}
		for path, file := range imports {
			other, ours := strings.CutPrefix(path, moduleName+"/")
			if ours && !slices.Contains(rule.may, other) {
				t.Errorf("%s: %s imports %s, and may import %s alone: %s", file, name, other, orNothing(rule.may), rule.because)
			}
			for beginning, owners := range only() {
				if begins(path, beginning) && !slices.Contains(owners.may, name) {
					t.Errorf("%s: %s imports %s, which is for %s alone: %s", file, name, path, orNothing(owners.may), owners.because)
				}
			}
			for _, beginning := range never()[name].may {
				if begins(path, beginning) {
					t.Errorf("%s: %s imports %s: %s", file, name, path, never()[name].because)
				}
			}
		}
	}
}

// TestImportRules holds the rules themselves against the picture: no circle,
// and the three rooms of the data plane and the controller apart.
func TestImportRules(t *testing.T) {
	known := rooms()
	reaches := func(from string) map[string]bool {
		seen := map[string]bool{}
		var visit func(string)
		visit = func(name string) {
			for _, next := range known[name].may {
				if !seen[next] {
					seen[next] = true
					visit(next)
				}
			}
		}
		visit(from)
		return seen
	}
	for name, rule := range known {
		if rule.because == "" {
			t.Errorf("the rule for %s has no reason", name)
		}
		if reaches(name)[name] {
			t.Errorf("%s may import itself by way of others", name)
		}
		if !strings.HasPrefix(name, "cmd/") && name != "internal/demo" && reaches(name)["internal/mock"] {
			t.Errorf("%s may reach internal/mock, which is for commands, the demo and tests", name)
		}
	}
	apart := []string{"router", "shadow", "ramp"}
	for _, a := range apart {
		for _, b := range apart {
			if a != b && reaches(a)[b] {
				t.Errorf("%s may reach %s: they meet in the command alone", a, b)
			}
		}
	}
}

// importsBelow parses every Go file that is no test, and returns what each
// package imports, with a file that does.
func importsBelow(t *testing.T, root string) map[string]map[string]string {
	t.Helper()
	found := map[string]map[string]string{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != root && (strings.HasPrefix(entry.Name(), ".") || strings.HasPrefix(entry.Name(), "_") ||
			entry.Name() == "testdata" || entry.Name() == "node_modules"):
			return fs.SkipDir
		case entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		name, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.ImportsOnly)
		if err != nil {
			return err
		}
		if found[name] == nil {
			found[name] = map[string]string{}
		}
		for _, i := range file.Imports {
			imported, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			found[name][imported] = path
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// begins reports whether path is the package or below it.
func begins(path, beginning string) bool {
	rest, ok := strings.CutPrefix(path, beginning)
	return ok && (rest == "" || rest[0] == '/')
}

func orNothing(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return wording.List(names)
}

// TestArchitectureRooms writes the table of rooms into architecture.md.
func TestArchitectureRooms(t *testing.T) {
	known := rooms()
	rows := [][]string{{"room", "may import", "because"}}
	for _, name := range slices.Sorted(maps.Keys(known)) {
		may := make([]string, 0, len(known[name].may))
		for _, other := range slices.Sorted(slices.Values(known[name].may)) {
			may = append(may, "`"+other+"`")
		}
		imports := "nothing of ours"
		if len(may) > 0 {
			imports = wording.List(may)
		}
		rows = append(rows, []string{"`" + name + "`", imports, known[name].because})
	}
	doctable.Hold(t, "architecture.md", "rooms", doctable.Table(rows...))
}

// pathInText is a file or directory that a page names.
var pathInText = regexp.MustCompile("`([a-zA-Z_.][a-zA-Z0-9_.-]*(?:/[a-zA-Z0-9_.-]+)+/?)`")

// TestNamedFilesExist: a page that sends a newcomer to a file that has moved is
// worse than none.
func TestNamedFilesExist(t *testing.T) {
	for _, page := range []string{"architecture.md", "../CONTRIBUTING.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		named := pathInText.FindAllStringSubmatch(string(text), -1)
		if len(named) < 10 {
			t.Errorf("%s names %d files: this test looks for the wrong thing", page, len(named))
		}
		for _, m := range named {
			top, _, _ := strings.Cut(m[1], "/")
			if _, err := os.Stat(filepath.Join("..", top)); err != nil {
				continue // a URL's path, an API's route, ...
			}
			if _, err := os.Stat(filepath.Join("..", m[1])); err != nil {
				t.Errorf("%s names %s: %v", page, m[1], err)
			}
		}
	}
}

// TestNoRecursiveValidation: gjson.Valid recurses without a bound, so that text
// from outside which is nested deeply enough ends the process.
func TestNoRecursiveValidation(t *testing.T) {
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(text), "gjson."+"Valid") {
			t.Errorf("%s uses the validation of gjson: use exchange.ValidJSON (or encoding/json in the mock)", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
