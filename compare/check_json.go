package compare

import (
	"github.com/tidwall/gjson"
)

// jsonWish is the form of answer that a request asks for.
type jsonWish struct {
	schema any // decoded; nil when any JSON will do
}

// checkJSON notes an answer that is no JSON, or not of the schema, though the
// request asked for it. An answer that calls a tool or refuses is not bound.
func (c *comparison) checkJSON(s *side) {
	a := &s.x.Completion
	if !c.request.Facts.JSONMode || len(a.ToolCalls) > 0 || a.Refusal != "" || a.TextCut {
		return
	}
	s.arm.JSONAsked = true
	if c.schemas.json == nil {
		c.schemas.json = readJSONWish(c.request.Body)
	}
	v, err := decodeJSON([]byte(a.Text))
	if err != nil || a.Text == "" {
		c.trait(s, CodeJSONInvalid)
		return
	}
	if schema := c.schemas.json.schema; schema != nil && !validates(schema, v) {
		c.trait(s, CodeJSONSchema)
	}
}

// readJSONWish finds the schema for the response, in any dialect's form.
func readJSONWish(body []byte) *jsonWish {
	for _, path := range known.Schemas {
		if schema := gjson.GetBytes(body, path); schema.IsObject() {
			if v, err := decodeJSON([]byte(schema.Raw)); err == nil {
				return &jsonWish{schema: v}
			}
		}
	}
	return &jsonWish{}
}
