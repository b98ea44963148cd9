package flags_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"cutover/flags"
	"cutover/internal/redistest"
)

// authority makes certificates for one test.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	a.key = a.newKey()
	a.cert = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	a.write("ca.pem", a.cert, &a.key.PublicKey)
	return a
}

func (a *authority) newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	return key
}

func (a *authority) write(name string, c *x509.Certificate, pub *ecdsa.PublicKey) {
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, pub, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	write(a.t, a.path(name), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
}

func (a *authority) path(name string) string { return filepath.Join(a.dir, name) }

// issue writes name.pem and name.key.
func (a *authority) issue(name string, serial int64) {
	key := a.newKey()
	a.write(name+".pem", &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, &key.PublicKey)
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	write(a.t, a.path(name+".key"), string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})))
}

func TestRedisOverTLSWithClientCertificate(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	ca.issue("server", 2)
	ca.issue("client", 3)
	port := redistest.FreePort(t)
	cmd := exec.Command(redistest.Binary(t), "--port", "0", "--tls-port", fmt.Sprint(port), "--bind", "127.0.0.1", "--save", "",
		"--dir", t.TempDir(), "--tls-cert-file", ca.path("server.pem"), "--tls-key-file", ca.path("server.key"),
		"--tls-ca-cert-file", ca.path("ca.pem"), "--tls-auth-clients", "yes")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed: its exit status says nothing
	})
	o := flags.RedisOptions{
		URL: fmt.Sprintf("rediss://127.0.0.1:%d", port),
		TLS: flags.TLSFiles{CA: ca.path("ca.pem"), Cert: ca.path("client.pem"), Key: ca.path("client.key")},
	}
	s := start(t, flags.Options{Redis: &o, Logger: zerolog.Nop()})
	within(t, 10*second, "READY over TLS", ready(s))
	if _, err := s.Store().Write(context.Background(), set("relay-percentage", "100")); err != nil {
		t.Fatal(err)
	}
	within(t, second, "a flip over TLS", func() bool { return serves(s) })

	uncertified := o
	uncertified.TLS.Cert, uncertified.TLS.Key = "", ""
	strange := o
	strange.TLS.CA = ""
	for name, o := range map[string]flags.RedisOptions{"no client certificate": uncertified, "unknown authority": strange} {
		s := start(t, flags.Options{Redis: &o, Logger: zerolog.Nop()})
		if st := s.State(); st.Status != flags.Stale {
			t.Errorf("%s: %+v, want STALE", name, st)
		}
	}
}
