package router_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"cutover/upstream"
)

// TestAnUploadTakesWhatItTakes: the limit for a response's header is one on the
// upstream's silence. A caller who sends for longer than that is no fault of
// the upstream's; an upstream that is silent when it has everything is.
func TestAnUploadTakesWhatItTakes(t *testing.T) {
	t.Parallel()
	const limit = 250 * time.Millisecond
	for _, c := range []struct {
		name   string
		silent bool
		status int
	}{{"slow caller", false, 200}, {"silent upstream", true, 504}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				n, _ := io.Copy(io.Discard, r.Body)
				if c.silent {
					hang(r)
				}
				if n != 4 {
					t.Errorf("the upstream got %d bytes, want 4", n)
				}
				_, _ = io.WriteString(w, `{"id":"file-1"}`)
			}), setup{primary: func(c *upstreamConfig) { c.Timeouts = upstream.Timeouts{Header: limit} }})
			body, caller := io.Pipe()
			go func() {
				defer caller.Close()
				pause := time.NewTicker(limit * 3 / 2)
				defer pause.Stop()
				for range 4 {
					if _, err := io.WriteString(caller, "x"); err != nil {
						return
					}
					<-pause.C
				}
			}()
			req, _ := http.NewRequest("POST", b.url+"/v1/files", body)
			req.Header.Set("Content-Type", "multipart/form-data; boundary=x")
			begun := time.Now()
			resp, err := b.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != c.status {
				t.Errorf("status %d after %s, want %d", resp.StatusCode, time.Since(begun), c.status)
			}
		})
	}
}

// TestPlainResponsesHaveTheirOwnLimit: a response that is not streamed has its
// header when all of it is made.
func TestPlainResponsesHaveTheirOwnLimit(t *testing.T) {
	t.Parallel()
	const limit = 200 * time.Millisecond
	d := dialects()[0]
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { right(&d, w, r) }), setup{
		decide: serveByRelay,
		relay:  func(c *upstreamConfig) { c.Timeouts = upstream.Timeouts{Header: limit, Plain: time.Minute} },
		relayHandler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			made := time.NewTimer(3 * limit)
			defer made.Stop()
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			select {
			case <-made.C:
				right(&d, w, r)
			case <-r.Context().Done():
			}
		}),
	})
	for body, by := range map[string]string{strings.Replace(streamed, "true", "false", 1): "relay", streamed: "primary"} {
		resp := b.post(t, t.Context(), d.path, body)
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.Header.Get("X-Cutover-Served-By") != by || string(got) != d.whole(body == streamed) {
			t.Errorf("%s: served by %q, %q, %v; want by %s", body, resp.Header.Get("X-Cutover-Served-By"), got, err, by)
		}
	}
}
