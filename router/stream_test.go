package router_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"cutover/exchange"
)

// events makes n server-sent events of a chat.
func events(n int) []string {
	var all []string
	for i := range n {
		all = append(
			all,
			fmt.Sprintf(
				"data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"w%d \"}}]}\n\n",
				i,
			),
		)
	}
	return append(all, "data: [DONE]\n\n")
}

const streamed = `{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"hello"}]}`

// TestEachEventArrivesBeforeTheNextIsSent fails if any event is delayed,
// merged with the next or held back: the upstream sends the next one only when
// the caller has the last.
func TestEachEventArrivesBeforeTheNextIsSent(t *testing.T) {
	t.Parallel()
	next := make(chan struct{})
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
		for _, e := range events(20) {
			select {
			case <-next:
			case <-r.Context().Done():
				return
			}
			_, _ = io.WriteString(w, e)
			w.(http.Flusher).Flush()
		}
	}), setup{})
	resp := b.post(t, context.Background(), "/v1/chat/completions", streamed) // returns before any event: the header is flushed at once
	defer resp.Body.Close()
	buf := make([]byte, 4096)
	for i, want := range events(20) {
		next <- struct{}{}
		n, err := io.ReadAtLeast(resp.Body, buf, len(want))
		if string(buf[:n]) != want {
			t.Fatalf("event %d = %q, %v; want %q", i, buf[:n], err, want)
		}
	}
	if _, err := resp.Body.Read(buf); err != io.EOF {
		t.Fatalf("after the last event: %v, want EOF", err)
	}
	_, x := b.exchangeOf(1)
	if x.Class != exchange.ClassNone || !x.Streamed {
		t.Errorf("exchange: class %q, streamed %v; want a whole stream", x.Class, x.Streamed)
	}
}

func (b *bench) post(t *testing.T, ctx context.Context, path, body string, header ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, "POST", b.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := b.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

func TestCallersAbortReachesTheUpstream(t *testing.T) {
	t.Parallel()
	for _, when := range []string{"before the header", "in mid-stream"} {
		t.Run(when, func(t *testing.T) {
			begun, ended := make(chan struct{}), make(chan error, 1)
			b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if when == "in mid-stream" {
					w.Header().Set("Content-Type", "text/event-stream")
					_, _ = io.WriteString(w, events(1)[0])
					w.(http.Flusher).Flush()
				} else {
					_, _ = io.Copy(io.Discard, r.Body)
				}
				close(begun)
				<-r.Context().Done()
				ended <- r.Context().Err()
			}), setup{})
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan struct{})
			go func() {
				defer close(done)
				req, _ := http.NewRequestWithContext(ctx, "POST", b.url+"/v1/chat/completions", strings.NewReader(streamed))
				req.Header.Set("Content-Type", "application/json")
				resp, err := b.client.Do(req)
				if err == nil {
					_, _ = io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
			}()
			<-begun
			cancel()
			select {
			case <-ended:
			case <-time.After(10 * time.Second):
				t.Fatal("the upstream's request was not cancelled")
			}
			<-done
			if _, x := b.exchangeOf(1); x.Class != exchange.ClassAborted {
				t.Errorf("class = %q, want %q", x.Class, exchange.ClassAborted)
			}
		})
	}
}

func TestBrokenUpstreamIsBrokenForTheCaller(t *testing.T) {
	t.Parallel()
	chunk := func(s string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(s), s) }
	for _, row := range []struct{ name, response, before string }{
		{"chunked stream", "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(events(1)[0]),
			events(1)[0]},
		{"inside a chunk", "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n5000\r\ndata: x", "data: x"},
		{"short of its length", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"a\":", `{"a":`},
	} {
		t.Run(row.name, func(t *testing.T) {
			up := newRawUpstream(t, row.response)
			b := newBench(t, http.NotFoundHandler(), rawPrimary(up))
			resp := b.post(t, context.Background(), "/v1/chat/completions", streamed)
			got, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err == nil {
				t.Errorf("the caller saw a clean end after %q", got)
			}
			if string(got) != row.before {
				t.Errorf("the caller got %q, want what came before the break: %q", got, row.before)
			}
			if _, x := b.exchangeOf(1); x.Class != exchange.ClassBroken {
				t.Errorf("class = %q, want %q", x.Class, exchange.ClassBroken)
			}
		})
	}
}

// TestShortStreamedResponsesAreNotTruncated is the fault of Go proxies that pass a
// body on unread: at concurrency 1 several in a hundred short responses are cut.
func TestShortStreamedResponsesAreNotTruncated(t *testing.T) {
	t.Parallel()
	whole := strings.Join(events(3), "")
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The response begins while the body is still on its way.
		w.Header().Set("Content-Type", "text/event-stream")
		for _, e := range events(3) {
			_, _ = io.WriteString(w, e)
			w.(http.Flusher).Flush()
		}
	}), setup{})
	drain := make(chan struct{})
	defer close(drain)
	go func() {
		for {
			select {
			case <-b.more:
			case <-drain:
				return
			}
		}
	}()
	for _, kind := range []string{"application/json", "multipart/form-data; boundary=x"} {
		for _, callers := range []int{1, 8, 64} {
			var wg sync.WaitGroup
			cut := make(chan string, callers)
			for range callers {
				wg.Go(func() {
					for range 1500 / callers {
						req, _ := http.NewRequest("POST", b.url+"/v1/chat/completions", strings.NewReader(streamed))
						req.Header.Set("Content-Type", kind)
						resp, err := b.client.Do(req)
						if err != nil {
							cut <- err.Error()
							return
						}
						got, err := io.ReadAll(resp.Body)
						resp.Body.Close()
						if err != nil || string(got) != whole {
							cut <- fmt.Sprintf("%q, %v", got, err)
							return
						}
					}
				})
			}
			wg.Wait()
			close(cut)
			for c := range cut {
				t.Errorf("%s, %d callers: a response was cut: %s", kind, callers, c)
			}
		}
	}
}

func TestLargeUploadStreamsThrough(t *testing.T) {
	const size = 200 << 20
	got := make(chan int64, 1)
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		got <- n
		_, _ = io.WriteString(w, `{"id":"file-1"}`)
	}), setup{})
	peak := watchHeap(t)
	req, _ := http.NewRequest("POST", b.url+"/v1/files", io.LimitReader(zeros{}, size))
	req.ContentLength = size
	req.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	resp, err := b.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if n := <-got; n != size || string(body) != `{"id":"file-1"}` {
		t.Errorf("the upstream got %d bytes and the caller %q; want %d", n, body, size)
	}
	if grown := peak(); grown > 64<<20 {
		t.Errorf("the heap grew by %d MiB while 200 MiB passed through", grown>>20)
	}
}

func TestEarlyRefusalOfALargeUploadReachesTheCaller(t *testing.T) {
	t.Parallel()
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusUnauthorized) // without a look at the body
		_, _ = io.WriteString(w, `{"error":{}}`)
	}), setup{})
	c, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	// The body is announced and never sent: the caller waits for a 100.
	_, _ = io.WriteString(
		c,
		"POST /v1/files HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: "+
			"50000000\r\n\r\n",
	)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("status = %d, want the upstream's 401 before any body", resp.StatusCode)
	}
}

func TestExpectContinueWithASmallBody(t *testing.T) {
	t.Parallel()
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	}), setup{})
	req, _ := http.NewRequest("POST", b.url+"/v1/chat/completions", strings.NewReader(chat))
	req.Header.Set("Expect", "100-continue")
	req.Header.Set("Content-Type", "application/json")
	resp, err := b.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, _ := io.ReadAll(resp.Body); string(got) != chat {
		t.Errorf("echo = %q, want %q", got, chat)
	}
}

func TestBodiesOverTheCaptureLimitStreamThrough(t *testing.T) {
	t.Parallel()
	big := `{"model":"gpt-4o","messages":[{"role":"user","content":"` + strings.Repeat("x", 5000) + `"}]}`
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		_, _ = io.Copy(w, r.Body) // responds while it reads
	}), setup{router: func(c *routerConfig) { c.CaptureLimit = 1000 }})
	for i, chunked := range []bool{false, true} {
		var body io.Reader = strings.NewReader(big)
		if chunked {
			body = io.MultiReader(body) // of unknown length
		}
		req, _ := http.NewRequest("POST", b.url+"/v1/chat/completions", body)
		req.Header.Set("Content-Type", "application/json")
		resp, err := b.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if string(got) != big || err != nil {
			t.Errorf("chunked=%v: echo of %d bytes, %v; want %d", chunked, len(got), err, len(big))
		}
		q, _ := b.exchangeOf(i + 1)
		if q.Held || q.Route.Skip != exchange.SkipBody {
			t.Errorf("chunked=%v: held %v, skip %q; want a body that streams through", chunked, q.Held, q.Route.Skip)
		}
	}
}
