package upstream

import "strings"

// Models maps the names that callers use to those of an upstream: exact match
// first, then the longest prefix, then the default; strict refuses instead of
// passing an unknown name on. The zero value passes every name on.
type Models struct {
	Exact   map[string]string
	Prefix  bool // a name that begins with a key of Exact maps as that key does
	Default string
	Strict  bool
}

// Map returns the upstream's name, and false when a strict map has none.
// A request without a model has nothing to map.
func (m *Models) Map(asked string) (string, bool) {
	if asked == "" {
		return "", true
	}
	if to, ok := m.Exact[asked]; ok {
		return to, true
	}
	if m.Prefix {
		var best, to string
		for from, name := range m.Exact {
			if len(from) > len(best) && strings.HasPrefix(asked, from) {
				best, to = from, name
			}
		}
		if best != "" {
			return to, true
		}
	}
	if m.Default != "" {
		return m.Default, true
	}
	return asked, !m.Strict
}
