package router_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cutover/exchange"
	"cutover/internal/netfault"
	"cutover/upstream"
)

// TestFaultsOfTLS: what goes wrong between two ends that trust each other, or
// should not. The primary serves, and the relay's program is called only where
// a handshake was completed.
func TestFaultsOfTLS(t *testing.T) {
	t.Parallel()
	limited := func(n int64, end netfault.End) netfault.Faults {
		return netfault.Faults{Response: netfault.Line{Limited: true, Limit: n, End: end}}
	}
	for _, row := range []struct {
		name     string
		faults   netfault.Faults
		otherCA  bool   // the sidecar trusts somebody else
		hostname string // by which the sidecar calls; its address when empty
		why      exchange.Class
		detail   string
		program  bool // the relay's program may have been called
	}{
		{name: "plain text instead of a handshake", faults: netfault.Faults{Garbage: "HTTP/1.1 400 Bad Request\r\n\r\n"}, why: exchange.ClassTLS,
			detail: "not_tls"},
		{name: "handshake without a reply", faults: netfault.Faults{Mute: true}, why: exchange.ClassTLS, detail: "handshake_timeout"},
		{name: "handshake stops in the middle", faults: limited(100, netfault.Silence), why: exchange.ClassTLS, detail: "handshake_timeout"},
		{name: "reset inside the handshake", faults: limited(100, netfault.Reset), why: exchange.ClassBroken, detail: "reset"},
		{name: "end inside the handshake", faults: limited(100, netfault.Close), why: exchange.ClassBroken},
		{name: "another authority", otherCA: true, why: exchange.ClassTLS, detail: "unknown_authority"},
		{name: "another host", hostname: "localhost", why: exchange.ClassTLS, detail: "hostname"},
		{name: "reset inside the response's record", faults: limited(1500, netfault.Reset), why: exchange.ClassBroken, program: true},
		{name: "end inside the response's record", faults: limited(1500, netfault.Close), why: exchange.ClassBroken, program: true},
	} {
		for _, proto := range []upstream.Protocol{upstream.HTTP1, upstream.HTTP2, upstream.Auto} {
			t.Run(fmt.Sprintf("%s/%s", row.name, proto), func(t *testing.T) {
				t.Parallel()
				d := dialects()[0]
				ca := filepath.Join(t.TempDir(), "ca.pem")
				writeTestCA(t, ca)
				if row.otherCA {
					writeStrangersCA(t, ca)
				}
				var program atomic.Int64
				b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { right(&d, w, r) }), setup{
					decide: serveByRelay, tlsUpstream: true,
					primary: func(c *upstreamConfig) { c.CAFile = writeCAFile(t) },
					relay: func(c *upstreamConfig) {
						net := netfault.Start(t, strings.TrimSuffix(strings.TrimPrefix(c.BaseURL, "https://"), "/v1"))
						net.Set(row.faults)
						addr := net.Addr()
						if row.hostname != "" {
							addr = strings.Replace(addr, "127.0.0.1", row.hostname, 1)
						}
						c.BaseURL, c.Protocol, c.CAFile = "https://"+addr+"/v1", proto, ca
						if row.detail == "handshake_timeout" {
							c.Timeouts.Connect = 300 * time.Millisecond
						}
					},
					relayHandler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						program.Add(1)
						_, _ = io.Copy(io.Discard, r.Body)
						w.Header().Set("Content-Type", "application/json")
						_, _ = io.WriteString(w, strings.Repeat(" ", 8<<10)+d.plain) // longer than what passes
					}),
				})
				begun := time.Now()
				resp := b.post(t, context.Background(), d.path, chat)
				got, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if string(got) != d.plain || err != nil || resp.Header.Get("X-Cutover-Served-By") != "primary" {
					t.Errorf("served by %s: %q, %v; want the primary's complete response", resp.Header.Get("X-Cutover-Served-By"), got, err)
				}
				if took := time.Since(begun); took > 15*time.Second {
					t.Errorf("the caller waited %s", took)
				}
				_, x := b.exchangeOf(1)
				if len(x.Trail) != 1 || x.Trail[0].Class != row.why || row.detail != "" && x.Trail[0].Detail != row.detail {
					t.Errorf("trail = %+v, want one step of class %q (%s)", x.Trail, row.why, row.detail)
				}
				if n := program.Load(); n > 1 || n == 1 && !row.program {
					t.Errorf("the relay's program was called %d times", n)
				}
			})
		}
	}
}

// writeStrangersCA writes the certificate of an authority that signed nothing.
func writeStrangersCA(t *testing.T, path string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "a stranger"},
		IsCA:         true,
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
