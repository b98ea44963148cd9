package flags_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"cutover/flags"
)

func TestMain(m *testing.M) {
	flags.LogRedisTo(zerolog.Nop())
	// After failed dials the Redis client looks once a second whether its pool is
	// closed, and ends then.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

// logLines collects what a set logs.
type logLines struct{ lines chan string }

func newLog() *logLines { return &logLines{lines: make(chan string, 10_000)} }

func (l *logLines) Write(p []byte) (int, error) {
	l.lines <- string(p)
	return len(p), nil
}

func (l *logLines) logger() zerolog.Logger { return zerolog.New(l) }

// drain returns what has been logged so far.
func (l *logLines) drain() []string {
	var out []string
	for {
		select {
		case line := <-l.lines:
			out = append(out, line)
		default:
			return out
		}
	}
}

// start opens a set and runs it until the test ends.
func start(t testing.TB, o flags.Options) *flags.Set {
	t.Helper()
	s, err := flags.Open(context.Background(), o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("Run did not end within 10 s of its context")
		}
	})
	return s
}

// within waits until the condition holds, looking every millisecond.
func within(t testing.TB, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			t.Fatalf("not within %v: %s", limit, what)
		case <-look.C:
		}
	}
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// replace writes a file in one step.
func replace(t testing.TB, path, text string) {
	t.Helper()
	write(t, path+".new", text)
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// serves reports whether the relay serves everybody (100 %) or nobody (0 %).
func serves(s *flags.Set) bool { return s.Decide(flags.Attributes{TargetingKey: "anybody"}).ServeRelay }

func shadows(s *flags.Set) bool { return s.Decide(flags.Attributes{TargetingKey: "anybody"}).Shadow }

func stale(s *flags.Set, code string) func() bool {
	return func() bool {
		st := s.State()
		return st.Status == flags.Stale && st.Code == code
	}
}

func ready(s *flags.Set) func() bool {
	return func() bool { return s.State().Status == flags.Ready }
}

func contains(s, part string) bool { return strings.Contains(s, part) }

func set(key, value string) flags.Flip {
	return flags.Flip{Who: "tester@here", Why: "test", Changes: []flags.Change{{Key: key, Value: &value}}}
}
