package limit

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"cutover/internal/redistest"
)

// The client library prints a line on standard error for each failed connection.
func init() { logging.Disable() }

// redisServer is a Redis server of a test's own.
type redisServer struct {
	*redistest.Server
	t testing.TB
}

func startRedis(t testing.TB) *redisServer {
	t.Helper()
	return &redisServer{redistest.New(t), t}
}

func (r *redisServer) client() *redis.Client {
	c := redis.NewClient(&redis.Options{
		Addr: r.Addr(), DialerRetries: 1, MaxRetries: -1, DisableIdentity: true, ContextTimeoutEnabled: true,
		DialTimeout: 300 * time.Millisecond, ReadTimeout: 300 * time.Millisecond, WriteTimeout: 300 * time.Millisecond,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	r.t.Cleanup(func() { _ = c.Close() })
	return c
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
