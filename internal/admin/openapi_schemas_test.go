package admin

import (
	"encoding"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/invopop/jsonschema"

	"cutover/compare"
	"cutover/exchange"
	"cutover/flags"
	"cutover/internal/millis"
	"cutover/ramp"
	"cutover/router/affinity"
	"cutover/shadow"
	"cutover/upstream/limit"
)

// schemaNames are the names of types in the document whose own name would be
// taken twice, or says too little there.
func schemaNames() map[reflect.Type]string {
	return map[reflect.Type]string{
		reflect.TypeFor[affinity.State](): "AffinityStatus",
		reflect.TypeFor[compare.Class]():  "SampleClass",
		reflect.TypeFor[ErrorBody]():      "Error",
		reflect.TypeFor[exchange.Class](): "ErrorClass",
		reflect.TypeFor[flags.Entry]():    "FlagChange",
		reflect.TypeFor[FlagRow]():        "Flag",
		reflect.TypeFor[flags.Field]():    "StoredFlag",
		reflect.TypeFor[flags.Origin]():   "FlagSource",
		reflect.TypeFor[flags.Reason]():   "FlagReason",
		reflect.TypeFor[flags.State]():    "FlagsState",
		reflect.TypeFor[flags.Status]():   "FlagsStatus",
		reflect.TypeFor[limit.State]():    "LimitsStatus",
		reflect.TypeFor[ramp.Step]():      "RolloutStep",
		reflect.TypeFor[ramp.Plan]():      "RolloutPlan",
		reflect.TypeFor[ramp.Verdict]():   "RolloutVerdict",
		reflect.TypeFor[ramp.Action]():    "RolloutAction",
	}
}

// enums are strings with a closed list of values; the values and what they
// mean are the constants of the type, with their comments.
func enums() []reflect.Type {
	return []reflect.Type{
		reflect.TypeFor[exchange.Class](), reflect.TypeFor[exchange.Arm](),
		reflect.TypeFor[compare.Outcome](), reflect.TypeFor[compare.Severity](), reflect.TypeFor[compare.Answer](),
		reflect.TypeFor[compare.Recommendation](), reflect.TypeFor[compare.Unit](), reflect.TypeFor[compare.Capture](),
		reflect.TypeFor[flags.Status](), reflect.TypeFor[flags.Origin](), reflect.TypeFor[flags.Reason](),
		reflect.TypeFor[ramp.Action](),
	}
}

// memberEnums are the closed lists of members that are plain strings in Go.
func memberEnums() map[string][]any {
	arms := []any{exchange.Primary.String(), exchange.Relay.String()}
	return map[string][]any{
		"CircuitState.state": {"closed", "open", "half_open"},
		"Error.code":         {"invalid", "conflict", "nothing_to_undo", "unreachable", "denied", "wrong_type", "failed"},
		"Explanation.serves": arms,
		"Finding.arm":        arms,
		"Flag.type":          {"boolean", "percentage", "enum", "number", "string", "object"},
		"FlagsState.code":    {"unreachable", "denied", "emptied", "bad_field", "wrong_type", "version_back", "file", "silent"},
		"LimitsStatus.mode":  {"local", "fleet", "away"},
		"Question.key":       {"errors", "ttft", "total", "findings", "noise"},
	}
}

// describe says in the words of JSON what a Go comment says of a member of t: nil is
// null or left out, and fields have the names that they have in JSON.
func describe(t reflect.Type, comment string, null bool) string {
	word := "left out"
	if null {
		word = "null"
	}
	comment = regexp.MustCompile(`\bnil\b`).ReplaceAllString(comment, word)
	comment = strings.ReplaceAll(comment, "\n", " ")
	for _, f := range reflect.VisibleFields(t) {
		if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); tag != "" && tag != "-" && f.Name != "JSON" {
			comment = regexp.MustCompile(`\b`+f.Name+`\b`).ReplaceAllString(comment, "`"+tag+"`")
		}
	}
	return comment
}

// schemas derives the document's schemas from the types on the wire, so that they
// can't drift. Descriptions are the types' comments.
type schemas struct {
	t         *testing.T
	reflector jsonschema.Reflector
	types     map[string]reflect.Type
	all       jsonschema.Definitions
}

// newSchemas reads the comments of every package of the module.
func newSchemas(t *testing.T) *schemas {
	t.Helper()
	s := &schemas{t: t, types: map[string]reflect.Type{}, all: jsonschema.Definitions{}}
	s.reflector = jsonschema.Reflector{Anonymous: true, Namer: s.name, Mapper: s.special}
	t.Chdir("../..")
	for _, dir := range roomsWithJSON() {
		if err := s.reflector.AddGoComments("cutover", "./"+dir, jsonschema.WithFullComment()); err != nil {
			t.Fatal(err)
		}
	}
	for _, enum := range enums() {
		s.all[s.name(enum)] = s.enum(enum)
	}
	return s
}

func roomsWithJSON() []string {
	return []string{"exchange", "upstream", "compare", "flags", "router", "shadow", "ramp", "internal/admin"}
}

// name is a type's name in the document.
func (s *schemas) name(t reflect.Type) string {
	name, ok := schemaNames()[t]
	if !ok {
		name = t.Name()
	}
	if t.PkgPath() == "" {
		return name // it has no schema of its own
	}
	if old, taken := s.types[name]; taken && old != t {
		s.t.Errorf("%v and %v are both called %s: give one a name in schemaNames", old, t, name)
	}
	s.types[name] = t
	return name
}

// special is the schema of a type that reflection alone would get wrong; nil for
// any other.
func (s *schemas) special(t reflect.Type) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[millis.Duration]():
		return &jsonschema.Schema{Type: "number"}
	case reflect.TypeFor[time.Time]():
		return &jsonschema.Schema{Type: "string", Format: "date-time", Pattern: "Z$"}
	case reflect.TypeFor[json.RawMessage]():
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "string"}, {Type: "number"}, {Type: "boolean"}, {Type: "object"}}}
	}
	if slices.Contains(enums(), t) {
		return &jsonschema.Schema{Ref: "#/$defs/" + s.name(t)}
	}
	return nil
}

// ref is a reference to the schema of a type, which it adds.
func (s *schemas) ref(t reflect.Type) *jsonschema.Schema {
	s.t.Helper()
	root := s.reflector.ReflectFromType(t)
	for name, schema := range root.Definitions {
		if s.all[name] == nil {
			s.finish(s.types[name], schema)
			s.all[name] = schema
		}
	}
	return &jsonschema.Schema{Ref: "#/$defs/" + s.name(t)}
}

// finish adds to a struct's schema what its Go type tells and reflection leaves
// out: pointers that may be null, counts that are never negative.
func (s *schemas) finish(t reflect.Type, schema *jsonschema.Schema) {
	schema.Description = s.comment(t)
	if t.Kind() != reflect.Struct {
		return
	}
	schema.Description = describe(t, schema.Description, true)
	for _, f := range reflect.VisibleFields(t) {
		tag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		property, ok := schema.Properties.Get(tag)
		if !ok {
			continue
		}
		for inner := property; inner != nil; inner = inner.Items {
			if kind := f.Type.Kind(); inner.Type == "integer" && kind >= reflect.Uint && kind <= reflect.Uint64 {
				inner.Minimum = "0"
			}
		}
		if values, ok := memberEnums()[s.name(t)+"."+tag]; ok {
			property.Enum = values
		}
		if tag == "why" && (t == reflect.TypeFor[shadow.Count]() || t == reflect.TypeFor[compare.Result]()) {
			property.Enum = tableColumn(s.t, "outcomes", 2)
		}
		null := options == "" || tag == "expect" // a request may write null or leave it out
		property.Description = describe(t, property.Description, null)
		if tag == "code" && (t == reflect.TypeFor[compare.Finding]() || t == reflect.TypeFor[compare.FindingSummary]()) {
			property.Enum = append(tableColumn(s.t, "finding codes", 1), "other") // beyond what a summary counts separately
		}
		if f.Type.Kind() == reflect.Pointer && null {
			description := property.Description
			property.Description = ""
			property = &jsonschema.Schema{Description: description, AnyOf: []*jsonschema.Schema{property, {Type: "null"}}}
			schema.Properties.Set(tag, property)
		}
	}
}

// comment is a type's comment, which begins with the type's name in the document.
func (s *schemas) comment(t reflect.Type) string {
	text := s.reflector.CommentMap[t.PkgPath()+"."+t.Name()]
	if rest, ok := strings.CutPrefix(text, t.Name()+" "); ok {
		text = s.name(t) + " " + rest
	}
	return strings.ReplaceAll(text, "\n", " ")
}

// enum lists a type's constants.
func (s *schemas) enum(t reflect.Type) *jsonschema.Schema {
	dir := strings.TrimPrefix(t.PkgPath(), "cutover/")
	schema := &jsonschema.Schema{Type: "string", Description: s.comment(t)}
	for i, c := range constantsOf(s.t, dir, t.Name()) {
		value := c.value
		if t.Kind() != reflect.String {
			v := reflect.New(t).Elem()
			v.SetUint(uint64(i))
			text, err := v.Interface().(encoding.TextMarshaler).MarshalText()
			if err != nil {
				s.t.Fatal(err)
			}
			value = string(text)
		}
		schema.Enum = append(schema.Enum, value)
		if value != "" && c.comment != "" {
			schema.Description += fmt.Sprintf("\n- `%s`: %s", value, c.comment)
		}
	}
	if len(schema.Enum) < 2 {
		s.t.Errorf("%v has the values %v alone", t, schema.Enum)
	}
	return schema
}

// constant is one constant of an enumeration.
type constant struct{ value, comment string }

// constantsOf lists the exported constants of a type in their order. value is empty
// for those that iota counts.
func constantsOf(t *testing.T, dir, typeName string) (all []constant) {
	t.Helper()
	files, err := fs.Glob(os.DirFS(dir), "*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path.Join(dir, name), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			decl, ok := d.(*ast.GenDecl)
			if !ok || decl.Tok != token.CONST {
				continue
			}
			current := ""
			for _, spec := range decl.Specs {
				spec := spec.(*ast.ValueSpec)
				if id, ok := spec.Type.(*ast.Ident); ok {
					current = id.Name
				} else if len(spec.Values) > 0 {
					current = ""
				}
				if current != typeName || !spec.Names[0].IsExported() {
					continue
				}
				c := constant{comment: strings.TrimSpace(spec.Comment.Text())}
				if len(spec.Values) > 0 {
					if literal, ok := spec.Values[0].(*ast.BasicLit); ok {
						if c.value, err = strconv.Unquote(literal.Value); err != nil {
							t.Fatal(err)
						}
					}
				}
				all = append(all, c)
			}
		}
	}
	return all
}

// tableColumn are the values in a column of a table in docs/reference.md, which its own
// test writes from the code.
func tableColumn(t *testing.T, name string, column int) (values []any) {
	t.Helper()
	page, err := os.ReadFile("docs/reference.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "<!-- "+name+": begin -->")
	table, _, _ = strings.Cut(table, "<!-- "+name+": end -->")
	for row := range strings.Lines(table) {
		cells := strings.Split(row, "|")
		if len(cells) <= column {
			continue
		}
		cell := strings.TrimSpace(cells[column])
		if value := strings.Trim(cell, "`"); value != cell && !slices.Contains(values, any(value)) {
			values = append(values, value)
		}
	}
	if len(values) < 2 {
		t.Fatalf("docs/reference.md has no table %q", name)
	}
	return values
}
