package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

// The same binary also runs in other roles, each in a separate process. This variable
// says which.
const (
	roleVariable    = "PROXYBENCH_ROLE"
	primaryVariable = "PROXYBENCH_PRIMARY" // URL
	relayVariable   = "PROXYBENCH_RELAY"   // URL
)

// Roles.
const (
	rolePrimary   = "primary"    // the upstream
	roleRelay     = "relay"      // the same, with slightly different responses
	roleStreams   = "streams"    // an HTTP/2 upstream
	roleBlackHole = "blackhole"  // accepts connections and never responds
	rolePlain     = "plain"      // Go's reverse proxy, body read first
	rolePooled    = "pooled"     // the same with pooled buffers
	roleUnread    = "unread"     // Go's reverse proxy, body not read first
	roleMirror    = "baremirror" // mirrors and compares nothing
)

// The upstreams' names; their texts differ.
const (
	armPrimary = rolePrimary
	armRelay   = roleRelay
)

// runRole runs one role until ctx is done.
func runRole(ctx context.Context, name string) error {
	switch name {
	case roleBlackHole:
		return runBlackHole(ctx)
	case roleStreams:
		return runStreams(ctx)
	}
	var h http.Handler
	switch name {
	case rolePrimary, roleRelay:
		h = &upstream{arm: name}
	case rolePlain, rolePooled, roleUnread:
		primary, err := urlFrom(primaryVariable)
		if err != nil {
			return err
		}
		var pool httputil.BufferPool
		if name == rolePooled {
			pool = newCopyBuffers()
		}
		h = newPlainProxy(primary, name != roleUnread, pool)
	case roleMirror:
		primary, perr := urlFrom(primaryVariable)
		relay, rerr := urlFrom(relayVariable)
		if err := errors.Join(perr, rerr); err != nil {
			return err
		}
		m := newBareMirror(ctx, primary, relay)
		defer m.wait()
		h = m
	default:
		return usageError{fmt.Errorf("%s=%q: unknown role", roleVariable, name)}
	}
	l, err := announce()
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	defer context.AfterFunc(ctx, func() { _ = srv.Close() })()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func urlFrom(variable string) (*url.URL, error) {
	u, err := url.Parse(os.Getenv(variable))
	if err == nil && u.Host == "" {
		err = errors.New("no URL")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", variable, err)
	}
	return u, nil
}

// announce listens on a free port and logs its address like cutover does.
func announce() (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	line := map[string]string{"listen": "http://" + l.Addr().String()}
	return l, json.NewEncoder(os.Stderr).Encode(line)
}

// newTransport keeps as many idle connections as cutover does, so that no proxy is
// slowed down by dialing.
func newTransport() *http.Transport {
	return &http.Transport{
		DisableCompression:  true,
		MaxIdleConnsPerHost: 2048,
		IdleConnTimeout:     2 * time.Minute,
	}
}

// hopByHop are the headers of one connection.
func hopByHop(name string) bool {
	return slices.Contains([]string{"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"},
		strings.ToLower(name))
}
