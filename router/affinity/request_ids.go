package affinity

import (
	"bytes"
	"net/url"
	"strings"

	"github.com/tidwall/gjson"

	"cutover/exchange"
)

// The number of objects searched for an id in one body, and how far into each:
// without bounds nested objects would be read again for each level.
const (
	maxObjects     = 64
	maxObjectBytes = 4 << 10
)

// requestIDs are the ids that a request names in its path and body.
func requestIDs(q *exchange.Request) idList {
	var l idList
	if q.Endpoint.Kind == exchange.Stateful {
		pathIDs(&l, q.Endpoint.Name, q.Path)
	}
	if fineTuned(q.Facts.Model) {
		l.add(q.Facts.Model, maxRequestIDs)
	}
	if q.Held && len(q.Body) > 0 && q.Body[0] != '-' { // not multipart
		bodyIDs(&l, q.Body, q.Endpoint.Dialect.Spec().ItemIDs)
		if q.Facts.Stateful != "" {
			l.appendSealed(sealedIDs(q))
		}
	}
	return l
}

// sealedIDs are those of the content that one provider has sealed and no other
// can read. The newest are taken, as the oldest may be forgotten.
func sealedIDs(q *exchange.Request) []string {
	var last [maxSealedIDs][]byte
	count := 0
	for i := 0; ; {
		key, end, ok := nextString(q.Body, i)
		if !ok {
			break
		}
		i = skipBlanks(q.Body, end)
		if i >= len(q.Body) || q.Body[i] != ':' || !sealedKey(key, q.Facts.Stateful) {
			continue
		}
		if i = skipBlanks(q.Body, i+1); i >= len(q.Body) || q.Body[i] != '"' {
			continue
		}
		value, end, ok := nextString(q.Body, i)
		if !ok {
			break
		}
		i = end
		if len(value) > 0 {
			last[count%maxSealedIDs] = value
			count++
		}
	}
	var ids []string
	for i := max(0, count-maxSealedIDs); i < count; i++ {
		value := last[i%maxSealedIDs]
		if bytes.IndexByte(value, '\\') >= 0 { // some encoders escape characters of base64
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

// pathIDs takes the segments of a path that are not part of the endpoint's name.
func pathIDs(l *idList, name, path string) {
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
		l.add(segment, maxRequestIDs)
	}
}

// idKey reports whether a key's value is the id, or the ids, of something that
// a provider keeps; it may be an object that contains the id.
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

// idObjectKey reports whether a key's value may be an object that contains an
// id, and means something else where it is a string.
func idObjectKey(key []byte) bool { return string(key) == "prompt" || string(key) == "audio" }

// bodyIDs takes the ids that a JSON body names, at any depth. It skips from
// string to string without parsing what is between: a body that is not JSON
// gives no ids, or ids that nobody knows. items says that an "id" counts too,
// as in the input items of a response.
func bodyIDs(l *idList, b []byte, items bool) {
	objects := 0
	for i := 0; len(l.ids) < maxRequestIDs; {
		text, end, ok := nextString(b, i)
		if !ok {
			return
		}
		i = skipBlanks(b, end)
		if i >= len(b) || b[i] != ':' {
			continue
		}
		if i = skipBlanks(b, i+1); i >= len(b) {
			return
		}
		if !idKey(text) && !(items && string(text) == "id") && !(b[i] == '{' && idObjectKey(text)) {
			continue
		}
		switch b[i] {
		case '"':
			if value, end, ok := nextString(b, i); ok {
				l.add(string(value), maxRequestIDs)
				i = end
			}
		case '[':
			i = arrayIDs(l, b, i+1)
		case '{':
			if objects++; objects <= maxObjects {
				l.add(gjson.GetBytes(b[i:min(len(b), i+maxObjectBytes)], "id").Str, maxRequestIDs)
			}
		}
	}
}

// arrayIDs takes the strings at the beginning of an array and returns where
// they end.
func arrayIDs(l *idList, b []byte, i int) int {
	for {
		i = skipBlanks(b, i)
		if i >= len(b) || b[i] != '"' {
			return i
		}
		value, end, ok := nextString(b, i)
		if !ok {
			return len(b)
		}
		l.add(string(value), maxRequestIDs)
		i = skipBlanks(b, end)
		if i < len(b) && b[i] == ',' {
			i++
		}
	}
}
