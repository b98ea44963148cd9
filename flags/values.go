package flags

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
)

// Validate reports the first value that a flag may not have, by its key.
func (v Values) Validate() error {
	fields := v.fields()
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		if err := ValidateValue(key, fields[key]); err != nil {
			return err
		}
	}
	return nil
}

// fields returns the values as a store would hold them, by key.
func (v Values) fields() map[string]string {
	out := map[string]string{}
	all := reflect.ValueOf(v)
	for f := range all.Type().Fields() {
		if p := all.FieldByIndex(f.Index); !p.IsNil() {
			out[f.Tag.Get("yaml")] = text(p.Elem().Interface())
		}
	}
	return out
}

func formatNumber(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// ValidateValue reports why a value can't be stored under a key: of the wrong
// type, out of range, not one of the allowed, or a broken flag definition. Any
// well-formed value is right for a key that is not one of the six flags.
func ValidateValue(key, value string) error {
	if key == "" || len(key) > maxKeyBytes {
		return fmt.Errorf("flag key %.40q: must have 1 to %d bytes", key, maxKeyBytes)
	}
	if key == evaluatorsKey {
		_, err := parseEvaluators(value)
		return err
	}
	_, err := compileFlag(key, value, nil)
	return err
}
