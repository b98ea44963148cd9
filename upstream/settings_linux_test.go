package upstream

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestSilentPeersAreGivenUp: the limits that notice a peer that is gone are set
// on every connection. (What they do is the kernel's.)
func TestSilentPeersAreGivenUp(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	tr, err := newTransport(Config{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := tr.DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []struct {
		name         string
		option, want int
	}{
		{"TCP_KEEPIDLE", unix.TCP_KEEPIDLE, 15},
		{"TCP_KEEPINTVL", unix.TCP_KEEPINTVL, 5}, {"TCP_KEEPCNT", unix.TCP_KEEPCNT, 3},
	} {
		var got int
		var failed error
		if err := raw.Control(func(fd uintptr) { got, failed = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, o.option) }); err != nil ||
			failed != nil {
			t.Fatal(err, failed)
		}
		if got != o.want {
			t.Errorf("%s = %d, want %d", o.name, got, o.want)
		}
	}
}

// TestPingSettings: how long a silence may last, and that it may last for ever.
func TestPingSettings(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ ping, ask, wait time.Duration }{
		{0, 15 * time.Second, 15 * time.Second}, {time.Second, time.Second, time.Second},
		{time.Minute, time.Minute, 15 * time.Second}, {-1, 0, 0},
	} {
		if got := http2Config(Config{Ping: row.ping}); got.SendPingTimeout != row.ask || got.PingTimeout != row.wait {
			t.Errorf("ping %s: asked after %s, given up after %s; want %s and %s", row.ping, got.SendPingTimeout, got.PingTimeout, row.ask, row.wait)
		}
	}
}
