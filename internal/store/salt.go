package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"

	"go.etcd.io/bbolt"
)

var (
	bucketSecrets = []byte("secrets")
	keySalt       = []byte("salt")
)

// newSalt makes 32 random bytes.
func newSalt() []byte {
	salt := make([]byte, 32)
	_, _ = rand.Read(salt) // never fails
	return salt
}

// Salt returns the salt of this data directory, which the first call makes.
func (s *Store) Salt(context.Context) (salt []byte, err error) {
	err = s.update(func(tx *bbolt.Tx) error {
		bucket, err := tx.CreateBucketIfNotExists(bucketSecrets)
		if err != nil {
			return err
		}
		if salt = bytes.Clone(bucket.Get(keySalt)); len(salt) > 0 {
			return nil
		}
		salt = newSalt()
		return bucket.Put(keySalt, salt)
	})
	if err != nil {
		return nil, fmt.Errorf("store: salt: %w", err)
	}
	return salt, nil
}

// Salt returns the salt of the fleet, which the first call makes.
func (s *Redis) Salt(ctx context.Context) ([]byte, error) {
	if err := s.client.SetNX(ctx, s.keys.Salt(), newSalt(), 0).Err(); err != nil {
		return nil, redisError("salt", err)
	}
	salt, err := s.client.Get(ctx, s.keys.Salt()).Bytes()
	return salt, redisError("salt", err)
}
