package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"go.etcd.io/bbolt"

	"cutover/internal/rediskeys"
)

// bucketSpent holds, by day, how much of the day's budget is spent.
var bucketSpent = []byte("spent")

// errAmount is a caller's mistake, which must not change what is stored.
var errAmount = errors.New("store: an amount of money is negative")

// BudgetSync is what a sidecar tells of its spending, and asks for: see shadow.BudgetSync,
// which is the same type.
type BudgetSync = struct {
	PerDay int64
	Spent  int64
	Number uint64
	Least  int64
	Want   int64
}

func checkAmounts(b BudgetSync) error {
	if min(b.PerDay, b.Spent, b.Least, b.Want) < 0 {
		return errAmount
	}
	return nil
}

// Budget keeps the day's budget of one process in its data directory, so that a
// restart does not start the day over. It implements shadow.BudgetStore. Leases are not
// stored: nobody else has a share.
type Budget struct {
	s      *Store
	mu     sync.Mutex
	number uint64 // of the last booking
}

// Budget returns the budget of this store.
func (s *Store) Budget() *Budget { return &Budget{s: s} }

// Sync books what was spent in one durable transaction, deletes the sums of earlier days,
// and leases what is left.
func (b *Budget) Sync(_ context.Context, day string, sync BudgetSync) (int64, error) {
	if err := checkAmounts(sync); err != nil {
		return 0, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	spending := sync.Spent
	if sync.Number == b.number {
		spending = 0
	}
	var spent int64
	read := func(days *bbolt.Bucket) {
		if v := days.Get([]byte(day)); len(v) == 8 {
			spent = int64(binary.BigEndian.Uint64(v))
		}
	}
	var err error
	if spending == 0 {
		err = b.s.view(func(tx *bbolt.Tx) error {
			if days := tx.Bucket(bucketSpent); days != nil {
				read(days)
			}
			return nil
		})
	} else {
		err = b.s.update(func(tx *bbolt.Tx) error {
			days, err := tx.CreateBucketIfNotExists(bucketSpent)
			if err != nil {
				return err
			}
			read(days)
			c := days.Cursor()
			for k, _ := c.First(); k != nil && string(k) < day; k, _ = c.First() {
				if err := c.Delete(); err != nil {
					return err
				}
			}
			spent += spending
			return days.Put([]byte(day), binary.BigEndian.AppendUint64(nil, uint64(spent)))
		})
	}
	if err != nil {
		return 0, fmt.Errorf("store: the day's spending could not be written: %w", err)
	}
	b.number = sync.Number
	return min(sync.Want, max(sync.PerDay-spent, 0)), nil
}

// RedisBudget keeps the day's budget of a fleet. It implements
// shadow.BudgetStore.
type RedisBudget struct {
	client   redis.UniversalClient
	keys     rediskeys.Names
	process  string // names this process's lease
	leaseFor time.Duration
}

// leaseFor is how long a lease lasts that is not renewed: of a sidecar that was killed.
const leaseFor = time.Minute

// NewRedisBudget keeps the sums and the leases under rediskeys.Names.Spent and Leases.
func NewRedisBudget(c redis.UniversalClient, namespace string) *RedisBudget {
	return &RedisBudget{client: c, keys: rediskeys.In(namespace), process: randomID(), leaseFor: leaseFor}
}

// spentFor is how long a day's sum is kept: until the day has ended everywhere.
const spentFor = 72 * time.Hour

// syncScript books and leases atomically for the fleet. A lease is "amount end booking", the
// end in milliseconds of Redis's own clock. A share is a quarter of what is left, divided by those that
// hold a lease, so that pieces shrink as the fleet grows and the day ends.
//
// KEYS: spent, leases. ARGV: process, budget, spent since, booking, least, want, milliseconds
// that a lease lasts, seconds that keys last.
const syncScript = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local spent = tonumber(redis.call('GET', KEYS[1]) or '0')
local held, members, booked = 0, 1, ''
local all = redis.call('HGETALL', KEYS[2])
for i = 1, #all, 2 do
  local amount, ends, number = string.match(all[i + 1], '(%d+) (%d+) (%d+)')
  if all[i] == ARGV[1] then
    booked = number
  elseif tonumber(ends) <= now then
    redis.call('HDEL', KEYS[2], all[i])
  else
    held = held + tonumber(amount)
    members = members + 1
  end
end
local more = tonumber(ARGV[3])
if more > 0 and booked ~= ARGV[4] then
  spent = spent + more
  redis.call('SET', KEYS[1], string.format('%.0f', spent), 'EX', ARGV[8])
end
local left = math.max(tonumber(ARGV[2]) - spent - held, 0)
local share = math.floor(left / (4 * members))
local lease = math.min(left, math.max(tonumber(ARGV[5]), math.min(tonumber(ARGV[6]), share)))
if tonumber(ARGV[6]) == 0 then
  redis.call('HDEL', KEYS[2], ARGV[1])
else
  redis.call('HSET', KEYS[2], ARGV[1], string.format('%.0f %.0f %s', lease, now + tonumber(ARGV[7]), ARGV[4]))
  redis.call('PEXPIRE', KEYS[2], ARGV[8] * 1000)
end
return string.format('%.0f', lease)`

// Sync books what was spent and replaces this process's lease.
func (b *RedisBudget) Sync(ctx context.Context, day string, sync BudgetSync) (int64, error) {
	if err := checkAmounts(sync); err != nil {
		return 0, err
	}
	lease, err := b.client.Eval(ctx, syncScript, []string{b.keys.Spent(day), b.keys.Leases(day)},
		b.process, sync.PerDay, sync.Spent, sync.Number, sync.Least, sync.Want,
		b.leaseFor.Milliseconds(), int(spentFor.Seconds())).Int64()
	if err != nil {
		return 0, fmt.Errorf("store: leasing the day's budget: Redis: %w", err)
	}
	return lease, nil
}
