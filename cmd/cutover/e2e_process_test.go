package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"cutover/compare"
	"cutover/internal/mock"
	"cutover/internal/sidecar"
	"cutover/shadow"
)

// process is the command, run as a program of its own.
type process struct {
	*exec.Cmd
	out, err textBuffer
	ended    chan struct{} // closed when it has
}

// start runs a command line; settings are added to an empty environment.
func start(t *testing.T, settings []string, args ...string) *process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{Cmd: exec.Command(exe, args...), ended: make(chan struct{})}
	p.Dir = t.TempDir()
	p.Env = append([]string{asCommand + "=1", "HOME=" + p.Dir, "GORACE=halt_on_error=1"}, settings...)
	p.Stdout, p.Stderr = &p.out, &p.err
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.Wait() // its outcome is in ProcessState
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.Process.Kill()
		<-p.ended
		if strings.Contains(p.err.String(), "DATA RACE") {
			t.Errorf("a data race in %q:\n%s", args, p.err.String())
		}
		checkLogText(t, p.err.String()+p.out.String())
	})
	return p
}

// exit waits for the end and returns the exit code.
func (p *process) exit(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-within(t).Done():
		t.Fatalf("%q does not end; it said:\n%s", p.Args, p.err.String())
	}
	return p.ProcessState.ExitCode()
}

// served is a running serve process and where it listens.
type served struct {
	*process
	url, admin string
}

// startServe runs serve on free ports until it says that it serves.
func startServe(t *testing.T, primary, relay *provider, settings []string, args ...string) *served {
	t.Helper()
	settings = append([]string{"CUTOVER_LOG_LEVEL=trace", "RELAY_API_KEY=" + relayKey}, settings...)
	args = append([]string{"serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data", t.TempDir(),
		"--primary", primary.url + "/v1", "--relay", relay.url + "/v1"}, args...)
	s := &served{process: start(t, settings, args...)}
	eventually(t, "serve to serve", func() bool {
		for line := range strings.Lines(s.err.String()) {
			var at struct{ Message, Listen, Admin string }
			if json.Unmarshal([]byte(line), &at) == nil && at.Message == "serving" {
				s.url, s.admin = at.Listen, at.Admin
			}
		}
		select {
		case <-s.ended:
			t.Fatalf("serve ended with %s:\n%s", s.ProcessState, s.err.String())
		default:
		}
		return s.url != ""
	}, func() any { return s.err.String() })
	return s
}

// ready asks /readyz.
func (s *served) ready(t *testing.T, client *http.Client) int {
	t.Helper()
	resp, err := client.Get(s.admin + "/readyz")
	if err != nil {
		t.Fatalf("readyz: %v", err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

func TestServeWithoutPrimary(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "serve", "--relay", "https://relay.example/v1")
	if code := p.exit(t); code != 2 {
		t.Errorf("exit code %d, want 2", code)
	}
	lines := strings.Split(strings.TrimSpace(p.err.String()), "\n")
	if len(lines) != 1 || !strings.Contains(lines[0], "upstreams.primary.base_url") || !strings.Contains(lines[0], "--primary") {
		t.Errorf("it said %q, want one line that names the key and the flag", lines)
	}
}

func TestServeTakenPort(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	address := taken.Addr().String()
	for key, args := range map[string][]string{
		"listen":       {"--listen", address, "--admin-listen", "127.0.0.1:0"},
		"admin.listen": {"--listen", "127.0.0.1:0", "--admin-listen", address},
	} {
		p := start(
			t,
			nil,
			append([]string{"serve", "--data", t.TempDir(), "--primary", "http://127.0.0.1:1/v1", "--relay", "http://127.0.0.1:2/v1"}, args...)...)
		if code := p.exit(t); code != 1 {
			t.Errorf("%s: exit code %d, want 1", key, code)
		}
		said := strings.TrimSpace(p.err.String())
		if strings.Contains(said, "\n") || !strings.Contains(said, key+":") || !strings.Contains(said, address) ||
			!strings.Contains(said, "in use") {
			t.Errorf("%s: it said %q, want one line that names the key, the address and what is wrong", key, said)
		}
	}
}

// openStream is a stream of which the first event has come.
type openStream struct {
	body io.ReadCloser
	r    *bufio.Reader
	text bytes.Buffer
}

func openChat(t *testing.T, client *http.Client, base string) *openStream {
	t.Helper()
	body := fmt.Sprintf(`{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"Tell me about %s."}]}`, secretWords)
	r, err := http.NewRequestWithContext(within(t), http.MethodPost, base+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+callerKey)
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	s := &openStream{body: resp.Body}
	s.r = bufio.NewReader(io.TeeReader(resp.Body, &s.text))
	if line, err := s.r.ReadString('\n'); err != nil || !strings.HasPrefix(line, "data:") {
		t.Fatalf("the stream begins with %q: %v", line, err)
	}
	return s
}

// rest reads to the end.
func (s *openStream) rest() (string, error) {
	_, err := io.Copy(io.Discard, s.r)
	return s.text.String(), err
}

// slow is a provider whose streams take a second or two.
func slow() mock.Config { return mock.Config{Seed: 7, Latency: mock.Latency{Gap: ms(15)}} }

func TestServeStopsGracefully(t *testing.T) {
	t.Parallel()
	primary, relay := startProvider(t, slow()), startProvider(t, slow())
	s := startServe(t, primary, relay, []string{mirrorAll})
	client, prober := newHTTPClient(t), newHTTPClient(t)
	if code := s.ready(t, prober); code != http.StatusOK {
		t.Errorf("readyz before the signal: %d", code)
	}
	stream := openChat(t, client, s.url)
	if err := s.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(
		t,
		"readyz to turn off",
		func() bool { return s.ready(t, prober) == http.StatusServiceUnavailable },
		func() any { return s.err.String() },
	)
	if primary.Stats().Active != 1 {
		t.Fatal("the stream is over already; the test shows nothing")
	}
	// The application that gets SIGTERM at the same moment is served as well.
	late, err := newHTTPClient(t).Post(s.url+"/v1/embeddings", "application/json", strings.NewReader(`{"model":"m","input":"last words"}`))
	if err != nil {
		t.Fatalf("a request during the drain: %v", err)
	}
	_, _ = io.Copy(io.Discard, late.Body)
	late.Body.Close()
	if late.StatusCode != http.StatusOK || !late.Close {
		t.Errorf("a request during the drain: status %d, connection to be closed: %v; want 200 and that it is", late.StatusCode, late.Close)
	}
	text, err := stream.rest()
	if err != nil || !strings.HasSuffix(text, "data: [DONE]\n\n") || text != string(primary.responses()[0].body) {
		t.Errorf("the open stream ended with %v: %s", err, clip([]byte(text)))
	}
	if code := s.exit(t); code != 0 {
		t.Errorf("exit code %d, want 0:\n%s", code, s.err.String())
	}
	if !strings.Contains(s.err.String(), `"outcome":"both"`) {
		t.Errorf("the pair under way was not compared before the end:\n%s", s.err.String())
	}
}

// TestServeStopsAtOnce: with no delay the listener closes at once, and what is in
// flight still comes to its end.
func TestServeStopsAtOnce(t *testing.T) {
	t.Parallel()
	primary, relay := startProvider(t, slow()), startProvider(t, slow())
	s := startServe(t, primary, relay, []string{"CUTOVER_SHUTDOWN_DELAY=0s"})
	stream := openChat(t, newHTTPClient(t), s.url)
	if err := s.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the listener to close", func() bool {
		c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err == nil {
			c.Close()
		}
		return err != nil
	}, func() any { return s.err.String() })
	if text, err := stream.rest(); err != nil || !strings.HasSuffix(text, "data: [DONE]\n\n") {
		t.Errorf("the open stream ended with %v: %s", err, clip([]byte(text)))
	}
	if code := s.exit(t); code != 0 {
		t.Errorf("exit code %d, want 0:\n%s", code, s.err.String())
	}
}

func TestServeSecondSignal(t *testing.T) {
	t.Parallel()
	cfg := mock.Config{Seed: 7, Faults: []mock.Fault{{Kind: "hang-after-2", Rate: 1}}}
	primary, relay := startProvider(t, cfg), startProvider(t, cfg)
	s := startServe(t, primary, relay, []string{mirrorAll})
	prober := newHTTPClient(t)
	stream := openChat(t, newHTTPClient(t), s.url)
	signal := func() {
		if err := s.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	signal()
	eventually(
		t,
		"readyz to turn off",
		func() bool { return s.ready(t, prober) == http.StatusServiceUnavailable },
		func() any { return s.err.String() },
	)
	select {
	case <-s.ended:
		t.Fatal("it ended while a stream was open")
	default:
	}
	asked := time.Now()
	signal()
	if code := s.exit(t); code < 0 {
		t.Errorf("it ended by %s, want an exit of its own", s.ProcessState)
	}
	if took := time.Since(asked); took > 2*time.Second { // the mirror alone would wait for longer
		t.Errorf("it ended %s after the second signal, want at once:\n%s", took, s.err.String())
	}
	if text, err := stream.rest(); err == nil || strings.Contains(text, "[DONE]") {
		t.Errorf("a stream that was cut looks whole: %v %s", err, clip([]byte(text)))
	}
	if err := primary.Wait(within(t), func(st mock.Stats) bool { return st.Active == 0 }); err != nil {
		t.Errorf("the provider never learnt that it was over: %v", err)
	}
}

func TestReportOfProcess(t *testing.T) {
	t.Parallel()
	primary, relay := startProvider(t, mock.Config{Seed: 7}), startProvider(t, mock.Config{Seed: 7, Speech: mock.Speech{Noise: .6}})
	s := startServe(t, primary, relay, []string{mirrorAll})
	client := newHTTPClient(t)
	const n = 5
	for range n {
		if text, err := openChat(t, client, s.url).rest(); err != nil {
			t.Fatalf("%v %s", err, text)
		}
	}
	eventually(
		t,
		"all pairs",
		func() bool { return strings.Count(s.err.String(), `"message":"pair"`) == n },
		func() any { return s.err.String() },
	)
	p := start(t, nil, "report", "--admin", s.admin, "--output", "json")
	if code := p.exit(t); code != 0 {
		t.Fatalf("report: exit code %d: %s", code, p.err.String())
	}
	var report compare.Report
	if err := json.Unmarshal([]byte(p.out.String()), &report); err != nil {
		t.Fatalf("report: %v: %s", err, p.out.String())
	}
	if report.Requests != n {
		t.Errorf("the report is about %d requests, want %d: %s", report.Requests, n, p.out.String())
	}
	p = start(t, nil, "report", "--admin", s.admin)
	if code := p.exit(t); code != 0 ||
		!strings.Contains(p.out.String(), "gpt-4o") && !strings.Contains(strings.ToLower(p.out.String()), "pairs") {
		t.Errorf("report: exit code %d, it printed:\n%s", code, p.out.String())
	}
	checkStatus(t, s, client, n)
}

// checkStatus wants the outcomes of the running process to add up.
func checkStatus(t *testing.T, s *served, client *http.Client, n uint64) {
	t.Helper()
	resp, err := client.Get(s.admin + "/api/v1/status")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var status struct {
		Mirror struct{ Outcomes []shadow.Count }
	}
	if err := json.NewDecoder(resp.Body).Decode(&status); err != nil {
		t.Fatal(err)
	}
	if o := status.Mirror.Outcomes; len(o) != 1 || o[0].Outcome != compare.Both || o[0].N != n {
		t.Errorf("outcomes %v, want %d times both", o, n)
	}
}

// TestServeAbandoned: what a cancelled context does to a sidecar that is not a
// process of its own.
func TestServeAbandoned(t *testing.T) {
	t.Parallel()
	conf := loadConfig(t, nil, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data", t.TempDir(),
		"--primary", "http://127.0.0.1:1/v1", "--relay", "http://127.0.0.1:2/v1")
	log, err := newLogger(io.Discard, conf.Log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := sidecar.Serve(ctx, conf, "test", log); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("serve: %v", err)
	}
}
