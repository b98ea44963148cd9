// Package redistest starts real Redis servers for tests.
package redistest

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Start runs a redis-server of the test's own, which keeps nothing on disk, and
// returns its address. It ends with the test.
func Start(t testing.TB, args ...string) (addr string) {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal("this test needs a real redis-server on the PATH: apt-get install redis-server, or run make test, which installs it")
	}
	// Between looking for a free port and using it somebody else may take it.
	for range 5 {
		if addr, ok := try(t, path, args); ok {
			return addr
		}
	}
	t.Fatal("redis-server did not start on five free ports in a row")
	return ""
}

func try(t testing.TB, path string, args []string) (addr string, ok bool) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, append([]string{
		"--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--dir", t.TempDir(), "--save", "", "--appendonly", "no",
	}, args...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan bool, 1)
	drained := make(chan struct{})
	go func() { // ends when the process does
		defer close(drained)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if strings.Contains(lines.Text(), "Ready to accept connections") {
				ready <- true
			}
		}
		close(ready)
	}()
	stop := func() {
		_ = cmd.Process.Kill()
		<-drained
		_ = cmd.Wait()
	}
	select {
	case ok = <-ready:
	case <-time.After(20 * time.Second):
	}
	if !ok {
		stop()
		return "", false
	}
	t.Cleanup(stop)
	return fmt.Sprintf("127.0.0.1:%d", port), true
}

// Client starts a server and returns a client of it.
func Client(t testing.TB, args ...string) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: Start(t, args...)})
	t.Cleanup(func() { _ = c.Close() })
	if err := c.Ping(context.Background()).Err(); err != nil {
		t.Fatalf("the test's Redis does not answer: %v", err)
	}
	return c
}
