package flags

import (
	"maps"
	"strconv"
	"strings"
	"time"
)

// Normalize returns the canonical form of a scalar of one of the six flags ("off"
// becomes "false", "5.0%" becomes "5"). It returns anything else unchanged.
func Normalize(key, value string) string {
	text := strings.TrimSpace(value)
	id, known := flagOf(key)
	if !known || strings.HasPrefix(text, "{") {
		return value
	}
	v, err := parseScalar(definitions[id].Key, text)
	if err != nil {
		return value
	}
	switch v := v.(type) {
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return formatNumber(v)
	}
	return text
}

// normalized returns the flip with every value in its canonical form.
func (f Flip) normalized() Flip {
	changes := make([]Change, len(f.Changes))
	for i, c := range f.Changes {
		changes[i] = c
		if c.Value != nil {
			v := Normalize(c.Key, *c.Value)
			changes[i].Value = &v
		}
	}
	f.Changes = changes
	return f
}

// applyTo compares and sets on a copy of fields. It returns the audit entries and
// the new fields, or a *ConflictError.
func (f Flip) applyTo(fields map[string]string, version uint64, at time.Time) ([]Entry, map[string]string, error) {
	next := maps.Clone(fields)
	var entries []Entry
	for _, c := range f.Changes {
		old, was := fields[c.Key]
		if c.Expect != nil && *c.Expect != old {
			return nil, nil, &ConflictError{Key: c.Key, Expected: *c.Expect, Actual: old}
		}
		if c.Value == nil {
			delete(next, c.Key)
		} else {
			next[c.Key] = *c.Value
		}
		if value, is := next[c.Key]; was != is || old != value {
			entries = append(entries, Entry{
				Key: c.Key, Old: pointer(old, was), New: pointer(value, is),
				Who: f.Who, Why: f.Why, At: at, Version: version, Undoes: f.Undoes,
			})
		}
	}
	return entries, next, nil
}
