package flags

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Export returns fields, as a store holds them, as a flagd file in JSON. A scalar
// becomes a definition with one variant. flagd evaluates the file as cutover does.
func Export(fields map[string]string) ([]byte, error) {
	file := struct {
		Schema     string                     `json:"$schema"`
		Flags      map[string]json.RawMessage `json:"flags"`
		Evaluators json.RawMessage            `json:"$evaluators,omitempty"`
	}{"https://flagd.dev/schema/v0/flags.json", map[string]json.RawMessage{}, nil}
	for key, raw := range fields {
		if key == evaluatorsKey {
			file.Evaluators = json.RawMessage(dedupeKeys(raw))
			continue
		}
		file.Flags[key] = json.RawMessage(withState(toDefinition(key, raw)))
	}
	out, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("export: a stored value is not valid: %w", err)
	}
	return append(out, '\n'), nil
}

// withState adds the state that flagd requires and cutover does not. Duplicate keys
// are merged.
func withState(definition string) string {
	var d map[string]any
	if json.Unmarshal([]byte(definition), &d) != nil {
		return definition
	}
	if d["state"] == nil {
		d["state"] = "ENABLED"
	}
	out, err := json.Marshal(d)
	if err != nil {
		return definition
	}
	return string(out)
}

// dedupeKeys re-encodes JSON, so that of duplicate keys the last one remains.
func dedupeKeys(raw string) string {
	var v any
	if json.Unmarshal([]byte(raw), &v) != nil {
		return raw
	}
	out, err := json.Marshal(v)
	if err != nil {
		return raw
	}
	return string(out)
}

// ParseFile parses a flags file, flagd or plain, YAML or JSON, into fields as a
// store holds them. A definition equivalent to a scalar becomes the scalar, so that
// what Export wrote comes back unchanged.
func ParseFile(data []byte) (map[string]string, error) {
	fields, err := parseFile(data)
	if err != nil {
		return nil, err
	}
	for key, raw := range fields {
		if f, err := compileFlag(key, raw, nil); err == nil && f.isConstant() {
			fields[key] = Normalize(key, toText(f.value))
		}
	}
	return fields, nil
}

// isConstant reports whether a definition of one of the six flags always resolves
// to the same value.
func (f *flag) isConstant() bool {
	_, known := flagOf(f.key)
	return known && len(f.variants) == 1 && f.rule == nil && !f.disabled && f.value != nil && len(f.metadata) == 0
}

// ImportFlip returns the flip that makes a store hold fields. With replace it also
// unsets what is stored but not in fields.
func ImportFlip(have Fields, fields map[string]string, replace bool) Flip {
	var f Flip
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		value := fields[key]
		if have.Values[key].Value != value {
			f.Changes = append(f.Changes, Change{Key: key, Value: &value})
		}
	}
	if replace {
		for _, key := range slices.Sorted(maps.Keys(have.Values)) {
			if _, kept := fields[key]; !kept {
				f.Changes = append(f.Changes, Change{Key: key})
			}
		}
	}
	return f
}
