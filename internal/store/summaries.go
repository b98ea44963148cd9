package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"cutover/compare"
)

// Summaries are kept by time: five minutes apart for two days, then hours apart
// for Options.KeepSummaries. Together they hold every pair, where the results
// themselves are only the latest.
const (
	fineBucket = 5 * time.Minute
	fineFor    = 48 * time.Hour
	hourBucket = time.Hour
)

var bucketSummaries = []byte("summaries")

// summaryKey sorts by time, in UTC.
func summaryKey(t time.Time) []byte { return []byte(t.UTC().Format(time.RFC3339)) }

// AddSummaries merges summaries into those that are stored for their time. See Write.
func (s *Store) AddSummaries(parts map[time.Time]*compare.Summary, now time.Time) error {
	return s.Write(nil, parts, now)
}

// merge adds summaries to those of their time, and lets old ones age.
func (s *Store) merge(tx *bbolt.Tx, parts map[time.Time]*compare.Summary, now time.Time) error {
	bucket, err := tx.CreateBucketIfNotExists(bucketSummaries)
	if err != nil {
		return err
	}
	for at, part := range parts {
		width := fineBucket
		if at.Before(now.Add(-fineFor)) {
			width = hourBucket
		}
		if err := s.mergeInto(bucket, at.Truncate(width), *part); err != nil {
			return err
		}
	}
	return s.age(bucket, now)
}

// mergeInto adds a summary to what is stored under a key.
func (s *Store) mergeInto(bucket *bbolt.Bucket, at time.Time, part compare.Summary) error {
	key := summaryKey(at)
	var whole compare.Summary
	if v := bucket.Get(key); v != nil {
		if err := json.Unmarshal(v, &whole); err != nil {
			s.bad.Add(1)
			whole = compare.Summary{}
		}
	}
	whole.Merge(part)
	b, err := json.Marshal(whole)
	if err != nil {
		return err
	}
	return bucket.Put(key, b)
}

// age merges what is older than fineFor into hours and deletes what is older
// than the store keeps. It looks at keys from the oldest on, and stops at the
// first that is neither.
func (s *Store) age(bucket *bbolt.Bucket, now time.Time) error {
	type fine struct {
		key   []byte
		at    time.Time
		value compare.Summary
	}
	var old []fine
	var doomed [][]byte
	c := bucket.Cursor()
	for k, v := c.First(); k != nil && bytes.Compare(k, summaryKey(now.Add(-fineFor).Truncate(hourBucket))) < 0; k, v = c.Next() {
		at, err := time.Parse(time.RFC3339, string(k))
		if err != nil || at.Before(now.Add(-s.keepSummaries)) {
			doomed = append(doomed, bytes.Clone(k))
			continue
		}
		if at.Equal(at.Truncate(hourBucket)) {
			continue
		}
		f := fine{key: bytes.Clone(k), at: at}
		if err := json.Unmarshal(v, &f.value); err != nil {
			s.bad.Add(1)
		}
		old = append(old, f)
	}
	for _, k := range doomed {
		if err := bucket.Delete(k); err != nil {
			return err
		}
	}
	for _, f := range old {
		if err := bucket.Delete(f.key); err != nil {
			return err
		}
		if err := s.mergeInto(bucket, f.at.Truncate(hourBucket), f.value); err != nil {
			return err
		}
	}
	return nil
}

// Summary merges the stored summaries in the filter's scope: since its time
// (from the beginning of the five minutes or the hour in which that lies), of
// its model and endpoint.
func (s *Store) Summary(ctx context.Context, f Filter) (compare.Summary, error) {
	var whole compare.Summary
	err := s.view(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(bucketSummaries)
		if bucket == nil {
			return nil
		}
		c := bucket.Cursor()
		for k, v := c.Seek(summaryKey(f.Since.Truncate(hourBucket))); k != nil; k, v = c.Next() {
			if err := ctx.Err(); err != nil {
				return err
			}
			var part compare.Summary
			if err := json.Unmarshal(v, &part); err != nil {
				s.bad.Add(1)
				continue
			}
			if part.All.Last.Before(f.Since) {
				continue
			}
			whole.Merge(part.Within(compare.Scope{Model: f.Model, Endpoint: f.Endpoint}))
		}
		return nil
	})
	if err != nil {
		return compare.Summary{}, fmt.Errorf("store: %w", err)
	}
	return whole, nil
}
