package mock_test

import (
	"bytes"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cutover/internal/mock"
)

// clocked notes when bytes were written, without a socket in between.
type clocked struct {
	header http.Header
	start  time.Time
	head   time.Duration   // when the header was written
	events []time.Duration // when each event was
	body   bytes.Buffer
}

func (c *clocked) Header() http.Header { return c.header }
func (c *clocked) WriteHeader(int)     { c.head = time.Since(c.start) }
func (c *clocked) Flush()              {}
func (c *clocked) Write(b []byte) (int, error) {
	c.events = append(c.events, time.Since(c.start))
	return c.body.Write(b)
}

// timed runs one request against a mock on the test's fake clock.
func timed(t *testing.T, cfg mock.Config, path, body string, header ...string) *clocked {
	t.Helper()
	c := &clocked{header: make(http.Header)}
	synctest.Test(t, func(t *testing.T) {
		s := newMock(t, cfg)
		defer s.Close()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		c.start = time.Now()
		s.ServeHTTP(c, r)
	})
	return c
}

func TestStreamKeepsTime(t *testing.T) {
	cfg := mock.Config{
		Latency: mock.Latency{
			Header: mock.Fixed(20 * time.Millisecond),
			TTFT:   mock.Fixed(300 * time.Millisecond),
			Gap:    mock.Fixed(10 * time.Millisecond),
		},
	}
	c := timed(t, cfg, "/v1/chat/completions", chatTarget().streamed())
	if c.head != 20*time.Millisecond || c.events[0] != 20*time.Millisecond {
		t.Errorf("header at %s, role at %s; want 20ms", c.head, c.events[0])
	}
	for i, at := range c.events[1 : len(c.events)-3] { // the role before, finish, usage and [DONE] after
		if want := 300*time.Millisecond + time.Duration(i)*10*time.Millisecond; at != want {
			t.Fatalf("token %d at %s, want %s", i, at, want)
		}
	}
}

func TestPlainResponseTakesItsTime(t *testing.T) {
	cfg := mock.Config{
		Latency: mock.Latency{TTFT: mock.Fixed(300 * time.Millisecond), TokensPerSecond: 100},
		Speech:  mock.Speech{TruncateAt: 51},
	}
	c := timed(t, cfg, "/v1/chat/completions", chatTarget().body)
	if want := 800 * time.Millisecond; c.head != want {
		t.Errorf("51 tokens came after %s, want %s", c.head, want)
	}
	cfg.Gap, cfg.TokensPerSecond = mock.Uniform(9*time.Millisecond, 11*time.Millisecond), 0
	c = timed(t, cfg, "/v1/messages", messagesTarget().body)
	if c.head < 760*time.Millisecond || c.head > 840*time.Millisecond {
		t.Errorf("51 tokens came after %s, want about 800ms", c.head)
	}
	c = timed(t, mock.Config{Latency: mock.Latency{Other: mock.Fixed(time.Second)}}, "/v1/embeddings", `{"model":"m","input":"x"}`)
	if c.head != time.Second {
		t.Errorf("embeddings after %s", c.head)
	}
}

func TestKeepAlive(t *testing.T) {
	cfg := mock.Config{KeepAlive: 100 * time.Millisecond, Latency: mock.Latency{TTFT: mock.Fixed(350 * time.Millisecond)}}
	c := timed(t, cfg, "/v1/chat/completions", chatTarget().streamed())
	if n := strings.Count(c.body.String(), ": keep-alive\n\n"); n != 3 {
		t.Errorf("%d comments in 350ms, want 3", n)
	}
	c = timed(t, cfg, "/v1/messages", messagesTarget().streamed())
	if n := strings.Count(c.body.String(), "event: ping"); n != 4 { // one is always there
		t.Errorf("%d pings, want 4", n)
	}
}

func TestOverrides(t *testing.T) {
	cfg := mock.Config{Latency: mock.Latency{TTFT: mock.Fixed(time.Hour)}}
	c := timed(
		t,
		mock.Config{Overrides: true, Latency: cfg.Latency},
		"/v1/chat/completions",
		chatTarget().body,
		"X-Mock-TTFT",
		"5ms",
		"X-Mock-Gap",
		"0",
	)
	if c.head != 5*time.Millisecond {
		t.Errorf("header after %s, want 5ms", c.head)
	}
	s := newMock(t, mock.Config{Overrides: true})
	if a := ask(t, s, "/v1/models", "", "X-Mock-Fault", "429"); a.status != 429 {
		t.Errorf("X-Mock-Fault 429 gives %d", a.status)
	}
	if a := ask(t, s, "/v1/models", "", "X-Mock-Fault", "nonsense"); a.status != 400 || !strings.Contains(a.body, "nonsense") {
		t.Errorf("a wrong override: %d %s", a.status, a.body)
	}
	always := newMock(t, mock.Config{Overrides: true, Faults: []mock.Fault{{Kind: "500", Rate: 1}}})
	if a := ask(t, always, "/v1/chat/completions", chatTarget().body, "X-Mock-Fault", "ok"); a.status != 200 {
		t.Errorf("X-Mock-Fault ok gives %d", a.status)
	}
	off := newMock(t, mock.Config{})
	if a := ask(t, off, "/v1/models", "", "X-Mock-Fault", "429"); a.status != 200 {
		t.Errorf("overrides work although they are off: %d", a.status)
	}
}

func TestDelays(t *testing.T) {
	for text, want := range map[string]struct{ p5, p50, p95 float64 }{ // milliseconds
		"200ms":                  {200, 200, 200},
		"uniform(100ms,300ms)":   {110, 200, 290},
		"lognormal(200ms,0.4)":   {103.6, 200, 386},
		"exponential(100ms)":     {5.1, 69.3, 299.6},
		"empirical(0s,100ms,1s)": {10, 100, 910},
	} {
		d, err := mock.ParseDelay(text)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := mock.ParseDelay(d.String()); err != nil || again.String() != d.String() {
			t.Errorf("%s is written as %s and read as %s, %v", text, d, again, err)
		}
		draws := sample(t, d)
		for q, ms := range map[float64]float64{0.05: want.p5, 0.5: want.p50, 0.95: want.p95} {
			got := draws[int(q*float64(len(draws)))].Seconds() * 1000
			if math.Abs(got-ms) > 0.12*ms+1 {
				t.Errorf("%s: quantile %v is %.1f ms, want about %.1f", text, q, got, ms)
			}
		}
	}
	for _, wrong := range []string{"fast", "lognormal(200ms)", "uniform(3s,1s)", "-1s", "normal(1s,2s)", "uniform(1s",
		"lognormal(1s,x)", "99999h"} {
		if _, err := mock.ParseDelay(wrong); err == nil {
			t.Errorf("%q is read as a delay", wrong)
		}
	}
}

// sample draws 2,000 times by asking a mock on the fake clock, sorted.
func sample(t *testing.T, d mock.Delay) []time.Duration {
	t.Helper()
	var draws []time.Duration
	synctest.Test(t, func(t *testing.T) {
		s := newMock(t, mock.Config{Latency: mock.Latency{TTFT: d}, Speech: mock.Speech{TruncateAt: 1}})
		defer s.Close()
		for range 2000 {
			start := time.Now()
			ask(t, s, "/v1/chat/completions", chatTarget().body)
			draws = append(draws, time.Since(start))
		}
	})
	slices.Sort(draws)
	return draws
}

func TestWaitEndsWithTheCaller(t *testing.T) {
	for _, body := range []string{chatTarget().body, chatTarget().streamed()} {
		s, url := serve(t, mock.Config{Latency: mock.Latency{TTFT: mock.Fixed(time.Hour)}})
		ctx, cancel := contextUntil(t, s)
		fetchContext(t, ctx, url+"/v1/chat/completions", body)
		cancel()
		if err := s.Wait(within(t), func(st mock.Stats) bool { return st.Active == 0 && st.Gone == 1 }); err != nil {
			t.Errorf("%v: %+v", err, s.Stats())
		}
	}
}
