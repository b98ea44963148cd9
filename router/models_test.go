package router_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"cutover/exchange"
	"cutover/flags"
	"cutover/router"
	"cutover/upstream"
)

// toRelay is what the flags say where the relay serves everybody; toPrimary
// where it serves nobody.
func toRelay(flags.Attributes) flags.Decision {
	return flags.Decision{RelayEnabled: true, ServeRelay: true, Fallback: true}
}

func toPrimary(flags.Attributes) flags.Decision {
	return flags.Decision{RelayEnabled: true, Fallback: true}
}

// says responds with a status, headers ("Name: value") and a body.
func says(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for _, h := range header {
			k, v, _ := strings.Cut(h, ": ")
			w.Header().Set(k, v)
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// openai is a list in OpenAI's form.
func openaiList(entries ...string) string {
	return `{"object":"list","data":[` + strings.Join(entries, ",") + `]}`
}

func anthropicList(more bool, entries ...string) string {
	return fmt.Sprintf(`{"data":[%s],"has_more":%v,"first_id":"x","last_id":"y","hint":[1]}`, strings.Join(entries, ","), more)
}

const (
	entryA = `{"id":"a","object":"model","owned_by":"p","x": 1.50}`
	entryB = `{"id":"b","object":"model","owned_by":"p"}`
	relayB = `{"id":"b","object":"model","owned_by":"r"}`
	relayC = `{"id":"c","object":"model","owned_by":"r","pricing":{"in":"\u00e9"}}`
)

// TestMergedModels states what a caller gets for two responses.
func TestMergedModels(t *testing.T) {
	t.Parallel()
	long := `{"id":"` + strings.Repeat("x", 10<<20) + `"}`
	for _, row := range []struct {
		name           string
		primary, relay http.HandlerFunc
		anthropic      bool
		query          string
		decide         func(flags.Attributes) flags.Decision
		config         func(*router.Config)
		models         upstream.Models // the relay's
		want           string
		status         int
		by             string
	}{
		{name: "both", primary: says(200, openaiList(entryA, entryB)), relay: says(200, openaiList(relayB, relayC)),
			want: openaiList(entryA, entryB, relayC), by: "primary, relay"},
		{name: "white space and other fields stay", primary: says(200, `{ "x": 1, "data" : [ `+entryA+` ] , "object":"list"}`), relay: says(200,
			openaiList(relayC)),
			want: `{ "x": 1, "data" : [ ` + entryA + ` ,` + relayC + `] , "object":"list"}`, by: "primary, relay"},
		{name: "an empty list", primary: says(200, openaiList()), relay: says(200, openaiList(relayC)), want: openaiList(relayC),
			by: "primary, relay"},
		{name: "duplicates and entries without id", primary: says(200, openaiList(entryA, entryA, `{"x":1}`, `7`)),
			relay: says(200, openaiList(relayC, `{"x":2}`, relayC, `{"id":5}`, `null`)),
			want:  openaiList(entryA, entryA, `{"x":1}`, `7`, relayC), by: "primary, relay"},
		{name: "validators of the reference's own list go", primary: says(200, openaiList(entryA), `Etag: "1"`, "X-Request-Id: r1"),
			relay: says(200, openaiList(relayC)),
			want:  openaiList(entryA, relayC), by: "primary, relay"},
		{name: "nobody is served by the relay", primary: says(200, openaiList(entryA)), relay: says(200, openaiList(relayC)), decide: toPrimary,
			want: openaiList(entryA), by: "primary, relay"},
		{name: "but a rule sends the model there", primary: says(200, openaiList(entryA)), relay: says(200, openaiList(relayC, relayB)),
			decide: func(a flags.Attributes) flags.Decision {
				return flags.Decision{RelayEnabled: true, ServeRelay: a.Model == "c" && a.Endpoint == "chat/completions"}
			}, want: openaiList(entryA, relayC), by: "primary, relay"},
		{name: "or the relay serves where the primary does not", primary: says(200, openaiList(entryA)), relay: says(200, openaiList(relayC)),
			decide: toPrimary,
			config: func(c *router.Config) { c.ReplaceReference = true }, want: openaiList(entryA, relayC), by: "primary, relay"},
		{name: "names that the map does not leave as they are", primary: says(200, openaiList(entryA)), relay: says(200, openaiList(relayB,
			relayC)),
			models: upstream.Models{NameMap: upstream.NameMap{Exact: map[string]string{"b": "c", "c": "c"}}, Strict: true},
			want:   openaiList(entryA, relayC), by: "primary, relay"},
		{name: "names that the map refuses", primary: says(200, openaiList(entryA)), relay: says(200, openaiList(relayC)),
			models: upstream.Models{Strict: true}, want: openaiList(entryA), by: "primary, relay"},
		{name: "names for streams only", primary: says(200, openaiList(entryA)), relay: says(200, openaiList(relayC)),
			models: upstream.Models{Streaming: upstream.NameMap{Default: "c"}, Strict: true}, want: openaiList(entryA, relayC),
			by: "primary, relay"},
		{name: "relay off", primary: says(200, openaiList(entryA)),
			decide: func(flags.Attributes) flags.Decision { return flags.Decision{} }, want: openaiList(entryA), by: "primary"},

		{name: "the relay fails", primary: says(200, openaiList(entryA)), relay: says(500, `{}`), want: openaiList(entryA),
			by: "primary because of server-error"},
		{name: "the relay has no list", primary: says(200, openaiList(entryA)), relay: says(404, ``), want: openaiList(entryA),
			by: "primary because of not-found"},
		{name: "the relay talks nonsense", primary: says(200, openaiList(entryA)), relay: says(200, `<html>`), want: openaiList(entryA),
			by: "primary because of malformed"},
		{name: "the relay's data is no list", primary: says(200, openaiList(entryA)), relay: says(200, `{"data":{"id":"c"}}`),
			want: openaiList(entryA), by: "primary because of malformed"},
		{name: "the relay says it twice", primary: says(200, openaiList(entryA)), relay: says(200, `{"data":[],"data":[`+relayC+`]}`),
			want: openaiList(entryA), by: "primary because of malformed"},
		{name: "the relay's list is too long", primary: says(200, openaiList(entryA)), relay: says(200, openaiList(long)),
			want: openaiList(entryA), by: "primary because of malformed"},
		{name: "the relay's list is compressed", primary: says(200, openaiList(entryA)), relay: says(200, "\x1f\x8b", "Content-Encoding: gzip"),
			want: openaiList(entryA), by: "primary because of malformed"},
		{name: "the relay speaks the other form", primary: says(200, openaiList(entryA)), relay: says(200, anthropicList(false, relayC)),
			want: openaiList(entryA), by: "primary because of malformed"},

		{name: "the primary fails", primary: says(503, `{}`), relay: says(200, openaiList(relayC)), want: openaiList(relayC),
			by: "relay because of overloaded"},
		{name: "the primary talks nonsense", primary: says(200, `nonsense`), relay: says(200, openaiList(relayC)), want: openaiList(relayC),
			by: "relay because of malformed"},
		{name: "the primary fails, without fallback", primary: says(503, `{"error":"x"}`), relay: says(200, openaiList(relayC)),
			decide: func(flags.Attributes) flags.Decision { return flags.Decision{RelayEnabled: true} }, want: `{"error":"x"}`, status: 503,
			by: "primary"},
		{name: "the caller's key is wrong", primary: says(401, `{"error":"key"}`, "X-Request-Id: r1"), relay: says(200, openaiList(relayC)),
			want: `{"error":"key"}`, status: 401, by: "primary"},
		{name: "both fail", primary: says(500, `{"error":"p"}`), relay: says(500, `{"error":"r"}`), want: `{"error":"p"}`, status: 500,
			by: "primary"},
		{name: "both talk nonsense", primary: says(200, `p`), relay: says(200, `r`), want: `p`, by: "primary"},
		{name: "the primary's list is too long", primary: says(200, openaiList(long)), relay: says(200, openaiList(relayC)),
			want: openaiList(long), by: "primary"},

		{name: "Anthropic", anthropic: true, primary: says(200, anthropicList(false, entryA, entryB)), relay: says(200, anthropicList(false,
			relayB, relayC)),
			want: `{"hint":[1],"data":[` + entryA + `,` + entryB + `,` + relayC + `],"has_more":false,"first_id":"a","last_id":"c"}`,
			by:   "primary, relay"},
		{name: "Anthropic, first page", anthropic: true, query: "?beta=true&limit=1", primary: says(200, anthropicList(false, entryA)),
			relay: says(200, anthropicList(true, relayB, relayC)),
			want:  `{"hint":[1],"data":[` + entryA + `],"has_more":true,"first_id":"a","last_id":"a"}`, by: "primary, relay"},
		{name: "Anthropic, next page", anthropic: true, query: "?limit=1&after_id=a", primary: says(200, anthropicList(false, entryA)),
			relay: says(200, anthropicList(false, relayB, relayC)),
			want:  `{"hint":[1],"data":[` + relayB + `],"has_more":true,"first_id":"b","last_id":"b"}`, by: "primary, relay"},
		{name: "Anthropic, back", anthropic: true, query: "?limit=1&before_id=c", primary: says(200, anthropicList(false, entryA)),
			relay: says(200, anthropicList(false, relayB, relayC)),
			want:  `{"hint":[1],"data":[` + relayB + `],"has_more":true,"first_id":"b","last_id":"b"}`, by: "primary, relay"},
		{name: "Anthropic, past the end", anthropic: true, query: "?after_id=c", primary: says(200, anthropicList(false, entryA)),
			relay: says(200, anthropicList(false, relayC)),
			want:  `{"hint":[1],"data":[],"has_more":false,"first_id":null,"last_id":null}`, by: "primary, relay"},
		{name: "Anthropic, the relay went away between two pages", anthropic: true, query: "?after_id=c", primary: says(200, anthropicList(false,
			entryA)), relay: says(500, ``),
			want: `{"hint":[1],"data":[],"has_more":false,"first_id":null,"last_id":null}`, by: "primary because of server-error"},
		{name: "Anthropic, the primary is away", anthropic: true, query: "?limit=1", primary: says(500, ``), relay: says(200, anthropicList(false,
			relayB, relayC)),
			want: `{"hint":[1],"data":[` + relayB + `],"has_more":true,"first_id":"b","last_id":"b"}`, by: "relay because of server-error"},
		{name: "Anthropic, more than a page of a thousand", anthropic: true, query: "?limit=7", primary: says(200, anthropicList(true, entryA)),
			relay: says(200, anthropicList(false, relayC)),
			want:  anthropicList(true, entryA), by: "primary"},
		{name: "Anthropic, an id that nobody has", anthropic: true, query: "?after_id=z", primary: says(200, anthropicList(false, entryA)),
			relay: says(200, anthropicList(false, relayC)),
			want:  anthropicList(false, entryA), by: "primary"},
		{name: "Anthropic, a limit that is none", anthropic: true, query: "?limit=many", primary: says(400, `{"type":"error"}`), relay: says(200,
			anthropicList(false, relayC)),
			want: `{"type":"error"}`, status: 400, by: "primary"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := setup{decide: row.decide, relay: func(c *upstream.Config) { c.Models = row.models }, router: func(c *router.Config) {
				c.MergeModels = true
				if row.config != nil {
					row.config(c)
				}
			}}
			if row.relay != nil {
				s.relayHandler = row.relay
			}
			if s.decide == nil {
				s.decide = toRelay
			}
			b := newBench(t, row.primary, s)
			header := []string{"Accept-Encoding", "gzip", "If-None-Match", `"1"`}
			if row.anthropic {
				header = append(header, "Anthropic-Version", "2023-06-01")
			}
			resp, got := b.do("GET", "/v1/models"+row.query, "", header...)
			if row.status == 0 {
				row.status = 200
			}
			if resp.StatusCode != row.status || got != row.want || by(resp) != row.by {
				t.Errorf("%d by %s: %.400s\nwant %d by %s: %.400s", resp.StatusCode, by(resp), got, row.status, row.by, row.want)
			}
			if resp.Header.Get("Etag") != "" {
				t.Errorf("the response bears an Etag of another: %v", resp.Header)
			}
			_, x := b.exchangeOf(1)
			if failed := strings.Contains(row.by, " because of "); failed != (len(x.Trail) == 1) {
				t.Errorf("the trail is %+v", x.Trail)
			}
		})
	}
}

// TestMergedModelsAsk: each provider is asked once, with its own credentials,
// for all that it has.
func TestMergedModelsAsk(t *testing.T) {
	t.Parallel()
	type seen struct{ query, auth, encoding, match string }
	asked := make(chan seen, 8)
	response := func(list string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			asked <- seen{r.URL.RawQuery, r.Header.Get("Authorization") + r.Header.Get("X-Api-Key"), r.Header.Get("Accept-Encoding"),
				r.Header.Get("If-None-Match")}
			_, _ = w.Write([]byte(list))
		}
	}
	b := newBench(t, response(anthropicList(false, entryA)), setup{
		relayHandler: response(anthropicList(false, relayC)), decide: toRelay,
		relay:  func(c *upstream.Config) { c.Auth = upstream.Auth{Kind: upstream.Bearer, Key: "relay-key"} },
		router: func(c *router.Config) { c.MergeModels = true },
	})
	b.do(
		"GET",
		"/v1/models?beta=%201&limit=3&after_id=a",
		"",
		"X-Api-Key",
		"caller-key",
		"Anthropic-Version",
		"2023-06-01",
		"Accept-Encoding",
		"br",
		"If-None-Match",
		"1",
	)
	got := map[seen]bool{<-asked: true, <-asked: true}
	for _, want := range []seen{{"beta=%201&limit=1000", "caller-key", "", ""}, {"beta=%201&limit=1000", "Bearer relay-key", "", ""}} {
		if !got[want] {
			t.Errorf("asked %+v, want %+v", got, want)
		}
	}
	if len(asked) > 0 {
		t.Errorf("asked once more: %+v", <-asked)
	}
}

// TestMergedModelsDoNotWait: a relay that says nothing costs a list two seconds
// and no more; the call to it ends with the request.
func TestMergedModelsDoNotWait(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{}, 2)
	b := newBench(t, says(200, openaiList(entryA)), setup{
		relayHandler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { hang(r); gone <- struct{}{} }),
		decide:       toRelay, router: func(c *router.Config) { c.MergeModels = true },
	})
	begun := time.Now()
	resp, got := b.do("GET", "/v1/models", "")
	if took := time.Since(begun); got != openaiList(entryA) || by(resp) != "primary because of timeout" || took > 10*time.Second {
		t.Errorf("%s by %s in %v", got, by(resp), took)
	}
	<-gone
	_, x := b.exchangeOf(1)
	if len(x.Trail) != 1 || x.Trail[0].Upstream != "relay" || x.Trail[0].Class != exchange.ClassTimeout || x.Trail[0].Next != "merge" {
		t.Errorf("the trail is %+v", x.Trail)
	}
	if log := b.logs.String(); !strings.Contains(log, `"next":"merge"`) {
		t.Errorf("no line of the log says so: %s", log)
	}
}

// TestOneModelOfTwo: the reference's response, and the other's where it has none.
func TestOneModelOfTwo(t *testing.T) {
	t.Parallel()
	unknown := `{"error":{"code":"model_not_found"}}`
	for _, row := range []struct {
		name           string
		primary, relay http.HandlerFunc
		decide         func(flags.Attributes) flags.Decision
		want           string
		status         int
		by             string
	}{
		{"the reference has it", says(200, entryA), nil, toRelay, entryA, 200, "primary"},
		{"the other has it", says(404, unknown), says(200, relayC), toRelay, relayC, 200, "relay"},
		{"neither has it", says(404, unknown), says(404, `{"r":1}`), toRelay, unknown, 404, "primary"},
		{"the other fails", says(404, unknown), says(500, `{"r":1}`), toRelay, unknown, 404, "primary"},
		{"the other has it, and would not serve it", says(404, unknown), nil, toPrimary, unknown, 404, "primary"},
		{"the reference fails", says(500, `{"p":1}`), nil, toRelay, `{"p":1}`, 500, "primary"},
	} {
		s := setup{decide: row.decide, router: func(c *router.Config) { c.MergeModels = true }}
		if row.relay != nil {
			s.relayHandler = row.relay
		}
		b := newBench(t, row.primary, s)
		resp, got := b.do("GET", "/v1/models/c%2Fd", "")
		if resp.StatusCode != row.status || got != row.want || by(resp) != row.by {
			t.Errorf("%s: %d by %s: %s\nwant %d by %s: %s", row.name, resp.StatusCode, by(resp), got, row.status, row.by, row.want)
		}
	}
}

// TestModelsOfTheReferenceComeFirst, also where the relay is the reference.
func TestModelsOfTheReferenceComeFirst(t *testing.T) {
	t.Parallel()
	b := newBench(t, says(200, openaiList(entryA, entryB)), setup{
		relayHandler: says(200, openaiList(relayB, relayC)),
		decide: func(a flags.Attributes) flags.Decision {
			return flags.Decision{RelayEnabled: true, ServeRelay: a.TargetingKey == "moved", ReferenceRelay: true, Fallback: true}
		},
		router: func(c *router.Config) { c.MergeModels = true },
	})
	for key, want := range map[string]string{"moved": openaiList(relayB, relayC), "not yet": openaiList(relayB, relayC, entryA)} {
		if resp, got := b.do("GET", "/v1/models", "", "X-Cutover-Key", key); got != want || by(resp) != "relay, primary" {
			t.Errorf("%s: %s by %s, want %s", key, got, by(resp), want)
		}
	}
}

// TestModelsPassUnlessAsked: without the setting, and for other methods, the
// primary serves alone.
func TestModelsPassUnlessAsked(t *testing.T) {
	t.Parallel()
	for _, merge := range []bool{false, true} {
		b := newBench(
			t,
			says(200, openaiList(entryA), `Etag: "1"`),
			setup{decide: toRelay, router: func(c *router.Config) { c.MergeModels = merge }},
		)
		for _, method := range []string{"GET", "HEAD", "DELETE"} {
			if merge && method == "GET" {
				continue
			}
			resp, _ := b.do(method, "/v1/models", "")
			if by(resp) != "primary" || resp.Header.Get("Etag") == "" {
				t.Errorf("%s, merged %v: by %s, %v", method, merge, by(resp), resp.Header)
			}
		}
	}
}
