package mock

import (
	"slices"
	"strconv"
)

// page is a list in Anthropic's shape, cut by limit, after_id and before_id.
func (c *call) page(ids []string, item func(id string) any) ordered {
	ids, more := c.cut(ids, "after_id", "before_id")
	data := make([]any, len(ids))
	for i, id := range ids {
		data[i] = item(id)
	}
	first, last := ends(ids)
	return ordered{"data", data, "has_more", more, "first_id", first, "last_id", last}
}

// cursor is a list in OpenAI's shape, cut by limit, after and before.
func (c *call) cursor(ids []string, item func(id string) any) ordered {
	ids, more := c.cut(ids, "after", "before")
	data := make([]any, len(ids))
	for i, id := range ids {
		data[i] = item(id)
	}
	first, last := ends(ids)
	return ordered{"object", "list", "data", data, "first_id", first, "last_id", last, "has_more", more}
}

func ends(ids []string) (first, last any) {
	if len(ids) == 0 {
		return nil, nil
	}
	return ids[0], ids[len(ids)-1]
}

// cut applies the paging of the query string.
func (c *call) cut(ids []string, after, before string) (page []string, more bool) {
	query := c.r.URL.Query()
	if i := slices.Index(ids, query.Get(after)); i >= 0 {
		ids = ids[i+1:]
	}
	if i := slices.Index(ids, query.Get(before)); i >= 0 {
		ids = ids[:i]
	}
	limit, err := strconv.Atoi(query.Get("limit"))
	if err != nil || limit < 1 || limit > 10_000 {
		limit = 100
	}
	if len(ids) > limit {
		return ids[:limit], true
	}
	return ids, false
}
