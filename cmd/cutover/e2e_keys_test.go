package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cutover/internal/mock"
)

// keyRig is a sidecar whose relay takes its key from a file; what the relay is
// sent as Authorization comes out of seen.
type keyRig struct {
	*rig
	file string
	seen chan string
}

func startKeyRig(t *testing.T, auth, text string, settings ...string) *keyRig {
	t.Helper()
	k := &keyRig{file: filepath.Join(t.TempDir(), "key"), seen: make(chan string, 1000)}
	k.write(t, text)
	relay := startProvider(t, mock.Config{Name: "relay"})
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k.seen <- r.Header.Get("Authorization")
		relay.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	relay.url = front.URL
	k.rig = startSidecar(t, startProvider(t, mock.Config{Name: "primary"}), relay,
		append(settings, "CUTOVER_FLAGS_RELAY_PERCENTAGE=100", "CUTOVER_UPSTREAMS_RELAY_AUTH_"+auth+"_FILE="+k.file)...)
	return k
}

// write puts a file in the old one's place at once, as secrets are mounted.
func (k *keyRig) write(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(k.file+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(k.file+".new", k.file); err != nil {
		t.Fatal(err)
	}
}

// ask makes a call and returns what the relay was sent for it.
func (k *keyRig) ask(t *testing.T) string {
	t.Helper()
	req, err := http.NewRequestWithContext(within(t), http.MethodPost, k.URL()+"/v1/chat/completions",
		strings.NewReader(`{"model":"m","messages":[{"role":"user","content":"hi"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+callerKey)
	resp, err := newHTTPClient(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if by := resp.Header.Get("X-Cutover-Served-By"); by != "relay" {
		t.Fatalf("served by %s", by)
	}
	return <-k.seen
}

// A file of several keys, as people write them: with a byte order mark, a
// comment and blank lines. They take turns, and what the file says later holds
// without a restart.
func TestKeysOfAFile(t *testing.T) {
	k := startKeyRig(t, "BEARER", "\ufeff# two accounts\r\n\r\n  sk-one \r\nsk-two\r\n")
	used := []string{k.ask(t), k.ask(t), k.ask(t), k.ask(t)}
	slices.Sort(used)
	if want := []string{"Bearer sk-one", "Bearer sk-one", "Bearer sk-two", "Bearer sk-two"}; !slices.Equal(used, want) {
		t.Errorf("four calls with %q, want %q", used, want)
	}
	k.write(t, "sk-three\n")
	last := ""
	eventually(t, "the new key is used", func() bool { last = k.ask(t); return last == "Bearer sk-three" }, func() any { return last })
	k.write(t, "Bearer sk-four\n")
	eventually(
		t,
		"the wrong file is told of",
		func() bool { return strings.Contains(k.log.String(), "reload_failed") },
		func() any { return k.log.String() },
	)
	if got := k.ask(t); got != "Bearer sk-three" {
		t.Errorf("after a wrong file: %q, want the key of before", got)
	}
	for _, secret := range []string{"sk-one", "sk-two", "sk-three", "sk-four"} {
		if strings.Contains(k.log.String(), secret) {
			t.Errorf("the log holds %s", secret)
		}
	}
}

// What goes into a header of one's own may begin with a scheme.
func TestAHeadersValueMayHaveAScheme(t *testing.T) {
	k := startKeyRig(t, "HEADER_VALUE", "Token abc-1\n", "CUTOVER_UPSTREAMS_RELAY_AUTH_HEADER_NAME=Authorization")
	if got := k.ask(t); got != "Token abc-1" {
		t.Errorf("the relay was sent %q", got)
	}
	k.write(t, "Bearer abc-2\n")
	last := ""
	eventually(t, "the new value is used", func() bool { last = k.ask(t); return last == "Bearer abc-2" }, func() any { return last })
}
