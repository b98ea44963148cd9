package main

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
)

// responding returns a connection to a server that sends one fixed response.
func responding(t *testing.T, response string) *rawConn {
	t.Helper()
	near, far := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer far.Close()
		request := bufio.NewReader(far)
		for { // the head of a request without body
			line, err := request.ReadString('\n')
			if err != nil || line == "\r\n" {
				break
			}
		}
		_, _ = io.WriteString(far, response)
	}()
	t.Cleanup(func() { near.Close(); <-done })
	return &rawConn{Conn: near, br: bufio.NewReader(near)}
}

func TestRawConnReadsResponses(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	for _, c := range []struct {
		name, response, want string
		err                  error
		ends                 bool
	}{
		{"length", ok + "Content-Length: 5\r\n\r\nhello", "hello", nil, false},
		{"empty", ok + "content-length: 0\r\n\r\n", "", nil, false},
		{"chunked", ok + "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n", "hello", nil, false},
		{"trailers", ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n", "hello", nil, false},
		{"until the end", ok + "Connection: close\r\n\r\nhello", "hello", nil, true},
		{"closing", ok + "Connection: close\r\nContent-Length: 5\r\n\r\nhello", "hello", nil, true},
		{"cut in the body", ok + "Content-Length: 5\r\n\r\nhel", "hello", errCut, false},
		{"cut in a chunk", ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhel", "hello", errCut, false},
		{"cut between chunks", ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "hello", errCut, false},
		{"cut in the last line", ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", "hello", errCut, false},
		{"no chunk", ok + "Transfer-Encoding: chunked\r\n\r\nhello\r\n", "hello", errCut, false},
		{"chunk too long", ok + "Transfer-Encoding: chunked\r\n\r\n4\r\nhello\r\n0\r\n\r\n", "hello", errCut, false},
		{"other bytes", ok + "Content-Length: 5\r\n\r\nhallo", "hello", errDiffers, false},
		{"less than all", ok + "Content-Length: 4\r\n\r\nhell", "hello", errDiffers, false},
		{"status", "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "", errStatus, false},
		{"nothing", "", "", io.EOF, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := responding(t, c.response)
			err := conn.do(&request{raw: []byte("GET / HTTP/1.1\r\n\r\n"), want: []byte(c.want)})
			if !errors.Is(err, c.err) {
				t.Errorf("%q: got %v, want %v", c.response, err, c.err)
			}
			if err == nil && conn.ends != c.ends {
				t.Errorf("%q: the connection ends: %t, want %t", c.response, conn.ends, c.ends)
			}
		})
	}
}

func TestRawConnRefusesALengthThatIsNone(t *testing.T) {
	conn := responding(t, "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n")
	err := conn.do(&request{raw: []byte("GET / HTTP/1.1\r\n\r\n")})
	if err == nil || !strings.Contains(err.Error(), "Content-Length") {
		t.Errorf("got %v", err)
	}
}
