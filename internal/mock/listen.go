package mock

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"
)

// drainTimeout is how long in-flight responses may take after a stop.
const drainTimeout = 5 * time.Second

// ListenAndServe serves a mock until ctx is done; ready is called with the base
// URL once it listens. A *ConfigError means that cfg or the address is invalid.
func ListenAndServe(ctx context.Context, listen string, cfg Config, ready func(url string) error) error {
	m, err := New(cfg)
	if err != nil {
		return err
	}
	defer m.Close()
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return listenError(listen, err)
	}
	srv := &http.Server{Handler: m, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, Protocols: new(http.Protocols)}
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetUnencryptedHTTP2(true)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	if err := ready("http://" + l.Addr().String()); err != nil {
		return errors.Join(err, srv.Close(), ignoreClosed(<-served))
	}
	select {
	case err := <-served:
		return fmt.Errorf("mock: serving failed: %w", err)
	case <-ctx.Done():
	}
	return errors.Join(drain(srv, m), ignoreClosed(<-served))
}

// drain lets in-flight responses end, and aborts those that do not.
func drain(srv *http.Server, m *Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	err := srv.Shutdown(ctx)
	_ = m.Close() // sockets and hanging faults; it returns no error
	if errors.Is(err, context.DeadlineExceeded) {
		return srv.Close()
	}
	return err
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// listenError describes what is wrong with an address: a usage error, or a port in
// use.
func listenError(listen string, err error) error {
	var wrong *net.AddrError
	var port *net.DNSError
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("mock: %s is taken by another program: stop it or choose another --listen (port 0 picks a free one)", listen)
	case errors.As(err, &wrong), errors.As(err, &port):
		return &ConfigError{Key: fmt.Sprintf("--listen %.60q", listen), Problem: "expected host:port, such as 127.0.0.1:9090"}
	}
	return fmt.Errorf("mock: can't listen on %s: %w", listen, err)
}
