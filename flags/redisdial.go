package flags

import "github.com/redis/go-redis/v9"

// DialRedis makes a client of the Redis that holds the flags, for whatever else
// of a fleet lives there. It connects when it is first used; the caller closes
// it. Writes are not repeated by themselves: one whose answer was lost may have
// happened.
func DialRedis(o RedisOptions) (redis.UniversalClient, error) {
	target, err := o.parse()
	if err != nil {
		return nil, err
	}
	return target.connect(8, -1, nil), nil
}
