package store

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// RedisAffinity keeps which provider made an id for a whole fleet, at the keys
// cutover:{NS}:owner:ID, each a string with expiry. It fits
// affinity.Store.
type RedisAffinity struct {
	client redis.UniversalClient
	prefix string
}

// NewRedisAffinity uses a client that somebody else closes. The client should
// have ContextTimeoutEnabled: requests wait for Owners.
func NewRedisAffinity(client redis.UniversalClient, namespace string) *RedisAffinity {
	if namespace == "" {
		namespace = "default"
	}
	return &RedisAffinity{client, "cutover:{" + namespace + "}:owner:"}
}

// Owners returns the owner of each id, "" for the unknown, in order. It is one
// round trip.
func (a *RedisAffinity) Owners(ctx context.Context, ids []string) ([]string, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = a.prefix + id
	}
	values, err := a.client.MGet(ctx, keys...).Result()
	if err != nil {
		return nil, redisError("owners of ids", err)
	}
	owners := make([]string, len(ids))
	for i, v := range values {
		owners[i], _ = v.(string)
	}
	return owners, nil
}

// SetOwner remembers an owner of ids for so long. It is one round trip.
func (a *RedisAffinity) SetOwner(ctx context.Context, owner string, ids []string, keep time.Duration) error {
	if len(ids) == 0 {
		return nil
	}
	pipe := a.client.Pipeline()
	for _, id := range ids {
		pipe.Set(ctx, a.prefix+id, owner, keep)
	}
	_, err := pipe.Exec(ctx)
	return redisError("owners of ids not written", err)
}
