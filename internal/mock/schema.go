package mock

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

// instance writes JSON that is valid against a schema: types, enum, const,
// required and optional properties, nested objects, arrays, references, anyOf,
// oneOf and allOf, and the usual limits of length and size. Other keywords
// (dependencies, conditions) are ignored.
type instance struct {
	*writer
	root  gjson.Result
	fuel  int // values that may still be written: bounds recursive schemas
	joins int // allOf that were joined
	broke *breakage
}

// breakage is the deliberate error in the first value that allows it.
type breakage struct {
	kind breakKind
	done bool
}

type breakKind uint8

const (
	breakText    breakKind = iota // not JSON at all
	breakMissing                  // a required property is left out
	breakType                     // a property has another type
)

// Beyond the fuel and half the depth nothing optional is written. A schema that
// still demands more, by requiring itself, gets null at the hard limits.
const (
	schemaFuel  = 600
	schemaDepth = 24
	hardFuel    = -4000
	hardDepth   = 64
	maxJoins    = 1000
)

// value appends an instance of the schema. name is the property that it
// belongs to, for a plausible text.
func (in *instance) value(b []byte, schema gjson.Result, name string, seed dice, depth int) []byte {
	in.fuel--
	if in.fuel < hardFuel || depth > hardDepth {
		return append(b, "null"...)
	}
	schema = in.resolve(schema, depth)
	d := throw(uint64(seed), hashText(name))
	if in.deviates(noiseInSlots / 3) {
		d = throw(in.draw.next())
	}
	if c := schema.Get("const"); c.Exists() {
		return append(b, c.Raw...)
	}
	if e := schema.Get("enum").Array(); len(e) > 0 {
		return append(b, pick(&d, e).Raw...)
	}
	for _, key := range []string{"anyOf", "oneOf"} {
		if options := schema.Get(key).Array(); len(options) > 0 {
			return in.value(b, in.option(options, &d, depth), name, d, depth+1)
		}
	}
	switch in.typeOf(schema, &d, depth) {
	case "object":
		return in.object(b, schema, d, depth)
	case "array":
		return in.array(b, schema, name, d, depth)
	case "integer":
		return strconv.AppendInt(b, int64(in.number(schema, &d, name, 1)), 10)
	case "number":
		return strconv.AppendFloat(b, in.number(schema, &d, name, 0.01), 'f', -1, 64)
	case "boolean":
		return strconv.AppendBool(b, d.chance(0.5))
	case "null":
		return append(b, "null"...)
	}
	return appendString(b, in.text(schema, &d, name))
}

// resolve follows references and merges allOf.
func (in *instance) resolve(schema gjson.Result, depth int) gjson.Result {
	for range schemaDepth {
		ref := schema.Get("$ref").Str
		if ref == "" {
			break
		}
		schema = in.lookup(ref)
	}
	all := schema.Get("allOf").Array()
	if len(all) == 0 || depth > hardDepth || in.joins > maxJoins {
		return schema
	}
	in.joins++
	return merge(schema, all, func(s gjson.Result) gjson.Result { return in.resolve(s, depth+1) })
}

// lookup finds a reference inside the same document ("#/$defs/address").
func (in *instance) lookup(ref string) gjson.Result {
	at := in.root
	path, local := strings.CutPrefix(ref, "#")
	if !local {
		return gjson.Result{}
	}
	for _, part := range strings.Split(strings.Trim(path, "/"), "/") {
		if part == "" {
			continue
		}
		part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		at = at.Get(gjson.Escape(part))
	}
	return at
}

// merge joins the parts of allOf: properties and required add up, of the rest
// the later part wins.
func merge(schema gjson.Result, all []gjson.Result, resolve func(gjson.Result) gjson.Result) gjson.Result {
	merged := make(map[string]string)
	properties := make(map[string]string)
	var required []string
	var names []string
	for _, part := range append([]gjson.Result{schema}, all...) {
		if part.Raw != schema.Raw {
			part = resolve(part)
		}
		part.ForEach(func(key, value gjson.Result) bool {
			switch key.Str {
			case "allOf":
			case "properties":
				value.ForEach(func(name, p gjson.Result) bool {
					if _, known := properties[name.Str]; !known {
						names = append(names, name.Str)
					}
					properties[name.Str] = p.Raw
					return true
				})
			case "required":
				for _, r := range value.Array() {
					required = append(required, r.Str)
				}
			default:
				merged[key.Str] = value.Raw
			}
			return true
		})
	}
	b := []byte(`{"required":[`)
	for i, r := range required {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, r)
	}
	b = append(b, `],"properties":{`...)
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(appendString(b, name), ':'), properties[name]...)
	}
	b = append(b, '}')
	for key, raw := range merged {
		b = append(append(appendString(append(b, ','), key), ':'), raw...)
	}
	return gjson.ParseBytes(append(b, '}'))
}

// option chooses one alternative; null and recursion only when nothing else is
// left, or when the value has become too large.
func (in *instance) option(options []gjson.Result, d *dice, depth int) gjson.Result {
	isNull := func(s gjson.Result) bool { return s.Get("type").Str == "null" }
	if in.exhausted(depth) {
		if i := slices.IndexFunc(options, isNull); i >= 0 {
			return options[i]
		}
		if i := slices.IndexFunc(options, func(s gjson.Result) bool {
			t := s.Get("type").Str
			return t != "" && t != "object" && t != "array"
		}); i >= 0 {
			return options[i]
		}
	}
	if some := slices.DeleteFunc(slices.Clone(options), isNull); len(some) > 0 {
		return pick(d, some)
	}
	return options[0]
}

func (in *instance) exhausted(depth int) bool { return in.fuel <= 0 || depth > schemaDepth/2 }

// typeOf is the type of the value to write.
func (in *instance) typeOf(schema gjson.Result, d *dice, depth int) string {
	t := schema.Get("type")
	if t.Type == gjson.String {
		return t.Str
	}
	var types []string
	for _, one := range t.Array() {
		if one.Str == "null" && in.exhausted(depth) {
			return "null"
		}
		if one.Str != "null" {
			types = append(types, one.Str)
		}
	}
	switch {
	case len(types) > 0:
		return pick(d, types)
	case t.IsArray():
		return "null"
	case schema.Get("properties").Exists() || schema.Get("required").Exists() || schema.Get("additionalProperties").Exists():
		return "object"
	case schema.Get("items").Exists() || schema.Get("prefixItems").Exists():
		return "array"
	case schema.Get("minimum").Exists() || schema.Get("maximum").Exists() || schema.Get("multipleOf").Exists():
		return "number"
	}
	return "string"
}

// optionalShare is how often a property that is not required is written.
const optionalShare = 0.6

func (in *instance) object(b []byte, schema gjson.Result, d dice, depth int) []byte {
	required := make(map[string]bool)
	for _, r := range schema.Get("required").Array() {
		required[r.Str] = true
	}
	b = append(b, '{')
	wrote := 0
	put := func(name string, value gjson.Result) {
		if required[name] && in.breaks(breakMissing) {
			delete(required, name)
			return
		}
		if wrote > 0 {
			b = append(b, ',')
		}
		wrote++
		b = append(appendString(b, name), ':')
		if v := in.resolve(value, depth); v.Get("type").Exists() && in.breaks(breakType) {
			b = wrongType(b, v.Get("type").Raw)
			return
		}
		b = in.value(b, value, name, d, depth+1)
	}
	schema.Get("properties").ForEach(func(key, value gjson.Result) bool {
		share := throw(uint64(d), hashText(key.Str), 3)
		if required[key.Str] || !in.exhausted(depth) && share.chance(optionalShare) {
			put(key.Str, value)
			delete(required, key.Str)
		}
		return true
	})
	for _, r := range schema.Get("required").Array() {
		if required[r.Str] { // required, but not described
			put(r.Str, schema.Get("additionalProperties"))
			delete(required, r.Str)
		}
	}
	more := schema.Get("additionalProperties")
	if least := int(schema.Get("minProperties").Num); more.IsObject() && !schema.Get("properties").Exists() {
		for n := range min(max(least, 2), 64) {
			put(identifier(in.field[n%len(in.field)].one)+suffix(n/len(in.field)), more)
		}
	}
	return append(b, '}')
}

func suffix(n int) string {
	if n == 0 {
		return ""
	}
	return "_" + strconv.Itoa(n)
}

// breaks reports whether this is the place where the breakage happens.
func (in *instance) breaks(kind breakKind) bool {
	if in.broke == nil || in.broke.done || in.broke.kind != kind {
		return false
	}
	in.broke.done = true
	return true
}

// wrongType appends a value of a type that is not among the schema's.
func wrongType(b []byte, types string) []byte {
	for _, t := range []struct{ name, value string }{
		{"object", `{"value":true}`}, {"boolean", "true"}, {"array", `[[]]`}, {"string", `"seven"`}} {
		if !strings.Contains(types, t.name) {
			return append(b, t.value...)
		}
	}
	return append(b, "null"...)
}

const maxItems = 64

func (in *instance) array(b []byte, schema gjson.Result, name string, d dice, depth int) []byte {
	least := int(schema.Get("minItems").Num)
	most := least + 3
	if m := schema.Get("maxItems"); m.Exists() {
		most = int(m.Num)
	}
	n := d.between(max(least, min(1, most)), max(min(most, least+3), least))
	if in.exhausted(depth) {
		n = least
	}
	n = min(n, maxItems)
	prefix := schema.Get("prefixItems").Array()
	items := schema.Get("items")
	unique := schema.Get("uniqueItems").Bool()
	seen := make(map[string]bool)
	b = append(b, '[')
	wrote := 0
	for i := range n {
		item := items
		if i < len(prefix) {
			item = prefix[i]
		}
		var text []byte
		for try := range 20 {
			text = in.value(nil, item, name, throw(uint64(d), uint64(i), uint64(try)), depth+1)
			if !unique || !seen[string(text)] {
				break
			}
		}
		if unique && seen[string(text)] && wrote >= least {
			continue
		}
		seen[string(text)] = true
		if wrote > 0 {
			b = append(b, ',')
		}
		wrote++
		b = append(b, text...)
	}
	return append(b, ']')
}

// number draws a number within the schema's limits, on the grid of step.
func (in *instance) number(schema gjson.Result, d *dice, name string, step float64) float64 {
	low, high := 0.0, 100.0
	if containsAny(strings.ToLower(name), "year") {
		low, high = 1990, 2030
	}
	if m := schema.Get("multipleOf").Num; m > 0 {
		step = m
	}
	least, most := math.Inf(-1), math.Inf(1)
	limit := func(key string, to *float64, sign float64, open bool) {
		v := schema.Get(key)
		if v.Type != gjson.Number {
			return
		}
		x := v.Num
		if open {
			x += sign * step
		}
		if sign > 0 {
			*to = math.Max(*to, x)
		} else {
			*to = math.Min(*to, x)
		}
	}
	limit("minimum", &least, 1, schema.Get("exclusiveMinimum").Type == gjson.True)
	limit("exclusiveMinimum", &least, 1, true)
	limit("maximum", &most, -1, schema.Get("exclusiveMaximum").Type == gjson.True)
	limit("exclusiveMaximum", &most, -1, true)
	switch {
	case !math.IsInf(least, 0) && !math.IsInf(most, 0):
		low, high = least, most
	case !math.IsInf(least, 0):
		low, high = least, least+100*step*math.Max(1, 1/step)
	case !math.IsInf(most, 0):
		low, high = most-100*step*math.Max(1, 1/step), most
	}
	first, last := math.Ceil(low/step-1e-9), math.Floor(high/step+1e-9)
	if last < first {
		return low
	}
	k := first + math.Floor(d.float()*(last-first+1))
	x := k * step
	if step < 1 { // 0.01 has no exact binary form
		x = math.Round(x*1e6) / 1e6
	}
	return x
}
