package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// What can be wrong with a response.
var (
	errCut     = errors.New("the response was truncated")
	errDiffers = errors.New("the response differs from the upstream's")
	errStatus  = errors.New("the status is not 200")
)

// rawConn is one caller's connection: HTTP/1.1 with keep-alive and only what this
// tool needs, so that the load generator uses little CPU time. Except for Close, it
// is not safe for concurrent use.
type rawConn struct {
	net.Conn
	br   *bufio.Reader
	body []byte    // of the last response
	head time.Time // when the last response's first line arrived
	ends bool      // the server closes the connection after the last response
}

// dialRaw connects to host:port. read is the size of the buffer for responses.
func dialRaw(addr string, read int) (*rawConn, error) {
	conn, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		return nil, err
	}
	return &rawConn{Conn: conn, br: bufio.NewReaderSize(conn, read)}, nil
}

// do sends one request and reads the whole response. The errors are errCut,
// errDiffers, errStatus, or a network error from before the response.
func (c *rawConn) do(r *request) error {
	if _, err := c.Write(r.raw); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	length, err := c.readHead()
	if err != nil {
		return err
	}
	if err := c.readBody(length); err != nil {
		return fmt.Errorf("%w after %d bytes: %w", errCut, len(c.body), err)
	}
	if r.want != nil && !bytes.Equal(c.body, r.want) {
		return fmt.Errorf("%w: got %d bytes, expected %d", errDiffers, len(c.body), len(r.want))
	}
	return nil
}

// Special values for the length of a body.
const (
	lengthChunked  = -1
	lengthUntilEnd = -2
)

// readHead reads status line and headers and returns the body's length.
func (c *rawConn) readHead() (length int, err error) {
	line, err := c.br.ReadSlice('\n')
	if err != nil {
		return 0, fmt.Errorf("status line: %w", err)
	}
	if len(line) < len("HTTP/1.1 200") || string(line[9:12]) != "200" {
		return 0, fmt.Errorf("%w: %q", errStatus, bytes.TrimSpace(line))
	}
	c.head = time.Now()
	length, c.ends = lengthUntilEnd, false
	for {
		line, err := c.br.ReadSlice('\n')
		if err != nil {
			return 0, fmt.Errorf("headers: %w", err)
		}
		if len(line) <= len("\r\n") {
			break
		}
		name, value, _ := bytes.Cut(line, []byte{':'})
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil || length < 0 {
				return 0, fmt.Errorf("Content-Length %q is not a length", value)
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			length = lengthChunked
		case bytes.EqualFold(name, []byte("Connection")):
			c.ends = bytes.EqualFold(value, []byte("close"))
		}
	}
	c.ends = c.ends || length == lengthUntilEnd
	return length, nil
}

// readBody reads a body into c.body.
func (c *rawConn) readBody(length int) error {
	c.body = c.body[:0]
	switch length {
	case lengthUntilEnd:
		var err error
		c.body, err = io.ReadAll(c.br)
		return err
	case lengthChunked:
		for {
			n, err := c.readChunk()
			if err != nil || n == 0 {
				return err
			}
		}
	}
	return c.fill(length)
}

// readChunk appends one chunk's data to c.body and returns its length; 0 means the
// end of the response.
func (c *rawConn) readChunk() (int, error) {
	line, err := c.br.ReadSlice('\n')
	if err != nil {
		return 0, noEOF(err)
	}
	size, _, _ := bytes.Cut(bytes.TrimSpace(line), []byte{';'})
	n, err := strconv.ParseUint(string(size), 16, 31)
	if err != nil {
		return 0, fmt.Errorf("%q is not the length of a chunk", size)
	}
	if n > 0 {
		if err := c.fill(int(n)); err != nil {
			return 0, err
		}
	}
	for { // the line break after the data, or trailers and an empty line
		line, err := c.br.ReadSlice('\n')
		if err != nil {
			return 0, noEOF(err)
		}
		if len(line) <= len("\r\n") {
			return int(n), nil
		}
		if n > 0 {
			return 0, fmt.Errorf("a chunk is longer than announced")
		}
	}
}

// fill appends n bytes to c.body.
func (c *rawConn) fill(n int) error {
	at := len(c.body)
	if cap(c.body) < at+n {
		c.body = append(make([]byte, 0, 2*(at+n)), c.body...)
	}
	c.body = c.body[:at+n]
	read, err := io.ReadFull(c.br, c.body[at:])
	c.body = c.body[:at+read]
	return noEOF(err)
}

// noEOF marks an end in the middle as unexpected.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
