package redistest_test

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"cutover/internal/redistest"
)

// A server can be paused, resumed, killed and restarted.
func TestPauseKillAndRestart(t *testing.T) {
	t.Parallel()
	s := redistest.New(t)
	responds := func() bool {
		c := redis.NewClient(&redis.Options{Addr: s.Addr(), MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true})
		defer func() { _ = c.Close() }()
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		return c.Ping(ctx).Err() == nil
	}
	if !responds() {
		t.Fatal("a new server does not respond")
	}
	s.Pause()
	if responds() {
		t.Error("a paused server responds")
	}
	s.Resume()
	if !responds() {
		t.Error("a resumed server does not respond")
	}
	addr := s.Addr()
	s.Kill()
	s.Kill()
	if responds() {
		t.Error("a killed server responds")
	}
	s.Restart()
	if !responds() || s.Addr() != addr {
		t.Errorf("the restarted server at %s (before: %s) does not respond", s.Addr(), addr)
	}
}
