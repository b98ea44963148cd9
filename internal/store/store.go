// Package store keeps what the comparisons found, embedded in one bbolt file
// of a data directory. Losing it loses knowledge, never a request.
package store

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"cutover/compare"
)

// FileName is the database's name inside the data directory.
const FileName = "cutover.db"

// What Open can fail with, besides errors of the file system.
var (
	ErrLocked  = errors.New("in use by a running sidecar")
	ErrCorrupt = errors.New("damaged")
	ErrMissing = errors.New("no data yet")
)

// Options of a Store.
type Options struct {
	Keep int // results to keep; the oldest go first; 0 means 1,000
	// KeepSummaries is how long summaries are kept; 0 means 90 days.
	KeepSummaries time.Duration
	Retention     Retention // of samples
	// Key encrypts samples at rest (AES-256-GCM); empty: they are not. It is
	// at least MinKey bytes.
	Key      []byte
	ReadOnly bool // for reports: nothing is created or changed
	// Changed, of a store that serves, is told why it is degraded when that changes;
	// "" when it works again. It may be nil, and must not call the store.
	Changed func(reason string)
}

// Store is an open database. All methods may be called from any goroutine.
type Store struct {
	db   atomic.Pointer[bbolt.DB] // nil: it can't be opened at the moment (see OpenToServe)
	life life
	keep int
	// keepSummaries is Options.KeepSummaries.
	keepSummaries time.Duration
	retention     Retention
	cipher        sampleCipher
	bad           atomic.Uint64
}

var bucketResults = []byte("results")

// lockTimeout is how long to wait for another process to release the file.
const lockTimeout = 200 * time.Millisecond

// Open opens, and unless read only creates, the store in a directory. The error
// is or wraps ErrLocked, ErrCorrupt, ErrMissing or the file system's, and names
// the directory and what to do.
func Open(dir string, o Options) (*Store, error) {
	path := filepath.Join(dir, FileName)
	s, err := newStore(dir, o)
	if err != nil {
		return nil, err
	}
	if o.ReadOnly {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("data directory %s: %w: no sidecar has stored results there (see `cutover serve --data`)", dir, ErrMissing)
		}
		db, err := openFile(path, true)
		if err != nil {
			return nil, openError(dir, path, err)
		}
		s.db.Store(db)
		return s, nil
	}
	db, err := create(dir)
	if err != nil {
		return nil, err
	}
	s.db.Store(db)
	return s, nil
}

// newStore makes a Store without its database.
func newStore(dir string, o Options) (*Store, error) {
	secret, err := newSampleCipher(o.Key)
	if err != nil {
		return nil, err
	}
	s := &Store{
		keep: o.Keep, keepSummaries: o.KeepSummaries, retention: o.Retention.withDefaults(), cipher: secret,
		life: life{dir: dir, changed: o.Changed},
	}
	if s.keepSummaries <= 0 {
		s.keepSummaries = 90 * 24 * time.Hour
	}
	if s.keep <= 0 {
		s.keep = 1000
	}
	return s, nil
}

// create opens the database of a directory for writing, and makes what is missing.
func create(dir string) (*bbolt.DB, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory %s can't be made: %w", dir, err)
	}
	path := filepath.Join(dir, FileName)
	db, err := openFile(path, false)
	if err != nil {
		return nil, openError(dir, path, err)
	}
	err = guard(func() error {
		return db.Update(func(tx *bbolt.Tx) error {
			_, err := tx.CreateBucketIfNotExists(bucketResults)
			return err
		})
	})
	if err != nil {
		_ = db.Close()
		return nil, openError(dir, path, err)
	}
	return db, nil
}

// openFile opens the database; a damaged file is an error.
func openFile(path string, readOnly bool) (db *bbolt.DB, err error) {
	if err := checkLength(path); err != nil {
		return nil, err
	}
	err = guard(func() error {
		// The list of free pages is kept in the file: finding it anew at every
		// start would read all pages, in a goroutine whose panics on damaged
		// ones nobody could catch.
		db, err = bbolt.Open(path, 0o600, &bbolt.Options{
			Timeout: lockTimeout, ReadOnly: readOnly, FreelistType: bbolt.FreelistMapType,
		})
		return err
	})
	return db, err
}

// openError says what is wrong and what to do.
func openError(dir, path string, err error) error {
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return fmt.Errorf("data directory %s: %w: ask that sidecar at its admin address, or choose another directory with --data", dir, ErrLocked)
	case errors.Is(err, ErrCorrupt):
		return fmt.Errorf("%s can't be read; move it away to start over: %w", path, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("data directory %s: not allowed to use %s; check its owner and mode: %w", dir, FileName, err)
	}
	return fmt.Errorf("data directory %s: %w", dir, err)
}

func (s *Store) view(f func(*bbolt.Tx) error) error {
	db, err := s.database()
	if err != nil {
		return err
	}
	return guard(func() error { return db.View(f) })
}

// Put stores results. See Write.
func (s *Store) Put(results ...compare.Result) error {
	if len(results) == 0 {
		return nil
	}
	return s.Write(results, nil, time.Time{})
}

// Write stores results and merges sums into those that are stored for their time, all in
// one transaction: after a crash the sums are those of the results that were written. A
// transaction costs a sync of the disk, so hand it many at a time. Of more results than
// Options.Keep the oldest are deleted. The keys of sums are any moments in their time;
// now decides which are old.
func (s *Store) Write(results []compare.Result, sums map[time.Time]*compare.Summary, now time.Time) error {
	if len(results) > s.keep {
		results = results[len(results)-s.keep:]
	}
	// Encode outside of the transaction: it holds the write lock.
	encoded := make([][]byte, len(results))
	for i := range results {
		b, err := json.Marshal(&results[i])
		if err != nil {
			return fmt.Errorf("store: result %s: %w", results[i].ID, err)
		}
		encoded[i] = b
	}
	err := s.update(func(tx *bbolt.Tx) error {
		if err := s.append(tx.Bucket(bucketResults), encoded); err != nil || now.IsZero() {
			return err
		}
		return s.merge(tx, sums, now)
	})
	if err != nil {
		return fmt.Errorf("store: %d results not written: %w", len(results), err)
	}
	return nil
}

// append adds encoded results.
func (s *Store) append(bucket *bbolt.Bucket, encoded [][]byte) error {
	bucket.FillPercent = .95 // keys only grow
	seq := bucket.Sequence()
	for _, b := range encoded {
		seq++
		if err := bucket.Put(sequenceKey(seq), b); err != nil {
			return err
		}
	}
	if err := bucket.SetSequence(seq); err != nil {
		return err
	}
	return trim(bucket, seq, uint64(s.keep))
}

// trim deletes all but the last keep entries. Sequence numbers have no gaps, so
// the oldest to keep is known.
func trim(bucket *bbolt.Bucket, last, keep uint64) error {
	if last <= keep {
		return nil
	}
	var doomed [][]byte
	c := bucket.Cursor()
	for k, _ := c.First(); k != nil && binary.BigEndian.Uint64(k) <= last-keep; k, _ = c.Next() {
		doomed = append(doomed, k)
	}
	for _, k := range doomed {
		if err := bucket.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

func sequenceKey(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// Results returns the stored results that match, oldest first. An entry that
// can't be read is left out and counted (see Unreadable).
func (s *Store) Results(ctx context.Context, f Filter) ([]compare.Result, error) {
	var out []compare.Result
	err := s.view(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(bucketResults)
		if bucket == nil {
			return nil
		}
		c := bucket.Cursor()
		for k, v := c.Last(); k != nil; k, v = c.Prev() {
			if err := ctx.Err(); err != nil {
				return err
			}
			var r compare.Result
			if err := json.Unmarshal(v, &r); err != nil {
				s.bad.Add(1)
				continue
			}
			if !f.matches(&r) {
				continue
			}
			out = append(out, r)
			if f.Limit > 0 && len(out) == f.Limit {
				return nil
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out, nil
}

// Unreadable is how many entries could not be decoded so far.
func (s *Store) Unreadable() uint64 { return s.bad.Load() }
