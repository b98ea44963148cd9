package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"cutover/internal/mock"
)

// comments is a transport that tells of each keep-alive comment.
type comments struct {
	next  http.RoundTripper
	heard chan struct{}
}

// RoundTrip implements http.RoundTripper.
func (c *comments) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.next.RoundTrip(r)
	if err == nil {
		resp.Body = &commentBody{ReadCloser: resp.Body, heard: c.heard}
	}
	return resp, err
}

type commentBody struct {
	io.ReadCloser
	heard chan struct{}
}

// Read tells of comments, which are written in one piece.
func (b *commentBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	for range bytes.Count(p[:n], []byte(": keep-alive\n\n")) {
		b.heard <- struct{}{}
	}
	return n, err
}

// hesitant is a provider that responds when its caller has got two comments.
func hesitant(t *testing.T, heard chan struct{}, response http.Handler) *provider {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("request: %v", err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		for range 2 {
			select {
			case <-heard:
			case <-r.Context().Done():
			}
		}
		response.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	return &provider{url: srv.URL}
}

const keepAlive50 = "CUTOVER_SERVER_STREAM_KEEPALIVE=50ms"

// TestSDKAndComments reads streams that begin with comments by the official
// SDKs: they are the same as without.
func TestSDKAndComments(t *testing.T) {
	t.Parallel()
	plain := startProvider(t, mock.Config{Seed: 7})
	direct := newCaller(t, plain.url, plain)
	streams(direct)

	heard := make(chan struct{}, 1024)
	slow, err := mock.New(mock.Config{Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = slow.Close() })
	p := hesitant(t, heard, slow)
	r := startSidecar(t, p, nil, keepAlive50)
	through := newCaller(t, r.URL(), p)
	through.http.Transport = &comments{through.http.Transport, heard}
	streams(through)
	if got, want := through.transcript(), direct.transcript(); !slices.Equal(got, want) || len(want) < 40 {
		t.Errorf("after comments the SDKs returned something else: %s", firstDifference(got, want))
	}
}

// TestSDKAndErrorsAfterComments: the status can't tell any more, so an event
// does, and each SDK raises it with the provider's own words.
func TestSDKAndErrorsAfterComments(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, want string
		response   http.HandlerFunc
	}{
		{"the provider's error", "all heron seats are taken", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = io.WriteString(w, `{"type":"error","error":{"message":"all heron seats are `+
				`taken","type":"rate_limit_error","code":"full","param":null}}`)
		}},
		{"no response", "closed the connection", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
	} {
		t.Run(strings.ReplaceAll(row.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			heard := make(chan struct{}, 1024)
			p := hesitant(t, heard, row.response)
			r := startSidecar(t, p, nil, keepAlive50)
			c := newCaller(t, r.URL(), p)
			c.http.Transport = &comments{c.http.Transport, heard}
			streams(c)
			var raised []string
			for _, line := range c.transcript() {
				if strings.HasPrefix(line, "end of the stream") || strings.HasPrefix(line, "event ") && !strings.Contains(line, row.want) {
					t.Errorf("an SDK took this for a response: %s", line)
				}
				if strings.Contains(line, row.want) {
					raised = append(raised, line)
				}
			}
			if len(raised) < 4 {
				t.Errorf("the SDKs raised %q, want the words %q from each of four", c.transcript(), row.want)
			}
		})
	}
}
