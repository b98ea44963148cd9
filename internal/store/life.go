package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"cutover/internal/setaside"
)

// ErrUnavailable is what a store that serves fails with while its database can't be
// opened.
var ErrUnavailable = errors.New("the store is not available")

// life is how a store that serves lives with a database that fails.
type life struct {
	dir     string
	changed func(reason string) // may be nil

	mu      sync.Mutex
	serves  bool // opened by OpenToServe
	closed  bool
	problem error     // why there is no database
	tried   time.Time // when it was last opened, in vain
}

// retryAfter is how often a database that could not be opened is tried again.
const retryAfter = 5 * time.Second

// OpenToServe opens the store of a sidecar, which must be able to start without one: a
// damaged database is set aside and a new one started, and while the disk is full or read
// only nothing is stored. Options.Changed is told. What is an error nevertheless: a key of
// the wrong form, and a directory that another sidecar uses (ErrLocked).
func OpenToServe(dir string, o Options) (*Store, error) {
	o.ReadOnly = false
	s, err := newStore(dir, o)
	if err != nil {
		return nil, err
	}
	s.life.serves = true
	s.life.mu.Lock()
	defer s.life.mu.Unlock()
	if err := s.open(time.Now()); errors.Is(err, ErrLocked) {
		return nil, err
	}
	return s, nil
}

// open opens the database, after setting a damaged one aside. The caller holds life.mu.
func (s *Store) open(now time.Time) error {
	path := filepath.Join(s.life.dir, FileName)
	reason := ""
	db, err := create(s.life.dir)
	if err != nil && damaged(path, err) {
		aside, moveErr := setaside.Move(path, now)
		if moveErr != nil {
			err = fmt.Errorf("%w; it can't be set aside either: %w", err, moveErr)
		} else {
			reason = fmt.Sprintf("%s was damaged and is kept as %s; results, samples and what was spent today start anew (%v)",
				FileName, filepath.Base(aside), err)
			db, err = create(s.life.dir)
		}
	}
	if err != nil {
		s.life.problem, s.life.tried = err, now
		s.tell(fmt.Sprintf("nothing is stored: %v", err))
		return err
	}
	s.life.problem = nil
	s.db.Store(db)
	s.tell(reason)
	return nil
}

func (s *Store) tell(reason string) {
	if s.life.changed != nil {
		s.life.changed(reason)
	}
}

// damaged reports whether an error of create means that the file itself is no database.
func damaged(path string, err error) bool {
	if errors.Is(err, ErrCorrupt) {
		return true
	}
	info, statErr := os.Lstat(path)
	return statErr == nil && info.IsDir()
}

// database returns the open database, after trying to open one that could not be opened
// before.
func (s *Store) database() (*bbolt.DB, error) {
	if db := s.db.Load(); db != nil {
		return db, nil
	}
	s.life.mu.Lock()
	defer s.life.mu.Unlock()
	now := time.Now()
	if s.db.Load() == nil && s.life.serves && !s.life.closed && now.Sub(s.life.tried) >= retryAfter {
		_ = s.open(now) // the reason is in life.problem
	}
	if db := s.db.Load(); db != nil {
		return db, nil
	}
	return nil, fmt.Errorf("%w: %w", ErrUnavailable, s.life.problem)
}

// update runs a write. A store that serves replaces a database that turns out to be
// damaged, and writes to the new one.
func (s *Store) update(f func(*bbolt.Tx) error) error {
	db, err := s.database()
	if err != nil {
		return err
	}
	err = guard(func() error { return db.Update(f) })
	if !errors.Is(err, ErrCorrupt) || !s.replace(db) {
		return err
	}
	if db, err = s.database(); err != nil {
		return err
	}
	return guard(func() error { return db.Update(f) })
}

// replace gives a damaged database up. It stays open until the process ends: after a panic
// bbolt may never release the lock that closing waits for.
func (s *Store) replace(broken *bbolt.DB) bool {
	s.life.mu.Lock()
	defer s.life.mu.Unlock()
	if !s.life.serves || s.life.closed {
		return false
	}
	if s.db.Load() != broken {
		return true // somebody else has replaced it
	}
	now := time.Now()
	path := filepath.Join(s.life.dir, FileName)
	aside, err := setaside.Move(path, now)
	if err != nil {
		return false
	}
	s.db.Store(nil)
	if s.open(now) == nil {
		s.tell(fmt.Sprintf("%s was damaged while in use and is kept as %s; results, samples and what was spent today start anew",
			FileName, filepath.Base(aside)))
	}
	return true
}

// Close waits for running reads and writes and closes the file.
func (s *Store) Close() error {
	s.life.mu.Lock()
	s.life.closed = true
	db := s.db.Load()
	s.life.mu.Unlock()
	if db == nil {
		return nil
	}
	if err := db.Close(); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}
