package upstream

import (
	"net"

	"golang.org/x/sys/unix"
)

// unacknowledged is the number of bytes written to a connection that its peer
// has not acknowledged.
func unacknowledged(c *net.TCPConn) (int64, bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, false
	}
	n, ok := 0, false
	err = raw.Control(func(fd uintptr) {
		var failed error
		n, failed = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
		ok = failed == nil
	})
	return int64(n), ok && err == nil
}
