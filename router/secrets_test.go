package router_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"cutover/exchange"
	"cutover/flags"
	"cutover/upstream"
)

// secretsOfTheCaller are sent with every request of these tests.
var secretsOfTheCaller = []string{
	"Authorization", "Bearer sk-caller-1", "x-api-key", "sk-caller-2", "api-key", "sk-caller-3",
	"x-goog-api-key", "sk-caller-4", "Cookie", "session=sk-caller-5",
	"OpenAI-Organization", "org-caller-6", "OpenAI-Project", "proj-caller-7",
	"anthropic-workspace-id", "ws-caller-8", "X-Cutover-Key", "user-caller-9",
	"Content-Type", "application/json", "X-Stainless-Lang", "go",
}

func TestEachUpstreamGetsItsOwnCredentialsOnly(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		auth   upstream.Auth
		header string // where the relay finds its key
		want   string
	}{
		{"none", upstream.Auth{}, "Authorization", ""},
		{"same header", upstream.Auth{Kind: upstream.SameHeader, Key: "rk"}, "X-Api-Key", "rk"},
		{"bearer", upstream.Auth{Kind: upstream.Bearer, Key: "rk"}, "Authorization", "Bearer rk"},
		{"x-api-key", upstream.Auth{Kind: upstream.XAPIKey, Key: "rk"}, "X-Api-Key", "rk"},
		{"api-key", upstream.Auth{Kind: upstream.APIKey, Key: "rk"}, "Api-Key", "rk"},
		{"header", upstream.Auth{Kind: upstream.InHeader, Name: "x-relay", Key: "rk"}, "X-Relay", "rk"},
	} {
		t.Run(row.name, func(t *testing.T) {
			seen := make(chan *http.Request, 1)
			b := newBench(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				t.Error("the primary was called")
			}), setup{
				relay:  func(c *upstreamConfig) { c.Auth = row.auth },
				decide: serveByRelay,
				relayHandler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					seen <- r
					_, _ = io.WriteString(w, chatCompletion)
				}),
			})
			resp, _ := b.do("POST", "/v1/chat/completions?key=sk-caller-10&limit=1", chat, secretsOfTheCaller...)
			if by := resp.Header.Get("X-Cutover-Served-By"); by != "relay" {
				t.Fatalf("served by %q, want relay", by)
			}
			r := <-seen
			if got := r.Header.Get(row.header); got != row.want {
				t.Errorf("%s = %q, want %q", row.header, got, row.want)
			}
			if got := r.Header.Get("X-Stainless-Lang"); got != "go" {
				t.Errorf("X-Stainless-Lang = %q: what is nobody's secret must pass", got)
			}
			if r.URL.RawQuery != "limit=1" {
				t.Errorf("query = %q, want limit=1", r.URL.RawQuery)
			}
			for k, v := range r.Header {
				if strings.Contains(strings.Join(v, " "), "caller-") {
					t.Errorf("the relay saw %s: %q", k, v)
				}
			}
		})
	}
}

const chatCompletion = `{"id":"c","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant",` +
	`"content":"hi"},"finish_reason":"stop"}]}`

func serveByRelay(flags.Attributes) flags.Decision {
	return flags.Decision{RelayEnabled: true, ServeRelay: true, Fallback: true}
}

// TestLogsHoldNoSecretAndNoText looks at every line that is written at the
// lowest level, for good and bad requests alike.
func TestLogsHoldNoSecretAndNoText(t *testing.T) {
	t.Parallel()
	const text = "the-callers-private-words"
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/broken" {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(400)
		_, _ = io.WriteString(w, `{"error":{"message":"`+text+`","type":"`+text+` x"}}`)
	}), setup{})
	for _, path := range []string{"/v1/chat/completions?key=sk-caller-10", "/v1/broken?key=sk-caller-10", "/v1/files/" + text} {
		b.do("POST", path, `{"model":"gpt-4o","messages":[{"role":"user","content":"`+text+`"}],"user":"user-caller-11"}`, secretsOfTheCaller...)
	}
	b.exchangeOf(3)
	logs := b.logs.String()
	if strings.Count(logs, `"message":"request"`) != 3 {
		t.Fatalf("want three lines of requests in:\n%s", logs)
	}
	for _, secret := range []string{"caller-", text} {
		if strings.Contains(logs, secret) {
			t.Errorf("the log holds %q:\n%s", secret, logs)
		}
	}
}

func TestOwnErrorsSpeakTheCallersDialect(t *testing.T) {
	t.Parallel()
	b := newBench(t, http.NotFoundHandler(), setup{primary: func(c *upstreamConfig) {
		c.BaseURL = "http://127.0.0.1:1/v1" // nobody listens
	}})
	for i, row := range []struct{ path, want string }{
		{"/v1/chat/completions", `{"error":{"code":"connect","message":"cutover: the upstream primary could not be reached","param":null,` +
			`"type":"api_error"}}`},
		{"/v1/messages", `{"error":{"message":"cutover: the upstream primary could not be reached","type":"api_error"},"type":"error"}`},
	} {
		resp, got := b.do("POST", row.path, chat, "Content-Type", "application/json")
		if resp.StatusCode != http.StatusBadGateway || strings.TrimSpace(got) != row.want {
			t.Errorf("%s: %d %s\nwant 502 %s", row.path, resp.StatusCode, got, row.want)
		}
		if by := resp.Header.Get("X-Cutover-Served-By"); by != "cutover" {
			t.Errorf("%s: served by %q, want cutover", row.path, by)
		}
		if _, x := b.exchangeOf(i + 1); x.Class != exchange.ClassConnect || x.Detail != "refused" {
			t.Errorf("%s: class %q, detail %q", row.path, x.Class, x.Detail)
		}
	}
}

func TestFailingRelayIsHidden(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name     string
		fallback bool
		relay    http.HandlerFunc
		by, why  string
		status   int
	}{
		{"server error", true, status(500), "primary", "server-error", 200},
		{"rate limit", true, status(429), "primary", "rate-limited", 200},
		{"bad key", true, status(401), "primary", "auth", 200},
		{"no response", true, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "primary", "broken", 200},
		{"the caller's own mistake", true, status(400), "relay", "", 400},
		{"not allowed", false, status(500), "relay", "", 500},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if string(body) != chat {
					t.Errorf("the primary got %q, want the whole body", body)
				}
				_, _ = io.WriteString(w, "{}")
			}), setup{
				decide: func(flags.Attributes) flags.Decision {
					return flags.Decision{RelayEnabled: true, ServeRelay: true, Fallback: row.fallback}
				},
				relayHandler: row.relay,
			})
			resp, _ := b.do("POST", "/v1/chat/completions", chat, "Content-Type", "application/json")
			if by, why := resp.Header.Get("X-Cutover-Served-By"), resp.Header.Get("X-Cutover-Fallback"); by != row.by || why != row.why ||
				resp.StatusCode != row.status {
				t.Errorf("served by %q because of %q with %d; want %q, %q, %d", by, why, resp.StatusCode, row.by, row.why, row.status)
			}
		})
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}
