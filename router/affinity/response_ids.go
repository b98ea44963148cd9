package affinity

import (
	"bytes"
	"strings"

	"github.com/tidwall/gjson"

	"cutover/exchange"
)

// responseIDs takes the ids of what a response says exists: objects receives
// the response's own, things those it names besides.
func responseIDs(x *exchange.Exchange, objects, things *idList) {
	if !x.Streamed {
		objectIDs(gjson.ParseBytes(x.Body), objects, things)
		return
	}
	for line := range bytes.Lines(x.Body) {
		data, ok := bytes.CutPrefix(line, []byte("data:"))
		if !ok || !bytes.Contains(data, []byte(`"id"`)) && !bytes.Contains(data, []byte(`"file_id"`)) {
			continue
		}
		v := gjson.ParseBytes(data)
		for _, inner := range [...]string{"response", "item", "message", "delta"} {
			if o := v.Get(inner); o.IsObject() {
				v = o
				break
			}
		}
		objectIDs(v, objects, things)
		resultFileIDs(v.Get("content_block"), things)
	}
}

// objectIDs takes the ids of one object, of a list's entries, and of what they
// name: only where the provider itself writes them. Metadata and the arguments
// of tools contain what callers and models write.
func objectIDs(v gjson.Result, objects, things *idList) {
	if !v.IsObject() {
		return
	}
	v.ForEach(func(k, v gjson.Result) bool {
		switch k.Str {
		case "id":
			objects.addJSON(v)
		case "data", "output", "output_items":
			if v.IsArray() {
				v.ForEach(func(_, entry gjson.Result) bool {
					if !objects.addJSON(entry.Get("id")) && objects != nil {
						return false
					}
					for _, key := range [...]string{"output_file_id", "error_file_id", "container_id", "fine_tuned_model"} {
						things.addJSON(entry.Get(key))
					}
					return true
				})
			}
		case "file", "conversation", "container":
			things.addJSON(v)
			things.addJSON(v.Get("id"))
		case "output_file_id", "error_file_id", "fine_tuned_model", "container_id", "thread_id", "vector_store_id":
			things.addJSON(v)
		case "result_files":
			v.ForEach(func(_, entry gjson.Result) bool { return things.addJSON(entry) })
		case "content":
			v.ForEach(func(_, block gjson.Result) bool { resultFileIDs(block, things); return true })
		}
		return true
	})
}

// resultFileIDs takes the files that one of the provider's own tools created.
func resultFileIDs(block gjson.Result, things *idList) {
	if !strings.HasSuffix(block.Get("type").Str, "_tool_result") {
		return
	}
	block.Get("content.content").ForEach(func(_, out gjson.Result) bool { return things.addJSON(out.Get("file_id")) })
}
