package router_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"cutover/exchange"
	"cutover/flags"
	"cutover/upstream"
)

// TestRelayGetsWhatItNeedsOnly: credentials of gateways have any name, so it is
// a list of what may pass that keeps them at home, and not one of known keys.
func TestRelayGetsWhatItNeedsOnly(t *testing.T) {
	t.Parallel()
	var seen *http.Request
	b := newBench(t, http.NotFoundHandler(), setup{
		relay: func(c *upstreamConfig) {
			c.ForwardHeaders, c.ForwardQuery = []string{"x-mine"}, []string{"Region"}
		},
		decide: serveByRelay,
		relayHandler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen = r
			_, _ = io.WriteString(w, chatCompletion)
		}),
	})
	secrets := []string{
		"Ocp-Apim-Subscription-Key", "Helicone-Auth", "cf-aig-authorization", "x-portkey-api-key", "apikey", "X-Auth-Token",
		"CF-Access-Client-Secret", "X-Amz-Security-Token", "X-Gitlab-Token", "X-Vault-Token", "Cookie", "Authentication",
		"X-Forwarded-For", "X-Real-Ip", "Baggage", "Session-Id", "X-Something-New", "Origin",
	}
	wanted := map[string]string{
		"X-Mine": "1", "X-Stainless-Retry-Count": "2", "X-Stainless-Lang": "go", "Traceparent": "00-a-b-01", "Anthropic-Beta": "x",
		"Openai-Beta": "y", "User-Agent": "u", "Accept-Language": "de", "Idempotency-Key": "i", "X-Client-Request-Id": "c",
	}
	header := []string{"Content-Type", "application/json"}
	for _, k := range secrets {
		header = append(header, k, "SECRET")
	}
	for k, v := range wanted {
		header = append(header, k, v)
	}
	const query = "api-version=2024&subscription-key=SECRET&t%6Fken=SECRET&beta=true&key=SECRET&limit=1;token=SECRET" +
		"&SECRET&region=eu&%zz=SECRET&sig=SECRET&&inclu%64e=a%20b"
	resp, _ := b.do("POST", "/v1/chat/completions?"+query, chat, header...)
	if by := resp.Header.Get("X-Cutover-Served-By"); by != "relay" {
		t.Fatalf("served by %q, want relay", by)
	}
	if got, want := seen.URL.RawQuery, "api-version=2024&beta=true&region=eu&&inclu%64e=a%20b"; got != want {
		t.Errorf("query %q, want %q", got, want)
	}
	for k, v := range seen.Header {
		if strings.Contains(strings.Join(v, " "), "SECRET") {
			t.Errorf("the relay saw %s", k)
		}
	}
	for k, v := range wanted {
		if got := seen.Header.Get(k); got != v {
			t.Errorf("%s = %q at the relay, want %q", k, got, v)
		}
	}
}

// TestPrimaryGetsEverything: what was meant for the primary reaches it.
func TestPrimaryGetsEverything(t *testing.T) {
	t.Parallel()
	var seen *http.Request
	b := newBench(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r }), setup{})
	b.do("POST", "/v1/chat/completions?token=1&sig=2", chat, "Content-Type", "application/json", "Helicone-Auth", "h", "Cookie", "c=1")
	if seen.URL.RawQuery != "token=1&sig=2" || seen.Header.Get("Helicone-Auth") != "h" || seen.Header.Get("Cookie") != "c=1" {
		t.Errorf("the primary saw %q and %v", seen.URL.RawQuery, seen.Header)
	}
}

// TestTrailersOfACallerStayHome sends one that could be a key in a trailer.
func TestTrailersOfACallerStayHome(t *testing.T) {
	t.Parallel()
	for arm, want := range map[string]string{"primary": "SECRET", "relay": ""} {
		var trailer http.Header
		answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			trailer = r.Trailer
			_, _ = io.WriteString(w, chatCompletion)
		})
		b := newBench(t, answer, setup{relayHandler: answer, decide: func(flags.Attributes) flags.Decision {
			return flags.Decision{RelayEnabled: true, ServeRelay: arm == "relay", Fallback: true}
		}})
		got := b.send(fmt.Sprintf("POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nTransfer-Encoding: "+
			"chunked\r\n"+
			"Trailer: X-Token\r\nConnection: close\r\n\r\n%x\r\n%s\r\n0\r\nX-Token: SECRET\r\n\r\n", len(chat), chat))
		if !strings.Contains(got, "X-Cutover-Served-By: "+arm) {
			t.Fatalf("%s: %s", arm, got)
		}
		if trailer.Get("X-Token") != want {
			t.Errorf("%s: X-Token = %q, want %q", arm, trailer.Get("X-Token"), want)
		}
	}
}

// TestRelayDoesNotSteerCallers: headers that outlive the response, or send the
// caller elsewhere, are not the relay's to give; the primary's pass.
func TestRelayDoesNotSteerCallers(t *testing.T) {
	t.Parallel()
	steering := []string{
		"Location", "Refresh", "Set-Cookie", "Clear-Site-Data", "Alt-Svc", "Strict-Transport-Security", "Nel", "Report-To",
	}
	answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for _, k := range steering {
			w.Header().Set(k, "x")
			w.Header().Set(http.TrailerPrefix+k, "x")
		}
		w.Header().Set("X-Ratelimit-Remaining", "7")
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, chatCompletion)
	})
	for _, relay := range []bool{false, true} {
		b := newBench(t, answer, setup{relayHandler: answer, decide: func(flags.Attributes) flags.Decision {
			return flags.Decision{RelayEnabled: true, ServeRelay: relay, Fallback: true}
		}})
		resp, _ := b.do("POST", "/v1/chat/completions", chat, "Content-Type", "application/json")
		for _, k := range steering {
			if got := resp.Header.Get(k) != ""; got == relay {
				t.Errorf("by the relay %v: %s in the header %v", relay, k, got)
			}
			if relay && resp.Trailer.Get(k) != "" {
				t.Errorf("%s came as a trailer", k)
			}
		}
		if resp.Header.Get("X-Ratelimit-Remaining") != "7" {
			t.Error("an ordinary header is missing")
		}
	}
}

// TestExpectEndsAtTheSidecar: whoever holds the body has nothing to ask for.
func TestExpectEndsAtTheSidecar(t *testing.T) {
	t.Parallel()
	var expect []string
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		expect = append(expect, r.Header.Get("Expect"))
		_, _ = io.WriteString(w, chatCompletion)
	}), setup{})
	for _, framing := range []string{
		fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(chat), chat),
		fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(chat), chat),
	} {
		got := b.send("POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n" +
			"Connection: close\r\n" + framing)
		r := bufio.NewReader(strings.NewReader(got))
		resp, err := http.ReadResponse(r, nil)
		if err == nil && resp.StatusCode == http.StatusContinue {
			resp, err = http.ReadResponse(r, nil)
		}
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%v: %s", err, got)
		}
	}
	if !slices.Equal(expect, []string{"", ""}) {
		t.Errorf("the upstream was asked %q", expect)
	}
}

// TestPathsDoNotClimb: where the sidecar attaches its own key, a path stays below
// the upstream's base path.
func TestPathsDoNotClimb(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		path   string
		climbs bool
	}{
		{"/v1/../admin/keys", true},
		{"/v1/files/..%2F..%2fadmin", true},
		{"/v1/%2e%2e/admin", true},
		{"/v1/.%2E/admin", true},
		{"/v1/%252e%252e/admin", true},
		{`/v1/..%5cadmin`, true},
		{"/v1/..;x=1/admin", true},
		{"/v1/models/..", true},
		{"/v1/models/a..b", false},
		{"/v1/models/...", false},
		{"/v1/models/a%2Fb", false},
		{"/v1/./models", false},
	} {
		t.Run(row.path, func(t *testing.T) {
			called := false
			b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { called = true }),
				setup{primary: func(c *upstreamConfig) { c.Auth = upstream.Auth{Kind: upstream.Bearer, Key: "ours"} }})
			got := b.send("GET " + row.path + " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
			if called == row.climbs {
				t.Errorf("the upstream was called: %v", called)
			}
			if row.climbs && (!strings.HasPrefix(got, "HTTP/1.1 400 ") || !strings.Contains(got, "invalid_path")) {
				t.Errorf("response %s", got)
			}
			if _, x := b.exchangeOf(1); row.climbs && (x.Class != exchange.ClassNotSent || x.Detail != "path") {
				t.Errorf("class %q, detail %q", x.Class, x.Detail)
			}
		})
	}
	// With the caller's own key it is the provider's affair.
	var path string
	b := newBench(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { path = r.URL.Path }), setup{})
	b.send("GET /v1/../x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	if path != "/v1/../x" {
		t.Errorf("the primary saw %q", path)
	}
}
