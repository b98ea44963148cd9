package flags

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Export writes fields, as a store holds them, as a flagd file in JSON: a
// scalar becomes a definition with one variant. flagd evaluates it as cutover
// does.
func Export(fields map[string]string) ([]byte, error) {
	file := struct {
		Schema     string                     `json:"$schema"`
		Flags      map[string]json.RawMessage `json:"flags"`
		Evaluators json.RawMessage            `json:"$evaluators,omitempty"`
	}{"https://flagd.dev/schema/v0/flags.json", map[string]json.RawMessage{}, nil}
	for key, raw := range fields {
		if key == evaluatorsKey {
			file.Evaluators = json.RawMessage(once(raw))
			continue
		}
		file.Flags[key] = json.RawMessage(withState(asDefinition(key, raw)))
	}
	out, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("export: a stored value is not valid: %w", err)
	}
	return append(out, '\n'), nil
}

// withState adds the state that flagd requires and cutover does not. Keys that
// are given twice become one.
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

// once decodes and encodes, so that keys given twice become one.
func once(raw string) string {
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

// ParseFile reads a flags file, flagd's or a plain one, YAML or JSON, into
// fields as a store holds them. A definition that only says what a scalar says
// comes back as the scalar, so that what Export wrote returns unchanged.
func ParseFile(data []byte) (map[string]string, error) {
	fields, err := parseFile(data)
	if err != nil {
		return nil, err
	}
	for key, raw := range fields {
		if f, err := compileFlag(key, raw, nil); err == nil && f.trivial() {
			fields[key] = Normalize(key, text(f.value))
		}
	}
	return fields, nil
}

// trivial reports whether a definition of one of the six flags has but one
// value, always.
func (f *flag) trivial() bool {
	_, known := flagOf(f.key)
	return known && len(f.variants) == 1 && f.rule == nil && !f.disabled && f.value != nil && len(f.metadata) == 0
}

// ImportFlip is the flip that makes a store hold fields; replace also unsets
// what the store has and fields has not.
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
