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

// bucketSpent holds, by day, what has been drawn out of the day's budget.
var bucketSpent = []byte("spent")

// errAmount is a caller's mistake that must not change the books.
var errAmount = errors.New("store: an amount of money is negative")

// Purse keeps the day's budget of one process in its data directory, so that a
// restart does not begin the day anew. It fits shadow.Purse.
type Purse struct{ s *Store }

// Purse returns the purse of this store.
func (s *Store) Purse() *Purse { return &Purse{s} }

// Draw takes up to want millionths of a dollar out of what is left of the
// day's budget; it returns what it got.
func (p *Purse) Draw(_ context.Context, day string, want, budget int64) (got int64, err error) {
	if want < 0 || budget < 0 {
		return 0, errAmount
	}
	err = p.book(day, func(spent int64) int64 {
		got = min(want, max(budget-spent, 0))
		return spent + got
	})
	if err != nil {
		return 0, err
	}
	return got, nil
}

// Return gives back what was drawn and not spent.
func (p *Purse) Return(_ context.Context, day string, amount int64) error {
	if amount < 0 {
		return errAmount
	}
	return p.book(day, func(spent int64) int64 { return max(spent-amount, 0) })
}

// book changes a day's sum in one durable transaction. Other days' are over.
func (p *Purse) book(day string, change func(spent int64) int64) error {
	err := p.s.update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists(bucketSpent)
		if err != nil {
			return err
		}
		var spent int64
		if v := b.Get([]byte(day)); len(v) == 8 {
			spent = int64(binary.BigEndian.Uint64(v))
		}
		c := b.Cursor()
		for k, _ := c.First(); k != nil && string(k) < day; k, _ = c.First() {
			if err := c.Delete(); err != nil {
				return err
			}
		}
		return b.Put([]byte(day), binary.BigEndian.AppendUint64(nil, uint64(change(spent))))
	})
	if err != nil {
		return fmt.Errorf("store: the day's spending could not be written: %w", err)
	}
	return nil
}

// RedisPurse keeps the day's budget of a fleet. It fits shadow.Purse.
type RedisPurse struct {
	client redis.UniversalClient
	keys   rediskeys.Names
}

// NewRedisPurse keeps the books under rediskeys.Names.Spent.
func NewRedisPurse(c redis.UniversalClient, namespace string) *RedisPurse {
	return &RedisPurse{client: c, keys: rediskeys.In(namespace)}
}

// spentFor is how long a day's sum is kept: until the day is over everywhere.
const spentFor = 72 * time.Hour

// drawScript books what a sidecar gets, in one step for the whole fleet.
const drawScript = `
local spent = tonumber(redis.call('GET', KEYS[1]) or '0')
local got = math.min(tonumber(ARGV[1]), math.max(tonumber(ARGV[2]) - spent, 0))
if got > 0 then redis.call('SET', KEYS[1], string.format('%.0f', spent + got), 'EX', ARGV[3]) end
return string.format('%.0f', got)`

// Draw takes up to want millionths of a dollar out of what is left of the
// day's budget of the fleet; it returns what it got.
func (p *RedisPurse) Draw(ctx context.Context, day string, want, budget int64) (int64, error) {
	if want < 0 || budget < 0 {
		return 0, errAmount
	}
	got, err := p.client.Eval(ctx, drawScript, []string{p.keys.Spent(day)}, want, budget, int(spentFor.Seconds())).Int64()
	if err != nil {
		return 0, fmt.Errorf("store: Redis did not book the day's spending: %w", err)
	}
	return got, nil
}

// returnScript never books less than nothing.
const returnScript = `
local spent = tonumber(redis.call('GET', KEYS[1]) or '0')
redis.call('SET', KEYS[1], string.format('%.0f', math.max(spent - tonumber(ARGV[1]), 0)), 'EX', ARGV[2])
return 1`

// Return gives back what was drawn and not spent.
func (p *RedisPurse) Return(ctx context.Context, day string, amount int64) error {
	if amount < 0 {
		return errAmount
	}
	if err := p.client.Eval(ctx, returnScript, []string{p.keys.Spent(day)}, amount, int(spentFor.Seconds())).Err(); err != nil {
		return fmt.Errorf("store: Redis did not take the day's rest back: %w", err)
	}
	return nil
}
