package main

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

// wire is a transport that notes every response as it came in.
type wire struct {
	next  http.RoundTripper
	drain bool // read what is left when a body is closed: SDKs close streams after the last event
	mu    sync.Mutex
	got   []*heard
}

// heard is one response as a caller's HTTP client had it.
type heard struct {
	status       int
	header       http.Header
	uncompressed bool // by the client, which asked for it
	body         bytes.Buffer
	end          error // io.EOF for a clean end, nil when it was not read to its end
}

// RoundTrip implements http.RoundTripper.
func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := w.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	h := &heard{status: resp.StatusCode, header: resp.Header.Clone(), uncompressed: resp.Uncompressed}
	w.mu.Lock()
	w.got = append(w.got, h)
	w.mu.Unlock()
	resp.Body = &heardBody{ReadCloser: resp.Body, w: w, h: h}
	return resp, nil
}

type heardBody struct {
	io.ReadCloser
	w *wire
	h *heard
}

func (b *heardBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.w.mu.Lock()
	defer b.w.mu.Unlock()
	b.h.body.Write(p[:n])
	if err != nil {
		b.h.end = err
	}
	return n, err
}

func (b *heardBody) Close() error {
	if b.w.drain {
		_, _ = io.Copy(io.Discard, struct{ io.Reader }{b}) // a failure is noted in end
	}
	return b.ReadCloser.Close()
}

// volatile are the response headers whose values differ between any two calls,
// the length because bodies tell the time too.
var volatile = []string{"Content-Length", "Date", "Request-Id", "X-Request-Id", "Openai-Processing-Ms", "Retry-After-Ms",
	"Anthropic-Ratelimit-Requests-Reset", "Anthropic-Ratelimit-Tokens-Reset",
	"X-Ratelimit-Reset-Requests", "X-Ratelimit-Reset-Tokens"}

// ours are the headers that the sidecar adds to a response, and no others.
var ours = []string{"X-Cutover-Request-Id", "X-Cutover-Served-By"}

// checkUntouched compares what the caller got through the sidecar with what
// the provider gave: the same bytes, the same header and two more.
func checkUntouched(t *testing.T, provider said, caller *heard) {
	t.Helper()
	if caller.status != provider.status {
		t.Errorf("the caller got status %d, the provider gave %d", caller.status, provider.status)
	}
	if !caller.uncompressed && caller.end == io.EOF && !bytes.Equal(caller.body.Bytes(), provider.body) {
		t.Errorf("the caller got other bytes than the provider gave\ngot:  %q\ngave: %q", clip(caller.body.Bytes()), clip(provider.body))
	}
	if caller.end != io.EOF && !bytes.HasPrefix(provider.body, caller.body.Bytes()) && !caller.uncompressed {
		t.Errorf("the caller got %q, which is no beginning of what the provider gave", clip(caller.body.Bytes()))
	}
	for k, want := range provider.header {
		if caller.uncompressed && (k == "Content-Encoding" || k == "Content-Length") {
			continue // the caller's own client took them away
		}
		if got := caller.header[k]; !slices.Equal(got, want) {
			t.Errorf("response header %s: the caller got %q, the provider gave %q", k, got, want)
		}
	}
	for k, v := range caller.header {
		if _, given := provider.header[k]; !given && k != "Date" && !slices.Contains(ours, k) {
			t.Errorf("response header %s: %q came out of nowhere", k, v)
		}
	}
	for _, k := range ours {
		if len(caller.header[k]) != 1 {
			t.Errorf("response header %s is %q, want one value", k, caller.header[k])
		}
	}
	if by := caller.header.Get("X-Cutover-Served-By"); by != "primary" {
		t.Errorf("served by %q, want the primary", by)
	}
}

// checkSameHeard compares a response got directly with one got through the
// sidecar.
func checkSameHeard(t *testing.T, direct, through *heard) {
	t.Helper()
	if through.status != direct.status || through.uncompressed != direct.uncompressed {
		t.Errorf("through the sidecar: status %d, uncompressed %t; directly: %d, %t",
			through.status, through.uncompressed, direct.status, direct.uncompressed)
	}
	if (through.end == io.EOF) != (direct.end == io.EOF) {
		t.Errorf("through the sidecar the body ended with %v, directly with %v", through.end, direct.end)
	}
	want := direct.header.Clone()
	got := through.header.Clone()
	for _, k := range ours {
		got.Del(k)
	}
	if g, w := sortedKeys(got), sortedKeys(want); !slices.Equal(g, w) {
		t.Errorf("response headers through the sidecar: %q, directly: %q", g, w)
	}
	for k := range want {
		if !slices.Contains(volatile, k) && !slices.Equal(got[k], want[k]) {
			t.Errorf("response header %s: %q through the sidecar, %q directly", k, got[k], want[k])
		}
	}
}

// asked is what of a request must be the same with and without the sidecar.
type asked struct {
	Method, Path, Query, Proto, Body string
	Header                           http.Header
}

// checkAsked compares what arrived at the providers.
func checkAsked(t *testing.T, direct, through *provider) {
	t.Helper()
	want, got := arrived(direct), arrived(through)
	if len(got) != len(want) {
		t.Errorf("%d requests arrived through the sidecar, %d directly\n%+v\n%+v", len(got), len(want), got, want)
		return
	}
	for i := range want {
		g, w := got[i], want[i]
		if g.Method != w.Method || g.Path != w.Path || g.Query != w.Query || g.Proto != w.Proto || g.Body != w.Body {
			t.Errorf("request %d arrived as\n%s %s?%s %s\n%s\nand directly as\n%s %s?%s %s\n%s", i,
				g.Method, g.Path, g.Query, g.Proto, clip([]byte(g.Body)), w.Method, w.Path, w.Query, w.Proto, clip([]byte(w.Body)))
		}
		for _, name := range slices.Compact(slices.Sorted(slices.Values(append(sortedKeys(g.Header), sortedKeys(w.Header)...)))) {
			if !slices.Equal(g.Header[name], w.Header[name]) {
				t.Errorf("request %d (%s) arrived with %s: %q, directly with %q", i, g.Path, name, g.Header[name], w.Header[name])
			}
		}
	}
	for _, p := range []*provider{direct, through} {
		for _, e := range p.Journal() {
			if e.Host != p.host() {
				t.Errorf("%s %s came for the host %q, want %q", e.Method, e.Path, e.Host, p.host())
			}
		}
	}
}

func arrived(p *provider) []asked {
	var all []asked
	n := newNormal()
	for _, e := range p.Journal() {
		a := asked{Method: e.Method, Path: n.text(e.Path), Query: n.text(e.Query), Proto: e.Proto, Header: e.Header, Body: string(e.Body)}
		if _, boundary, ok := strings.Cut(e.Header.Get("Content-Type"), "boundary="); ok {
			// Multipart writers throw the dice for it.
			a.Header.Set("Content-Type", strings.ReplaceAll(e.Header.Get("Content-Type"), boundary, "B"))
			a.Body = strings.ReplaceAll(a.Body, boundary, "B")
		} else {
			a.Body = n.text(a.Body)
		}
		all = append(all, a)
	}
	return all
}

func clip(b []byte) []byte { return b[:min(len(b), 2000)] }
