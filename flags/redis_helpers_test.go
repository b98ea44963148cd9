package flags_test

import (
	"context"
	"net"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"github.com/rs/zerolog"

	"cutover/flags"
	"cutover/internal/redistest"
)

const (
	flagsKey   = "cutover:{default}:flags"
	versionKey = "cutover:{default}:version"
	auditKey   = "cutover:{default}:audit"
)

// server is a Redis server with a client of its own.
type server struct {
	*redistest.Server
	t   testing.TB
	cli *redis.Client
}

func startRedis(t testing.TB, args ...string) *server {
	t.Helper()
	r := &server{Server: redistest.New(t, args...), t: t}
	r.cli = redis.NewClient(&redis.Options{
		Addr: r.Addr(), DialerRetries: 1, MaxRetries: -1, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	t.Cleanup(func() { _ = r.cli.Close() })
	return r
}

func (r *server) url() string { return "redis://" + r.Addr() }

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
