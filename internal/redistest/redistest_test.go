package redistest_test

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"cutover/internal/redistest"
)

// A server that is killed, paused and brought back does what its name says.
func TestServersDieHangAndComeBack(t *testing.T) {
	t.Parallel()
	s := redistest.New(t)
	answers := func() bool {
		c := redis.NewClient(&redis.Options{Addr: s.Addr(), MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true})
		defer func() { _ = c.Close() }()
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		return c.Ping(ctx).Err() == nil
	}
	if !answers() {
		t.Fatal("a new server does not answer")
	}
	s.Pause()
	if answers() {
		t.Error("a server that hangs answers")
	}
	s.Resume()
	if !answers() {
		t.Error("a server that goes on does not answer")
	}
	addr := s.Addr()
	s.Kill()
	s.Kill()
	if answers() {
		t.Error("a dead server answers")
	}
	s.Restart()
	if !answers() || s.Addr() != addr {
		t.Errorf("the server that came back at %s, before at %s, does not answer", s.Addr(), addr)
	}
}
