package mock

import (
	"net/http"
	"slices"
	"time"
)

// knownModels are listed when no models are configured.
func knownModels() []string {
	return []string{"gpt-4.1", "gpt-4.1-mini", "gpt-4o", "gpt-4o-mini", "text-embedding-3-small", "claude-sonnet-4-5", "claude-haiku-4-5"}
}

// modelsSince is when all models were created.
const modelsSince = 1_715_000_000

func (st *settings) listed() []string {
	names := append([]string(nil), st.Models...)
	if len(names) == 0 {
		names = knownModels()
	}
	for alias := range st.Aliases {
		names = append(names, alias)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// model is one model in the caller's dialect.
func (c *call) model(name string) ordered {
	if c.anthropic {
		return ordered{"type", "model", "id", name, "display_name", name, "created_at", time.Unix(modelsSince, 0).UTC().Format(time.RFC3339),
			"max_input_tokens", 200_000, "max_tokens", 64_000}
	}
	return ordered{"id", name, "object", "model", "created", modelsSince, "owned_by", c.Name}
}

func listModels(c *call) {
	names := c.listed()
	if c.anthropic {
		c.sendObject(http.StatusOK, c.page(names, func(name string) any { return c.model(name) }))
		return
	}
	data := make([]any, len(names))
	for i, name := range names {
		data[i] = c.model(name)
	}
	c.sendObject(http.StatusOK, ordered{"object", "list", "data", data})
}

func getModel(c *call) {
	name := c.args[0]
	if len(c.models) > 0 && !c.models[name] || len(c.models) == 0 && !slices.Contains(c.listed(), name) {
		c.fail(unknownModel(name, c.anthropic))
		return
	}
	c.sendObject(http.StatusOK, c.model(name))
}
