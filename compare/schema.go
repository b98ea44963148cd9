package compare

import (
	"encoding/json"
	"math/big"
	"regexp"
	"strings"
	"unicode/utf8"
)

// validates reports whether a value fits a JSON Schema, both as decodeJSON made
// them. It knows what tools' schemas use: types, properties, required, items,
// enumerations, bounds, patterns, combinations and references inside the
// document. What it does not know, and what is no schema, allows everything: a
// finding must never be wrong.
func validates(schema, value any) bool {
	v := validator{root: schema, budget: 20000, siblings: newDraft(schema)}
	return v.fits(schema, value, 0)
}

// validator walks a schema and a value.
type validator struct {
	root any
	// budget is how many steps are left: a schema that refers to itself, or
	// combines many others, must not cost more than it is worth.
	budget int
	// guesses counts what was let through because it can't be judged. A value that
	// fits a schema by a guess may not fit it: under "not" and in "oneOf" that
	// decides nothing.
	guesses int
	// siblings: keywords beside $ref count. They do from draft 2019-09 on; before
	// that they are ignored, and a schema that names no draft may be of either.
	siblings bool
	patterns map[string]*regexp.Regexp // compiled; nil where Go does not know the syntax
}

// pattern compiles a pattern once. Patterns are ECMA-262's; one that Go does not
// know can't be judged.
func (v *validator) pattern(text string) (*regexp.Regexp, bool) {
	re, known := v.patterns[text]
	if !known {
		re, _ = regexp.Compile(text) // nil is remembered as well
		if v.patterns == nil {
			v.patterns = map[string]*regexp.Regexp{}
		}
		v.patterns[text] = re
	}
	if re == nil {
		v.guesses++
	}
	return re, re != nil
}

// spend takes n steps; it reports false when there are none left, and then
// everything fits.
func (v *validator) spend(n int) bool {
	v.budget -= n
	if v.budget < 0 {
		v.guesses++
		return false
	}
	return true
}

// maxSchemaDepth bounds nesting and circles of references.
const maxSchemaDepth = 64

func (v *validator) fits(schema, value any, depth int) bool {
	if !v.spend(1) {
		return true
	}
	if depth > maxSchemaDepth {
		v.guesses++
		return true
	}
	if allowed, ok := schema.(bool); ok {
		return allowed
	}
	s, ok := schema.(map[string]any)
	if !ok {
		v.guesses++
		return true
	}
	v.countUnknown(s)
	if ref, ok := s["$ref"].(string); ok {
		if !v.fits(v.resolve(ref), value, depth+1) {
			return false
		}
		if !v.siblings {
			return true
		}
	}
	return fitsType(s["type"], value) && v.fitsEnum(s, value) &&
		v.fitsCombination(s, value, depth) && v.fitsParts(s, value, depth)
}

// newDraft reports whether the schema says that it is of draft 2019-09 or later.
func newDraft(schema any) bool {
	s, _ := schema.(map[string]any)
	uri, _ := s["$schema"].(string)
	return strings.Contains(uri, "/draft/20")
}

// countUnknown counts a guess where a schema has a keyword that is not checked.
func (v *validator) countUnknown(s map[string]any) {
	for key := range s {
		switch key {
		case "type", "enum", "const", "allOf", "anyOf", "oneOf", "not", "required", "minProperties", "maxProperties",
			"properties", "additionalProperties", "minItems", "maxItems", "prefixItems", "items", "additionalItems",
			"minLength", "maxLength", "pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf":
			continue
		case "$schema", "$id", "$comment", "$defs", "definitions", "title", "description", "default", "examples", "format",
			"deprecated", "readOnly", "writeOnly", "contentEncoding", "contentMediaType":
			continue // they say nothing about which values fit
		}
		v.guesses++
		return
	}
}

// resolve finds what a reference inside the document names; anything else is
// the schema that allows everything.
func (v *validator) resolve(ref string) any {
	path, ok := strings.CutPrefix(ref, "#")
	if !ok {
		return true
	}
	at := v.root
	for _, key := range strings.Split(strings.TrimPrefix(path, "/"), "/") {
		if key == "" {
			continue
		}
		m, ok := at.(map[string]any)
		if !ok {
			return true
		}
		if at, ok = m[strings.NewReplacer("~1", "/", "~0", "~").Replace(key)]; !ok {
			return true
		}
	}
	return at
}

// fitsType checks "type": a name or a list of names.
func fitsType(types, value any) bool {
	switch t := types.(type) {
	case string:
		return isType(t, value)
	case []any:
		for _, name := range t {
			if s, ok := name.(string); !ok || isType(s, value) {
				return true
			}
		}
		return len(t) == 0
	}
	return true
}

func isType(name string, value any) bool {
	switch name {
	case "object":
		_, ok := value.(map[string]any)
		return ok
	case "array":
		_, ok := value.([]any)
		return ok
	case "string":
		_, ok := value.(string)
		return ok
	case "boolean":
		_, ok := value.(bool)
		return ok
	case "null":
		return value == nil
	case "number":
		_, ok := value.(json.Number)
		return ok
	case "integer":
		n, ok := value.(json.Number)
		if !ok {
			return false
		}
		if unwieldy(string(n)) {
			plain, ok := plainDecimal(string(n))
			return !ok || !strings.Contains(plain, ".")
		}
		r, ok := new(big.Rat).SetString(string(n))
		return ok && r.IsInt()
	}
	return true
}

// fitsEnum checks "enum" and "const".
func (v *validator) fitsEnum(s map[string]any, value any) bool {
	if want, ok := s["const"]; ok && !equalValue(want, value) {
		return false
	}
	list, ok := s["enum"].([]any)
	if !ok || !v.spend(len(list)) {
		return true
	}
	for _, want := range list {
		if equalValue(want, value) {
			return true
		}
	}
	return false
}

// fitsCombination checks allOf, anyOf, oneOf and not.
func (v *validator) fitsCombination(s map[string]any, value any, depth int) bool {
	count := func(key string) (fit, sure, of int) {
		list, _ := s[key].([]any)
		for _, sub := range list {
			before := v.guesses
			if v.fits(sub, value, depth+1) {
				fit++
				if v.guesses == before {
					sure++
				}
			}
		}
		return fit, sure, len(list)
	}
	if fit, _, of := count("allOf"); fit < of {
		return false
	}
	if fit, _, of := count("anyOf"); of > 0 && fit == 0 {
		return false
	}
	// None fits, or more than one does for sure.
	if fit, sure, of := count("oneOf"); of > 0 && (fit == 0 || sure > 1) {
		return false
	}
	if not, ok := s["not"]; ok {
		before := v.guesses
		if v.fits(not, value, depth+1) && v.guesses == before {
			return false
		}
	}
	return true
}

// fitsParts checks the keywords that are for one type of value.
func (v *validator) fitsParts(s map[string]any, value any, depth int) bool {
	switch x := value.(type) {
	case map[string]any:
		return v.fitsObject(s, x, depth)
	case []any:
		return v.fitsArray(s, x, depth)
	case string:
		return v.fitsString(s, x)
	case json.Number:
		return v.fitsNumber(s, x)
	}
	return true
}

func (v *validator) fitsObject(s map[string]any, value map[string]any, depth int) bool {
	required, _ := s["required"].([]any)
	for _, key := range required {
		if name, ok := key.(string); ok {
			if _, has := value[name]; !has {
				return false
			}
		}
	}
	if !within(s, "minProperties", "maxProperties", len(value)) {
		return false
	}
	properties, _ := s["properties"].(map[string]any)
	patterns, _ := s["patternProperties"].(map[string]any)
	for name, item := range value {
		sub, known := properties[name]
		if known && !v.fits(sub, item, depth+1) {
			return false
		}
		for pattern, sub := range patterns {
			if !v.spend(1 + len(name)/64) {
				return true
			}
			if re, ok := v.pattern(pattern); !ok || re.MatchString(name) {
				known = true
				if ok && !v.fits(sub, item, depth+1) {
					return false
				}
			}
		}
		if additional, ok := s["additionalProperties"]; ok && !known && !v.fits(additional, item, depth+1) {
			return false
		}
	}
	return true
}

func (v *validator) fitsArray(s map[string]any, value []any, depth int) bool {
	if !within(s, "minItems", "maxItems", len(value)) {
		return false
	}
	prefix, _ := s["prefixItems"].([]any)
	items, has := s["items"]
	if list, ok := items.([]any); ok { // before draft 2020-12
		prefix, items, has = list, s["additionalItems"], s["additionalItems"] != nil
	}
	for i, item := range value {
		if i < len(prefix) {
			if !v.fits(prefix[i], item, depth+1) {
				return false
			}
		} else if has && !v.fits(items, item, depth+1) {
			return false
		}
	}
	if s["uniqueItems"] == true && len(value) <= 100 {
		for i := range value {
			for j := range i {
				if equalValue(value[i], value[j]) {
					return false
				}
			}
		}
	}
	return true
}

func (v *validator) fitsString(s map[string]any, value string) bool {
	if !within(s, "minLength", "maxLength", utf8.RuneCountInString(value)) {
		return false
	}
	pattern, ok := s["pattern"].(string)
	if !ok {
		return true
	}
	re, ok := v.pattern(pattern)
	return !ok || !v.spend(len(value)/1024) || re.MatchString(value)
}

func (v *validator) fitsNumber(s map[string]any, value json.Number) bool {
	if unwieldy(string(value)) {
		v.guesses++
		return true
	}
	x, ok := new(big.Rat).SetString(string(value))
	if !ok {
		return true
	}
	cmp := func(key string) (int, bool) {
		bound, ok := rational(s[key])
		if !ok {
			if _, set := s[key].(json.Number); set {
				v.guesses++ // a bound that is too long to be computed with
			}
			return 0, false
		}
		return x.Cmp(bound), true
	}
	if c, ok := cmp("minimum"); ok && (c < 0 || c == 0 && s["exclusiveMinimum"] == true) {
		return false
	}
	if c, ok := cmp("maximum"); ok && (c > 0 || c == 0 && s["exclusiveMaximum"] == true) {
		return false
	}
	if c, ok := cmp("exclusiveMinimum"); ok && c <= 0 {
		return false
	}
	if c, ok := cmp("exclusiveMaximum"); ok && c >= 0 {
		return false
	}
	if step, ok := rational(s["multipleOf"]); ok && step.Sign() > 0 {
		return new(big.Rat).Quo(x, step).IsInt()
	}
	return true
}

// rational reads a bound of a schema.
func rational(v any) (*big.Rat, bool) {
	n, ok := v.(json.Number)
	if !ok || unwieldy(string(n)) {
		return nil, false
	}
	return new(big.Rat).SetString(string(n))
}

// within checks a count against two keywords.
func within(s map[string]any, least, most string, n int) bool {
	x := new(big.Rat).SetInt64(int64(n))
	if bound, ok := rational(s[least]); ok && x.Cmp(bound) < 0 {
		return false
	}
	if bound, ok := rational(s[most]); ok && x.Cmp(bound) > 0 {
		return false
	}
	return true
}
