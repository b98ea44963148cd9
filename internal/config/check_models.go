package config

import (
	"maps"
	"slices"

	"cutover/internal/wording"
)

// NamedMap is one map of models with the key that holds it.
type NamedMap struct {
	Key   string // below the upstream's
	Names NamesConfig
}

// All returns the maps of an upstream, the common one first.
func (m *ModelsConfig) All() []NamedMap {
	return []NamedMap{
		{"models", NamesConfig{m.Map, m.Default}},
		{"models.streaming", m.Streaming},
		{"models.batch", m.Batch},
	}
}

// checkModels rejects empty names.
func (ld *loading) checkModels(key string, models *ModelsConfig) {
	for _, m := range models.All() {
		for _, model := range slices.Sorted(maps.Keys(m.Names.Map)) {
			if to := m.Names.Map[model]; model == "" || to == "" {
				ld.wrong(key+m.Key+".map", "a model's name is empty: %s", wording.Quote(model+" -> "+to))
			}
		}
	}
}

// checkIdleModels rejects maps of an upstream that is not configured: whoever wrote
// them expects them to have an effect.
func (ld *loading) checkIdleModels(key string, models *ModelsConfig) {
	for _, m := range models.All() {
		if len(m.Names.Map) > 0 {
			ld.wrong(key+m.Key+".map", "has no effect because %sbase_url is not set: set it, or remove this key", key)
		}
		if m.Names.Default != "" {
			ld.wrong(key+m.Key+".default", "has no effect because %sbase_url is not set: set it, or remove this key", key)
		}
	}
}
