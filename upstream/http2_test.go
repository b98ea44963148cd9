package upstream_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cutover/upstream"
)

// h2Server is an upstream that speaks HTTP/2 and counts its connections.
type h2Server struct {
	*httptest.Server
	opened atomic.Int64
	gone   chan struct{} // takes one for each that has ended, as far as there is room
}

// startH2 starts one that takes so many streams on a connection.
func startH2(t *testing.T, h http.Handler, streams int, secure bool) (*h2Server, upstream.Config) {
	t.Helper()
	s := &h2Server{Server: httptest.NewUnstartedServer(h), gone: make(chan struct{}, 16)}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: streams}
	s.Config.Protocols = new(http.Protocols)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			s.opened.Add(1)
		case http.StateClosed:
			select {
			case s.gone <- struct{}{}:
			default:
			}
		}
	}
	c := upstream.Config{Name: "u", Protocol: upstream.H2C}
	if secure {
		s.Config.Protocols.SetHTTP2(true)
		s.EnableHTTP2 = true
		s.StartTLS()
		c.Protocol, c.CAFile = upstream.Auto, writeCA(t, s.Certificate())
	} else {
		s.Config.Protocols.SetUnencryptedHTTP2(true)
		s.Start()
	}
	t.Cleanup(s.Close)
	c.BaseURL = s.URL
	return s, c
}

// TestConnectionsFollowNeed: callers that come at once get as many connections
// as their calls need by the upstream's settings, and no more.
func TestConnectionsFollowNeed(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		streams, callers int
		secure           bool
		want             int64 // connections
	}{
		{100, 1, false, 1}, {100, 1, true, 1},
		{1, 40, false, 40}, {1, 40, true, 40},
		{100, 1000, false, 10}, {100, 1000, true, 10},
		{250, 1000, false, 4}, {250, 1000, true, 4},
		{1000, 1000, false, 1}, {1000, 1000, true, 1},
	} {
		t.Run(fmt.Sprintf("%d callers, %d streams, tls=%v", row.callers, row.streams, row.secure), func(t *testing.T) {
			var all sync.WaitGroup // of callers that have their header
			all.Add(row.callers)
			release := make(chan struct{})
			srv, c := startH2(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.WriteHeader(http.StatusOK)
				w.(http.Flusher).Flush()
				select {
				case <-release:
				case <-r.Context().Done():
				}
				_, _ = io.WriteString(w, "whole")
			}), row.streams, row.secure)
			u := newUpstream(t, c)
			var wg sync.WaitGroup
			for range row.callers {
				wg.Go(func() {
					resp, err := send(u, srv.URL)
					all.Done()
					if err != nil {
						t.Error(err)
						return
					}
					defer resp.Body.Close()
					if got, err := io.ReadAll(resp.Body); string(got) != "whole" || err != nil {
						t.Errorf("answer %q, %v", got, err)
					}
				})
			}
			open := make(chan struct{})
			go func() { all.Wait(); close(open) }()
			select {
			case <-open:
			case <-time.After(30 * time.Second):
				t.Error("not every caller has its header, though all could be served at once")
			}
			close(release)
			wg.Wait()
			<-open
			// On a machine that is busy the settings may come late; until then a
			// connection is taken to have room for a hundred.
			most := max(row.want, int64(row.callers+99)/100)
			if got := srv.opened.Load(); got < row.want || got > most {
				t.Errorf("%d connections were opened, want %d, at most %d", got, row.want, most)
			}
		})
	}
}

// TestIdleConnectionsOfHTTP2End: what a peak needed is let go of afterwards.
func TestIdleConnectionsOfHTTP2End(t *testing.T) {
	t.Parallel()
	srv, c := startH2(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), 100, false)
	c.IdleTime = 50 * time.Millisecond
	u := newUpstream(t, c)
	for range 2 { // and the next call opens another
		resp, err := send(u, srv.URL)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		select {
		case <-srv.gone:
		case <-time.After(20 * time.Second):
			t.Fatal("the idle connection is still open")
		}
	}
}

// TestCallersThatLeaveTheQueue: calls that wait for a connection can be given
// up, and give their place back.
func TestCallersThatLeaveTheQueue(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	srv, c := startH2(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Number") == "slow" {
			<-release
		}
	}), 1, false)
	u := newUpstream(t, c)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := post(u, srv.URL, "slow"); err != nil {
			t.Error(err)
		}
	})
	for range 50 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, "POST", srv.URL, strings.NewReader("x"))
			if err != nil {
				t.Error(err)
				return
			}
			if resp, err := u.RoundTrip(req); err == nil {
				resp.Body.Close()
			}
		})
	}
	if err := post(u, srv.URL, "last"); err != nil {
		t.Errorf("after callers that gave up: %v", err)
	}
	close(release)
	wg.Wait()
}

// TestTLSWithoutHTTP2: where TLS negotiates HTTP/1.1 that is spoken, also to
// callers that came while it was unknown, and by the pool that HTTP/1.1 has.
func TestTLSWithoutHTTP2(t *testing.T) {
	t.Parallel()
	var open atomic.Int64
	ended := make(chan struct{}, 64)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto)
	}))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed:
			open.Add(-1)
			ended <- struct{}{}
		}
	}
	srv.StartTLS()
	defer srv.Close()
	u := newUpstream(t, upstream.Config{Name: "u", BaseURL: srv.URL, CAFile: writeCA(t, srv.Certificate()), IdleTime: 100 * time.Millisecond})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if got, err := answer(u, request(t, srv.URL)); got != "HTTP/1.1" || err != nil {
				t.Errorf("spoken: %q, %v", got, err)
			}
		})
	}
	wg.Wait()
	for limit := time.After(20 * time.Second); open.Load() > 0; {
		select {
		case <-ended:
		case <-limit:
			t.Fatalf("%d connections are open, long after they were used", open.Load())
		}
	}
}

// TestAFailedConnectionIsToldToAll: nobody waits for more than the dial that
// was made for it.
func TestAFailedConnectionIsToldToAll(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + l.Addr().String()
	u := newUpstream(t, upstream.Config{Name: "u", BaseURL: url, Protocol: upstream.H2C})
	var wg sync.WaitGroup
	defer wg.Wait()
	var dials atomic.Int64
	wg.Go(func() {
		for { // accepts and hangs up, over and over
			c, err := l.Accept()
			if err != nil {
				return
			}
			dials.Add(1)
			c.Close()
		}
	})
	defer l.Close()
	var callers sync.WaitGroup
	for range 300 {
		callers.Go(func() {
			if post(u, url, "x") == nil {
				t.Error("a call has succeeded")
			}
		})
	}
	done := make(chan struct{})
	go func() { callers.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("callers wait for an upstream that hangs up")
	}
	if n := dials.Load(); n > 150 {
		t.Errorf("%d connections were opened for 300 callers that came at once, want a few", n)
	}
}

// send makes one call and leaves the answer to be read.
func send(u *upstream.Upstream, url string) (*http.Response, error) {
	req, err := http.NewRequest("POST", url, strings.NewReader("hello"))
	if err != nil {
		return nil, err
	}
	return u.RoundTrip(req)
}
