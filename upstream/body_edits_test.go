package upstream

import (
	"encoding/json"
	"net/http"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"cutover/exchange"
)

func TestEdits(t *testing.T) {
	t.Parallel()
	const (
		chat      = "/v1/chat/completions"
		responses = "/v1/responses"
		messages  = "/v1/messages"
	)
	serveEdits, shadowEdits := editSet{}, editSet{shadow: &ShadowPolicy{}}
	copies := func(user UserPolicy, metadata bool) editSet {
		return editSet{shadow: &ShadowPolicy{User: user, Metadata: metadata, Key: []byte("k")}}
	}
	const people = `{"model":"a","user":"anna","safety_identifier":"s-1","metadata":{"user_id":"u","run":7}}`
	for _, row := range []struct {
		name, path, body, model string
		edits                   editSet
		want                    string
	}{
		{"served: nothing differs", chat, `{ "model" : "a", "user":"u" }`, "a", serveEdits, `{ "model" : "a", "user":"u" }`},
		{"served: the model only", chat, `{"n": 1.50, "model":"a","user":"u","x":"\u00e9\/"}`, "b", serveEdits,
			`{"n":1.50,"model":"b","user":"u","x":"\u00e9\/"}`},
		{"served: no model, no edit", chat, `{"user":"u"}`, "", serveEdits, `{"user":"u"}`},
		{"copy: people and service levels stay at home", chat, `{"model":"a","user":"u","safety_identifier":"s","metadata":{"a":1},` +
			`"service_tier":"flex","prompt_cache_key":"k","store":true,"seed":1}`, "a", shadowEdits, `{"model":"a","seed":1}`},
		{"copy: a stream says its usage", chat, `{"model":"a","stream":true}`, "a", shadowEdits,
			`{"model":"a","stream":true,"stream_options":{"include_usage":true}}`},
		{"copy: other stream options stay", chat,
			`{"model":"a","stream":true,"stream_options":{"include_obfuscation":false,"include_usage":false}}`, "a", shadowEdits,
			`{"model":"a","stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false}}`},
		{"copy: usage asked for already", chat, `{"model":"a","stream":true,"stream_options":{"include_usage":true}}`, "a", shadowEdits,
			`{"model":"a","stream":true,"stream_options":{"include_usage":true}}`},
		{"copy: responses are not stored", responses, `{"model":"a","input":"x","store":true}`, "a", shadowEdits,
			`{"model":"a","input":"x","store":false}`},
		{"copy: messages", messages, `{"model":"a","metadata":{"user_id":"u"},"max_tokens":5,"stream":true}`, "b", shadowEdits,
			`{"model":"b","max_tokens":5,"stream":true}`},
		{"copy: people kept", chat, people, "a", copies(KeepUser, false),
			`{"model":"a","user":"anna","safety_identifier":"s-1","metadata":{"user_id":"u"}}`},
		{"copy: metadata kept", chat, people, "a", copies(DropUser, true), `{"model":"a","metadata":{"run":7}}`},
		{"copy: all kept", chat, people, "a", copies(KeepUser, true), people},
		{"copy: people hashed", chat, people, "a", copies(HashUser, false),
			`{"model":"a","user":"76fad479f8dc7a26248acc996ba7969d","safety_identifier":"a45adcd006398bb3c56ff3c81314064d","metadata":` +
				`{"user_id":"b841e0889970cfa4193f1c8d44e1e4fb"}}`},
		{"copy: a person by an escaped name", chat, `{"model":"a","user":"\u0061nna","\u0075ser":7}`, "a", copies(HashUser, false),
			`{"model":"a","user":"76fad479f8dc7a26248acc996ba7969d"}`},
		{"copy: nobody to hash", messages, `{"model":"a","user":"","metadata":{"user_id":null}}`, "a", copies(HashUser, false), `{"model":"a"}`},
		{"copy: metadata that is none", responses, `{"model":"a","metadata":"x","store":false}`, "a", copies(HashUser, false),
			`{"model":"a","store":false}`},
		{"served: people stay whatever copies tell", chat, people, "b", serveEdits,
			`{"model":"b","user":"anna","safety_identifier":"s-1","metadata":{"user_id":"u","run":7}}`},
		{"a model with quotes", chat, `{"model":"a"}`, "b\"\\", serveEdits, `{"model":"b\"\\"}`},
		{"not JSON", chat, `{"model":`, "b", shadowEdits, `{"model":`},
	} {
		t.Run(row.name, func(t *testing.T) {
			ep := exchange.Lookup("POST", row.path)
			q := &exchange.Request{Endpoint: ep, Body: []byte(row.body), Held: true}
			q.Facts, _, _ = exchange.Inspect(ep, nil, q.Body, "")
			if got := string(row.edits.apply(q, row.model)); got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
			if string(q.Body) != row.body {
				t.Errorf("the request's own body was changed to %s", q.Body)
			}
		})
	}
}

// TestEditsTouchNothingElse: whatever else is in a body means the same after.
func TestEditsTouchNothingElse(t *testing.T) {
	t.Parallel()
	ep := exchange.Lookup("POST", "/v1/chat/completions")
	key := rapid.StringMatching(`[a-z"\\é]{1,8}`)
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.MapOf(key, rapid.OneOf(
			rapid.Just[any](nil), rapid.Map(rapid.String(), func(s string) any { return s }),
			rapid.Map(rapid.Int64Range(-1e9, 1e9), func(n int64) any { return float64(n) }),
			rapid.Map(rapid.SliceOf(rapid.Bool()), func(b []bool) any {
				out := make([]any, len(b))
				for i := range b {
					out[i] = b[i]
				}
				return out
			}),
		)).Draw(t, "body")
		in["model"] = "asked"
		body, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		q := &exchange.Request{Endpoint: ep, Body: body, Held: true}
		q.Facts, _, _ = exchange.Inspect(ep, nil, q.Body, "")
		var out map[string]any
		if err := json.Unmarshal(editSet{}.apply(q, "mapped"), &out); err != nil {
			t.Fatalf("%v in %s", err, body)
		}
		in["model"] = "mapped"
		if !reflect.DeepEqual(in, out) {
			t.Fatalf("got %v, want %v", out, in)
		}
	})
}

// Hashes are the same wherever the key is, and one that New draws is nobody
// else's.
func TestHashesOfPeople(t *testing.T) {
	t.Parallel()
	hash := func(key []byte) string {
		u, err := New(Config{Name: "relay", BaseURL: "http://relay.invalid/v1", ShadowIdentity: ShadowPolicy{User: HashUser, Key: key}})
		if err != nil {
			t.Fatal(err)
		}
		q := &exchange.Request{
			Method: "POST", Path: "/v1/chat/completions", Held: true, Header: http.Header{},
			Endpoint: exchange.Lookup("POST", "/v1/chat/completions"), Facts: exchange.Facts{Model: "m", Valid: true},
			Body: []byte(`{"model":"m","user":"anna"}`),
		}
		r, err := u.Shadow(t.Context(), q, &Permit{})
		if err != nil {
			t.Fatal(err)
		}
		var body struct{ User string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Fatal(err)
		}
		return body.User
	}
	one, same, other, drawn, again := hash([]byte("one key of them")), hash([]byte("one key of them")), hash([]byte("another")),
		hash(nil), hash(nil)
	if one != same || one == other || drawn == again || drawn == one || len(drawn) != 32 {
		t.Errorf("hashes %s %s %s %s %s", one, same, other, drawn, again)
	}
}
