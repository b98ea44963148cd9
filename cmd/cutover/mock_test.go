package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cutover/internal/mock"
)

// startMockCommand runs `cutover mock` and returns what it announced, and a
// function that stops it and returns the exit code.
func startMockCommand(t *testing.T, args ...string) (said map[string]string, stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	code := make(chan int, 1)
	var errs bytes.Buffer
	go func() {
		code <- execute(ctx, append([]string{"mock", "--listen", "127.0.0.1:0", "--output", "json"}, args...),
			console{In: strings.NewReader(""), Out: w, Err: &errs})
		_ = w.Close()
	}()
	b, err := io.ReadAll(readObject(r))
	if err == nil {
		err = json.Unmarshal(b, &said)
	}
	if err != nil {
		cancel()
		t.Fatalf("cutover mock %s: said %q, exit %d, %v, standard error %q", strings.Join(args, " "), b, <-code, err, errs.String())
	}
	return said, func() int {
		cancel()
		return <-code
	}
}

// readObject reads up to the line that ends an indented JSON object.
func readObject(r io.Reader) io.Reader {
	var b bytes.Buffer
	for lines := bufio.NewScanner(r); lines.Scan(); {
		b.WriteString(lines.Text() + "\n")
		if lines.Text() == "}" {
			break
		}
	}
	return &b
}

func postChat(t *testing.T, base string) (int, string) {
	t.Helper()
	client := http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Post(
		base+"/chat/completions",
		"application/json",
		strings.NewReader(`{"model":"a","messages":[{"role":"user","content":"hi"}]}`),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func TestMockCommandServes(t *testing.T) {
	said, stop := startMockCommand(t, "--model", "a", "--base-path", "/api/v1", "--seed", "4")
	if !strings.HasSuffix(said["base_url"], "/api/v1") || !strings.Contains(said["try"], said["base_url"]+"/chat/completions") ||
		!strings.Contains(said["try"], `"model":"a"`) {
		t.Errorf("it says %v", said)
	}
	if status, body := postChat(t, said["base_url"]); status != 200 || !strings.Contains(body, `"chat.completion"`) {
		t.Errorf("response %d %s", status, body)
	}
	if code := stop(); code != exitDone {
		t.Errorf("exit %d after the end, want 0", code)
	}
}

func TestMockCommandFlagsWinOverTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mock.yaml")
	if err := os.WriteFile(file, []byte("models: [b]\nkeys: [secret-key]\nseed: 9\ngap: 5ms\nfaults: [{kind: \"503\", "+
		"rate: 1}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := runCommand(t, nil, "mock", "--config", file, "--model", "a", "--model", "c", "--alias", "x=a", "--error-rate", "429=1",
		"--tokens-per-second", "50", "--ttft", "lognormal(200ms,0.4)", "--print-config")
	if code != exitDone || strings.Contains(out, "secret-key") {
		t.Fatalf("exit %d, %s%s", code, out, errs)
	}
	cfg, err := mock.Parse([]byte(out))
	if err != nil {
		t.Fatalf("what is printed can't be read: %v\n%s", err, out)
	}
	if strings.Join(cfg.Models, ",") != "a,c" || cfg.Aliases["x"] != "a" || cfg.Seed != 9 || len(cfg.Faults) != 1 ||
		cfg.Faults[0].Kind != "429" ||
		cfg.TokensPerSecond != 50 || !cfg.Gap.IsZero() || cfg.TTFT.String() != "lognormal(200ms,0.4)" ||
		len(cfg.Keys) != 1 {
		t.Errorf("configuration\n%s", out)
	}
	said, stop := startMockCommand(t, "--config", file, "--model", "a", "--keys", "")
	if status, _ := postChat(t, said["base_url"]); status != 503 {
		t.Errorf("the file's fault does not strike: %d", status)
	}
	stop()
}

func TestMockCommandMistakes(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	wrong := filepath.Join(t.TempDir(), "wrong.yaml")
	if err := os.WriteFile(wrong, []byte("noize: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		errs string // part of standard error
	}{
		{[]string{"--listen", taken.Addr().String()}, exitFailed, "is taken by another program"},
		{[]string{"--listen", "nonsense"}, exitUsage, "expected host:port"},
		{[]string{"--listen", "127.0.0.1:99999"}, exitUsage, "expected host:port"},
		{[]string{"--error-rate", "500"}, exitUsage, "kind=rate"},
		{[]string{"--error-rate", "500=2"}, exitUsage, "faults[0]: rate must be from 0 to 1"},
		{[]string{"--error-rate", "explode=0.1"}, exitUsage, "no fault is called"},
		{[]string{"--noise", "3"}, exitUsage, "noise: must be a rate"},
		{[]string{"--ttft", "soon"}, exitUsage, "not a duration"},
		{[]string{"--gap", "1ms", "--tokens-per-second", "5"}, exitUsage, "tokens_per_second"},
		{[]string{"--config", wrong}, exitUsage, `there is no key "noize"; did you mean "noise"?`},
		{[]string{"--config", "/does/not/exist.yaml"}, exitUsage, "no such file"},
		{[]string{"more"}, exitUsage, "unknown command"},
	} {
		code, out, errs := runCommand(t, nil, append([]string{"mock"}, c.args...)...)
		if code != c.code || !strings.Contains(errs, c.errs) || out != "" {
			t.Errorf("cutover mock %s: exit %d, %q, %q; want %d and %q", strings.Join(c.args, " "), code, out, errs, c.code, c.errs)
		}
	}
}
