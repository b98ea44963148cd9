package compare

import (
	"github.com/tidwall/gjson"
)

// jsonFormat is the JSON that a request asks for.
type jsonFormat struct {
	schema any // decoded; nil when any JSON will do
}

// checkJSON notes a response that is not JSON, or violates the schema, although
// the request asked for it. Tool calls and refusals are exempt.
func (c *comparison) checkJSON(s *side) {
	a := &s.x.Completion
	if !c.request.Facts.JSONMode || len(a.ToolCalls) > 0 || a.Refusal != "" || a.TextCut {
		return
	}
	s.arm.JSONAsked = true
	if c.schemas.json == nil {
		c.schemas.json = readJSONFormat(c.request.Body)
	}
	v, err := decodeJSON([]byte(a.Text))
	if err != nil || a.Text == "" {
		c.addTrait(s, CodeJSONInvalid)
		return
	}
	if schema := c.schemas.json.schema; schema != nil && !validates(schema, v) {
		c.addTrait(s, CodeJSONSchema)
	}
}

// readJSONFormat finds the schema for the response, in any dialect's form.
func readJSONFormat(body []byte) *jsonFormat {
	for _, path := range known.Schemas {
		if schema := gjson.GetBytes(body, path); schema.IsObject() {
			if v, err := decodeJSON([]byte(schema.Raw)); err == nil {
				return &jsonFormat{schema: v}
			}
		}
	}
	return &jsonFormat{}
}
