package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// TestWhatNobodyAskedForIsNotLogged: a provider that says something on an idle
// connection has it dropped, and none of it reaches the log.
func TestWhatNobodyAskedForIsNotLogged(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dropped := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			dropped <- err
			return
		}
		defer conn.Close()
		in := bufio.NewReader(conn)
		req, err := http.ReadRequest(in)
		if err != nil {
			dropped <- err
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
		_, _ = io.WriteString(conn, secretWords)
		_, _ = io.Copy(io.Discard, in) // until the sidecar has hung up
		dropped <- nil
	}()
	primary := &provider{url: "http://" + l.Addr().String()}
	s := startServe(t, primary, primary, []string{"CUTOVER_FLAGS_RELAY_ENABLED=false", "CUTOVER_UPSTREAMS_SAME_PROVIDER=true"})
	resp, err := newHTTPClient(t).Post(s.url+"/v1/chat/completions", "application/json", strings.NewReader(`{"model":"m","messages":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	select {
	case err := <-dropped:
		if err != nil {
			t.Fatal(err)
		}
	case <-within(t).Done():
		t.Fatal("the sidecar keeps the connection")
	}
	checkLogText(t, s.err.String())
}
