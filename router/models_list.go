package router

import (
	"bytes"
	"net/url"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"cutover/exchange"
)

// modelList is a provider's list of models, in OpenAI's form or in Anthropic's.
type modelList struct {
	body      string // as it came
	anthropic bool
	entries   []modelEntry
	end       int  // where the closing bracket of the entries is in body
	more      bool // Anthropic: there are further pages
}

// modelEntry is one entry as it came; id is "" where it has none.
type modelEntry struct{ id, raw string }

// parseModelList parses a list; false where body is none.
func parseModelList(body []byte) (modelList, bool) {
	l := modelList{body: string(body)}
	root := gjson.Parse(l.body)
	if !exchange.ValidJSON(body) || !root.IsObject() {
		return l, false
	}
	lists, listed := 0, false
	root.ForEach(func(k, v gjson.Result) bool {
		switch k.Str {
		case "data":
			lists++
			l.end = v.Index + len(v.Raw) - 1
			if !v.IsArray() {
				lists = -1
				return false
			}
			v.ForEach(func(_, entry gjson.Result) bool {
				l.entries = append(l.entries, modelEntry{stringAt(entry, "id"), entry.Raw})
				return true
			})
		case "object":
			listed = v.Str == "list"
		case "has_more":
			l.anthropic, l.more = true, v.Type == gjson.True
		}
		return true
	})
	if listed {
		l.anthropic, l.more = false, false
	}
	return l, lists == 1
}

func stringAt(v gjson.Result, key string) string {
	if !v.IsObject() {
		return ""
	}
	if id := v.Get(key); id.Type == gjson.String {
		return id.Str
	}
	return ""
}

// additions returns the entries of other whose ids are not in the list and that
// keep accepts, each id once. Entries without an id are left out: they may be in
// the list already.
func (l *modelList) additions(other []modelEntry, keep func(id string) bool) []modelEntry {
	named := make(map[string]bool, len(l.entries)+len(other))
	for _, e := range l.entries {
		named[e.id] = true
	}
	var more []modelEntry
	for _, e := range other {
		if e.id != "" && !named[e.id] && keep(e.id) {
			named[e.id] = true
			more = append(more, e)
		}
	}
	return more
}

// appended is the list with more entries at its end and everything else
// unchanged.
func (l *modelList) appended(more []modelEntry) []byte {
	var out bytes.Buffer
	out.WriteString(l.body[:l.end])
	for i, e := range more {
		if i > 0 || len(l.entries) > 0 {
			out.WriteByte(',')
		}
		out.WriteString(e.raw)
	}
	out.WriteString(l.body[l.end:])
	return out.Bytes()
}

// paged is the list with one page of entries in place of its own, and
// everything else unchanged.
func (l *modelList) paged(entries []modelEntry, more bool) []byte {
	out := []byte{'{'}
	add := func(key, value string) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, key...), ':'), value...)
	}
	gjson.Parse(l.body).ForEach(func(k, v gjson.Result) bool {
		switch k.Str {
		case "data", "has_more", "first_id", "last_id":
		default:
			add(k.Raw, v.Raw)
		}
		return true
	})
	raws := make([]string, len(entries))
	for i, e := range entries {
		raws[i] = e.raw
	}
	first, last := "null", "null"
	if n := len(entries); n > 0 {
		first, last = jsonString(entries[0].id), jsonString(entries[n-1].id)
	}
	add(`"data"`, "["+strings.Join(raws, ",")+"]")
	add(`"has_more"`, strconv.FormatBool(more))
	add(`"first_id"`, first)
	add(`"last_id"`, last)
	return append(out, '}')
}

func jsonString(s string) string { return string(gjson.AppendJSONString(nil, s)) }

// paging is the part of a list that a caller asks for in Anthropic's dialect.
// The zero value asks for all of it.
type paging struct {
	limit         int
	after, before string
	query         string // what the providers get
}

// The limits of a page in Anthropic's dialect.
const (
	defaultPage = 20
	maxPage     = 1000
)

// parsePaging parses a caller's query; false where it is the provider's to judge.
func parsePaging(q *exchange.Request) (p paging, ok bool) {
	p.query = q.RawQuery
	if !exchange.Speaker(q).Spec().PagedLists {
		return p, true
	}
	p.limit = defaultPage
	var rest []string
	for pair := range strings.SplitSeq(q.RawQuery, "&") {
		key, raw, _ := strings.Cut(pair, "=")
		value, err := url.QueryUnescape(raw)
		if err != nil {
			return p, false
		}
		switch key {
		case "":
		case "limit":
			if p.limit, err = strconv.Atoi(value); err != nil || p.limit < 1 || p.limit > maxPage {
				return p, false
			}
		case "after_id":
			p.after = value
		case "before_id":
			p.before = value
		default:
			rest = append(rest, pair)
		}
	}
	p.query = strings.Join(append(rest, "limit="+strconv.Itoa(maxPage)), "&")
	return p, p.after == "" || p.before == ""
}

// slice returns the page of entries that is asked for, and whether there are
// more in its direction; ok is false when it begins at an id that is not there.
func (p *paging) slice(entries []modelEntry) (page []modelEntry, more, ok bool) {
	at := func(id string) int {
		for i := range entries {
			if entries[i].id == id {
				return i
			}
		}
		return -1
	}
	switch {
	case p.after != "":
		i := at(p.after)
		if i < 0 {
			return nil, false, false
		}
		entries = entries[i+1:]
	case p.before != "":
		i := at(p.before)
		if i < 0 {
			return nil, false, false
		}
		entries = entries[:i]
		if len(entries) > p.limit {
			return entries[len(entries)-p.limit:], true, true
		}
	}
	if len(entries) > p.limit {
		return entries[:p.limit], true, true
	}
	return entries, false, true
}
