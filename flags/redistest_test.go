package flags_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"github.com/rs/zerolog"

	"cutover/flags"
)

const (
	flagsKey   = "cutover:{default}:flags"
	versionKey = "cutover:{default}:version"
	auditKey   = "cutover:{default}:audit"
)

// server is a real redis-server on a port of its own.
type server struct {
	t    testing.TB
	port int
	dir  string
	args []string
	cmd  *exec.Cmd
	cli  *redis.Client
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

func redisBinary(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal("these tests need a real redis-server on the PATH: apt-get install redis-server")
	}
	return path
}

// startRedis starts a server that keeps nothing on disk.
func startRedis(t testing.TB, args ...string) *server {
	t.Helper()
	r := &server{t: t, port: freePort(t), dir: t.TempDir(), args: args}
	r.cli = redis.NewClient(&redis.Options{
		Addr: r.addr(), DialerRetries: 1, MaxRetries: -1, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	r.up()
	t.Cleanup(func() {
		_ = r.cli.Close()
		r.kill()
	})
	return r
}

func (r *server) addr() string { return fmt.Sprintf("127.0.0.1:%d", r.port) }
func (r *server) url() string  { return "redis://" + r.addr() }

// up starts the process and waits until it answers.
func (r *server) up() {
	r.t.Helper()
	args := append([]string{"--port", fmt.Sprint(r.port), "--bind", "127.0.0.1", "--dir", r.dir, "--save", "", "--appendonly", "no"}, r.args...)
	r.cmd = exec.Command(redisBinary(r.t), args...)
	if err := r.cmd.Start(); err != nil {
		r.t.Fatalf("starting redis-server: %v", err)
	}
	within(r.t, 10*time.Second, "redis-server answers", func() bool {
		c, err := net.DialTimeout("tcp", r.addr(), time.Second)
		if err != nil {
			return false
		}
		defer func() { _ = c.Close() }()
		_ = c.SetDeadline(time.Now().Add(time.Second))
		_, _ = io.WriteString(c, "PING\r\n")
		reply := make([]byte, 64)
		n, _ := c.Read(reply)
		return n > 0 && !strings.Contains(string(reply[:n]), "LOADING")
	})
}

// kill ends the process without a goodbye.
func (r *server) kill() {
	if r.cmd == nil {
		return
	}
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait() // killed: its exit status says nothing
	r.cmd = nil
}

func (r *server) signal(s syscall.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(s); err != nil {
		r.t.Fatal(err)
	}
}

// do runs a command as redis-cli would.
func (r *server) do(args ...any) any {
	r.t.Helper()
	v, err := r.cli.Do(context.Background(), args...).Result()
	if err != nil {
		r.t.Fatalf("redis %v: %v", args, err)
	}
	return v
}

// sidecar starts a set over a server.
func sidecar(t testing.TB, r *server) *flags.Set {
	t.Helper()
	return start(t, flags.Options{Redis: &flags.RedisOptions{URL: r.url()}, Logger: zerolog.Nop()})
}

// proxy passes TCP on, until it is told to hold back every byte, in silence:
// what a firewall that lost its state does.
type proxy struct {
	l      net.Listener
	target string
	mu     sync.Mutex
	conns  []*proxied
	wg     sync.WaitGroup
}

// proxied is one connection through the proxy.
type proxied struct {
	a, b net.Conn
	mute chan struct{} // closed: pass nothing on any more
	once sync.Once
}

func startProxy(t testing.TB, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{l: l, target: target}
	p.wg.Go(p.accept)
	t.Cleanup(func() {
		_ = l.Close()
		p.mu.Lock()
		for _, c := range p.conns {
			_ = c.a.Close()
			_ = c.b.Close()
		}
		p.mu.Unlock()
		p.wg.Wait()
	})
	return p
}

func (p *proxy) url() string { return "redis://" + p.l.Addr().String() }

func (p *proxy) accept() {
	for {
		a, err := p.l.Accept()
		if err != nil {
			return
		}
		b, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = a.Close()
			continue
		}
		c := &proxied{a: a, b: b, mute: make(chan struct{})}
		p.mu.Lock()
		p.conns = append(p.conns, c)
		p.mu.Unlock()
		p.wg.Go(func() { c.pass(a, b) })
		p.wg.Go(func() { c.pass(b, a) })
	}
}

func (c *proxied) pass(from, to net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		select {
		case <-c.mute:
			if err != nil {
				return // a dropped connection says no goodbye
			}
			continue
		default:
		}
		if n > 0 {
			if _, werr := to.Write(buf[:n]); werr != nil {
				return
			}
		}
		if err != nil {
			_ = to.Close()
			return
		}
	}
}

// drop silences every connection of the moment; new ones work.
func (p *proxy) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.once.Do(func() { close(c.mute) })
	}
}
