package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Settings of an HTTP/2 upstream.
const (
	armVariable  = "PROXYBENCH_ARM"
	certVariable = "PROXYBENCH_CERT" // file for its certificate; empty: no TLS
)

// streamsPerConnection is the limit of such an upstream, as at many providers.
const streamsPerConnection = 250

// gauge counts what is open at an upstream.
type gauge struct {
	next        http.Handler
	open, peak  atomic.Int64
	connections atomic.Int64
}

// reading is a gauge's state, as returned by its second listener.
type reading struct {
	Peak        int64 `json:"peak"`        // most calls open at once
	Connections int64 `json:"connections"` // on which calls came by HTTP/2
}

type firstUse struct{}

func (g *gauge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if used, ok := r.Context().Value(firstUse{}).(*sync.Once); ok && r.ProtoMajor == 2 {
		used.Do(func() { g.connections.Add(1) })
	}
	now := g.open.Add(1)
	defer g.open.Add(-1)
	for peak := g.peak.Load(); now > peak && !g.peak.CompareAndSwap(peak, now); peak = g.peak.Load() {
	}
	g.next.ServeHTTP(w, r)
}

func (g *gauge) tell(w http.ResponseWriter, _ *http.Request) {
	// The reader may be gone.
	_ = json.NewEncoder(w).Encode(reading{Peak: g.peak.Load(), Connections: g.connections.Load()})
}

// runStreams is an HTTP/2 upstream, with TLS if a file for its certificate is given.
// A second listener reports what is open.
func runStreams(ctx context.Context) error {
	g := &gauge{next: &upstream{arm: os.Getenv(armVariable)}}
	calls := &http.Server{
		Handler: g, ReadHeaderTimeout: 10 * time.Second, Protocols: new(http.Protocols),
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: streamsPerConnection},
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
			return context.WithValue(ctx, firstUse{}, new(sync.Once))
		},
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if path := os.Getenv(certVariable); path != "" {
		calls.Protocols.SetHTTP2(true)
		if calls.TLSConfig, err = ownCertificate(path); err != nil {
			return err
		}
		l = tls.NewListener(l, calls.TLSConfig)
	} else {
		calls.Protocols.SetUnencryptedHTTP2(true)
	}
	figures, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	told := &http.Server{Handler: http.HandlerFunc(g.tell), ReadHeaderTimeout: 10 * time.Second}
	defer context.AfterFunc(ctx, func() { _ = calls.Close(); _ = told.Close() })()
	line := map[string]string{"listen": "http://" + l.Addr().String(), "admin": "http://" + figures.Addr().String()}
	if err := json.NewEncoder(os.Stderr).Encode(line); err != nil {
		return err
	}
	var wait sync.WaitGroup
	defer wait.Wait()
	wait.Go(func() { _ = told.Serve(figures) }) // ends with the other one
	defer func() { _ = told.Close() }()
	if err := calls.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// ownCertificate creates a certificate for the loopback address and writes it to a
// file, so that others can trust it.
func ownCertificate(path string) (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "proxybench"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2"},
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
	}, nil
}
