package upstream

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// http2Config shapes HTTP/2 connections. One of them carries many calls, so
// what goes wrong on it goes wrong for many.
func http2Config(c Config) *http.HTTP2Config {
	const patience = 15 * time.Second
	h := &http.HTTP2Config{
		// What may wait unread for one caller. Go's 4 MiB would let a thousand
		// callers that stopped reading hold 4 GiB.
		MaxReceiveBufferPerStream: 1 << 20,
		// A connection that takes no byte is dead even while nothing is due on it.
		WriteByteTimeout: patience,
	}
	if c.Ping >= 0 {
		// TCP itself gives up on a silent peer after a quarter of an hour, and
		// until then every new call would go out on the dead connection.
		h.SendPingTimeout = positive(c.Ping, patience)
		h.PingTimeout = min(h.SendPingTimeout, patience)
	}
	return h
}

// newHTTP2Pool makes the pool of an upstream that may speak HTTP/2; nil for
// one that can't.
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
	if u.scheme == "https" {
		u.transport.TLSClientConfig.VerifyConnection = func(s tls.ConnectionState) error {
			if s.NegotiatedProtocol != "h2" {
				p.plain.Store(true)
			}
			return nil
		}
	}
	return p
}

// trimBrackets takes the brackets off an IPv6 address without a port.
func trimBrackets(host string) string {
	if n := len(host); n > 1 && host[0] == '[' && host[n-1] == ']' {
		return host[1 : n-1]
	}
	return host
}

// multiplexed reports whether a call goes out by HTTP/2, as far as is known.
func (u *Upstream) multiplexed(r *http.Request) bool {
	return u.pool != nil && !u.pool.plain.Load() && len(r.Header["Upgrade"]) == 0
}

// once makes a call by HTTP/2 where the upstream speaks it, else by HTTP/1.1.
func (u *Upstream) once(r *http.Request) (*http.Response, error) {
	if !u.multiplexed(r) {
		return u.transport.RoundTrip(r)
	}
	conn, err := u.pool.get(r.Context())
	switch err {
	case nil:
		resp, err := conn.RoundTrip(r)
		if err == nil {
			u.pool.answered(conn)
		}
		return resp, err
	case errNotHTTP2:
		return u.transport.RoundTrip(r)
	}
	if r.Body != nil {
		_ = r.Body.Close() // as a transport does with what it does not send
	}
	return nil, err
}
