package flags

import (
	"fmt"
	"slices"
)

// Origin is where a flag's value came from.
type Origin uint8

// The origins, in increasing order of precedence.
const (
	FromDefault Origin = iota
	FromConfiguration
	FromDisk // the last good values from Redis, saved on disk
	FromFile
	FromRedis
)

// originNames is read only.
var originNames = [...]string{"default", "configuration", "disk", "file", "redis"}

// String returns "default", "configuration", "disk", "file" or "redis".
func (o Origin) String() string { return originNames[o] }

// MarshalText writes the origin's name, for JSON.
func (o Origin) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (o *Origin) UnmarshalText(b []byte) error {
	i := slices.Index(originNames[:], string(b))
	if i < 0 {
		return fmt.Errorf("%q is not a source of flags", shorten(string(b)))
	}
	*o = Origin(i)
	return nil
}

// snapshot is everything that evaluation needs. It is immutable: readers load the
// pointer; the writer builds a new snapshot and swaps the pointer.
type snapshot struct {
	version  uint64
	flags    map[string]*flag
	static   effective // the six flags, where no rule decides
	targeted bool      // at least one of the six has a rule
	stale    bool
}

// newSnapshot precomputes what every request would otherwise compute.
func newSnapshot(version uint64, flags map[string]*flag, stale bool) *snapshot {
	s := &snapshot{version: version, flags: flags, stale: stale}
	for id := range flagCount {
		f := flags[definitions[id].Key]
		s.targeted = s.targeted || f.rule != nil
		v, why := f.valueWithoutRule(id)
		if stale {
			why = ReasonStale
		}
		s.static.set(id, v, why)
	}
	return s
}

// valueWithoutRule returns a flag's value where no rule decides.
func (f *flag) valueWithoutRule(id Flag) (any, Reason) {
	if f.disabled {
		return definitions[id].builtin, ReasonDisabled
	}
	if f.value == nil {
		return definitions[id].builtin, ReasonDefault
	}
	if f.origin == FromDefault {
		return f.value, ReasonDefault
	}
	return f.value, ReasonStatic
}

// baseFlags compiles the defaults, overlaid with the configuration.
func baseFlags(v Values) (map[string]*flag, error) {
	base := make(map[string]*flag, flagCount)
	for i := range definitions {
		d := &definitions[i]
		base[d.Key] = &flag{key: d.Key, raw: d.Default, kind: d.kind, value: d.builtin}
	}
	for key, raw := range v.fields() {
		f, err := compileFlag(key, raw, nil)
		if err != nil {
			return nil, err
		}
		f.origin = FromConfiguration
		base[key] = f
	}
	return base, nil
}
