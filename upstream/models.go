package upstream

import (
	"strings"

	"cutover/exchange"
)

// Models maps the callers' names for models to an upstream's. The order is: exact
// match in the map for the call's use, longest prefix in it, the same in the common
// map, the use's default, the common default. Strict refuses names that none of them
// covers, instead of passing them on. The zero value passes every name on.
type Models struct {
	NameMap
	Streaming NameMap // for streamed calls
	Batch     NameMap // for calls that are not streamed, and for lines of batch jobs
	Prefix    bool    // names that begin with a map's key are mapped like that key
	Strict    bool
	// ShowRequested makes responses name the model that the caller asked for if a map
	// replaced it.
	ShowRequested bool
}

// NameMap is one map of names. The zero value maps none.
type NameMap struct {
	Exact   map[string]string
	Default string // for names that are in no map; "": none
}

// Use is what a call is made for. Embeddings, moderations and token counts have no
// use: vectors by two models can't be mixed, and a count is for whatever call comes
// after it.
type Use uint8

// The uses.
const (
	AnyUse    Use = iota
	Streaming     // a person reads along
	Batch         // a program waits for the complete response: reports, bulk runs, batch jobs
)

// UseOf is the use of a request, by its endpoint and body.
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
	// Rule is the key in the upstream's configuration that decided, for people and
	// logs: "models.batch.map", "models.map (prefix)",
	// "models.default", ...; Unmapped if none did.
	Rule  string
	Known bool // false: the map is strict and has no name for it
}

// Unmapped is the rule for a name that is passed on unchanged.
const Unmapped = "unmapped"

// The values of Mapping.Rule, by use.
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
	own := m.forUse(use)
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
	own := m.forUse(use)
	return m.Strict || m.any() || own != nil && own.any()
}

func (m *Models) forUse(use Use) *NameMap {
	switch use {
	case Streaming:
		return &m.Streaming
	case Batch:
		return &m.Batch
	}
	return nil
}

func (n *NameMap) any() bool { return len(n.Exact) > 0 || n.Default != "" }

// find looks up a name: exactly, then by the longest prefix.
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
