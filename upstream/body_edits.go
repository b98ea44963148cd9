package upstream

import (
	"unsafe"

	"github.com/tidwall/gjson"

	"cutover/exchange"
)

// editSet says which edits apply to a body. The body of a served call is changed as
// little as possible; a shadow request must not leave traces at the other provider.
//
// The zero value edits the model's name, and nothing else.
type editSet struct {
	shadow *ShadowPolicy // nil: a served call
}

// keptValue is the value of a top-level field in the edited body, as JSON; "" drops
// the field. A shadow request has no fields that buy a service level or steer a
// cache; what identifies the caller's users goes by the policy.
func (e editSet) keptValue(key string, v gjson.Result) string {
	if e.shadow == nil {
		return v.Raw
	}
	switch key {
	case "service_tier", "prompt_cache_key", "prompt_cache_retention", "inference_geo", "speed":
		return ""
	case "user", "safety_identifier":
		return e.shadow.user(v)
	case "metadata":
		return e.shadow.metadata(v)
	}
	return v.Raw
}

// apply returns the body with the upstream's model and the set's edits, or the
// request's own slice if nothing differs. Members that stay are copied as written.
func (e editSet) apply(q *exchange.Request, model string) []byte {
	if !q.Facts.Valid || len(q.Body) == 0 {
		return q.Body
	}
	rename := model != "" && model != q.Facts.Model
	isShadow := e.shadow != nil
	if !rename && !isShadow {
		return q.Body
	}
	dialect := q.Endpoint.Dialect.Spec()
	storable := isShadow && q.Endpoint.Generates && dialect.Storage != exchange.NotStored
	unstore := storable && dialect.Storage == exchange.StoredByDefault
	usage := isShadow && q.Facts.Stream && !q.Facts.IncludeUsage && dialect.UsageOnRequest

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
		case k.Str == "store" && storable:
			changed = true
		case k.Str == "stream_options" && usage:
			streamOptions = v
		case k.Str == "model" && rename:
			add(k.Raw, quoted(model))
			changed = true
		default:
			value := e.keptValue(k.Str, v)
			if value != "" {
				add(k.Raw, value)
			}
			changed = changed || value != v.Raw
		}
		return true
	})
	if unstore {
		add(`"store"`, "false")
		changed = true
	}
	if usage { // only shadow requests ask for it, so that both sides' tokens are known
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
