package mock

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// checkSchema reports how a value violates a schema. It is written from the
// standard and shares nothing with the generator.
func checkSchema(root, schema any, v any, at string) error {
	s, ok := schema.(map[string]any)
	if !ok {
		return nil
	}
	if ref, ok := s["$ref"].(string); ok {
		target := root
		for _, part := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
			target = target.(map[string]any)[part]
		}
		return checkSchema(root, target, v, at)
	}
	if c, ok := s["const"]; ok && fmt.Sprint(c) != fmt.Sprint(v) {
		return fmt.Errorf("%s: %v is not the constant %v", at, v, c)
	}
	if e, ok := s["enum"].([]any); ok && !slices.ContainsFunc(e, func(x any) bool { return fmt.Sprint(x) == fmt.Sprint(v) }) {
		return fmt.Errorf("%s: %v is none of %v", at, v, e)
	}
	for _, key := range []string{"anyOf", "oneOf"} {
		if options, ok := s[key].([]any); ok && !slices.ContainsFunc(options, func(o any) bool { return checkSchema(root, o, v, at) == nil }) {
			return fmt.Errorf("%s: %v fits none of %s", at, v, key)
		}
	}
	if all, ok := s["allOf"].([]any); ok {
		for _, one := range all {
			if err := checkSchema(root, one, v, at); err != nil {
				return err
			}
		}
	}
	if err := checkType(s["type"], v, at); err != nil {
		return err
	}
	switch v := v.(type) {
	case map[string]any:
		return checkObject(root, s, v, at)
	case []any:
		return checkArray(root, s, v, at)
	case float64:
		return checkNumber(s, v, at)
	case string:
		return checkText(s, v, at)
	}
	return nil
}

func checkType(want any, v any, at string) error {
	names, _ := want.([]any)
	if one, ok := want.(string); ok {
		names = []any{one}
	}
	if len(names) == 0 {
		return nil
	}
	for _, n := range names {
		switch x := v.(type) {
		case nil:
			ok := n == "null"
			if ok {
				return nil
			}
		case bool:
			if n == "boolean" {
				return nil
			}
		case string:
			if n == "string" {
				return nil
			}
		case float64:
			if n == "number" || n == "integer" && x == math.Trunc(x) {
				return nil
			}
		case []any:
			if n == "array" {
				return nil
			}
		case map[string]any:
			if n == "object" {
				return nil
			}
		}
	}
	return fmt.Errorf("%s: %v is not of type %v", at, v, want)
}

func checkObject(root any, s, v map[string]any, at string) error {
	required, _ := s["required"].([]any)
	for _, r := range required {
		if _, ok := v[r.(string)]; !ok {
			return fmt.Errorf("%s: %s is missing", at, r)
		}
	}
	properties, _ := s["properties"].(map[string]any)
	for name, x := range v {
		p, known := properties[name]
		if !known {
			if s["additionalProperties"] == false {
				return fmt.Errorf("%s: %s is not allowed", at, name)
			}
			p = s["additionalProperties"]
		}
		if err := checkSchema(root, p, x, at+"."+name); err != nil {
			return err
		}
	}
	return nil
}

func checkArray(root any, s map[string]any, v []any, at string) error {
	if n, ok := s["minItems"].(float64); ok && len(v) < int(n) {
		return fmt.Errorf("%s: %d items are too few", at, len(v))
	}
	if n, ok := s["maxItems"].(float64); ok && len(v) > int(n) {
		return fmt.Errorf("%s: %d items are too many", at, len(v))
	}
	seen := map[string]bool{}
	for i, x := range v {
		if s["uniqueItems"] == true && seen[fmt.Sprint(x)] {
			return fmt.Errorf("%s: %v comes twice", at, x)
		}
		seen[fmt.Sprint(x)] = true
		if err := checkSchema(root, s["items"], x, fmt.Sprintf("%s[%d]", at, i)); err != nil {
			return err
		}
	}
	return nil
}

func checkNumber(s map[string]any, v float64, at string) error {
	for key, wrong := range map[string]func(limit float64) bool{
		"minimum": func(l float64) bool { return v < l }, "maximum": func(l float64) bool { return v > l },
		"exclusiveMinimum": func(l float64) bool { return v <= l }, "exclusiveMaximum": func(l float64) bool { return v >= l },
		"multipleOf": func(l float64) bool { q := v / l; return math.Abs(q-math.Round(q)) > 1e-6 },
	} {
		if limit, ok := s[key].(float64); ok && wrong(limit) {
			return fmt.Errorf("%s: %v violates %s %v", at, v, key, limit)
		}
	}
	return nil
}

func checkText(s map[string]any, v string, at string) error {
	n := float64(utf8.RuneCountInString(v))
	if l, ok := s["minLength"].(float64); ok && n < l {
		return fmt.Errorf("%s: %q is too short", at, v)
	}
	if l, ok := s["maxLength"].(float64); ok && n > l {
		return fmt.Errorf("%s: %q is too long", at, v)
	}
	if p, ok := s["pattern"].(string); ok && !regexp.MustCompile(p).MatchString(v) {
		return fmt.Errorf("%s: %q does not match %s", at, v, p)
	}
	return nil
}

// schemas that people write for tools and structured responses.
func schemas() map[string]string {
	return map[string]string{
		"weather": `{"type":"object","properties":{"location":{"type":"string"},"unit":{"type":"string","enum":["celsius",` +
			`"fahrenheit"]}},"required":["location"],"additionalProperties":false}`,
		"nested": `{"type":"object","required":["who","when"],"properties":{"who":{"type":"object","required":["name","age"],` +
			`"properties":{"name":{"type":"string","minLength":2},"age":{"type":"integer","minimum":18,"maximum":21},"mail":{"type":"string",` +
			`"format":"email"}}},"when":{"type":"string","format":"date-time"}}}`,
		"arrays": `{"type":"object","required":["tags","grid"],"properties":{"tags":{"type":"array","minItems":2,"maxItems":4,` +
			`"uniqueItems":true,"items":{"enum":["a","b","c","d","e"]}},"grid":{"type":"array","items":{"type":"array","minItems":3,` +
			`"maxItems":3,"items":{"type":"number","exclusiveMinimum":0,"maximum":1}}}}}`,
		"recursive": `{"$defs":{"node":{"type":"object","required":["value","children"],"properties":{"value":{"type":"integer"},` +
			`"children":{"type":"array","items":{"$ref":"#/$defs/node"}}},"additionalProperties":false}},"$ref":"#/$defs/node"}`,
		"union": `{"type":"object","required":["shape","maybe"],"properties":{"shape":{"anyOf":[{"type":"object","properties":{"kind":` +
			`{"const":"circle"},"r":{"type":"number"}},"required":["kind","r"]},{"type":"object","properties":{"kind":{"const":"box"},"w":` +
			`{"type":"integer","multipleOf":5}},"required":["kind","w"]}]},"maybe":{"type":["string","null"]}}}`,
		"all": `{"allOf":[{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]},{"properties":{"b":{"type":` +
			`"boolean"}},"required":["b"]}]}`,
		"patterns": `{"type":"object","required":["sku","phone","zip"],"properties":{"sku":{"type":"string","pattern":` +
			`"^[A-Z]{3}-[0-9]{4}$"},"phone":{"type":"string","pattern":"^\\+?[1-9]\\d{6,10}$"},"zip":{"type":"string","minLength":5,` +
			`"maxLength":5}}}`,
		"numbers": `{"type":"object","required":["p","n","e","big"],"properties":{"p":{"type":"number","minimum":0,"maximum":1},"n":` +
			`{"type":"integer","exclusiveMinimum":-3,"exclusiveMaximum":-1},"e":{"type":"integer","multipleOf":7,"minimum":50},"big":{"type":` +
			`"number","maximum":-1000}}}`,
		"map":       `{"type":"object","additionalProperties":{"type":"integer"}}`,
		"undefined": `{"type":"object","required":["ghost"]}`,
		"empty":     `{"type":"object","properties":{}}`,
		"slashes":   `{"$defs":{"a/b~c":{"type":"object","required":["x"],"properties":{"x":{"const":3}}}},"$ref":"#/$defs/a~1b~0c"}`,
	}
}

// writeInstances makes n argument texts for one schema.
func writeInstances(t *testing.T, schema string, cfg Config, n int) []string {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	body := []byte(
		`{"model":"m","messages":[{"role":"user","content":"Which tool ` +
			`suits?"}],"tool_choice":"required","tools":[{"type":"function","function":{"name":"f","parameters":` + schema + `}}]}`,
	)
	var texts []string
	for i := range n {
		q := &question{}
		if p := parseBody(body, parseChat, q); p != nil {
			t.Fatalf("the request is refused: %s", p.message)
		}
		q.says, q.served = uint64(i), q.model
		d := throw(uint64(i))
		m := composer{settings: s.settings.Load(), q: q, voice: 5, draw: &d}
		for _, call := range m.one(0).calls {
			texts = append(texts, call.args)
		}
	}
	return texts
}

func TestArgumentsFitTheSchema(t *testing.T) {
	for name, schema := range schemas() {
		t.Run(name, func(t *testing.T) {
			var parsed any
			if err := json.Unmarshal([]byte(schema), &parsed); err != nil {
				t.Fatal(err)
			}
			if name == "slashes" { // the checker reads no escapes
				parsed = parsed.(map[string]any)["$defs"].(map[string]any)["a/b~c"]
			}
			different := map[string]bool{}
			for _, text := range writeInstances(t, schema, Config{Speech: Speech{Noise: 0.3}}, 200) {
				var v any
				if err := json.Unmarshal([]byte(text), &v); err != nil {
					t.Fatalf("%s is no JSON: %v", text, err)
				}
				if err := checkSchema(parsed, parsed, v, "$"); err != nil {
					t.Fatalf("%s\n%v", text, err)
				}
				different[text] = true
			}
			if name != "empty" && name != "slashes" && name != "all" && len(different) < 5 {
				t.Errorf("only %d different instances: %v", len(different), different)
			}
		})
	}
}

func TestBrokenArgumentsDoNotFit(t *testing.T) {
	for name, schema := range schemas() {
		if name == "slashes" {
			continue
		}
		var parsed any
		if err := json.Unmarshal([]byte(schema), &parsed); err != nil {
			t.Fatal(err)
		}
		for _, text := range writeInstances(t, schema, Config{Speech: Speech{BreakToolArguments: 1}}, 100) {
			var v any
			if json.Unmarshal([]byte(text), &v) == nil && checkSchema(parsed, parsed, v, "$") == nil {
				t.Errorf("%s: %s was to be broken and is valid", name, text)
			}
		}
	}
}
