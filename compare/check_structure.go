package compare

import (
	"maps"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"cutover/exchange"
)

// The bounds of what is read of a body's structure.
const (
	maxStructurePaths = 400
	maxStructureDepth = 12
	maxStructureItems = 8 // of each list
	maxStructureFound = 8 // findings
)

// ignoredPaths are expected to differ between providers, or between two
// responses of one, in any dialect: ids, dates and fingerprints by their
// presence. What else a dialect lets differ, mostly by what the model chose to
// say, is in its own Varying. The notation is that of Varying.
var ignoredPaths = [...]string{
	"id", "created", "created_at", "completed_at", "system_fingerprint", "service_tier", "object",
	"prompt_filter_results", "prompt_logprobs", "kv_transfer_params",
	"usage.*_details", "usage.*_details.*", "usage.prompt_cache_*", "usage.cache_*", "usage.cache_creation.*",
	"usage.service_tier", "usage.server_tool_use", "usage.server_tool_use.*", "usage.cost", "usage.cost_details.*",
	"usage.inference_geo", "usage.num_sources_used",
	"billing", "billing.*", "metadata", "metadata.*",
	"user", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "store", // echoes of what shadow requests leave out
	"provider", "x_groq", "x_groq.*", "timings", "timings.*", "obfuscation",
}

// checkStructure compares the shapes of two JSON answers: which paths there
// are, and of which type. It needs both bodies whole, which the options of the
// capture decide; streams have no one shape.
func (c *comparison) checkStructure() {
	p, r := &c.sides[exchange.Primary], &c.sides[exchange.Relay]
	if !shaped(p.x) || !shaped(r.x) {
		return
	}
	c.checkValues(p.x.Body, r.x.Body)
	if signature(p.x.Body) == signature(r.x.Body) {
		return
	}
	a, b := c.shape(p.x.Body), c.shape(r.x.Body)
	found := 0
	report := func(s *side, code, path string) {
		if found < maxStructureFound {
			c.addFinding(s, code, path)
		}
		found++
	}
	for _, path := range slices.Sorted(maps.Keys(a)) {
		switch kind, ok := b[path]; {
		case !ok:
			if !parentMissing(b, path) {
				report(r, CodeStructureMissing, path)
			}
		case kind != a[path]:
			report(nil, CodeStructureType, path)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(b)) {
		if _, ok := a[path]; !ok && !parentMissing(a, path) {
			report(p, CodeStructureMissing, path)
		}
	}
}

// shaped reports whether an answer's body is there, whole, and one JSON value.
func shaped(x *exchange.Exchange) bool {
	return len(x.Body) > 0 && !x.BodyCut && !x.Streamed && exchange.ValidJSON(x.Body)
}

// parentMissing keeps one missing object from being told once for each field
// in it.
func parentMissing(shape map[string]string, path string) bool {
	i := strings.LastIndexByte(path, '.')
	if i < 0 {
		return false
	}
	_, ok := shape[path[:i]]
	return !ok
}

// shape maps the paths of a JSON value to their types. A null is as good as
// nothing there: providers differ in that, and callers' libraries don't mind.
func (c *comparison) shape(body []byte) map[string]string {
	shape := map[string]string{}
	c.walk(shape, "", gjson.ParseBytes(body), 0)
	return shape
}

func (c *comparison) walk(shape map[string]string, path string, v gjson.Result, depth int) {
	if v.Type == gjson.Null || len(shape) >= maxStructurePaths || depth > maxStructureDepth || c.ignored(path) {
		return
	}
	if path != "" {
		shape[path] = jsonKind(v)
	}
	n := 0
	if v.IsArray() {
		v.ForEach(func(_, item gjson.Result) bool {
			c.walk(shape, joinPath(path, "[]"), item, depth+1)
			n++
			return n < maxStructureItems
		})
	} else if v.IsObject() {
		v.ForEach(func(key, item gjson.Result) bool {
			c.walk(shape, joinPath(path, label(key.Str)), item, depth+1)
			n++
			return n < maxStructurePaths
		})
	}
}

func joinPath(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func jsonKind(v gjson.Result) string {
	switch {
	case v.IsArray():
		return "array"
	case v.IsObject():
		return "object"
	case v.Type == gjson.String:
		return "string"
	case v.Type == gjson.Number:
		return "number"
	}
	return "boolean"
}

// ignored reports whether a path matches a rule, built in or of the options.
func (c *comparison) ignored(path string) bool {
	for _, rules := range [...][]string{ignoredPaths[:], known.varying, c.options.Ignore} {
		for _, rule := range rules {
			if matchPath(rule, path) {
				return true
			}
		}
	}
	return false
}

// matchPath matches a path against a rule in which * stands for any characters,
// dots included.
func matchPath(rule, path string) bool {
	first, rest, star := strings.Cut(rule, "*")
	if !star {
		return rule == path
	}
	if !strings.HasPrefix(path, first) {
		return false
	}
	path = path[len(first):]
	for {
		part, more, star := strings.Cut(rest, "*")
		if !star {
			return strings.HasSuffix(path, part)
		}
		i := strings.Index(path, part)
		if i < 0 {
			return false
		}
		path, rest = path[i+len(part):], more
	}
}

// checkValues compares what should agree in responses that are no prose: the
// verdict of a moderation. Counts of tokens have their own check.
func (c *comparison) checkValues(primary, relay []byte) {
	for _, path := range c.dialect().Agreeing {
		at := gjsonPath(path)
		a, b := gjson.GetBytes(primary, at), gjson.GetBytes(relay, at)
		if a.Exists() && b.Exists() && a.Raw != b.Raw {
			c.addFinding(nil, CodeStructureValue, path)
		}
	}
}
