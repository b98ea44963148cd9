package flags

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

const (
	maxKeyBytes   = 128
	maxValueBytes = 64 << 10 // every sidecar would read a larger value every second

	evaluatorsKey = "$evaluators" // the field that holds flagd's shared rules
)

// kind is the type of a flag's values.
type kind uint8

const (
	kindNone kind = iota // a definition without variants
	kindBool
	kindNumber
	kindString
	kindObject
)

func (k kind) String() string {
	return [...]string{"nothing", "boolean", "number", "string", "object"}[k]
}

func kindOf(v any) kind {
	switch v.(type) {
	case bool:
		return kindBool
	case float64:
		return kindNumber
	case string:
		return kindString
	case nil:
		return kindNone
	}
	return kindObject
}

// flag is one compiled flag. It is immutable.
type flag struct {
	key      string
	raw      string // as stored
	origin   Origin
	kind     kind
	value    any    // where no rule decides: the scalar, or the default variant's value; nil: none
	variant  string // the default variant's name; "" for a scalar
	disabled bool
	variants map[string]any
	rule     rule // nil without targeting
	metadata map[string]any
	shared   bool // the rule refers to $evaluators
}

// compileFlag parses a stored value: a plain scalar, or a flagd flag definition
// in JSON. Errors never quote more than a few characters of the value.
func compileFlag(key, raw string, shared evaluators) (*flag, error) {
	if len(raw) > maxValueBytes {
		return nil, fmt.Errorf("%s: the value has %d bytes, more than the limit of %d", key, len(raw), maxValueBytes)
	}
	text := unquoted(key, strings.TrimSpace(raw))
	if text == "" {
		return nil, fmt.Errorf("%s: the value is empty; unset the flag to restore its default", key)
	}
	if strings.HasPrefix(text, "{") {
		f, err := compileDefinition(key, text, shared)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		f.raw = raw
		return f, nil
	}
	value, err := parseScalar(key, text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return &flag{key: key, raw: raw, kind: kindOf(value), value: value}, nil
}

// unquoted removes the quotation marks around a value, which redis-cli and shells leave there
// by accident: a kill switch set to "'false'" must work. Of a flag that is not one of the six
// they say that the value is a string, so they are only removed from a definition.
func unquoted(key, text string) string {
	for len(text) >= 2 && (text[0] == '"' || text[0] == '\'') && text[len(text)-1] == text[0] {
		inner := strings.TrimSpace(text[1 : len(text)-1])
		if strings.HasPrefix(inner, `{\"`) {
			var plain string
			if json.Unmarshal([]byte(text), &plain) == nil {
				inner = strings.TrimSpace(plain)
			}
		}
		if _, known := flagOf(key); !known && !strings.HasPrefix(inner, "{") {
			return text
		}
		text = inner
	}
	return text
}

// parseScalar parses a plain value by the type of its key. Booleans are accepted
// in the spellings that people use in a hurry: a kill switch set to "off" or "0"
// must work.
func parseScalar(key, text string) (any, error) {
	id, known := flagOf(key)
	if !known {
		return parseUntyped(text), nil
	}
	switch definitions[id].kind {
	case kindBool:
		switch strings.ToLower(text) {
		case "true", "on", "yes", "1":
			return true, nil
		case "false", "off", "no", "0":
			return false, nil
		}
		return nil, fmt.Errorf("%q is not a boolean; write true or false", shorten(text))
	case kindNumber:
		f, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(text, "%")), 64)
		if err != nil {
			return nil, fmt.Errorf("%q is not a number; write a percentage from 0 to 100", shorten(text))
		}
		return f, checkValue(id, f)
	}
	return text, checkValue(id, text)
}

// parseUntyped parses a scalar of a flag that is not one of the six.
func parseUntyped(text string) any {
	var v any
	if err := json.Unmarshal([]byte(text), &v); err == nil && v != nil {
		return v
	}
	return text
}

// checkValue reports why a value is not valid for one of the six flags.
func checkValue(id Flag, v any) error {
	d := &definitions[id]
	if kindOf(v) != d.kind {
		return fmt.Errorf("must be a %s, not a %s", d.Type, kindOf(v))
	}
	switch v := v.(type) {
	case float64:
		if math.IsNaN(v) || v < 0 || v > 100 {
			return fmt.Errorf("%v is out of range; write a percentage from 0 to 100", v)
		}
	case string:
		if !slices.Contains(d.Allowed, v) {
			return fmt.Errorf("%q is not allowed; write %s", shorten(v), strings.Join(d.Allowed, " or "))
		}
	}
	return nil
}

// flagdDefinition is a flag in flagd's format.
type flagdDefinition struct {
	State          string
	Variants       map[string]any
	DefaultVariant *string
	Targeting      json.RawMessage
	Metadata       map[string]any
}

// parseDefinition decodes field by field: decoding into a struct would accept
// "Variants" for "variants", which flagd does not.
func parseDefinition(text string) (d flagdDefinition, err error) {
	var fields map[string]json.RawMessage
	err = json.Unmarshal([]byte(text), &fields)
	into := map[string]any{
		"state": &d.State, "variants": &d.Variants, "defaultVariant": &d.DefaultVariant,
		"targeting": &d.Targeting, "metadata": &d.Metadata,
	}
	for name, raw := range fields {
		if v := into[name]; v != nil && err == nil {
			if err = json.Unmarshal(raw, v); err != nil {
				return d, fmt.Errorf("the flag definition's %s is not valid: %w", name, jsonError(err))
			}
		}
	}
	if err != nil {
		return d, fmt.Errorf("the flag definition is not valid: %w", jsonError(err))
	}
	return d, nil
}

func compileDefinition(key, text string, shared evaluators) (*flag, error) {
	d, err := parseDefinition(text)
	if err != nil {
		return nil, err
	}
	f := &flag{key: key, variants: d.Variants, metadata: d.Metadata}
	switch d.State {
	case "ENABLED", "":
	case "DISABLED":
		f.disabled = true
	default:
		return nil, fmt.Errorf("state %q is neither ENABLED nor DISABLED", shorten(d.State))
	}
	if len(d.Variants) == 0 {
		return nil, errors.New("the flag definition has no variants")
	}
	for name, v := range d.Variants {
		if err := f.addVariant(name, v); err != nil {
			return nil, err
		}
	}
	if d.DefaultVariant != nil && *d.DefaultVariant != "" {
		v, ok := d.Variants[*d.DefaultVariant]
		if !ok {
			return nil, fmt.Errorf("defaultVariant %q is not among the variants", shorten(*d.DefaultVariant))
		}
		f.variant, f.value = *d.DefaultVariant, v
	}
	return f, f.compileTargeting(d.Targeting, shared)
}

func (f *flag) addVariant(name string, v any) error {
	if id, known := flagOf(f.key); known {
		if err := checkValue(id, v); err != nil {
			return fmt.Errorf("variant %q: %w", shorten(name), err)
		}
	}
	if name == "" {
		return errors.New("a variant has no name")
	}
	k := kindOf(v)
	if k == kindNone {
		return fmt.Errorf("variant %q is null", shorten(name))
	}
	if f.kind != kindNone && f.kind != k {
		return fmt.Errorf("variant %q is a %s, but another is a %s", shorten(name), k, f.kind)
	}
	f.kind = k
	return nil
}

func (f *flag) compileTargeting(raw json.RawMessage, shared evaluators) error {
	if text := strings.TrimSpace(string(raw)); text == "" || text == "null" || text == "{}" {
		return nil
	}
	r, usesShared, err := compileRule(raw, shared)
	if err != nil {
		return fmt.Errorf("targeting: %w", err)
	}
	f.rule, f.shared = r, usesShared
	return nil
}

// jsonError drops the text that decoding errors may quote.
func jsonError(err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("invalid JSON at byte %d", syntax.Offset)
	}
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) {
		return fmt.Errorf("a %s is not allowed there", mismatch.Value)
	}
	return errors.New("invalid JSON")
}

// shorten shortens a value for an error message.
func shorten(s string) string {
	const limit = 24
	if len(s) > limit {
		return s[:limit] + "..."
	}
	return s
}
