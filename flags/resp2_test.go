package flags_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"

	"cutover/flags"
)

// resp2Proxy stands before a Redis and knows neither HELLO nor CLIENT, as some proxies do.
func resp2Proxy(t *testing.T, backend string) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go proxyRESP2(c, backend)
		}
	}()
	return l.Addr().String()
}

func proxyRESP2(client net.Conn, backend string) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", backend)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	commands, replies := bufio.NewReader(client), bufio.NewReader(server)
	for {
		command, err := readRESP(commands)
		if err != nil {
			return
		}
		name := strings.ToUpper(strings.Split(command, "\r\n")[2])
		if name == "HELLO" || name == "CLIENT" {
			_, err = fmt.Fprintf(client, "-ERR unknown command '%s'\r\n", name)
		} else if _, err = io.WriteString(server, command); err == nil && name != "SUBSCRIBE" {
			var reply string
			if reply, err = readRESP(replies); err == nil {
				_, err = io.WriteString(client, reply)
			}
		}
		if err != nil {
			return
		}
		if name == "SUBSCRIBE" { // from here on messages come by themselves
			go func() {
				_, _ = io.Copy(server, commands)
				_ = server.Close()
			}()
			_, _ = io.Copy(client, replies)
			return
		}
	}
}

// readRESP reads one value of the protocol, as it is written.
func readRESP(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	n, _ := strconv.Atoi(strings.TrimSpace(line[1:]))
	switch line[0] {
	case '$':
		if n < 0 {
			return line, nil
		}
		body := make([]byte, n+2)
		_, err := io.ReadFull(r, body)
		return line + string(body), err
	case '*':
		for range n {
			item, err := readRESP(r)
			if err != nil {
				return "", err
			}
			line += item
		}
	}
	return line, nil
}

// Without HELLO and CLIENT flags are read, written and polled, and the log says what is lost.
func TestAProxyThatSpeaksRESP2Only(t *testing.T) {
	r := startRedis(t)
	r.do("HSET", flagsKey, "relay-percentage", "100")
	log := newLog()
	s := start(t, flags.Options{Redis: &flags.RedisOptions{URL: "redis://" + resp2Proxy(t, r.Addr())}, Logger: log.logger()})
	if !serves(s) {
		t.Fatalf("the flags could not be read: %+v", s.State())
	}
	if _, err := s.Store().Write(t.Context(), set("shadow-percentage", "100")); err != nil {
		t.Fatal(err)
	}
	within(t, 3*second, "a flip", func() bool { return shadows(s) })
	r.do("HSET", flagsKey, "relay-percentage", "0")
	within(t, 3*second, "a change by hand", func() bool { return !serves(s) && ready(s)() })
	text := ""
	within(t, 5*second, "the log says what is lost", func() bool {
		text += strings.Join(log.drain(), "")
		return strings.Contains(text, "noticed by polling")
	})
}
