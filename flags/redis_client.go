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

// Timeouts of one round trip to Redis. They bound how long a dead connection can
// delay a flip: poll interval + redisReadTimeout + a new connection is under 2 s.
const (
	redisDialTimeout  = 500 * time.Millisecond
	redisReadTimeout  = 300 * time.Millisecond
	redisWriteTimeout = 300 * time.Millisecond
)

// connect returns a client. onConnect may be nil. Readers retry once, on another
// connection. Writers never do: a write whose reply was lost may have been executed.
func (t redisTarget) connect(poolSize, retries int, onConnect func(context.Context, *redis.Conn) error) redis.UniversalClient {
	u := &redis.UniversalOptions{
		// Copied: cluster clients append to theirs.
		Addrs: slices.Clone(t.addrs), MasterName: t.master, DB: t.db,
		Username: t.username, Password: t.password,
		SentinelUsername: t.sentinelUsername, SentinelPassword: t.sentinelPassword,
		TLSConfig: t.tls, Protocol: 3, DisableIdentity: true,
		DialTimeout: redisDialTimeout, ReadTimeout: redisReadTimeout, WriteTimeout: redisWriteTimeout, ContextTimeoutEnabled: true,
		MaxRetries: retries, MinRetryBackoff: time.Millisecond, MaxRetryBackoff: 10 * time.Millisecond,
		DialerRetries: 1, PoolSize: poolSize, PoolTimeout: redisDialTimeout, OnConnect: named(onConnect),
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	switch t.topology {
	case sentinel:
		f := u.Failover()
		f.PipelinePoolSize = -1
		return redis.NewFailoverClient(f)
	case cluster:
		c := u.Cluster()
		// With the default of a minute, clients can be without a master for that
		// long after a failover.
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

// named gives each connection a name, before it calls next, which may be nil. A proxy that
// knows no CLIENT refuses the name, which is no reason to give up: the client's own option
// would.
func named(next func(context.Context, *redis.Conn) error) func(context.Context, *redis.Conn) error {
	return func(ctx context.Context, cn *redis.Conn) error {
		var refused redis.Error
		if err := cn.ClientSetName(ctx, "cutover-flags").Err(); err != nil && !errors.As(err, &refused) {
			return err
		}
		if next == nil {
			return nil
		}
		return next(ctx, cn)
	}
}

// connectSubscriber returns the client whose one connection receives change
// notifications. In a Cluster it connects to the master that holds the keys, as
// ClusterClient does not deliver invalidations.
func (t redisTarget) connectSubscriber(
	ctx context.Context, reader redis.UniversalClient, onConnect func(context.Context, *redis.Conn) error,
) (*redis.Client, error) {
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

// redisFault explains an error in an operator's terms. Server replies are safe to
// quote: they contain commands and keys only.
func redisFault(err error) *fault {
	text := err.Error()
	switch {
	case strings.Contains(text, "WRONGTYPE"):
		return &fault{codeWrongType, "a key of the flags has another type in Redis; delete or rename it"}
	case hasAny(text, "NOPERM", "NOAUTH", "WRONGPASS", "invalid username-password"):
		return &fault{codeDenied, "Redis denies access: " + text}
	case errors.Is(err, context.DeadlineExceeded) || strings.Contains(text, "timeout"):
		return &fault{codeUnreachable, "Redis does not respond in time"}
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

// LogRedisTo sends the log of the Redis client library to a logger, at debug level:
// by default it prints a line to standard error for each failed connection. The
// library has one logger per process, so main calls this, once, before anything
// connects.
func LogRedisTo(log zerolog.Logger) { redis.SetLogger(redisLog{log}) }

type redisLog struct{ log zerolog.Logger }

// Printf implements the logger of the library.
func (l redisLog) Printf(_ context.Context, format string, v ...any) {
	l.log.Debug().Msgf(format, v...)
}

// DialRedis returns a client of the Redis that holds the flags, for whatever else a
// fleet keeps there. It connects on first use; the caller closes it. Writes are not
// retried: one whose reply was lost may have been executed.
func DialRedis(o RedisOptions) (redis.UniversalClient, error) {
	target, err := o.parse()
	if err != nil {
		return nil, err
	}
	return target.connect(8, -1, nil), nil
}
