package router

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// limitedServer serves through a limit; it responds once release is closed.
func limitedServer(t *testing.T, l *ConnLimit, release <-chan struct{}) string {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		<-release
		if l.Full() {
			w.Header().Set("Connection", "close")
		}
		_, _ = io.WriteString(w, "served")
	})}
	l.CloseIdle = func() { srv.SetKeepAlivesEnabled(false); srv.SetKeepAlivesEnabled(true) }
	ended := make(chan struct{})
	go func() { defer close(ended); _ = srv.Serve(l.Listen(inner)) }()
	t.Cleanup(func() { _ = srv.Close(); <-ended })
	return inner.Addr().String()
}

// requestOn sends one request on a connection of its own and reads the response.
func requestOn(conn net.Conn) (status int, retryAfter, body string, err error) {
	if _, err = fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return 0, "", "", err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, "", "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if resp.StatusCode == http.StatusServiceUnavailable && !resp.Close {
		return 0, "", "", errors.New("a refusal keeps the connection open")
	}
	return resp.StatusCode, resp.Header.Get("Retry-After"), string(text), err
}

func dialTo(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// TestConnLimitWaits: more callers than connections are all served, some later.
func TestConnLimitWaits(t *testing.T) {
	t.Parallel()
	l := NewConnLimit(3, 20*time.Second)
	release := make(chan struct{})
	close(release)
	address := limitedServer(t, l, release)
	var all sync.WaitGroup
	for range 20 {
		conn := dialTo(t, address)
		all.Go(func() {
			if status, _, body, err := requestOn(conn); status != 200 || body != "served" {
				t.Errorf("%d %q, %v; want to be served", status, body, err)
			}
			_ = conn.Close()
		})
	}
	all.Wait()
	if n := l.Refused(); n != 0 {
		t.Errorf("%d refused, want none", n)
	}
}

// TestConnLimitRefuses: who waits too long is told so, and can try again later.
func TestConnLimitRefuses(t *testing.T) {
	t.Parallel()
	l := NewConnLimit(1, 20*time.Millisecond)
	release := make(chan struct{})
	address := limitedServer(t, l, release)
	first, second := dialTo(t, address), dialTo(t, address)
	served := make(chan string, 1)
	go func() {
		_, _, body, err := requestOn(first)
		served <- fmt.Sprint(body, err)
	}()
	status, retryAfter, body, err := requestOn(second)
	if status != http.StatusServiceUnavailable || retryAfter != "1" || err != nil {
		t.Errorf("%d %q %q, %v; want 503 with Retry-After", status, retryAfter, body, err)
	}
	close(release)
	if got := <-served; got != "served<nil>" {
		t.Errorf("the first caller got %s", got)
	}
	_ = first.Close()
	third := dialTo(t, address)
	if status, _, _, err := requestOn(third); status != 200 {
		t.Errorf("after the first caller has gone: %d, %v", status, err)
	}
	if n := l.Refused(); n == 0 {
		t.Error("no refusal was counted")
	}
}

// TestConnLimitTakesIdleConnections: connections that are kept open and not used
// do not keep others out.
func TestConnLimitTakesIdleConnections(t *testing.T) {
	t.Parallel()
	l := NewConnLimit(2, 2*time.Second)
	release := make(chan struct{})
	close(release)
	address := limitedServer(t, l, release)
	for range 2 {
		if status, _, _, err := requestOn(dialTo(t, address)); status != 200 { // and stays open
			t.Fatalf("%d, %v", status, err)
		}
	}
	if status, _, body, err := requestOn(dialTo(t, address)); status != 200 {
		t.Errorf("%d %q, %v; want to be served in place of an idle connection", status, body, err)
	}
}
