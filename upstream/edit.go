package upstream

import (
	"unsafe"

	"github.com/tidwall/gjson"

	"cutover/exchange"
)

// editSet says which edits apply to a body. What a caller is answered from is
// touched as little as possible; a copy must not leave traces at the other
// provider.
type editSet uint8

const (
	serveEdits  editSet = iota // the model's name, and nothing else
	shadowEdits                // also what must differ in a copy
)

// dropped are the top-level fields that a copy leaves out: they buy a service
// level, name the caller's people, or steer a cache that is not the copy's.
func (e editSet) dropped(key string) bool {
	if e != shadowEdits {
		return false
	}
	switch key {
	case "service_tier", "metadata", "user", "safety_identifier",
		"prompt_cache_key", "prompt_cache_retention", "inference_geo", "speed":
		return true
	}
	return false
}

// apply returns the body with the upstream's model and the set's edits, or the
// request's own slice when nothing differs. Members that stay are copied as
// they were written.
func (e editSet) apply(q *exchange.Request, model string) []byte {
	if !q.Facts.Valid || len(q.Body) == 0 {
		return q.Body
	}
	rename := model != "" && model != q.Facts.Model
	if !rename && e == serveEdits {
		return q.Body
	}
	unstore := e == shadowEdits && q.Endpoint.Dialect == exchange.OpenAIResponses &&
		q.Endpoint.Name == "responses"
	usage := e == shadowEdits && q.Facts.Stream && !q.Facts.IncludeUsage &&
		(q.Endpoint.Dialect == exchange.OpenAIChat || q.Endpoint.Dialect == exchange.OpenAICompletions)
	chatStore := e == shadowEdits && q.Endpoint.Dialect == exchange.OpenAIChat

	out := make([]byte, 1, len(q.Body)+64)
	out[0] = '{'
	changed := false
	add := func(key, value string) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, key...)
		out = append(out, ':')
		out = append(out, value...)
	}
	var streamOptions gjson.Result
	view := unsafe.String(unsafe.SliceData(q.Body), len(q.Body))
	gjson.Parse(view).ForEach(func(k, v gjson.Result) bool {
		switch {
		case e.dropped(k.Str), k.Str == "store" && (unstore || chatStore):
			changed = true
		case k.Str == "stream_options" && usage:
			streamOptions = v
		case k.Str == "model" && rename:
			add(k.Raw, quoted(model))
			changed = true
		default:
			add(k.Raw, v.Raw)
		}
		return true
	})
	if unstore { // Responses are stored unless told otherwise
		add(`"store"`, "false")
		changed = true
	}
	if usage { // asked for in the copy only, so that both sides' tokens are known
		add(`"stream_options"`, withUsage(streamOptions))
		changed = true
	}
	if !changed {
		return q.Body
	}
	return append(out, '}')
}

// withUsage is stream_options with include_usage on and its other members kept.
func withUsage(options gjson.Result) string {
	out := []byte(`{"include_usage":true`)
	if options.IsObject() {
		options.ForEach(func(k, v gjson.Result) bool {
			if k.Str != "include_usage" {
				out = append(append(append(append(out, ','), k.Raw...), ':'), v.Raw...)
			}
			return true
		})
	}
	return string(append(out, '}'))
}

func quoted(s string) string { return string(gjson.AppendJSONString(nil, s)) }
