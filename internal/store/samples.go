package store

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"cutover/compare"
)

// ErrNoSample is returned for an id that no sample is kept of.
var ErrNoSample = errors.New("no sample is kept of this pair")

// Retention bounds the samples that are kept; zero fields take the defaults.
type Retention struct {
	PerClass int           // samples in each class; 200
	Age      time.Duration // 7 days
	Bytes    int64         // of all samples together; 256 MiB
}

func (r Retention) withDefaults() Retention {
	if r.PerClass <= 0 {
		r.PerClass = 200
	}
	if r.Age <= 0 {
		r.Age = 7 * 24 * time.Hour
	}
	if r.Bytes <= 0 {
		r.Bytes = 256 << 20
	}
	return r
}

// Samples are kept in one bucket by id, and listed in one bucket for each class
// by score and id. A sample that is in no class any more is deleted.
var bucketSamples = []byte("samples")

func classBucket(c compare.Class) []byte { return []byte("samples-" + string(c)) }

func classKey(score uint64, id string) []byte {
	return append(binary.BigEndian.AppendUint64(nil, score), id...)
}

// SampleEntry is a sample with the classes that it is offered to.
type SampleEntry struct {
	Sample  compare.Sample
	Classes []compare.Class
}

// PutSamples stores samples, and deletes what the retention no longer covers.
func (s *Store) PutSamples(_ context.Context, entries []SampleEntry, now time.Time) error {
	sealed := make([][]byte, len(entries))
	for i := range entries {
		b, err := json.Marshal(&entries[i].Sample)
		if err != nil {
			return fmt.Errorf("store: sample: %w", err)
		}
		if sealed[i], err = s.cipher.seal(b, entries[i].Sample.Result.ID); err != nil {
			return fmt.Errorf("store: sample: %w", err)
		}
	}
	err := s.update(func(tx *bbolt.Tx) error {
		buckets, err := openSampleBuckets(tx)
		if err != nil {
			return err
		}
		for i := range entries {
			if err := buckets.put(&entries[i], sealed[i]); err != nil {
				return err
			}
		}
		return buckets.trim(s.retention, now)
	})
	if err != nil {
		return fmt.Errorf("store: %d samples not written: %w", len(entries), err)
	}
	return nil
}

// sampleBuckets are the buckets of one transaction.
type sampleBuckets struct {
	samples *bbolt.Bucket
	classes map[compare.Class]*bbolt.Bucket
}

func openSampleBuckets(tx *bbolt.Tx) (*sampleBuckets, error) {
	b := &sampleBuckets{classes: map[compare.Class]*bbolt.Bucket{}}
	var err error
	if b.samples, err = tx.CreateBucketIfNotExists(bucketSamples); err != nil {
		return nil, err
	}
	for _, c := range compare.Classes() {
		if b.classes[c], err = tx.CreateBucketIfNotExists(classBucket(c)); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// put stores one sample. The time stands before it, for the retention.
func (b *sampleBuckets) put(e *SampleEntry, sealed []byte) error {
	r := &e.Sample.Result
	value := binary.BigEndian.AppendUint64(nil, uint64(max(r.At.UnixMilli(), 0)))
	if err := b.samples.Put([]byte(r.ID), append(value, sealed...)); err != nil {
		return err
	}
	for _, c := range e.Classes {
		if err := b.classes[c].Put(classKey(c.Score(r), r.ID), []byte{1}); err != nil {
			return err
		}
	}
	return nil
}

// trim cuts each class to its size and deletes samples that are in none, or
// too old; when they are too many bytes, the oldest go first.
func (b *sampleBuckets) trim(keep Retention, now time.Time) error {
	wanted := map[string]bool{}
	for _, bucket := range b.classes {
		n := 0
		var doomed [][]byte
		c := bucket.Cursor()
		for k, _ := c.Last(); k != nil; k, _ = c.Prev() {
			if n++; n > keep.PerClass {
				doomed = append(doomed, slices.Clone(k))
			} else {
				wanted[string(k[8:])] = true
			}
		}
		for _, k := range doomed {
			if err := bucket.Delete(k); err != nil {
				return err
			}
		}
	}
	return b.sweep(wanted, keep, now)
}

// sweep deletes the samples that are not wanted, too old or too many bytes.
func (b *sampleBuckets) sweep(wanted map[string]bool, keep Retention, now time.Time) error {
	type stored struct {
		id   string
		at   int64
		size int
	}
	var all []stored
	var total int64
	c := b.samples.Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		at := int64(0)
		if len(v) >= 8 {
			at = int64(binary.BigEndian.Uint64(v))
		}
		all = append(all, stored{string(k), at, len(v)})
		total += int64(len(v))
	}
	slices.SortFunc(all, func(x, y stored) int { return int(min(max(x.at-y.at, -1), 1)) })
	oldest := now.Add(-keep.Age).UnixMilli()
	for _, x := range all {
		if wanted[x.id] && x.at >= oldest && total <= keep.Bytes {
			continue
		}
		total -= int64(x.size)
		if err := b.delete(x.id); err != nil {
			return err
		}
	}
	return nil
}

// delete removes a sample; its places in the classes are found by its id.
func (b *sampleBuckets) delete(id string) error {
	if err := b.samples.Delete([]byte(id)); err != nil {
		return err
	}
	for _, bucket := range b.classes {
		c := bucket.Cursor()
		for k, _ := c.First(); k != nil; k, _ = c.Next() {
			if string(k[8:]) == id {
				if err := bucket.Delete(slices.Clone(k)); err != nil {
					return err
				}
				break
			}
		}
	}
	return nil
}

// Sample returns the sample of a pair; the error is or wraps ErrNoSample, or
// says why it can't be read.
func (s *Store) Sample(_ context.Context, id string) (sample compare.Sample, err error) {
	err = s.view(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(bucketSamples)
		if bucket == nil {
			return ErrNoSample
		}
		v := bucket.Get([]byte(id))
		if len(v) < 8 {
			return ErrNoSample
		}
		sample, err = s.cipher.open(v[8:], id)
		return err
	})
	return sample, wrapSample(id, err)
}

func wrapSample(id string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("pair %.60q: %w", id, err)
}

// SampleResults lists the results of the kept samples that match, newest last.
func (s *Store) SampleResults(ctx context.Context, f Filter) ([]compare.Result, error) {
	var out []compare.Result
	err := s.view(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(bucketSamples)
		if bucket == nil {
			return nil
		}
		return bucket.ForEach(func(k, v []byte) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if len(v) < 8 {
				s.bad.Add(1)
				return nil
			}
			sample, err := s.cipher.open(v[8:], string(k))
			if errors.Is(err, ErrKey) {
				return err
			}
			if err != nil {
				s.bad.Add(1)
				return nil
			}
			if f.matches(&sample.Result) {
				out = append(out, sample.Result)
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return newestLast(out, f.Limit), nil
}

// newestLast sorts by time and keeps the newest; 0 keeps all.
func newestLast(rs []compare.Result, limit int) []compare.Result {
	slices.SortFunc(rs, func(a, b compare.Result) int { return a.At.Compare(b.At) })
	if limit > 0 && len(rs) > limit {
		rs = rs[len(rs)-limit:]
	}
	return rs
}
