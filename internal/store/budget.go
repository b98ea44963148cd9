package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
	"go.etcd.io/bbolt"

	"cutover/internal/rediskeys"
)

// bucketSpent holds, by day, how much of the day's budget is reserved.
var bucketSpent = []byte("spent")

// errAmount is a caller's mistake, which must not change what is stored.
var errAmount = errors.New("store: an amount of money is negative")

// Budget keeps the day's budget of one process in its data directory, so that a
// restart does not start the day over. It implements shadow.BudgetStore.
type Budget struct{ s *Store }

// Budget returns the budget of this store.
func (s *Store) Budget() *Budget { return &Budget{s} }

// Reserve takes up to want millionths of a dollar out of what is left of the
// day's budget, and returns what it got.
func (b *Budget) Reserve(_ context.Context, day string, want, budget int64) (got int64, err error) {
	if want < 0 || budget < 0 {
		return 0, errAmount
	}
	err = b.change(day, func(spent int64) int64 {
		got = min(want, max(budget-spent, 0))
		return spent + got
	})
	if err != nil {
		return 0, err
	}
	return got, nil
}

// Refund gives back what was reserved and not spent.
func (b *Budget) Refund(_ context.Context, day string, amount int64) error {
	if amount < 0 {
		return errAmount
	}
	return b.change(day, func(spent int64) int64 { return max(spent-amount, 0) })
}

// change changes a day's sum in one durable transaction, and deletes those of
// earlier days.
func (b *Budget) change(day string, f func(spent int64) int64) error {
	err := b.s.update(func(tx *bbolt.Tx) error {
		days, err := tx.CreateBucketIfNotExists(bucketSpent)
		if err != nil {
			return err
		}
		var spent int64
		if v := days.Get([]byte(day)); len(v) == 8 {
			spent = int64(binary.BigEndian.Uint64(v))
		}
		c := days.Cursor()
		for k, _ := c.First(); k != nil && string(k) < day; k, _ = c.First() {
			if err := c.Delete(); err != nil {
				return err
			}
		}
		return days.Put([]byte(day), binary.BigEndian.AppendUint64(nil, uint64(f(spent))))
	})
	if err != nil {
		return fmt.Errorf("store: the day's spending could not be written: %w", err)
	}
	return nil
}

// RedisBudget keeps the day's budget of a fleet. It implements
// shadow.BudgetStore.
type RedisBudget struct {
	client redis.UniversalClient
	keys   rediskeys.Names
}

// NewRedisBudget keeps the sums under rediskeys.Names.Spent.
func NewRedisBudget(c redis.UniversalClient, namespace string) *RedisBudget {
	return &RedisBudget{client: c, keys: rediskeys.In(namespace)}
}

// spentFor is how long a day's sum is kept: until the day has ended everywhere.
const spentFor = 72 * time.Hour

// reserveScript adds what a sidecar gets to the day's sum, atomically for the
// fleet.
const reserveScript = `
local spent = tonumber(redis.call('GET', KEYS[1]) or '0')
local got = math.min(tonumber(ARGV[1]), math.max(tonumber(ARGV[2]) - spent, 0))
if got > 0 then redis.call('SET', KEYS[1], string.format('%.0f', spent + got), 'EX', ARGV[3]) end
return string.format('%.0f', got)`

// Reserve takes up to want millionths of a dollar out of what is left of the
// fleet's budget of the day, and returns what it got.
func (b *RedisBudget) Reserve(ctx context.Context, day string, want, budget int64) (int64, error) {
	if want < 0 || budget < 0 {
		return 0, errAmount
	}
	got, err := b.client.Eval(ctx, reserveScript, []string{b.keys.Spent(day)}, want, budget, int(spentFor.Seconds())).Int64()
	if err != nil {
		return 0, fmt.Errorf("store: reserving the day's budget: Redis: %w", err)
	}
	return got, nil
}

// refundScript never makes the sum negative.
const refundScript = `
local spent = tonumber(redis.call('GET', KEYS[1]) or '0')
redis.call('SET', KEYS[1], string.format('%.0f', math.max(spent - tonumber(ARGV[1]), 0)), 'EX', ARGV[2])
return 1`

// Refund gives back what was reserved and not spent.
func (b *RedisBudget) Refund(ctx context.Context, day string, amount int64) error {
	if amount < 0 {
		return errAmount
	}
	err := b.client.Eval(ctx, refundScript, []string{b.keys.Spent(day)}, amount, int(spentFor.Seconds())).Err()
	if err != nil {
		return fmt.Errorf("store: refunding the day's budget: Redis: %w", err)
	}
	return nil
}
