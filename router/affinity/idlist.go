package affinity

import (
	"strings"

	"github.com/tidwall/gjson"
)

// idList are ids without duplicates, the most telling first.
type idList struct{ ids []string }

// The bounds of what is taken from one request or response.
const (
	maxRequestIDs  = 16
	maxSealedIDs   = 4 // of maxRequestIDs, and the last ones
	maxResponseIDs = 128
	minIDLength    = 4
	maxIDLength    = 160
)

// add adds a string that looks like an id: ids are short and contain neither
// blanks nor anything that would need quoting.
func (l *idList) add(id string, limit int) {
	if len(id) < minIDLength || len(id) > maxIDLength || len(l.ids) >= limit {
		return
	}
	for i := 0; i < len(id); i++ {
		switch c := id[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '_', c == '-', c == '.', c == ':', c == '+', c == '=', c == '~':
		default:
			return
		}
	}
	for _, have := range l.ids {
		if have == id {
			return
		}
	}
	l.ids = append(l.ids, strings.Clone(id)) // or it would keep a whole body alive
}

// addJSON adds a value if it is a string; it reports whether there is capacity
// for more. A nil list has none.
func (l *idList) addJSON(v gjson.Result) bool {
	if l == nil {
		return false
	}
	if v.Type == gjson.String {
		l.add(v.Str, maxResponseIDs)
	}
	return len(l.ids) < maxResponseIDs
}

// appendSealed adds the ids of sealed content, for which slots are reserved.
func (l *idList) appendSealed(ids []string) {
	l.ids = append(l.ids[:min(len(l.ids), maxRequestIDs-len(ids))], ids...)
}
