package upstream_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cutover/upstream"
)

// door is one listener for several servers, one after the other: none of the
// callers finds it closed.
type door struct {
	net.Listener
	conns chan net.Conn
}

func openDoor(t *testing.T) *door {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &door{Listener: l, conns: make(chan net.Conn)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(d.conns)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			d.conns <- c
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		for c := range d.conns {
			_ = c.Close()
		}
		<-done
	})
	return d
}

// behind is the door as one server sees it, which may close it for itself.
type behind struct {
	*door
	closed chan struct{}
	once   sync.Once
}

func (b *behind) Accept() (net.Conn, error) {
	select {
	case <-b.closed:
		return nil, net.ErrClosed
	default:
	}
	select {
	case c, ok := <-b.conns:
		if !ok {
			return nil, net.ErrClosed
		}
		return c, nil
	case <-b.closed:
		return nil, net.ErrClosed
	}
}

func (b *behind) Close() error {
	b.once.Do(func() { close(b.closed) })
	return nil
}

// TestGracefulRestart: an upstream that says goodbye and starts anew, again and
// again, under load. No call may fail, and none may be delivered twice.
func TestGracefulRestart(t *testing.T) {
	t.Parallel()
	const callers, each, restarts = 8, 60, 5
	var h counting
	d := openDoor(t)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r)
		for range 5 {
			_, _ = io.WriteString(w, "piece ")
			w.(http.Flusher).Flush()
			select {
			case <-time.After(2 * time.Millisecond):
			case <-r.Context().Done():
				return
			}
		}
	})
	url := "http://" + d.Addr().String()
	u := newUpstream(t, upstream.Config{Name: "u", BaseURL: url, Protocol: upstream.H2C})
	var done atomic.Int64
	var servers sync.WaitGroup
	defer servers.Wait()
	start := func() *http.Server {
		srv := &http.Server{Handler: handler, Protocols: new(http.Protocols)}
		srv.Protocols.SetUnencryptedHTTP2(true)
		servers.Go(func() { _ = srv.Serve(&behind{door: d, closed: make(chan struct{})}) })
		return srv
	}
	now := start()
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Go(func() {
			for k := range each {
				req := request(t, url)
				req.Header.Set("X-Number", fmt.Sprint(caller, "/", k))
				if got, err := answer(u, req); err != nil || got != strings.Repeat("piece ", 5) {
					t.Errorf("caller %d, call %d: %q, %v", caller, k, got, err)
				}
				done.Add(1)
			}
		})
	}
	for n := range restarts {
		for done.Load() < int64((n+1)*callers*each/(restarts+1)) && !t.Failed() {
			<-time.After(time.Millisecond)
		}
		before := now
		now = start()
		if err := before.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
	if h.calls.Load() != callers*each || h.twice.Load() != 0 {
		t.Errorf("the upstreams saw %d calls, %d of them twice; want %d", h.calls.Load(), h.twice.Load(), callers*each)
	}
	u.Close()
	if err := now.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestAStuckReaderStallsNobody: one caller stops reading in the middle of a long
// answer; the others share its connection to the upstream and go on.
func TestAStuckReaderStallsNobody(t *testing.T) {
	t.Parallel()
	const others = 50
	srv, c := startH2(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		size := 256 << 10
		if r.Header.Get("X-Number") == "stuck" {
			size = 64 << 20
		}
		piece := make([]byte, 32<<10)
		for n := 0; n < size; n += len(piece) {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	}), 1000, false)
	u := newUpstream(t, c)
	req := request(t, srv.URL)
	req.Header.Set("X-Number", "stuck")
	stuck, err := u.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(stuck.Body, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range others {
		wg.Go(func() {
			if got, err := answer(u, request(t, srv.URL)); err != nil || len(got) != 256<<10 {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
	wg.Wait()
	stuck.Body.Close()
	if got := srv.opened.Load(); got != 1 {
		t.Errorf("%d connections were opened, want 1 for all", got)
	}
}

// request is a call with a body.
func request(t *testing.T, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequest("POST", url, strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// answer makes a call and reads it to its end.
func answer(u *upstream.Upstream, req *http.Request) (string, error) {
	resp, err := u.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	return string(got), err
}
