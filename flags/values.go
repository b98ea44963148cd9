package flags

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
)

// Validate returns an error for the first invalid value, in the order of the keys.
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
			out[f.Tag.Get("yaml")] = toText(p.Elem().Interface())
		}
	}
	return out
}

func formatNumber(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// ValidateValue returns why a value can't be stored under a key: it has the wrong
// type, is out of range, is not one of those allowed, or is an invalid flag
// definition. Any well-formed value is valid for a key that is not one of the six.
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
