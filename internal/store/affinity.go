package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// Two buckets hold who owns an id: one by id (expiry, then the owner's name),
// one by expiry (expiry, then the id), so that what is over is found first.
var (
	bucketOwners       = []byte("owners")
	bucketOwnersExpiry = []byte("owners_expiry")
)

// maxOwners is how many ids one data directory keeps; those that end first go
// first. At some 150 bytes each that is a file of 150 MB at most.
const maxOwners = 1_000_000

// Affinity keeps which provider made an id in the data directory of one
// process. It fits affinity.Store.
type Affinity struct {
	s    *Store
	now  func() time.Time
	keep int
}

// Affinity returns the affinities of this store.
func (s *Store) Affinity() *Affinity { return &Affinity{s, time.Now, maxOwners} }

// Owners returns the owner of each id, "" for the unknown, in order.
func (a *Affinity) Owners(_ context.Context, ids []string) ([]string, error) {
	owners := make([]string, len(ids))
	now := a.now()
	err := a.s.view(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(bucketOwners)
		if bucket == nil {
			return nil
		}
		for i, id := range ids {
			if v := bucket.Get([]byte(id)); len(v) > 8 && expiryOf(v).After(now) {
				owners[i] = string(v[8:])
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("store: owners of ids: %w", err)
	}
	return owners, nil
}

// SetOwner remembers an owner of ids for so long, in one durable transaction.
func (a *Affinity) SetOwner(_ context.Context, owner string, ids []string, keep time.Duration) error {
	if len(ids) == 0 {
		return nil
	}
	now := a.now()
	value := binary.BigEndian.AppendUint64(nil, uint64(now.Add(keep).UnixNano()))
	value = append(value, owner...)
	err := a.s.update(func(tx *bbolt.Tx) error {
		owners, err := tx.CreateBucketIfNotExists(bucketOwners)
		if err != nil {
			return err
		}
		expiry, err := tx.CreateBucketIfNotExists(bucketOwnersExpiry)
		if err != nil {
			return err
		}
		// The expiry bucket's sequence is the number of its keys.
		count := int64(expiry.Sequence())
		for _, id := range ids {
			if old := owners.Get([]byte(id)); len(old) > 8 {
				if err := expiry.Delete(expiryKey(old, id)); err != nil {
					return err
				}
				count--
			}
			if err := owners.Put([]byte(id), value); err != nil {
				return err
			}
			if err := expiry.Put(expiryKey(value, id), nil); err != nil {
				return err
			}
			count++
		}
		if count, err = a.prune(owners, expiry, count, now); err != nil {
			return err
		}
		return expiry.SetSequence(uint64(max(0, count)))
	})
	if err != nil {
		return fmt.Errorf("store: owners of %d ids not written: %w", len(ids), err)
	}
	return nil
}

// pruneAtOnce bounds the work of one transaction.
const pruneAtOnce = 1000

// prune deletes what is over, and of more than there is room for what ends first.
func (a *Affinity) prune(owners, expiry *bbolt.Bucket, count int64, now time.Time) (int64, error) {
	var doomed [][]byte
	c := expiry.Cursor()
	for k, _ := c.First(); k != nil && len(doomed) < pruneAtOnce; k, _ = c.Next() {
		if len(k) > 8 && expiryOf(k).After(now) && count-int64(len(doomed)) <= int64(a.keep) {
			break
		}
		doomed = append(doomed, bytes.Clone(k))
	}
	for _, k := range doomed {
		if err := expiry.Delete(k); err != nil {
			return count, err
		}
		if len(k) > 8 {
			if err := owners.Delete(k[8:]); err != nil {
				return count, err
			}
		}
	}
	return count - int64(len(doomed)), nil
}

func expiryOf(b []byte) time.Time { return time.Unix(0, int64(binary.BigEndian.Uint64(b))) }

func expiryKey(value []byte, id string) []byte {
	return append(bytes.Clone(value[:8]), id...)
}
