package main

import (
	"bufio"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"cutover/internal/config"
	"cutover/internal/doctor"
	"cutover/internal/mock"
)

// modelsServer serves GET /v1/models with a status and a body, and tells what it
// was asked.
func modelsServer(t *testing.T, status int, body string) (base string, asked func() http.Header) {
	t.Helper()
	var last http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		last = r.Header.Clone()
		if r.URL.Path != "/v1/models" {
			http.Error(w, "wrong path", http.StatusTeapot)
			return
		}
		w.Header().Set("Location", "http://elsewhere.example/")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	return server.URL + "/v1", func() http.Header { server.Close(); return last }
}

// closedPort is an address that refuses connections.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// doctorSays runs the doctor and returns its findings by check.
func doctorSays(t *testing.T, env config.Environ, args ...string) (code int, findings map[string]doctor.Finding) {
	t.Helper()
	args = append([]string{"doctor", "--output", "json", "--data", t.TempDir()}, args...)
	code, out, errs := runCommand(t, env, args...)
	var d doctor.Diagnosis
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		t.Fatalf("%v in %q, standard error %q", err, out, errs)
	}
	if d.OK != (code == exitDone) {
		t.Errorf("exit %d, but ok is %v", code, d.OK)
	}
	findings = map[string]doctor.Finding{}
	for _, f := range d.Findings {
		findings[f.Check] = f
	}
	return code, findings
}

const twoModels = `{"object": "list", "data": [{"id": "gpt-4.1"}, {"id": "other"}]}`

func TestDoctorFindsAllWell(t *testing.T) {
	primary, _ := modelsServer(t, http.StatusUnauthorized, `{"error": {}}`)
	relay, asked := modelsServer(t, http.StatusOK, twoModels)
	code, found := doctorSays(t, config.Environ{"RELAY_API_KEY=k"}, "--primary", primary, "--relay", relay,
		"--listen", closedPort(t), "--admin-listen", closedPort(t))
	if code != exitDone {
		t.Errorf("exit %d, want 0: %+v", code, found)
	}
	for check, want := range map[string]string{
		"configuration":  "complete and valid",
		"primary":        "/models returned 401",
		"relay":          ": 2 models",
		"data directory": "is writable",
		"sidecar":        "are free",
	} {
		if f := found[check]; f.Status != doctor.OK || !strings.Contains(f.Detail, want) || f.Advice != "" {
			t.Errorf("%s: %+v, want ok and %q", check, f, want)
		}
	}
	if got := asked().Get("Authorization"); got != "Bearer k" {
		t.Errorf("the relay was asked with Authorization %q, want the configured key", got)
	}
}

func TestDoctorOnProviders(t *testing.T) {
	for _, c := range []struct {
		status         int
		body           string
		file           string
		want           doctor.Status
		detail, advice string
	}{
		{401, "", "auth: none", doctor.Failed, "returned 401",
			"it requires a key, but none is configured: set upstreams.relay.auth or RELAY_API_KEY"},
		{403, "", "auth: {bearer: {env: K}}", doctor.Failed, "returned 403", "the key (the environment variable K) is rejected"},
		{401, "", "auth: {key: {env: K}}", doctor.Failed, "returned 401", "is rejected as a bearer token"},
		{404, "", "auth: none", doctor.Note, "returned 404", "no list of models at this URL"},
		{302, "", "auth: none", doctor.Note, "a redirect", "set upstreams.relay.base_url to its target"},
		{429, "", "auth: none", doctor.Note, "returned 429", "rate-limits this call"},
		{500, "", "auth: none", doctor.Failed, "returned 500", "reports an internal error"},
		{400, "", "auth: none", doctor.Failed, "returned 400", "rejects this call"},
		{200, "<html>", "auth: none", doctor.Note, "not a list of models", ", not a web page"},
		{200, twoModels, "models: {map: {gpt-4o: gpt-4.1, x: gone}, default: nowhere}", doctor.Note, "2 models",
			`not in the list: "gone" (models.map maps "x" to it), "nowhere" (models.default): calls`},
		{200, twoModels, "models: {map: {gpt-4o: gpt-4.1}, streaming: {map: {a: other}, default: fast}, batch: {map: {gpt-4o: cheap}}}",
			doctor.Note, "2 models", `not in the list: "fast" (models.streaming.default), "cheap" (models.batch.map maps "gpt-4o" to it): calls`},
		{200, twoModels, "models: {map: {gpt-4o: gpt-4.1}, default: other}", doctor.OK, "2 models, including all mapped models: " +
			"gpt-4.1, other", ""},
	} {
		relay, _ := modelsServer(t, c.status, c.body)
		file := filepath.Join(t.TempDir(), "c.yaml")
		if err := os.WriteFile(file, []byte("upstreams: {relay: {"+c.file+"}}"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, found := doctorSays(t, config.Environ{"K=" + canary}, "--config", file, "--primary", "http://"+closedPort(t), "--relay", relay)
		f := found["relay"]
		if f.Status != c.want || !strings.Contains(f.Detail, c.detail) || !strings.Contains(f.Advice, c.advice) ||
			(c.advice == "") != (f.Advice == "") {
			t.Errorf("%d %q with %s: %+v\nwant %s, %q, %q", c.status, c.body, c.file, f, c.want, c.detail, c.advice)
		}
		if f := found["primary"]; f.Status != doctor.Failed || !strings.Contains(f.Detail, "connection refused") ||
			!strings.Contains(f.Advice, "upstreams.primary.base_url") {
			t.Errorf("a primary that is not there: %+v", f)
		}
		if text := fmt.Sprint(found); strings.Contains(text, canary) {
			t.Errorf("the key is shown: %s", text)
		}
	}
}

func TestDoctorOnTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(twoModels)) }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // the first handshake fails, as it must
	server.StartTLS()
	defer server.Close()
	_, found := doctorSays(t, nil, "--primary", server.URL, "--relay", "http://"+closedPort(t))
	if f := found["primary"]; f.Status != doctor.Failed || !strings.Contains(f.Detail, "no TLS connection") ||
		!strings.Contains(f.Advice, "upstreams.primary.ca") {
		t.Errorf("an authority that nobody knows: %+v", f)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	_, found = doctorSays(t, config.Environ{"CUTOVER_UPSTREAMS_PRIMARY_CA=" + ca}, "--primary", server.URL, "--relay", "http://"+closedPort(t))
	if f := found["primary"]; f.Status != doctor.OK || !strings.Contains(f.Detail, "TLS 1.3") {
		t.Errorf("an authority that is configured: %+v", f)
	}
}

func TestDoctorOnConfiguration(t *testing.T) {
	code, found := doctorSays(t, config.Environ{"CUTOVER_LISTN=x"})
	if code != exitUsage || found["configuration"].Status != doctor.Failed ||
		!strings.Contains(found["configuration"].Detail, "did you mean CUTOVER_LISTEN?") {
		t.Errorf("exit %d, %+v", code, found)
	}
	if _, asked := found["primary"]; asked {
		t.Error("a primary that is not configured was asked")
	}
	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, []byte("a: ["), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, found = doctorSays(t, nil, "--config", file); code != exitUsage || len(found) != 1 {
		t.Errorf("a broken file: exit %d, %+v; want 2 and nothing else checked", code, found)
	}
	code, out, errs := runCommand(t, nil, "doctor", "--config", file)
	if code != exitUsage || errs != "" || !strings.HasPrefix(out, "failed  configuration  c.yaml:1: not valid YAML") {
		t.Errorf("as text: exit %d, %q, standard error %q", code, out, errs)
	}
}

func TestDoctorOnDataDirectory(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		dir:                           dir + " is writable",
		filepath.Join(dir, "a/b"):     filepath.Join(dir, "a/b") + " will be created",
		file:                          file + " is not a directory",
		filepath.Join(file, "deeper"): "not a directory",
		"/proc/cutover":               "is not writable",
	} {
		_, found := doctorSays(t, nil, "--data", path)
		if f := found["data directory"]; !strings.Contains(f.Detail, want) {
			t.Errorf("%s: %+v, want %q", path, f, want)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("the doctor leaves %v behind", left)
	}
}

func TestDoctorOnRedis(t *testing.T) {
	for _, c := range []struct {
		url    string
		want   doctor.Status
		detail string
	}{
		{"redis://:" + canary + "@" + fakeRedis(t, "+OK") + "/0", doctor.OK, " responds: 0 flags set, version 0"},
		{"redis://:" + canary + "@" + fakeRedis(t, "-WRONGPASS invalid username-password pair") + "/0", doctor.Failed, "WRONGPASS"},
		{"redis://:" + canary + "@" + closedPort(t) + "/0", doctor.Failed, "connection refused"},
	} {
		_, found := doctorSays(t, config.Environ{"CUTOVER_REDIS=" + c.url})
		f := found["redis"]
		if f.Status != c.want || !strings.Contains(f.Detail, c.detail) {
			t.Errorf("%s: %+v, want %s and %q", c.url, f, c.want, c.detail)
		}
		if strings.Contains(fmt.Sprint(found), canary) {
			t.Errorf("the password is shown: %+v", found)
		}
	}
}

// fakeRedis replies to AUTH as configured, has no keys, and knows no other command: what
// a Redis before HELLO does.
func fakeRedis(t *testing.T, auth string) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer func() { _ = c.Close() }()
				for in := bufio.NewReader(c); ; {
					var reply string
					switch readCommand(in) {
					case "":
						return
					case "AUTH":
						reply = auth
					case "CLIENT":
						reply = "+OK"
					case "HGETALL":
						reply = "*0"
					case "GET":
						reply = "$-1"
					default:
						reply = "-ERR unknown command"
					}
					if _, err := io.WriteString(c, reply+"\r\n"); err != nil {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); serving.Wait() })
	return l.Addr().String()
}

// readCommand reads one command of the Redis protocol and returns its name; ""
// at the end of the connection.
func readCommand(in *bufio.Reader) (name string) {
	var args, size int
	if _, err := fmt.Fscanf(in, "*%d\r\n", &args); err != nil {
		return ""
	}
	for i := range args {
		if _, err := fmt.Fscanf(in, "$%d\r\n", &size); err != nil {
			return ""
		}
		arg := make([]byte, size+len("\r\n"))
		if _, err := io.ReadFull(in, arg); err != nil {
			return ""
		}
		if i == 0 {
			name = strings.ToUpper(string(arg[:size]))
		}
	}
	return name
}

func TestDoctorOnSidecar(t *testing.T) {
	for _, c := range []struct {
		ready          int
		body           string
		want           doctor.Status
		detail, advice string
	}{
		{200, `{"ready": true, "flags": {"status": "READY", "source": "redis"}}`, doctor.OK, ", ready; flags READY, from redis", ""},
		{200, `{"ready": true, "flags": {"status": "STALE", "source": "disk", "reason": "no connection"}}`, doctor.Note, "STALE",
			"no connection"},
		{503, `{"ready": false, "draining": true, "flags": {}}`, doctor.Note, "it is shutting down", ""},
		{503, `{"ready": false, "flags": {}}`, doctor.Note, "not ready", ""},
		{200, "hello", doctor.Failed, "is not that of a sidecar", "of another program"},
	} {
		admin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.URL.Path == "/healthz":
			case r.Header.Get("Authorization") != "Bearer t":
				http.Error(w, "token", http.StatusUnauthorized)
			case r.URL.Path != "/readyz":
				http.NotFound(w, r)
			default:
				w.WriteHeader(c.ready)
				_, _ = w.Write([]byte(c.body))
			}
		}))
		defer admin.Close()
		addr := strings.TrimPrefix(admin.URL, "http://")
		_, found := doctorSays(t, config.Environ{"CUTOVER_ADMIN_TOKEN=t"}, "--admin-listen", addr)
		f := found["sidecar"]
		if f.Status != c.want || !strings.Contains(f.Detail, c.detail) || !strings.Contains(f.Advice, c.advice) {
			t.Errorf("%d %s: %+v, want %s, %q, %q", c.ready, c.body, f, c.want, c.detail, c.advice)
		}
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	_, found := doctorSays(t, nil, "--listen", taken.Addr().String(), "--admin-listen", closedPort(t))
	if f := found["sidecar"]; f.Status != doctor.Failed || !strings.Contains(f.Detail, "the address is in use") ||
		!strings.Contains(f.Advice, "--listen") {
		t.Errorf("a taken port: %+v", f)
	}
}

func TestDoctorLive(t *testing.T) {
	status := http.StatusOK
	admin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		w.WriteHeader(status)
	}))
	defer admin.Close()
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(admin.URL, "http://"))
	// In a container the listener is on all addresses, and nothing else is
	// configured for the process that asks.
	code, out, errs := runCommand(t, config.Environ{"CUTOVER_ADMIN_LISTEN=:" + port}, "doctor", "--live")
	if code != exitDone || errs != "" || !strings.HasPrefix(out, "ok ") {
		t.Errorf("exit %d, %q, standard error %q; want alive", code, out, errs)
	}
	status = http.StatusInternalServerError
	if code, out, _ = runCommand(t, config.Environ{"CUTOVER_ADMIN_LISTEN=0.0.0.0:" + port}, "doctor", "--live"); code != exitFailed ||
		!strings.Contains(out, "/healthz returns 500") {
		t.Errorf("exit %d, %q; want 1", code, out)
	}
	if code, out, _ = runCommand(t, nil, "doctor", "--live", "--admin-listen", closedPort(t)); code != exitFailed ||
		!strings.Contains(out, "connection refused") {
		t.Errorf("exit %d, %q; want 1", code, out)
	}
}

// TestDoctorOnARealSidecar asks a sidecar and two providers as they are.
func TestDoctorOnARealSidecar(t *testing.T) {
	primary, relay := startProvider(t, mock.Config{}), startProvider(t, mock.Config{})
	running := startSidecar(t, primary, relay)
	admin := strings.TrimPrefix(running.AdminURL(), "http://")
	code, found := doctorSays(t, config.Environ{"RELAY_API_KEY=" + relayKey},
		"--primary", primary.url+"/v1", "--relay", relay.url+"/v1", "--admin-listen", admin)
	if code != exitDone {
		t.Errorf("exit %d: %+v", code, found)
	}
	if f := found["sidecar"]; f.Status != doctor.OK || !strings.Contains(f.Detail, ", ready; flags READY, from ") ||
		!strings.Contains(f.Detail, "\nshadow-percentage: 0\n") {
		t.Errorf("sidecar: %+v", f)
	}
	if f := found["relay"]; f.Status != doctor.OK || !strings.Contains(f.Detail, " models") {
		t.Errorf("relay: %+v", f)
	}
	if code, out, _ := runCommand(t, nil, "doctor", "--live", "--admin-listen", admin); code != exitDone {
		t.Errorf("doctor --live: exit %d, %s", code, out)
	}
}
