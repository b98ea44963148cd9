package mock_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"cutover/internal/mock"
)

// The inference endpoints, with a body for each.
type target struct {
	path, body string
	last       string // what the last event holds
	delta      string // what each content event holds
	usage      string
	finish     string
	opening    int // events before content
}

func chatTarget() target {
	return target{
		path:    "/v1/chat/completions",
		body:    `{"model":"gpt-4o","messages":[{"role":"user","content":"Tell me about bridges"}],"stream_options":{"include_usage":true}}`,
		last:    "data: [DONE]",
		delta:   `"delta":{"content":`,
		usage:   `"prompt_tokens"`,
		finish:  `"finish_reason":"stop"`,
		opening: 1,
	}
}

func messagesTarget() target {
	return target{
		path:    "/v1/messages",
		body:    `{"model":"claude-x","max_tokens":500,"messages":[{"role":"user","content":"Tell me about bridges"}]}`,
		last:    "event: message_stop",
		delta:   `"text_delta"`,
		usage:   `"output_tokens"`,
		finish:  `"stop_reason":"end_turn"`,
		opening: 3,
	}
}

func responsesTarget() target {
	return target{path: "/v1/responses", body: `{"model":"gpt-4.1","input":"Tell me about bridges"}`,
		last: "event: response.completed", delta: `"type":"response.output_text.delta"`, usage: `"input_tokens"`,
		finish: `"status":"completed"`, opening: 4}
}

func (g target) streamed() string { return strings.TrimSuffix(g.body, "}") + `,"stream":true}` }

// seen is what a caller saw of one response.
type seen struct {
	status int
	header http.Header
	err    error // before the header
	cut    error // while reading the body
	body   []byte
	events []string
}

func (s seen) content(g target) int { return strings.Count(string(s.body), g.delta) }

// fetch makes one request without retries and reads what comes.
func fetch(t *testing.T, url, body string, header ...string) seen {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return fetchContext(t, ctx, url, body, header...)
}

func fetchContext(t *testing.T, ctx context.Context, url, body string, header ...string) seen {
	t.Helper()
	method := http.MethodPost
	if body == "" {
		method = http.MethodGet
	}
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	r.GetBody = nil // no transparent second try
	transport := &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(r)
	if err != nil {
		return seen{err: err}
	}
	defer resp.Body.Close()
	s := seen{status: resp.StatusCode, header: resp.Header}
	s.body, s.cut = io.ReadAll(resp.Body)
	for _, e := range strings.Split(string(s.body), "\n\n") {
		if e != "" {
			s.events = append(s.events, e)
		}
	}
	return s
}

// check states one thing that must hold.
func check(t *testing.T, ok bool, what string, s seen) {
	t.Helper()
	if !ok {
		body := s.body
		if len(body) > 1500 {
			body = append(append(bytes.Clone(body[:700]), " ... "...), body[len(body)-700:]...)
		}
		t.Errorf("not so: %s\nstatus %d, error %v, cut %v, body:\n%s", what, s.status, s.err, s.cut, body)
	}
}

func faulty(kind string) mock.Config {
	return mock.Config{Faults: []mock.Fault{{Kind: kind, Rate: 1}}, DripEvery: time.Microsecond}
}

func clean(t *testing.T, _ target, s seen) {
	t.Helper()
	check(t, s.status == 200 && s.cut == nil && s.err == nil, "200 and a clean end", s)
}

func unfinished(t *testing.T, g target, s seen, n int) {
	t.Helper()
	check(t, s.content(g) == n, "so many content events as the number says", s)
	check(t, !strings.Contains(string(s.body), g.last), "no last word", s)
}

// brokenStreams says what a caller sees of streams that break off.
func brokenStreams() map[string]func(*testing.T, target, seen) {
	return map[string]func(*testing.T, target, seen){
		"ok": func(t *testing.T, g target, s seen) {
			clean(t, g, s)
			check(t, strings.Contains(s.events[len(s.events)-1], g.last), "the last word comes last", s)
			check(t, s.content(g) > 5 && strings.Contains(s.events[g.opening], g.delta), "content follows the opening events", s)
			check(t, strings.Contains(string(s.body), g.usage) && strings.Contains(string(s.body), g.finish), "usage and finish reason", s)
		},
		"refuse": func(t *testing.T, _ target, s seen) { check(t, s.err != nil, "no response", s) },
		"reset": func(t *testing.T, _ target, s seen) {
			check(t, errors.Is(s.err, syscall.ECONNRESET) || errors.Is(s.err, io.EOF), "a reset connection", s)
		},
		"cut": func(t *testing.T, g target, s seen) {
			check(t, s.status == 200 && errors.Is(s.cut, io.ErrUnexpectedEOF), "a broken body", s)
			unfinished(t, g, s, 0)
		},
		"cut-after-3": func(t *testing.T, g target, s seen) {
			check(t, errors.Is(s.cut, io.ErrUnexpectedEOF), "a broken body", s)
			unfinished(t, g, s, 3)
		},
		"reset-after-0": func(t *testing.T, g target, s seen) {
			check(t, s.status == 200 && s.cut != nil, "a broken body", s)
			unfinished(t, g, s, 0)
		},
		"reset-after-3": func(t *testing.T, g target, s seen) {
			check(t, errors.Is(s.cut, syscall.ECONNRESET), "a reset", s)
			unfinished(t, g, s, 3)
		},
		"cut-after-100000": func(t *testing.T, g target, s seen) { // at the latest before the closing events
			check(t, s.cut != nil && s.content(g) > 5, "all content, then broken", s)
			check(t, !strings.Contains(string(s.body), g.finish), "no closing event", s)
		},
		"end":         func(t *testing.T, g target, s seen) { clean(t, g, s); unfinished(t, g, s, 0) },
		"end-after-4": func(t *testing.T, g target, s seen) { clean(t, g, s); unfinished(t, g, s, 4) },
		"no-done": func(t *testing.T, g target, s seen) {
			clean(t, g, s)
			check(t, !strings.Contains(string(s.body), g.last) && s.content(g) > 5, "all but the last word", s)
		},
	}
}

// oddStreams says what a caller sees of streams that end, but are wrong.
func oddStreams() map[string]func(*testing.T, target, seen) {
	return map[string]func(*testing.T, target, seen){
		"error-event": func(t *testing.T, g target, s seen) {
			clean(t, g, s)
			unfinished(t, g, s, 0)
			check(t, strings.Contains(s.events[len(s.events)-1], "error"), "an error event at the end", s)
		},
		"error-event-after-2": func(t *testing.T, g target, s seen) {
			clean(t, g, s)
			unfinished(t, g, s, 2)
			check(t, strings.Contains(s.events[len(s.events)-1], "error"), "an error event at the end", s)
		},
		"garbage-after-2": func(t *testing.T, g target, s seen) {
			clean(t, g, s)
			check(t, bytes.Contains(s.body, []byte{0xff, 0xfe}) && s.content(g) == 2, "garbage after two", s)
		},
		"no-usage": func(t *testing.T, g target, s seen) {
			clean(t, g, s)
			check(t, !strings.Contains(string(s.body), g.usage), "no usage", s)
		},
		"no-finish": func(t *testing.T, g target, s seen) {
			clean(t, g, s)
			check(t, !strings.Contains(string(s.body), g.finish), "no finish", s)
		},
		"wrong-model": func(t *testing.T, g target, s seen) {
			clean(t, g, s)
			check(t, strings.Contains(string(s.body), `"model":"another-model"`), "another model", s)
		},
		"invalid-utf8": func(t *testing.T, g target, s seen) {
			clean(t, g, s)
			check(t, !utf8.Valid(s.body) && strings.Contains(string(s.body), g.last), "a whole stream with bytes that are no UTF-8", s)
		},
		"wrong-order": func(t *testing.T, g target, s seen) {
			clean(t, g, s)
			first, finish := strings.Index(string(s.body), g.delta), strings.Index(string(s.body), g.finish)
			check(t, strings.Contains(s.events[0], g.delta) || finish < first, "content before its announcement, or after the finish", s)
		},
		"empty": func(t *testing.T, g target, s seen) { clean(t, g, s); check(t, len(s.body) == 0, "nothing", s) },
		"not-json": func(t *testing.T, g target, s seen) {
			clean(t, g, s)
			check(t, bytes.Contains(s.body, []byte("<html>")), "a page", s)
		},
		"truncated": func(t *testing.T, g target, s seen) {
			clean(t, g, s)
			check(t, !bytes.HasSuffix(s.body, []byte("\n")), "an event that ends half way", s)
		},
		"wrong-length": func(t *testing.T, g target, s seen) {
			check(t, s.status == 200 && s.cut != nil, "less than promised", s)
		},
		"drip": func(t *testing.T, g target, s seen) {
			clean(t, g, s)
			check(t, strings.Contains(string(s.body), g.last), "whole in the end", s)
		},
	}
}

func TestFaultsOfStreams(t *testing.T) {
	for name, g := range map[string]target{"chat": chatTarget(), "messages": messagesTarget(), "responses": responsesTarget()} {
		kinds := brokenStreams()
		maps.Copy(kinds, oddStreams())
		for kind, want := range kinds {
			t.Run(name+"/"+kind, func(t *testing.T) {
				if kind == "no-finish" && name == "responses" {
					g.finish = `"status":"completed","completed_at"`
				}
				cfg := faulty(kind)
				cfg.ResponseTokens = 30
				s, url := serve(t, cfg)
				got := fetch(t, url+g.path, g.streamed())
				want(t, g, got)
				if err := s.Wait(within(t), func(st mock.Stats) bool { return st.Active == 0 }); err != nil {
					t.Fatal(err)
				}
				if e := s.Journal()[0]; (e.Fault != "") != (kind != "ok") || e.Gone {
					t.Errorf("the journal says fault %q, gone %v", e.Fault, e.Gone)
				}
			})
		}
	}
}

// plainFaults says what each fault does to a response that is not streamed.
func plainFaults() map[string]func(*testing.T, target, seen) {
	whole := func(s seen) bool { return s.status == 200 && s.cut == nil && json.Valid(s.body) }
	broken := func(t *testing.T, _ target, s seen) {
		check(t, s.status == 200 && s.cut != nil && !json.Valid(s.body), "a broken body", s)
	}
	return map[string]func(*testing.T, target, seen){
		"ok": func(t *testing.T, g target, s seen) {
			check(t, whole(s) && strings.Contains(string(s.body), g.usage) && strings.Contains(string(s.body), g.finish), "a whole response", s)
		},
		"reset-after-1": broken, "cut": broken, "cut-after-1": broken, "reset-after-0": broken,
		"wrong-length": func(t *testing.T, _ target, s seen) {
			check(t, s.status == 200 && errors.Is(s.cut, io.ErrUnexpectedEOF), "less than promised", s)
		},
		"refuse": func(t *testing.T, _ target, s seen) { check(t, s.err != nil, "no response", s) },
		"reset":  func(t *testing.T, _ target, s seen) { check(t, s.err != nil, "no response", s) },
		"truncated": func(t *testing.T, _ target, s seen) {
			check(t, s.cut == nil && len(s.body) > 50 && !json.Valid(s.body), "half, but clean", s)
		},
		"empty": func(t *testing.T, _ target, s seen) {
			check(t, s.status == 200 && len(s.body) == 0 && s.cut == nil, "nothing", s)
		},
		"not-json": func(t *testing.T, _ target, s seen) { check(t, s.status == 200 && !json.Valid(s.body), "a page", s) },
		"error-event": func(t *testing.T, _ target, s seen) {
			check(t, whole(s) && bytes.Contains(s.body, []byte(`"error"`)), "an error behind a 200", s)
		},
		"invalid-utf8": func(t *testing.T, _ target, s seen) {
			check(t, s.status == 200 && !utf8.Valid(s.body) && s.cut == nil, "bytes that are no UTF-8", s)
		},
		"no-usage": func(t *testing.T, g target, s seen) {
			check(t, whole(s) && !strings.Contains(string(s.body), g.usage), "no usage", s)
		},
		"no-finish": func(t *testing.T, g target, s seen) {
			check(t, whole(s) && !strings.Contains(string(s.body), g.finish), "no finish", s)
		},
		"wrong-model": func(t *testing.T, _ target, s seen) {
			check(t, whole(s) && bytes.Contains(s.body, []byte("another-model")), "another model", s)
		},
		"drip": func(t *testing.T, _ target, s seen) { check(t, whole(s), "whole in the end", s) },
	}
}

func TestFaultsOfPlainResponses(t *testing.T) {
	for name, g := range map[string]target{"chat": chatTarget(), "messages": messagesTarget(), "responses": responsesTarget()} {
		for kind, want := range plainFaults() {
			t.Run(name+"/"+kind, func(t *testing.T) {
				if name == "responses" {
					g.finish = `"status":"completed","completed_at"`
				}
				_, url := serve(t, faulty(kind))
				want(t, g, fetch(t, url+g.path, g.body))
			})
		}
	}
}

func TestFaultsByStatus(t *testing.T) {
	for _, g := range []target{chatTarget(), messagesTarget()} {
		anthropic := g.path == "/v1/messages"
		for status, kinds := range map[string][2]string{
			"400": {"invalid_request_error", "invalid_request_error"}, "401": {"invalid_request_error", "authentication_error"},
			"403": {"request_forbidden", "permission_error"}, "404": {"invalid_request_error", "not_found_error"},
			"408": {"invalid_request_error", "invalid_request_error"}, "409": {"invalid_request_error", "invalid_request_error"},
			"429": {"requests", "rate_limit_error"}, "500": {"server_error", "api_error"}, "502": {"server_error", "api_error"},
			"503": {"server_error", "api_error"}, "529": {"server_error", "overloaded_error"},
		} {
			cfg := faulty(status)
			cfg.RetryAfter = 1500 * time.Millisecond
			_, url := serve(t, cfg)
			s := fetch(t, url+g.path, g.body)
			var body struct {
				Type  string `json:"type"`
				Error struct {
					Type, Message string
				} `json:"error"`
			}
			if err := json.Unmarshal(s.body, &body); err != nil {
				t.Fatalf("%s: %s: %v", status, s.body, err)
			}
			want := kinds[0]
			if anthropic {
				want = kinds[1]
			}
			check(t, itoa(s.status) == status && body.Error.Type == want && body.Error.Message != "", status+" with the type "+want, s)
			check(t, (body.Type == "error") == anthropic, "the error of the dialect", s)
			again := status == "429" || status == "503" || status == "529"
			check(t, (s.header.Get("Retry-After") == "2") == again, "Retry-After where it makes sense", s)
			check(t, (s.header.Get("Retry-After-Ms") == "1500") == (again && !anthropic), "Retry-After-Ms from OpenAI", s)
			check(t, s.header.Get("X-Request-Id")+s.header.Get("Request-Id") != "", "a request id", s)
		}
	}
}

func itoa(n int) string {
	b, _ := json.Marshal(n)
	return string(b)
}

func TestHangs(t *testing.T) {
	g := chatTarget()
	for kind, content := range map[string]int{"hang": -1, "hang-after-0": 0, "hang-after-3": 3} {
		t.Run(kind, func(t *testing.T) {
			s, url := serve(t, faulty(kind))
			ctx, cancel := context.WithCancel(within(t))
			defer cancel()
			go func() { // leaves once the mock hangs; the test waits for it by the fetch below
				_ = s.Wait(ctx, func(st mock.Stats) bool { return st.Active == 1 })
				time.AfterFunc(100*time.Millisecond, cancel)
			}()
			got := fetchContext(t, ctx, url+g.path, g.streamed())
			if content < 0 {
				check(t, got.err != nil, "no header", got)
			} else {
				check(t, got.status == 200 && got.cut != nil && got.content(g) == content, "the content, then silence", got)
			}
			if err := s.Wait(within(t), func(st mock.Stats) bool { return st.Active == 0 && st.Gone == 1 }); err != nil {
				t.Errorf("the caller's leaving goes unnoticed: %v, %+v", err, s.Stats())
			}
		})
	}
}

func TestCloseEndsHangingCalls(t *testing.T) {
	s, url := serve(t, faulty("hang"))
	done := make(chan seen)
	go func() { done <- fetch(t, url+"/v1/chat/completions", chatTarget().body) }()
	if err := s.Wait(within(t), func(st mock.Stats) bool { return st.Active == 1 }); err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	got := <-done
	check(t, got.err != nil, "a broken connection", got)
}

func TestFaultRatesAreKeptAndRepeatable(t *testing.T) {
	run := func(seed uint64) string {
		s, err := mock.New(mock.Config{DrawSeed: seed, Faults: []mock.Fault{{Kind: "500", Rate: 0.1}, {Kind: "429", Rate: 0.05},
			{Kind: "503", Rate: 1, Endpoint: "messages"}, {Kind: "400", Rate: 1, Model: "bad"}}})
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for range 2000 {
			got.WriteString(itoa(ask(t, s, chatTarget().path, chatTarget().body).status))
		}
		if st := ask(t, s, "/v1/messages", messagesTarget().body).status; st != 503 {
			t.Errorf("messages: %d, want 503", st)
		}
		if st := ask(t, s, "/v1/chat/completions", strings.ReplaceAll(chatTarget().body, "gpt-4o", "bad")).status; st != 400 && st != 500 &&
			st != 429 {
			t.Errorf("the model's own fault: %d", st)
		}
		return got.String()
	}
	first := run(1)
	if again := run(1); again != first {
		t.Error("the same seed draws other faults")
	}
	if run(2) == first {
		t.Error("another seed draws the same faults")
	}
	if n := strings.Count(first, "500"); n < 150 || n > 250 {
		t.Errorf("%d of 2000 responses are 500, want about 200", n)
	}
	if n := strings.Count(first, "429"); n < 60 || n > 140 {
		t.Errorf("%d of 2000 responses are 429, want about 100", n)
	}
}

func TestScript(t *testing.T) {
	s, err := mock.New(mock.Config{Script: []string{"500", "ok", "429"}})
	if err != nil {
		t.Fatal(err)
	}
	var got []int
	for range 5 {
		ask(t, s, "/v1/models", "") // no inference: not counted
		got = append(got, ask(t, s, chatTarget().path, chatTarget().body).status)
	}
	if want := []int{500, 200, 429, 200, 200}; !equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func equal(a, b []int) bool { return itoaAll(a) == itoaAll(b) }

func itoaAll(n []int) string {
	b, _ := json.Marshal(n)
	return string(b)
}
