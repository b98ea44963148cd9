package main

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// serve runs a handler for the test and returns its URL.
func serve(t *testing.T, h http.Handler) *url.URL {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	u, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// post sends the first n requests of a model and fails on bad responses.
func post(t *testing.T, addr, model string, n int) outcome {
	t.Helper()
	requests, err := makeRequests(model, addr, 32)
	if err != nil {
		t.Fatal(err)
	}
	ld, err := prepare(t.Context(), load{addr: addr, requests: requests, concurrency: 4, most: int64(n)})
	if err != nil {
		t.Fatal(err)
	}
	defer ld.close()
	return ld.run(t.Context())
}

func wantAllGood(t *testing.T, o outcome, n int64) {
	t.Helper()
	if o.sent != n || o.bad() != 0 || int64(len(o.latencies)) != n {
		t.Errorf("of %d requests %d were sent, %d were bad (%v) and %d were timed", n, o.sent, o.bad(), o.firstErr, len(o.latencies))
	}
}

func TestUpstreamResponses(t *testing.T) {
	u := &upstream{arm: armPrimary}
	addr := serve(t, u).Host
	wantAllGood(t, post(t, addr, modelJSON, 40), 40)
	wantAllGood(t, post(t, addr, streamModel(5, 100*time.Microsecond), 40), 40)
	n, err := requestCount(t.Context(), addr)
	if want := int64(2 * (40 + 4)); err != nil || n != want { // plus one on each connection before
		t.Errorf("the upstream counted %d requests (%v), want %d", n, err, want)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestUpstreamRefusesUnknownModels(t *testing.T) {
	for _, body := range []string{``, `{"model":"gpt-4o"}`, `{"model":"bench-stream-x"}`} {
		w := httptest.NewRecorder()
		(&upstream{arm: armPrimary}).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/v1/chat/completions", strings.NewReader(body)))
		if w.Code != http.StatusBadRequest {
			t.Errorf("%q: status %d, want 400", body, w.Code)
		}
	}
}

func TestRelayDiffersALittle(t *testing.T) {
	j := job{model: modelJSON, caller: 3}
	primary, relay := jsonResponse(armPrimary, j), jsonResponse(armRelay, j)
	said := func(response []byte) []string {
		var a struct {
			Choices []struct{ Message struct{ Content string } }
		}
		if err := json.Unmarshal(response, &a); err != nil || len(a.Choices) != 1 {
			t.Fatalf("not a chat completion: %v\n%s", err, response)
		}
		return strings.Fields(a.Choices[0].Message.Content)
	}
	p, r := said(primary), said(relay)
	differing := 0
	for i := range p {
		if p[i] != r[i] {
			differing++
		}
	}
	if differing == 0 || differing > len(p)/5 {
		t.Errorf("%d of %d words differ, want a few", differing, len(p))
	}
}

func TestStreamsLookAsTheyShould(t *testing.T) {
	events := streamResponse(armPrimary, job{model: streamModel(10, 0), chunks: 10})
	if len(events) != 11 || string(events[10]) != "data: [DONE]\n\n" {
		t.Fatalf("%d events, the last is %q", len(events), events[len(events)-1])
	}
	for i, e := range events[:10] {
		data, ok := strings.CutPrefix(string(e), "data: ")
		if !ok || !strings.HasSuffix(data, "\n\n") || !json.Valid([]byte(data)) {
			t.Errorf("event %d is not a chunk: %q", i, e)
		}
		if len(e) != chunkSize {
			t.Errorf("event %d has %d bytes, want %d", i, len(e), chunkSize)
		}
	}
}

func TestProxiesPassEverythingOn(t *testing.T) {
	primary := serve(t, &upstream{arm: armPrimary})
	relayed := &upstream{arm: armRelay}
	var keys atomic.Int64
	relay := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			keys.Add(1)
		}
		relayed.ServeHTTP(w, r)
	}))
	mirror := newBareMirror(t.Context(), primary, relay)
	for name, h := range map[string]http.Handler{
		"plain": newPlainProxy(primary, true, nil), "pooled": newPlainProxy(primary, true, newCopyBuffers()), "mirror": mirror,
	} {
		t.Run(name, func(t *testing.T) {
			addr := serve(t, h).Host
			wantAllGood(t, post(t, addr, modelJSON, 60), 60)
			wantAllGood(t, post(t, addr, streamModel(6, 50*time.Microsecond), 60), 60)
		})
	}
	mirror.wait()
	if got, want := relayed.requests.Load(), int64(2*(60+4)); got != want {
		t.Errorf("the relay got %d shadow requests, want %d", got, want)
	}
	if keys.Load() > 0 {
		t.Errorf("%d shadow requests had the caller's key", keys.Load())
	}
}

// A proxy that hides broken upstream responses would look good.
func TestBrokenUpstreamIsSeen(t *testing.T) {
	primary := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("data: {}\n\n"))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	relay := serve(t, &upstream{arm: armRelay})
	mirror := newBareMirror(t.Context(), primary, relay)
	for name, h := range map[string]http.Handler{
		"plain": newPlainProxy(primary, true, nil), "pooled": newPlainProxy(primary, true, newCopyBuffers()), "mirror": mirror,
	} {
		o := post(t, serve(t, h).Host, streamModel(5, 0), 8)
		if o.cut != 8 {
			t.Errorf("%s: %d of 8 truncated responses were detected: %+v", name, o.cut, o)
		}
	}
	mirror.wait()
}

func TestBlackHoleNeverResponds(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- swallow(ctx, l) }()
	conn, err := dialRaw(l.Addr().String(), 1<<10)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	err = conn.do(&request{raw: []byte("GET / HTTP/1.1\r\n\r\n")})
	var timeout net.Error
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("got %v, want a timeout", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("the black hole ended with %v", err)
	}
}

func TestLoadCountsDifferingResponses(t *testing.T) {
	addr := serve(t, &upstream{arm: armRelay}).Host // responds with unexpected text
	if o := post(t, addr, modelJSON, 12); o.differing != 12 || !errors.Is(o.firstErr, errDiffers) {
		t.Errorf("%d of 12 differing responses were detected: %v", o.differing, o.firstErr)
	}
}

func TestLoadEndsWithItsContext(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	hole, endHole := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- swallow(hole, l) }()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	requests, err := makeRequests(modelJSON, "bench.local", 1)
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if _, err = prepare(ctx, load{addr: l.Addr().String(), requests: requests, concurrency: 2, most: 10}); !errors.Is(
		err,
		context.DeadlineExceeded,
	) {
		t.Errorf("got %v, want the context's end", err)
	}
	if took := time.Since(begin); took > responseTimeout/2 {
		t.Errorf("it took %s", took)
	}
	endHole()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestPrepareSaysThatNobodyIsThere(t *testing.T) {
	addr, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	requests, err := makeRequests(modelJSON, addr, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := prepare(t.Context(), load{addr: addr, requests: requests, concurrency: 2, most: 10}); err == nil {
		t.Error("no error without a server")
	}
}
