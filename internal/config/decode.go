package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"cutover/internal/wording"
)

// decoder writes a YAML document into a Config, key by key, and notes
// everything that is wrong with it: where, which key, what was found and what
// is expected. It never repeats the value of a key that may contain a secret.
type decoder struct {
	schema *schema
	config *Config
	source func(line int) origin
	report func(line int, key, text string)
	// silence marks a key as covered by a problem that was already reported.
	silence func(key string)
	set     func(key string, from origin)
}

// document decodes the text of a file. It returns false, and takes nothing, if the
// text is not a single YAML document.
func (d *decoder) document(text []byte) bool {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc, second yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return true // empty
		}
		d.syntax(err)
		return false
	}
	switch err := dec.Decode(&second); {
	case err == nil:
		d.report(second.Line, "", "a second document starts here (---): the configuration must be a single document")
		return false
	case !errors.Is(err, io.EOF):
		d.syntax(err)
		return false
	}
	d.section(doc.Content[0], reflect.TypeFor[Config](), "")
	return true
}

// syntax reports invalid YAML. The parser's messages name lines and tokens; those
// that would repeat text of the file (anchors, tags) are truncated.
func (d *decoder) syntax(err error) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 0
	if n, scanErr := fmt.Sscanf(text, "line %d:", &line); scanErr == nil && n == 1 {
		text = strings.TrimSpace(text[strings.Index(text, ":")+1:])
	}
	if i := strings.IndexAny(text, "'\"`"); i >= 0 && strings.HasPrefix(text, "unknown anchor") {
		text = "an alias (*name) refers to an anchor (&name) that does not exist"
	}
	d.report(line, "", "not valid YAML: "+text)
}

// section decodes a mapping into the struct type t, whose keys begin with prefix.
func (d *decoder) section(n *yaml.Node, t reflect.Type, prefix string) {
	n = target(n)
	key := strings.TrimSuffix(prefix, ".")
	if isNull(n) {
		return
	}
	names := map[string]reflect.StructField{}
	for _, f := range fieldsOf(t) {
		names[f.Tag.Get("yaml")] = f
	}
	if n.Kind != yaml.MappingNode {
		known := wording.List(slices.Sorted(maps.Keys(names)))
		d.report(n.Line, key, fmt.Sprintf("found %s, expected a section with the keys %s", kindName(n), known))
		return
	}
	for k, v := range d.pairs(n, key) {
		f, ok := names[k.Value]
		switch {
		case !ok:
			d.unknown(k, prefix, slices.Sorted(maps.Keys(names)))
		case isSection(f.Type):
			d.section(v, f.Type, prefix+k.Value+".")
		default:
			d.leaf(v, d.schema.byKey[prefix+k.Value])
		}
	}
}

// pairs yields the keys and values of a mapping. Keys that are not text and
// duplicate keys are reported and skipped.
func (d *decoder) pairs(n *yaml.Node, section string) func(yield func(k, v *yaml.Node) bool) {
	return func(yield func(k, v *yaml.Node) bool) {
		seen := map[string]int{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			k, v := target(n.Content[i]), n.Content[i+1]
			switch {
			case k.Kind != yaml.ScalarNode:
				d.report(k.Line, section, "found "+kindName(k)+" where a key is expected")
				continue
			case k.Tag == "!!merge":
				d.report(k.Line, section, "merge keys (<<) are not supported: write out the keys")
				continue
			}
			if first, dup := seen[k.Value]; dup {
				d.report(k.Line, join(section, k.Value), fmt.Sprintf("set twice: first in line %d", first))
				continue
			}
			seen[k.Value] = k.Line
			if !yield(k, v) {
				return
			}
		}
	}
}

// unknown reports a key that does not exist, and suggests the one that was probably
// meant: a sibling, otherwise a key of the same name elsewhere.
func (d *decoder) unknown(k *yaml.Node, prefix string, siblings []string) {
	key := prefix + k.Value
	if near := wording.Nearest(k.Value, siblings); near != "" {
		d.report(k.Line, key, "unknown key: did you mean "+near+"?")
		d.silence(prefix + near) // not "missing" as well
		return
	}
	for i := range d.schema.leaves {
		l := &d.schema.leaves[i]
		if l.key == k.Value || strings.HasSuffix(l.key, "."+k.Value) {
			d.report(k.Line, key, "unknown key: did you mean "+l.key+"?")
			return
		}
	}
	d.report(k.Line, key, "unknown key: expected one of "+wording.List(siblings))
}

// leaf decodes one value.
func (d *decoder) leaf(n *yaml.Node, l *leaf) {
	n = target(n)
	if isNull(n) {
		return // "key:" without a value sets nothing
	}
	d.set(l.key, d.source(n.Line))
	v := l.field(d.config)
	switch l.typ {
	case typeSecret:
		if s, ok := d.secret(n, l.key); ok {
			v.Set(reflect.ValueOf(s))
		}
	case typeAuth:
		if a, ok := d.auth(n, l.key); ok {
			v.Set(reflect.ValueOf(a))
		}
	case typeRedisURL:
		if r, ok := d.redis(n, l.key); ok {
			v.Set(reflect.ValueOf(r))
		}
	default:
		if x, ok := d.value(n, l.typ, l.key); ok {
			v.Set(x)
		}
	}
}

// value decodes anything that can't contain a secret.
func (d *decoder) value(n *yaml.Node, t reflect.Type, key string) (reflect.Value, bool) {
	n = target(n)
	switch {
	case t.Kind() == reflect.Map:
		return d.mapping(n, t, key)
	case t.Kind() == reflect.Slice:
		return d.sequence(n, t, key)
	case t == typePrice:
		return d.price(n, key)
	}
	if n.Kind != yaml.ScalarNode {
		d.report(n.Line, key, "found "+kindName(n)+", "+expectation(t))
		return reflect.Value{}, false
	}
	if !tagFits(n.Tag, t) {
		d.report(n.Line, key, "found "+kindName(n)+" "+wording.Quote(n.Value)+", "+expectation(t))
		return reflect.Value{}, false
	}
	x, err := parseScalar(n.Value, t)
	if err != nil {
		d.report(n.Line, key, "found "+wording.Quote(n.Value)+": "+err.Error())
		return reflect.Value{}, false
	}
	return x, true
}

func (d *decoder) mapping(n *yaml.Node, t reflect.Type, key string) (reflect.Value, bool) {
	if n.Kind != yaml.MappingNode {
		d.report(n.Line, key, "found "+kindName(n)+", "+expectation(t))
		return reflect.Value{}, false
	}
	if len(n.Content) == 0 {
		return reflect.Zero(t), true // empty is nil, the same as not set
	}
	m, ok := reflect.MakeMapWithSize(t, len(n.Content)/2), true
	for k, v := range d.pairs(n, key) {
		x, good := d.value(v, t.Elem(), join(key, k.Value))
		if !good {
			ok = false
			continue
		}
		m.SetMapIndex(reflect.ValueOf(k.Value), x)
	}
	return m, ok
}

func (d *decoder) sequence(n *yaml.Node, t reflect.Type, key string) (reflect.Value, bool) {
	if n.Kind != yaml.SequenceNode {
		d.report(n.Line, key, "found "+kindName(n)+", "+expectation(t))
		return reflect.Value{}, false
	}
	if len(n.Content) == 0 {
		return reflect.Zero(t), true
	}
	s, ok := reflect.MakeSlice(t, 0, len(n.Content)), true
	for i, item := range n.Content {
		x, good := d.value(item, t.Elem(), fmt.Sprintf("%s[%d]", key, i))
		if !good {
			ok = false
			continue
		}
		s = reflect.Append(s, x)
	}
	return s, ok
}

func (d *decoder) price(n *yaml.Node, key string) (reflect.Value, bool) {
	if n.Kind != yaml.MappingNode {
		d.report(n.Line, key, "found "+kindName(n)+", "+expectation(typePrice))
		return reflect.Value{}, false
	}
	p, ok := reflect.New(typePrice).Elem(), true
	for k, v := range d.pairs(n, key) {
		f, known := typePrice.FieldByNameFunc(func(name string) bool { return strings.ToLower(name) == k.Value })
		if !known {
			d.report(k.Line, join(key, k.Value), "unknown key: expected input or output")
			ok = false
			continue
		}
		x, good := d.value(v, f.Type, join(key, k.Value))
		if ok = ok && good; good {
			p.FieldByIndex(f.Index).Set(x)
		}
	}
	return p, ok
}

// parseScalar parses text as the type t. The file, the environment, the command
// line and the table of defaults all use it.
func parseScalar(text string, t reflect.Type) (reflect.Value, error) {
	var x any
	var err error
	switch {
	case t == typeDuration:
		x, err = parseDuration(text)
	case t == typeHedge:
		x, err = parseHedgeDelay(text)
	case t == typeSize:
		x, err = parseSize(text)
	case t == typeStatus:
		x, err = parseStatus(text)
	case t.Kind() == reflect.Bool:
		x, err = parseBool(text)
	case t.Kind() == reflect.Int:
		x, err = parseInt(text)
	case t.Kind() == reflect.Float64:
		x, err = parseFloat(text)
	default:
		x = text
	}
	return reflect.ValueOf(x), err
}

// tagFits reports whether the type that YAML gives a scalar is acceptable for t.
func tagFits(tag string, t reflect.Type) bool {
	switch {
	case t == typeDuration, t == typeHedge:
		return tag == "!!str" || tag == "!!int" || tag == "!!float" // parseDuration asks for the unit
	case t == typeSize, t == typeStatus:
		return tag == "!!str" || tag == "!!int"
	case t.Kind() == reflect.Bool:
		return tag == "!!bool"
	case t.Kind() == reflect.Int:
		return tag == "!!int"
	case t.Kind() == reflect.Float64:
		return tag == "!!int" || tag == "!!float"
	}
	return tag == "!!str" || tag == "!!timestamp" // a model named 2024-05-13 is a name
}

func expectation(t reflect.Type) string {
	switch {
	case t == typeDuration:
		return "expected a duration such as 500ms, 10s or 1m30s"
	case t == typeHedge:
		return "expected a duration such as 500ms, or a percentile of the relay's own latency such as p95"
	case t == typeSize:
		return "expected a size such as 8MiB, 256KB or 1048576"
	case t == typePrice:
		return "expected {input: DOLLARS, output: DOLLARS} per million tokens"
	case t.Kind() == reflect.Map && t.Elem() == typePrice:
		return "expected a mapping such as {gpt-4.1: {input: 2.0, output: 8.0}}"
	case t.Kind() == reflect.Map:
		return "expected a mapping such as {gpt-4o: gpt-4.1}"
	case t.Kind() == reflect.Slice && t.Elem() == typeStatus:
		return "expected a list such as [429, 5xx]"
	case t == typeStatus:
		return "expected a status such as 429, or one of 4xx and 5xx"
	case t.Kind() == reflect.Slice:
		return "expected a list such as [embeddings, moderations]"
	case t.Kind() == reflect.Bool:
		return "expected true or false"
	case t.Kind() == reflect.Int:
		return "expected a whole number"
	case t.Kind() == reflect.Float64:
		return "expected a number"
	}
	return "expected text"
}

// target resolves an alias to its node.
func target(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

func kindName(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Tag == "!!int" || n.Tag == "!!float":
		return "the number"
	case n.Tag == "!!bool":
		return "the boolean"
	case n.Tag == "!!null":
		return "nothing"
	}
	return "the text"
}

func join(section, key string) string {
	if section == "" {
		return key
	}
	return section + "." + key
}
