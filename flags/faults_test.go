package flags_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/rs/zerolog"

	"cutover/flags"
	"cutover/internal/redistest"
)

// outage is how long faults last. The long form runs the same code for a
// minute: CUTOVER_TEST_OUTAGE=60s.
func outage(t testing.TB) time.Duration {
	text := os.Getenv("CUTOVER_TEST_OUTAGE")
	if text == "" {
		return 1500 * time.Millisecond
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("CUTOVER_TEST_OUTAGE: %v", err)
	}
	return d
}

// caller decides without pause, as requests would, and keeps the worst.
type caller struct {
	stop  chan struct{}
	done  chan struct{}
	worst time.Duration
	lost  int // decisions that were not the last good one
	n     int
}

func startCaller(s *flags.Set) *caller {
	c := &caller{stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(c.done)
		tick := time.NewTicker(100 * time.Microsecond)
		defer tick.Stop()
		for {
			select {
			case <-c.stop:
				return
			case <-tick.C:
				began := time.Now()
				d := s.Decide(flags.Attributes{TargetingKey: "anybody"})
				c.worst = max(c.worst, time.Since(began))
				c.n++
				if !d.ServeRelay {
					c.lost++
				}
			}
		}
	}()
	return c
}

func (c *caller) finish(t *testing.T) {
	t.Helper()
	close(c.stop)
	<-c.done
	if c.n == 0 || c.lost > 0 {
		t.Errorf("%d of %d decisions were not by the last good values", c.lost, c.n)
	}
	// A wait for Redis would be 300 ms; the scheduler of a busy machine may take some.
	if c.worst > 200*time.Millisecond {
		t.Errorf("a decision took %v: it waited for something", c.worst)
	}
}

func gauge(t testing.TB, g prometheus.Gatherer, name string) float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return value(f.GetMetric()[0])
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

func value(m *dto.Metric) float64 {
	if m.GetGauge() != nil {
		return m.GetGauge().GetValue()
	}
	return m.GetCounter().GetValue()
}

// Each fault: the last good values rule, no decision waits, the state is STALE
// with its code, age and reason, in the log once and in a metric; and when the
// fault ends, the next flip arrives.
func TestFaults(t *testing.T) {
	// big is within what a Redis takes and beyond what a flag may be.
	big := strings.Repeat("x", 1<<20)
	heal := func(r *server) { r.do("DEL", flagsKey, versionKey); r.do("HSET", flagsKey, "relay-percentage", "100") }
	for _, f := range []struct {
		name   string
		code   string
		reason string
		harm   func(r *server)
		heal   func(r *server)
	}{
		{"killed", "unreachable", "reached", func(r *server) { r.Kill() }, func(r *server) { r.Restart(); heal(r) }},
		{"paused", "unreachable", "in time", func(r *server) { r.Pause() }, func(r *server) { r.Resume() }},
		{"flushed", "emptied", "gone", func(r *server) { r.do("FLUSHALL") }, heal},
		{"deleted", "emptied", "gone", func(r *server) { r.do("DEL", flagsKey) }, heal},
		{"wrong type of the hash", "wrong_type", "type", func(r *server) { r.do("DEL", flagsKey); r.do("SET", flagsKey, "relay") }, heal},
		{"wrong type of the version", "wrong_type", "type", func(r *server) { r.do("DEL", versionKey); r.do("RPUSH", versionKey, "1") }, heal},
		{"version not a number", "wrong_type", "not a number", func(r *server) { r.do("SET", versionKey, "many") }, heal},
		{"bad field", "bad_field", "relay-percentage", func(r *server) { r.do("HSET", flagsKey, "relay-percentage", "much") }, heal},
		{"out of range", "bad_field", "out of range", func(r *server) { r.do("HSET", flagsKey, "relay-percentage", "-5") }, heal},
		{"half-written JSON", "bad_field", "JSON", func(r *server) { r.do("HSET", flagsKey, "relay-percentage", `{"variants":{"on":`) }, heal},
		{"1 MB value", "bad_field", "1048576 bytes", func(r *server) { r.do("HSET", flagsKey, "relay-percentage", big) }, heal},
		{
			"version backwards", "version_back", "backwards", func(r *server) { r.do("SET", versionKey, "3") },
			func(r *server) { r.do("INCR", versionKey); r.do("HSET", flagsKey, "shadow-percentage", "1") },
		},
		{
			"not allowed", "denied", "NOPERM", func(r *server) { r.do("ACL", "SETUSER", "default", "-hgetall") },
			func(r *server) { r.do("ACL", "SETUSER", "default", "+hgetall") },
		},
	} {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			r := startRedis(t)
			r.do("HSET", flagsKey, "relay-percentage", "100")
			r.do("SET", versionKey, "7")
			log, metrics := newLog(), prometheus.NewRegistry()
			s := start(t, flags.Options{Redis: &flags.RedisOptions{URL: r.url()}, Logger: log.logger(), Registerer: metrics})
			within(t, 5*second, "the flags", func() bool { return serves(s) })
			awaitSubscription(t, r, 1)
			caller := startCaller(s)
			began := time.Now()
			f.harm(r)
			within(t, 5*second, "STALE with "+f.code, stale(s, f.code))
			if st := s.State(); !strings.Contains(st.Reason, f.reason) || st.Since.Before(began) {
				t.Errorf("State = %+v, want a reason with %q", st, f.reason)
			}
			if got := gauge(t, metrics, "cutover_flags_stale"); got != 1 {
				t.Errorf("cutover_flags_stale = %v while STALE", got)
			}
			// Long enough for several polls, each of which meets the fault again.
			within(t, outage(t)+5*second, "time passes", func() bool { return time.Since(began) > outage(t) })
			if f.code == "unreachable" {
				if age := time.Duration(s.State().Age); age < outage(t)/2 {
					t.Errorf("age of the flags is %v after an outage of %v", age, time.Since(began))
				}
			}
			said := 0
			for _, line := range log.drain() {
				if strings.Contains(line, "are STALE") {
					said++
				}
			}
			if said == 0 || said > 2 { // an outage may show as two faults: no answer, then no connection
				t.Errorf("STALE was logged %d times", said)
			}
			f.heal(r)
			// A version that went backwards stays reported for 10 s.
			within(t, 15*second, fmt.Sprintf("READY by itself: %+v", s.State()), ready(s))
			caller.finish(t)
			r.do("HSET", flagsKey, "relay-percentage", "0")
			within(t, 3*second, "the next flip", func() bool { return !serves(s) })
		})
	}
}

// A connection that dies without a word: go-redis would never notice.
func TestSilentDropIsOvercomeWithinTwoSeconds(t *testing.T) {
	t.Parallel()
	r := startRedis(t)
	p := startProxy(t, r.Addr())
	s := start(t, flags.Options{Redis: &flags.RedisOptions{URL: p.url()}, Logger: zerolog.Nop()})
	awaitSubscription(t, r, 1)
	for round := range 3 {
		want := round%2 == 0
		p.drop()
		began := time.Now()
		r.do("HSET", flagsKey, "relay-percentage", map[bool]string{true: "100", false: "0"}[want])
		within(t, 4*second, "the flip after a silent drop", func() bool { return serves(s) == want })
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("round %d: the flip took %v after a silent drop, want less than 2 s", round, took)
		}
	}
	// The subscription is a new one, too: the next flip comes by a hint.
	within(t, 5*second, "a hint arrives again", func() bool {
		v := serves(s)
		began := time.Now()
		r.do("HSET", flagsKey, "relay-percentage", map[bool]string{true: "0", false: "100"}[v])
		within(t, 2*second, "flip", func() bool { return serves(s) != v })
		return time.Since(began) < 50*time.Millisecond
	})
}

func TestStartWithoutRedis(t *testing.T) {
	t.Parallel()
	r := startRedis(t)
	dir := t.TempDir()
	o := flags.Options{Redis: &flags.RedisOptions{URL: r.url()}, DataDir: dir, Initial: flags.Values{ShadowPercentage: ptr(100.0)}}
	ctx, cancel := context.WithCancel(context.Background())
	first := open2(t, o)
	done := make(chan error, 1)
	go func() { done <- first.Run(ctx) }()
	if _, err := first.Store().Write(ctx, set("relay-percentage", "100")); err != nil {
		t.Fatal(err)
	}
	within(t, 5*second, "the flip", func() bool { return serves(first) })
	cancel()
	if err := <-done; err != nil {
		t.Fatalf("Run: %v", err)
	}
	r.Kill()

	log := newLog()
	o.Logger = log.logger()
	again := start(t, o)
	st := again.State()
	if !serves(again) || st.Source != flags.FromDisk || st.Status != flags.Stale || st.Version != 1 || !strings.Contains(st.Reason, "disk") {
		t.Errorf("without Redis, with last good values: serves %v, State %+v", serves(again), st)
	}
	if lines := strings.Join(log.drain(), ""); !strings.Contains(lines, "last good flags on disk") {
		t.Errorf("the log does not say so: %s", lines)
	}
	o.DataDir, o.Logger = t.TempDir(), zerolog.Nop()
	fresh := start(t, o)
	st = fresh.State()
	if serves(fresh) || !shadows(fresh) || st.Source != flags.FromConfiguration || !strings.Contains(st.Reason, "configuration") {
		t.Errorf("with neither: serves %v, shadows %v, State %+v", serves(fresh), shadows(fresh), st)
	}
	r.Restart()
	r.do("HSET", flagsKey, "relay-percentage", "100")
	within(t, 6*second, "both heal", func() bool { return ready(again)() && ready(fresh)() && serves(fresh) })
	if st := fresh.State(); st.Source != flags.FromRedis {
		t.Errorf("source after healing: %v", st.Source)
	}
}

func TestBrokenLastGoodFileIsNotFatal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "flags-last-good.json"), `{"version": 3, "fields": {"relay-perc`)
	nobody := fmt.Sprintf("redis://127.0.0.1:%d", redistest.FreePort(t))
	s := start(t, flags.Options{Redis: &flags.RedisOptions{URL: nobody}, DataDir: dir, Logger: zerolog.Nop()})
	if st := s.State(); st.Status != flags.Stale || st.Source != flags.FromConfiguration {
		t.Errorf("State = %+v", st)
	}
}

// Without a single hint the poll finds a change.
func TestPollAloneFindsChanges(t *testing.T) {
	t.Parallel()
	r := startRedis(t)
	r.do("ACL", "SETUSER", "deaf", "on", ">pw", "~*", "-@all", "+hello", "+auth", "+client|setname", "+hgetall", "+get")
	s := start(t, flags.Options{Redis: &flags.RedisOptions{URL: r.url(), Username: "deaf", Password: "pw"}, Logger: zerolog.Nop()})
	for _, want := range []bool{true, false, true} {
		began := time.Now()
		r.do("HSET", flagsKey, "relay-percentage", map[bool]string{true: "100", false: "0"}[want])
		within(t, 4*second, "the poll finds the change", func() bool { return serves(s) == want })
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("the poll took %v", took)
		}
	}
	if st := s.State(); st.Status != flags.Ready {
		t.Errorf("State = %+v", st)
	}
}

// Without a single change the watchdog replaces a subscription that is silent.
func TestWatchdogReplacesASilentSubscription(t *testing.T) {
	t.Parallel()
	r := startRedis(t)
	p := startProxy(t, r.Addr())
	start(t, flags.Options{Redis: &flags.RedisOptions{URL: p.url()}, Logger: zerolog.Nop()})
	awaitSubscription(t, r, 1)
	p.drop()
	began := time.Now()
	awaitSubscription(t, r, 2) // the server still counts the one that it believes in
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("the subscription was replaced after %v", took)
	}
}
