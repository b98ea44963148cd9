package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"cutover/internal/mock"
)

// selfSigned writes a certificate for this machine and returns the files, and
// who trusts it.
func selfSigned(t *testing.T) (certFile, keyFile string, roots *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "cutover test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, bytes []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AddCert(leaf)
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", private), roots
}

// trusting is a client that trusts roots.
func trusting(t *testing.T, roots *x509.CertPool) *http.Client {
	client := newHTTPClient(t)
	client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: roots}
	return client
}

// TestServeTLS: callers are served over TLS, HTTP/2 included, and so are their
// WebSockets, which the JavaScript SDK opens as wss: only.
func TestServeTLS(t *testing.T) {
	t.Parallel()
	cert, key, roots := selfSigned(t)
	primary, relay := startProvider(t, mock.Config{Seed: 7, Keys: []string{callerKey}}), startProvider(t, mock.Config{Seed: 7})
	s := startServe(t, primary, relay, []string{mirrorAll}, "--tls-cert", cert, "--tls-key", key)
	if !strings.HasPrefix(s.url, "https://") {
		t.Fatalf("it says that it listens on %s", s.url)
	}
	client := trusting(t, roots)
	sdk := openai.NewClient(
		option.WithBaseURL(s.url+"/v1"),
		option.WithAPIKey(callerKey),
		option.WithHTTPClient(client),
		option.WithMaxRetries(0),
	)
	var resp *http.Response
	response, err := sdk.Chat.Completions.New(within(t), chatWith("How do whales sleep?"), option.WithResponseInto(&resp))
	if err != nil || response.Choices[0].Message.Content == "" {
		t.Fatalf("over TLS: %v", err)
	}
	if resp.ProtoMajor != 2 {
		t.Errorf("over TLS the protocol is %s, want HTTP/2", resp.Proto)
	}
	stream := sdk.Chat.Completions.NewStreaming(within(t), chatWith("Tell me about rivers."))
	events := 0
	for ; stream.Next(); events++ {
	}
	if stream.Err() != nil || events < 10 {
		t.Errorf("over TLS a stream had %d events: %v", events, stream.Err())
	}
	if err := stream.Close(); err != nil {
		t.Error(err)
	}
	plain := newHTTPClient(t)
	if resp, err := plain.Get(s.url + "/v1/models"); err == nil {
		resp.Body.Close()
		t.Error("a caller who does not trust the certificate got a response")
	}
	if _, err := openaiOver(plain, strings.Replace(s.url, "https:", "http:", 1)).Models.List(within(t)); err == nil {
		t.Error("a caller without TLS got a response")
	}
	talk(t, client, "wss"+strings.TrimPrefix(s.url, "https"), primary)
	if relay.Calls()["/v1/realtime"] != 0 {
		t.Error("a WebSocket was mirrored")
	}
}

func openaiOver(client *http.Client, url string) *openai.Client {
	c := openai.NewClient(option.WithBaseURL(url+"/v1"), option.WithAPIKey(callerKey), option.WithHTTPClient(client), option.WithMaxRetries(0))
	return &c
}

// talk holds a realtime session and compares it with one held directly.
func talk(t *testing.T, client *http.Client, url string, primary *provider) {
	t.Helper()
	want := session(t, newHTTPClient(t), "ws"+strings.TrimPrefix(primary.url, "http"))
	got := session(t, client, url)
	if len(got) < 5 || strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf(
			"a realtime session through the sidecar had %d events:\n%s\ndirectly %d:\n%s",
			len(got),
			strings.Join(got, "\n"),
			len(want),
			strings.Join(want, "\n"),
		)
	}
	entries := primary.Journal()
	direct, through := entries[len(entries)-2], entries[len(entries)-1]
	for _, name := range []string{"Sec-Websocket-Key", "X-Request-Id"} { // thrown by dice
		direct.Header.Del(name)
		through.Header.Del(name)
	}
	if d, g := asJSON(t, direct.Header), asJSON(t, through.Header); d != g || through.Query != direct.Query || through.Path != direct.Path {
		t.Errorf(
			"a realtime session was opened as\n%s?%s %s\nand directly as\n%s?%s %s",
			through.Path,
			through.Query,
			g,
			direct.Path,
			direct.Query,
			d,
		)
	}
}

// session is what a provider says in a realtime session, until it is closed
// by the caller.
func session(t *testing.T, client *http.Client, url string) []string {
	t.Helper()
	ctx := within(t)
	conn, resp, err := websocket.Dial(ctx, url+"/v1/realtime?model=gpt-realtime&x=a%2Fb", &websocket.DialOptions{HTTPClient: client,
		Subprotocols: []string{"realtime"}, HTTPHeader: http.Header{"Authorization": {"Bearer " + callerKey}}})
	if err != nil {
		t.Fatalf("websocket to %s: %v (%v)", url, err, resp)
	}
	defer conn.CloseNow()
	if conn.Subprotocol() != "realtime" {
		t.Errorf("subprotocol %q", conn.Subprotocol())
	}
	for _, m := range []string{`{"type":"session.update","session":{"voice":"alloy"}}`,
		`{"type":"response.create","response":{"instructions":"Say hello to ` + secretWords + `"}}`} {
		if err := conn.Write(ctx, websocket.MessageText, []byte(m)); err != nil {
			t.Fatal(err)
		}
	}
	var said []string
	n := newNormal()
	for !strings.Contains(strings.Join(said, ""), "response.done") {
		_, message, err := conn.Read(ctx)
		if err != nil {
			t.Fatalf("after %d messages: %v", len(said), err)
		}
		said = append(said, n.text(string(message)))
	}
	if err := conn.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Errorf("closing the session: %v", err)
	}
	return said
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestServeReloads: SIGHUP makes a renewed certificate known, and cuts nothing.
func TestServeReloads(t *testing.T) {
	t.Parallel()
	certFile, keyFile, roots := selfSigned(t)
	primary, relay := startProvider(t, slow()), startProvider(t, slow())
	s := startServe(t, primary, relay, nil, "--tls-cert", certFile, "--tls-key", keyFile)
	stream := openChat(t, trusting(t, roots), s.url)
	newCert, newKey, newRoots := selfSigned(t)
	for from, to := range map[string]string{newCert: certFile, newKey: keyFile} {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	renewed := trusting(t, newRoots)
	eventually(t, "the new certificate to be shown", func() bool {
		resp, err := renewed.Get(s.url + "/v1/models")
		if err == nil {
			resp.Body.Close()
		}
		return err == nil
	}, func() any { return s.err.String() })
	if text, err := stream.rest(); err != nil || !strings.HasSuffix(text, "data: [DONE]\n\n") {
		t.Errorf("the open stream ended with %v: %s", err, clip([]byte(text)))
	}
	if err := os.WriteFile(certFile, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(
		t,
		"the log to say what is wrong",
		func() bool { return strings.Contains(s.err.String(), "the previous certificate stays in use") },
		func() any { return s.err.String() },
	)
	if resp, err := renewed.Get(s.url + "/v1/models"); err != nil {
		t.Errorf("after a certificate that can't be read: %v", err)
	} else {
		resp.Body.Close()
	}
}
