package upstream

import (
	"strings"

	"cutover/exchange"
)

// Models maps the names that callers use to those of an upstream. What the
// call's use says comes first, then what holds for all: exact match in the
// use's map, longest prefix in it, then the same in the common map; then the
// use's default, then the common one. Strict refuses what none of them covers
// instead of passing the name on. The zero value passes every name on.
type Models struct {
	NameMap
	Streaming NameMap // for streamed calls
	Batch     NameMap // for calls that are not streamed, and for lines of batch jobs
	Prefix    bool    // a name that begins with a key of a map maps as that key does
	Strict    bool
	// ShowAsked has answers name the model that the caller asked for, where a
	// map put another in its place.
	ShowAsked bool
}

// NameMap is one map of names; the zero value knows none.
type NameMap struct {
	Exact   map[string]string
	Default string // of names that no map knows; "": none
}

// Use is what a call is made for. Embeddings, moderations and counts of tokens
// have none: vectors that were made by two models can't be mixed, and a count
// is for whatever call comes after it.
type Use uint8

// The uses.
const (
	AnyUse    Use = iota
	Streaming     // somebody reads along
	Batch         // a program waits for the whole: reports, bulk runs, batch jobs
)

// UseOf is the use of a request by its endpoint and what its body says.
func UseOf(q *exchange.Request) Use {
	switch {
	case !q.Endpoint.Generates:
		return AnyUse
	case q.Facts.Stream:
		return Streaming
	}
	return Batch
}

// Mapping is what a name was mapped to, and by what.
type Mapping struct {
	Name string // the upstream's name
	// Rule is the key under the upstream's configuration that decided, for
	// people and logs: "models.batch.map", "models.map (prefix)",
	// "models.default", ...; Unmapped where none did.
	Rule  string
	Known bool // false: the map is strict and has no name for it
}

// Unmapped is the rule of a name that is passed on as it was asked.
const Unmapped = "unmapped"

// What Mapping.Rule says, by use.
var (
	exactRules   = [...]string{"models.map", "models.streaming.map", "models.batch.map"}
	prefixRules  = [...]string{"models.map (prefix)", "models.streaming.map (prefix)", "models.batch.map (prefix)"}
	defaultRules = [...]string{"models.default", "models.streaming.default", "models.batch.default"}
)

// Map returns the upstream's name for a model. A request without a model has
// nothing to map.
func (m *Models) Map(asked string, use Use) Mapping {
	if asked == "" {
		return Mapping{"", Unmapped, true}
	}
	own := m.of(use)
	if own != nil {
		if to, ok := own.find(asked, use, m.Prefix); ok {
			return to
		}
	}
	if to, ok := m.find(asked, AnyUse, m.Prefix); ok {
		return to
	}
	switch {
	case own != nil && own.Default != "":
		return Mapping{own.Default, defaultRules[use], true}
	case m.Default != "":
		return Mapping{m.Default, defaultRules[AnyUse], true}
	}
	return Mapping{asked, Unmapped, !m.Strict}
}

// Renames reports whether a name could be mapped to another, or refused, for a
// use.
func (m *Models) Renames(use Use) bool {
	own := m.of(use)
	return m.Strict || m.any() || own != nil && own.any()
}

func (m *Models) of(use Use) *NameMap {
	switch use {
	case Streaming:
		return &m.Streaming
	case Batch:
		return &m.Batch
	}
	return nil
}

func (n *NameMap) any() bool { return len(n.Exact) > 0 || n.Default != "" }

// find looks a name up: word for word, then by the longest prefix.
func (n *NameMap) find(asked string, use Use, byPrefix bool) (Mapping, bool) {
	if to, ok := n.Exact[asked]; ok {
		return Mapping{to, exactRules[use], true}, true
	}
	if !byPrefix {
		return Mapping{}, false
	}
	var best, to string
	for from, name := range n.Exact {
		if len(from) > len(best) && strings.HasPrefix(asked, from) {
			best, to = from, name
		}
	}
	return Mapping{to, prefixRules[use], true}, best != ""
}
