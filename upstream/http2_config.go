package upstream

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// http2Config configures HTTP/2 connections. One connection carries many calls,
// so a connection's failure is many calls' failure.
func http2Config(c Config) *http.HTTP2Config {
	const silence = 15 * time.Second
	h := &http.HTTP2Config{
		// What may wait unread for one caller. Go's 4 MiB would let a thousand
		// callers that stopped reading hold 4 GiB.
		MaxReceiveBufferPerStream: 1 << 20,
		// A connection that accepts no byte is dead even if no response is due on it.
		WriteByteTimeout: silence,
	}
	if c.Ping >= 0 {
		// TCP itself gives up on a silent peer after a quarter of an hour, and
		// until then every new call would go out on the dead connection.
		h.SendPingTimeout = positive(c.Ping, silence)
		h.PingTimeout = min(h.SendPingTimeout, silence)
	}
	return h
}

// newHTTP2Pool makes the pool of an upstream that may speak HTTP/2; nil if it
// can't.
func (u *Upstream) newHTTP2Pool() *connPool {
	switch {
	case u.cfg.Protocol == H2C:
	case u.cfg.Protocol != HTTP1 && u.scheme == "https":
	default:
		return nil
	}
	addr := u.host
	if _, _, err := net.SplitHostPort(addr); err != nil {
		port := "443"
		if u.scheme == "http" {
			port = "80"
		}
		addr = net.JoinHostPort(trimBrackets(addr), port)
	}
	p := newConnPool(func(ctx context.Context) (*http.ClientConn, error) {
		return u.transport.NewClientConn(ctx, u.scheme, addr)
	})
	p.maxAge = u.cfg.MaxAge
	if u.scheme == "https" {
		u.transport.TLSClientConfig.VerifyConnection = func(s tls.ConnectionState) error {
			if s.NegotiatedProtocol != "h2" {
				p.http1Only.Store(true)
			}
			return nil
		}
	}
	return p
}

// trimBrackets strips the brackets from an IPv6 address without a port.
func trimBrackets(host string) string {
	if n := len(host); n > 1 && host[0] == '[' && host[n-1] == ']' {
		return host[1 : n-1]
	}
	return host
}
