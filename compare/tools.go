package compare

import (
	"slices"

	"github.com/tidwall/gjson"

	"cutover/exchange"
)

// checkTools notes tool calls that a caller's program can't execute, and responses
// that call none of the offered tools.
func (c *comparison) checkTools(s *side) {
	calls := s.x.Completion.ToolCalls
	if len(calls) == 0 {
		if c.request.Facts.Tools {
			c.addTrait(s, CodeToolNotCalled)
		}
		return
	}
	for _, call := range calls {
		tool, known := c.schemas.tool(c.request.Body, call.Name)
		if !known {
			c.addTrait(s, CodeToolUnknown)
			continue
		}
		if tool.free {
			continue // its argument is any text
		}
		arguments, err := decodeJSON([]byte(call.Arguments))
		if err != nil {
			c.addTrait(s, CodeToolJSON)
			continue
		}
		if tool.schema != nil && !validates(tool.schema, arguments) {
			c.addTrait(s, CodeToolSchema)
		}
	}
}

// compareTools compares the calls of both sides.
func (c *comparison) compareTools(p, r *side) {
	a, b := p.x.Completion.ToolCalls, r.x.Completion.ToolCalls
	c.result.ToolsEqual = equalToolCalls(a, b)
	if c.result.ToolsEqual || len(a) == 0 || len(b) == 0 {
		return
	}
	if slices.Equal(toolNames(a), toolNames(b)) {
		c.addFinding(nil, CodeToolArguments, "")
	} else {
		c.addFinding(nil, CodeToolChoice, "")
	}
}

// toolNames are the names of the called tools, sorted.
func toolNames(calls []exchange.ToolCall) []string {
	names := make([]string, len(calls))
	for i, call := range calls {
		names[i] = call.Name
	}
	slices.Sort(names)
	return names
}

// equalToolCalls reports whether two answers call the same tools with arguments
// that are equal as JSON. Order does not matter: calls made in parallel have
// none. Ids are each provider's own and don't count.
func equalToolCalls(a, b []exchange.ToolCall) bool {
	if len(a) != len(b) {
		return false
	}
	taken := make([]bool, len(b))
	for _, x := range a {
		found := false
		for j, y := range b {
			if !taken[j] && x.Name == y.Name && equalJSON(x.Arguments, y.Arguments) {
				taken[j], found = true, true
				break
			}
		}
		if !found {
			return false
		}
	}
	return true
}

// offeredTool is a tool of the request.
type offeredTool struct {
	schema any  // of the arguments, decoded; nil when there is none
	free   bool // takes free text instead of JSON
}

// requestSchemas holds what was read of a request's schemas, so that both
// sides' checks read it once.
type requestSchemas struct {
	tools map[string]*offeredTool // nil value: not offered
	json  *jsonFormat
}

// tool finds a tool by its name. known is false when the request offers others
// but not this one; a request that can't be read offers everything.
func (q *requestSchemas) tool(body []byte, name string) (tool offeredTool, known bool) {
	if q.tools == nil {
		q.tools = map[string]*offeredTool{}
	}
	found, read := q.tools[name]
	if !read {
		found = readTool(body, name)
		q.tools[name] = found
	}
	if found == nil {
		return offeredTool{}, false
	}
	return *found, true
}

// readTool reads a tool in any dialect's form; nil if there are tools, but none
// of that name.
func readTool(body []byte, name string) *offeredTool {
	lists := gjson.GetManyBytes(body, known.Tools.Lists...)
	if !slices.ContainsFunc(lists, gjson.Result.IsArray) {
		return &offeredTool{}
	}
	var found *offeredTool
	for _, tools := range lists {
		tools.ForEach(func(_, t gjson.Result) bool {
			def := t
			for _, inner := range known.Tools.Wrappers {
				if v := t.Get(inner); v.IsObject() {
					def = v
				}
			}
			if def.Get("name").Str != name {
				return true
			}
			found = &offeredTool{free: t.Get("type").Str == "custom" && !def.Get("input_schema").Exists()}
			for _, key := range known.Tools.Schemas {
				if schema := def.Get(key); schema.IsObject() {
					if v, err := decodeJSON([]byte(schema.Raw)); err == nil {
						found.schema = v
					}
				}
			}
			return false
		})
	}
	return found
}
