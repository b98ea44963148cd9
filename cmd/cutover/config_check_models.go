package main

import (
	"maps"
	"slices"
)

// named is one map of models with the key that holds it.
type named struct {
	key   string // under the upstream's
	names NamesConfig
}

// all are the maps of an upstream, the common one first.
func (m *ModelsConfig) all() []named {
	return []named{
		{"models", NamesConfig{m.Map, m.Default}},
		{"models.streaming", m.Streaming},
		{"models.batch", m.Batch},
	}
}

// checkModels refuses names that are empty.
func (ld *loading) checkModels(key string, models *ModelsConfig) {
	for _, m := range models.all() {
		for _, model := range slices.Sorted(maps.Keys(m.names.Map)) {
			if to := m.names.Map[model]; model == "" || to == "" {
				ld.wrong(key+m.key+".map", "a model's name is empty: %s", quote(model+" -> "+to))
			}
		}
	}
}

// checkIdleModels refuses maps of an upstream that is left out: whoever wrote
// them expects something of them.
func (ld *loading) checkIdleModels(key string, models *ModelsConfig) {
	for _, m := range models.all() {
		if len(m.names.Map) > 0 {
			ld.wrong(key+m.key+".map", "can't apply: %sbase_url is not set", key)
		}
		if m.names.Default != "" {
			ld.wrong(key+m.key+".default", "can't apply: %sbase_url is not set", key)
		}
	}
}
