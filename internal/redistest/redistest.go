// Package redistest starts real Redis servers for tests, and can kill, pause and
// restart them.
package redistest

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Server is a test's own redis-server. It keeps nothing on disk unless its arguments
// say so. Its methods are not safe for concurrent use.
type Server struct {
	t    testing.TB
	port int
	dir  string
	args []string
	cmd  *exec.Cmd
	read chan struct{} // closed when its output has ended
}

// New starts a server on a free port. It is stopped at the end of the test.
func New(t testing.TB, args ...string) *Server {
	t.Helper()
	s := &Server{t: t, dir: t.TempDir(), args: args}
	t.Cleanup(s.Kill)
	// Another process may take the free port before the server does.
	for range 5 {
		if s.port = FreePort(t); s.start() {
			return s
		}
	}
	t.Fatal("redis-server did not start on five free ports in a row")
	return nil
}

// Start runs a server and returns its address.
func Start(t testing.TB, args ...string) (addr string) {
	t.Helper()
	return New(t, args...).Addr()
}

// Client starts a server and returns a client of it.
func Client(t testing.TB, args ...string) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: Start(t, args...)})
	t.Cleanup(func() { _ = c.Close() })
	if err := c.Ping(context.Background()).Err(); err != nil {
		t.Fatalf("the test's Redis does not respond: %v", err)
	}
	return c
}

// Binary is the path of redis-server.
func Binary(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal("this test needs a real redis-server on the PATH: apt-get install redis-server, or run make test, which installs it")
	}
	return path
}

// FreePort returns a port that is not in use.
func FreePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

// Addr is its address, HOST:PORT.
func (s *Server) Addr() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

// Port is the port of Addr.
func (s *Server) Port() int { return s.port }

// Restart starts it again on the same port, after Kill.
func (s *Server) Restart() {
	s.t.Helper()
	if !s.start() {
		s.t.Fatalf("redis-server did not start again on port %d", s.port)
	}
}

// Kill kills the process, if it is running.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	<-s.read
	_ = s.cmd.Wait() // the exit status of a killed process is irrelevant
	s.cmd = nil
}

// Pause makes it hang: it accepts connections but does not respond until Resume.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume continues a paused server.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// start runs the process and waits until it accepts connections. It returns false if
// the process ended or did not come up within 20 s.
func (s *Server) start() bool {
	s.t.Helper()
	s.cmd = exec.Command(Binary(s.t), append([]string{
		"--port", fmt.Sprint(s.port), "--bind", "127.0.0.1", "--dir", s.dir, "--save", "", "--appendonly", "no",
	}, s.args...)...)
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatalf("starting redis-server: %v", err)
	}
	ready, read := make(chan bool, 1), make(chan struct{})
	s.read = read
	go func() { // ends with the process
		defer close(read)
		lines := bufio.NewScanner(out)
		for said := false; lines.Scan(); {
			if !said && strings.Contains(lines.Text(), "Ready to accept connections") {
				said = true
				ready <- true
			}
		}
		close(ready)
	}()
	ok := false
	select {
	case ok = <-ready:
	case <-time.After(20 * time.Second):
	}
	if !ok {
		s.Kill()
	}
	return ok
}
