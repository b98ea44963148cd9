package router_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"cutover/exchange"
	"cutover/flags"
	"cutover/router"
	"cutover/upstream"
)

// BenchmarkProxy compares the router with httputil.ReverseProxy (body read
// first) in one process: client, proxy and upstream together. For the proxy's
// process alone see cmd/proxybench.
func BenchmarkProxy(b *testing.B) {
	response := `{"id":"chatcmpl-1","object":"chat.completion","model":"gpt-4o","choices":[{"index":0,"message":{"role":"assistant",` +
		`"content":"` +
		strings.Repeat(
			"word ",
			160,
		) + `"},"finish_reason":"stop"}],"usage":{"prompt_tokens":20,"completion_tokens":160,"total_tokens":180}}`
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, response)
	}))
	defer up.Close()
	target, _ := url.Parse(up.URL)
	plain := &httputil.ReverseProxy{
		Rewrite:       func(p *httputil.ProxyRequest) { p.SetURL(target) },
		FlushInterval: -1,
		Transport:     &http.Transport{MaxIdleConnsPerHost: 1024, DisableCompression: true},
	}
	primary, err := upstream.New(upstream.Config{Name: "primary", BaseURL: up.URL + "/v1", Auth: upstream.Auth{Kind: upstream.Passthrough}})
	if err != nil {
		b.Fatal(err)
	}
	relay, err := upstream.New(upstream.Config{Name: "relay", Arm: exchange.Relay, BaseURL: up.URL + "/v1"})
	if err != nil {
		b.Fatal(err)
	}
	rt, err := router.New(router.Config{
		Primary: primary, Relay: relay, ServedBy: true, RequestID: true, Logger: zerolog.Nop(),
		Decide: func(flags.Attributes) flags.Decision { return flags.Decision{RelayEnabled: true} },
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("plain", func(b *testing.B) {
		benchmarkHandler(b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			plain.ServeHTTP(w, r)
		}), len(response))
	})
	b.Run("cutover", func(b *testing.B) { benchmarkHandler(b, rt, len(response)) })
}

func benchmarkHandler(b *testing.B, h http.Handler, want int) {
	srv := httptest.NewUnstartedServer(nil)
	srv.Config = router.NewServer(h, router.ServerLimits{}, nil, zerolog.Nop())
	srv.Start()
	defer srv.Close()
	body := `{"model":"gpt-4o","user":"u-1","messages":[{"role":"system","content":"` + strings.Repeat(
		"be brief ",
		30,
	) + `"},{"role":"user","content":"hello"}]}`
	raw := fmt.Sprintf(
		"POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer sk-x\r\nUser-Agent: OpenAI/Go 3\r\nAccept: "+
			"application/json\r\nX-Stainless-Lang: go\r\nX-Stainless-Arch: x64\r\nX-Stainless-Retry-Count: 0\r\nContent-Type: "+
			"application/json\r\nContent-Length: %d\r\n\r\n%s",
		len(body),
		body,
	)
	c, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	r := bufio.NewReader(c)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := io.WriteString(c, raw); err != nil {
			b.Fatal(err)
		}
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			b.Fatal(err)
		}
		n, err := io.Copy(io.Discard, resp.Body)
		if err != nil || int(n) != want {
			b.Fatalf("%d bytes, %v", n, err)
		}
	}
}
