package rediskeys

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// The names are what running fleets have in their Redis.
func TestNames(t *testing.T) {
	n := In("eu")
	for got, want := range map[string]string{
		n.Flags():                      "cutover:{eu}:flags",
		n.FlagsVersion():               "cutover:{eu}:version",
		n.FlagsAudit():                 "cutover:{eu}:audit",
		n.FlagsMeta():                  "cutover:{eu}:meta",
		n.FlagsEvents():                "cutover:{eu}:events",
		n.Results():                    "cutover:{eu}:results",
		n.Bucket("2026-01-02T03:00Z"):  "cutover:{eu}:bucket:2026-01-02T03:00Z",
		n.Sample("id"):                 "cutover:{eu}:sample:id",
		n.Samples("worst"):             "cutover:{eu}:samples:worst",
		n.Salt():                       "cutover:{eu}:salt",
		n.Spent("2026-01-02"):          "cutover:{eu}:spent:2026-01-02",
		n.Leases("2026-01-02"):         "cutover:{eu}:leases:2026-01-02",
		n.Owner("file-1"):              "cutover:{eu}:owner:file-1",
		n.Limit("relay"):               "cutover:{eu}:limit:relay",
		n.LimitMembers("relay"):        "cutover:{eu}:limit:relay:members",
		n.LimitSlots("relay"):          "cutover:{eu}:limit:relay:slots",
		In("").Flags():                 "cutover:{default}:flags",
		In(DefaultNamespace).Results(): "cutover:{default}:results",
	} {
		if got != want {
			t.Errorf("key %q, want %q", got, want)
		}
	}
}

// Every name that can be built has one row in the table, and the other way round.
func TestTableListsEveryName(t *testing.T) {
	variable := regexp.MustCompile(`[A-Z]+`)
	rows := map[string]bool{}
	for _, k := range All() {
		shape := variable.ReplaceAllString(strings.TrimPrefix(k.Name, "cutover:{NS}:"), "x")
		if rows[shape] {
			t.Errorf("the table lists %s twice", k.Name)
		}
		rows[shape] = true
		if k.Type == "" || k.What == "" || k.Expiry == "" || k.WrittenBy == "" {
			t.Errorf("the row of %s has an empty column: %+v", k.Name, k)
		}
	}
	names := reflect.ValueOf(In("ns"))
	for method := range names.Type().Methods() {
		args := make([]reflect.Value, method.Type.NumIn()-1)
		for i := range args {
			args[i] = reflect.ValueOf("x")
		}
		shape := strings.TrimPrefix(names.Method(method.Index).Call(args)[0].String(), "cutover:{ns}:")
		if !rows[shape] {
			t.Errorf("%s builds %q, which has no row in the table", method.Name, shape)
		}
		delete(rows, shape)
	}
	for shape := range rows {
		t.Errorf("the table lists %q, which no method builds", shape)
	}
}

// No other file of the product builds a key.
func TestNobodyElseBuildsKeys(t *testing.T) {
	root := filepath.Join("..", "..")
	builds := regexp.MustCompile("[\"`]cutover:\\{|\"cutover:\"")
	seen := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != root && (strings.HasPrefix(entry.Name(), ".") || path == filepath.Join(root, "internal", "rediskeys")):
			return fs.SkipDir
		case entry.IsDir(), strings.HasSuffix(path, "_test.go"), !strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, ".lua"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		seen++
		for i, line := range strings.Split(string(text), "\n") {
			if builds.MatchString(line) {
				t.Errorf("%s:%d builds a key of Redis; internal/rediskeys has them all:\n%s", path, i+1, line)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 50 {
		t.Errorf("only %d source files were found below %s: this test looks in the wrong place", seen, root)
	}
}
