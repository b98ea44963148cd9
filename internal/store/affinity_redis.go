package store

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"cutover/internal/rediskeys"
)

// RedisAffinity keeps which provider made an id for a whole fleet, under
// rediskeys.Names.Owner. It fits affinity.Store.
type RedisAffinity struct {
	client redis.UniversalClient
	keys   rediskeys.Names
}

// NewRedisAffinity uses a client that somebody else closes. The client should
// have ContextTimeoutEnabled: requests wait for Owners.
func NewRedisAffinity(client redis.UniversalClient, namespace string) *RedisAffinity {
	return &RedisAffinity{client, rediskeys.In(namespace)}
}

// Owners returns the owner of each id, "" for the unknown, in order. It is one
// round trip.
func (a *RedisAffinity) Owners(ctx context.Context, ids []string) ([]string, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = a.keys.Owner(id)
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
		pipe.Set(ctx, a.keys.Owner(id), owner, keep)
	}
	_, err := pipe.Exec(ctx)
	return redisError("owners of ids not written", err)
}
