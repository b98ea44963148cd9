package flags

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"github.com/rs/zerolog"
)

// Limits of one exchange with Redis. They bound how long a dead connection can
// hide a flip: poll interval + redisRead + a fresh connection is under 2 s.
const (
	redisDial  = 500 * time.Millisecond
	redisRead  = 300 * time.Millisecond
	redisWrite = 300 * time.Millisecond
)

// connect makes a client. onConnect may be nil. Readers retry once, on another
// connection; writers never: a write whose answer was lost may have happened.
func (t redisTarget) connect(poolSize, retries int, onConnect func(context.Context, *redis.Conn) error) redis.UniversalClient {
	u := &redis.UniversalOptions{
		// Copied: cluster clients append to theirs.
		Addrs: slices.Clone(t.addrs), MasterName: t.master, DB: t.db,
		Username: t.username, Password: t.password,
		SentinelUsername: t.sentinelUsername, SentinelPassword: t.sentinelPassword,
		TLSConfig: t.tls, Protocol: 3, DisableIdentity: true, ClientName: "cutover-flags",
		DialTimeout: redisDial, ReadTimeout: redisRead, WriteTimeout: redisWrite, ContextTimeoutEnabled: true,
		MaxRetries: retries, MinRetryBackoff: time.Millisecond, MaxRetryBackoff: 10 * time.Millisecond,
		DialerRetries: 1, PoolSize: poolSize, PoolTimeout: redisDial, OnConnect: onConnect,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	switch t.topology {
	case sentinel:
		f := u.Failover()
		f.PipelinePoolSize = -1
		return redis.NewFailoverClient(f)
	case cluster:
		c := u.Cluster()
		// The default of a minute leaves clients without a master for that long
		// after a failover.
		c.ClusterStateReloadInterval = time.Second
		c.PipelinePoolSize = -1
		c.MaxRedirects = 2
		return redis.NewClusterClient(c)
	}
	s := u.Simple()
	s.Network = t.network
	s.PipelinePoolSize = -1
	return redis.NewClient(s)
}

// subscriber makes the client whose one connection hears of changes. In a
// Cluster that is a connection of its own to the master that holds the keys:
// ClusterClient does not pass invalidations on.
func (t redisTarget) subscriber(ctx context.Context, reader redis.UniversalClient, onConnect func(context.Context, *redis.Conn) error) (*redis.Client, error) {
	if t.topology == cluster {
		master, err := reader.(*redis.ClusterClient).MasterForKey(ctx, t.keys.Flags())
		if err != nil {
			return nil, err
		}
		node := t
		node.topology, node.addrs = standalone, []string{master.Options().Addr}
		return node.connect(1, -1, onConnect).(*redis.Client), nil
	}
	return t.connect(1, -1, onConnect).(*redis.Client), nil
}

// redisFault explains an error in an operator's terms. Server replies are
// safe to repeat: they name commands and keys.
func redisFault(err error) *fault {
	text := err.Error()
	switch {
	case strings.Contains(text, "WRONGTYPE"):
		return &fault{codeWrongType, "a key of the flags has another type in Redis; delete or rename it"}
	case hasAny(text, "NOPERM", "NOAUTH", "WRONGPASS", "invalid username-password"):
		return &fault{codeDenied, "Redis refuses: " + text}
	case errors.Is(err, context.DeadlineExceeded) || strings.Contains(text, "timeout"):
		return &fault{codeUnreachable, "Redis does not answer in time"}
	}
	return &fault{codeUnreachable, "Redis can't be reached: " + text}
}

func hasAny(text string, words ...string) bool {
	for _, w := range words {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

// LogRedisTo sends what the Redis client library says of itself to a logger, at
// debug level: by default it prints a line on standard error for each failed
// connection. The library's logger is one for the whole process, so main calls
// this, once, before anything connects.
func LogRedisTo(log zerolog.Logger) { redis.SetLogger(redisLog{log}) }

type redisLog struct{ log zerolog.Logger }

// Printf is what the library calls.
func (l redisLog) Printf(_ context.Context, format string, v ...any) {
	l.log.Debug().Msgf(format, v...)
}
