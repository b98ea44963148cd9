package router

import (
	"bytes"
	"net/url"
	"strings"

	"github.com/tidwall/gjson"

	"cutover/exchange"
)

// named are the ids that a request names, the most telling first.
type named struct{ ids []string }

// The bounds of what is taken from one request or answer.
const (
	maxNamed    = 16
	maxSealed   = 4 // of maxNamed, and the last ones
	maxAnswered = 128
	minID       = 4
	maxID       = 160
	// Objects that are searched for an id, and how far: or nested ones would
	// be read again for each level.
	maxObjects = 64
	maxObject  = 4 << 10
)

// add adds an id that looks like one: ids are short and hold neither blanks nor
// anything that would need quoting.
func (n *named) add(id string, limit int) {
	if len(id) < minID || len(id) > maxID || len(n.ids) >= limit {
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
	for _, have := range n.ids {
		if have == id {
			return
		}
	}
	n.ids = append(n.ids, strings.Clone(id)) // or it would hold on to a whole body
}

// namedIDs are the ids that a request's path and body name.
func namedIDs(q *exchange.Request) named {
	var n named
	if q.Endpoint.Kind == exchange.Stateful {
		pathIDs(&n, q.Endpoint.Name, q.Path)
	}
	if fineTuned(q.Facts.Model) {
		n.add(q.Facts.Model, maxNamed)
	}
	if q.Held && len(q.Body) > 0 && q.Body[0] != '-' { // not multipart
		items := q.Endpoint.Dialect == exchange.OpenAIResponses
		bodyIDs(&n, q.Body, items)
		if q.Facts.Stateful != "" {
			n.seal(sealedIDs(q))
		}
	}
	return n
}

// seal adds the ids of sealed content, which have their room.
func (n *named) seal(ids []string) {
	n.ids = append(n.ids[:min(len(n.ids), maxNamed-len(ids))], ids...)
}

// sealedIDs are those of the content that one provider has sealed and no other
// can read: the newest, as the oldest may be forgotten.
func sealedIDs(q *exchange.Request) []string {
	var last [maxSealed][]byte
	count := 0
	for i := 0; ; {
		key, end, ok := nextString(q.Body, i)
		if !ok {
			break
		}
		i = blanks(q.Body, end)
		if i >= len(q.Body) || q.Body[i] != ':' || !sealedKey(key, q.Facts.Stateful) {
			continue
		}
		if i = blanks(q.Body, i+1); i >= len(q.Body) || q.Body[i] != '"' {
			continue
		}
		value, end, ok := nextString(q.Body, i)
		if !ok {
			break
		}
		i = end
		if len(value) > 0 {
			last[count%maxSealed] = value
			count++
		}
	}
	var ids []string
	for i := max(0, count-maxSealed); i < count; i++ {
		value := last[i%maxSealed]
		if bytes.IndexByte(value, '\\') >= 0 { // some encoders escape what base64 holds
			value = []byte(gjson.Parse(`"` + string(value) + `"`).Str)
		}
		ids = append(ids, exchange.SealedID(value))
	}
	return ids
}

// sealedKey reports whether a key's value is sealed content. "data" is an image
// more often than not.
func sealedKey(key []byte, stateful string) bool {
	switch string(key) {
	case "signature", "encrypted_content":
		return true
	case "data":
		return stateful == "redacted_thinking"
	}
	return false
}

// fineTuned reports whether a model was made by a fine-tuning job.
func fineTuned(model string) bool { return strings.HasPrefix(model, "ft:") }

// pathIDs takes the segments of a path that are not of the endpoint's name.
func pathIDs(n *named, name, path string) {
	rest, ok := strings.CutPrefix(path, "/v1/")
	if !ok {
		return
	}
	for segment := range strings.SplitSeq(rest, "/") {
		next, after, _ := strings.Cut(name, "/")
		if segment == next {
			name = after
			continue
		}
		if strings.IndexByte(segment, '%') >= 0 {
			if plain, err := url.PathUnescape(segment); err == nil {
				segment = plain
			}
		}
		n.add(segment, maxNamed)
	}
}

// makes reports whether a POST to an endpoint, by its name, makes something
// that either provider could make.
func makes(name string) bool {
	switch name {
	case "files", "uploads", "batches", "vector_stores", "conversations", "threads", "threads/runs", "assistants",
		"fine_tuning/jobs", "containers", "messages/batches", "skills", "evals", "videos":
		return true
	}
	return false
}

// idKey reports whether a key's value is the id, or the ids, of something that
// a provider keeps; it may be an object that holds the id.
func idKey(key []byte) bool {
	switch string(key) {
	case "previous_response_id", "response_id", "conversation", "conversation_id",
		"file_id", "file_ids", "input_file_id", "output_file_id", "error_file_id", "training_file", "validation_file",
		"vector_store_id", "vector_store_ids", "container", "container_id", "batch_id", "upload_id", "part_ids",
		"thread_id", "assistant_id", "run_id", "skill_id", "eval_id":
		return true
	}
	return false
}

// idObject reports whether a key's value may be an object that holds an id, and
// means something else where it is a string.
func idObject(key []byte) bool { return string(key) == "prompt" || string(key) == "audio" }

// bodyIDs takes the ids that a JSON body names, at any depth. It goes from
// string to string without parsing what lies between: what is no JSON gives no
// ids, or ids that nobody knows. items says that an "id" is one too, as in the
// input items of a response.
func bodyIDs(n *named, b []byte, items bool) {
	objects := 0
	for i := 0; len(n.ids) < maxNamed; {
		text, end, ok := nextString(b, i)
		if !ok {
			return
		}
		i = blanks(b, end)
		if i >= len(b) || b[i] != ':' {
			continue
		}
		if i = blanks(b, i+1); i >= len(b) {
			return
		}
		if !idKey(text) && !(items && string(text) == "id") && !(b[i] == '{' && idObject(text)) {
			continue
		}
		switch b[i] {
		case '"':
			if value, end, ok := nextString(b, i); ok {
				n.add(string(value), maxNamed)
				i = end
			}
		case '[':
			i = listIDs(n, b, i+1)
		case '{':
			if objects++; objects <= maxObjects {
				n.add(gjson.GetBytes(b[i:min(len(b), i+maxObject)], "id").Str, maxNamed)
			}
		}
	}
}

// listIDs takes the strings at the beginning of a list and returns where they end.
func listIDs(n *named, b []byte, i int) int {
	for {
		i = blanks(b, i)
		if i >= len(b) || b[i] != '"' {
			return i
		}
		value, end, ok := nextString(b, i)
		if !ok {
			return len(b)
		}
		n.add(string(value), maxNamed)
		i = blanks(b, end)
		if i < len(b) && b[i] == ',' {
			i++
		}
	}
}

// nextString finds the next string at or after i: what is between its quotes,
// and where it ends. An id has nothing to unescape.
func nextString(b []byte, i int) (text []byte, end int, ok bool) {
	if i >= len(b) {
		return nil, 0, false
	}
	from := bytes.IndexByte(b[i:], '"')
	if from < 0 {
		return nil, 0, false
	}
	from += i + 1
	for i = from; ; i++ {
		k := bytes.IndexByte(b[i:], '"')
		if k < 0 {
			return nil, 0, false
		}
		i += k
		slashes := 0
		for j := i - 1; j >= from && b[j] == '\\'; j-- {
			slashes++
		}
		if slashes%2 == 0 {
			return b[from:i], i + 1, true
		}
	}
}

func blanks(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}
