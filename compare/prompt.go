package compare

import (
	"strings"

	"cutover/exchange"

	"github.com/tidwall/gjson"
)

// lastUserText finds what the caller wrote last in a request of any dialect:
// the text of the last user message, the input, or the prompt; "" without one.
func lastUserText(body []byte) string {
	if !exchange.ValidJSON(body) {
		return ""
	}
	root := gjson.ParseBytes(body)
	for _, field := range known.UserText {
		v := root.Get(field)
		if v.Type == gjson.String {
			return v.Str
		}
		text := ""
		v.ForEach(func(_, m gjson.Result) bool {
			if m.Type == gjson.String {
				text = m.Str
			} else if role := m.Get("role").Str; role == "user" {
				text = contentText(m.Get("content"))
			}
			return true
		})
		if text != "" {
			return text
		}
	}
	return ""
}

// contentText joins the text parts of a message's content.
func contentText(content gjson.Result) string {
	if content.Type == gjson.String {
		return content.Str
	}
	var parts []string
	content.ForEach(func(_, part gjson.Result) bool {
		if t := part.Get("text"); t.Type == gjson.String {
			parts = append(parts, t.Str)
		}
		return true
	})
	return strings.Join(parts, "\n")
}
