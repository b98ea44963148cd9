package store

import (
	"errors"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cutover/compare"
)

// serve opens a store as a sidecar does. reasons are what Changed was told.
func serve(t *testing.T, dir string) (s *Store, reasons *[]string) {
	t.Helper()
	reasons = &[]string{}
	s, err := OpenToServe(dir, Options{Changed: func(r string) { *reasons = append(*reasons, r) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, reasons
}

// written makes a database with results in a new directory.
func written(t *testing.T) (dir, path string) {
	t.Helper()
	dir = t.TempDir()
	s := open(t, dir, Options{})
	if err := s.Put(results(1, 900)...); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, filepath.Join(dir, FileName)
}

func TestADamagedDatabaseIsSetAside(t *testing.T) {
	random := make([]byte, 20000)
	_, _ = rand.New(rand.NewSource(1)).Read(random)
	for name, harm := range map[string]func(path string) error{
		"cut in half": func(path string) error {
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			return os.Truncate(path, info.Size()/2)
		},
		"overwritten": func(path string) error { return os.WriteFile(path, random, 0o600) },
		"zeros":       func(path string) error { return os.WriteFile(path, make([]byte, 1<<16), 0o600) },
		"text":        func(path string) error { return os.WriteFile(path, []byte("hello\n"), 0o600) },
		"a directory": func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) },
		"its pages are gone": func(path string) error {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			clear(content[2*os.Getpagesize():])
			return os.WriteFile(path, content, 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, path := written(t)
			if err := harm(path); err != nil {
				t.Fatal(err)
			}
			s, reasons := serve(t, dir)
			if err := s.Put(result(1)); err != nil {
				t.Fatalf("the new database: %v", err)
			}
			if rs, err := s.Results(t.Context(), Filter{}); err != nil || ids(rs) != "1" {
				t.Errorf("results = %s, %v; want the new one alone", ids(rs), err)
			}
			aside, err := filepath.Glob(path + ".damaged-20*")
			if err != nil || len(aside) != 1 {
				t.Fatalf("set aside: %v, %v", aside, err)
			}
			if told := strings.Join(*reasons, "\n"); !strings.Contains(told, filepath.Base(aside[0])) {
				t.Errorf("told %q, want the name of the file that was set aside", told)
			}
		})
	}
}

// A database that turns out to be damaged while it is in use is replaced.
func TestADatabaseDamagedInUseIsReplaced(t *testing.T) {
	dir, path := written(t)
	s, reasons := serve(t, dir)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	page := int64(os.Getpagesize())
	_, err = f.WriteAt(make([]byte, info.Size()-2*page), 2*page)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(result(1)); err != nil {
		t.Fatalf("after the damage: %v (%q)", err, *reasons)
	}
	if rs, err := s.Results(t.Context(), Filter{}); err != nil || ids(rs) != "1" {
		t.Errorf("results = %s, %v", ids(rs), err)
	}
	if n := len(*reasons); n == 0 || !strings.Contains((*reasons)[n-1], "while in use") {
		t.Errorf("told %q", *reasons)
	}
}

// Without a place for its file a store opens nevertheless, and fills it when there is one.
func TestAStoreWithoutADiskServesAndHeals(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // nobody can make the directory, not even root
		t.Fatal(err)
	}
	s, reasons := serve(t, dir)
	if err := s.Put(result(1)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Put = %v, want ErrUnavailable", err)
	}
	if _, err := s.Results(t.Context(), Filter{}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Results = %v, want ErrUnavailable", err)
	}
	if _, err := s.Budget().Sync(t.Context(), "2026-01-01", BudgetSync{PerDay: 1, Want: 1}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Sync = %v, want ErrUnavailable", err)
	}
	if len(*reasons) != 1 || (*reasons)[0] == "" {
		t.Errorf("told %q, want one reason", *reasons)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	s.life.mu.Lock()
	s.life.tried = time.Now().Add(-retryAfter)
	s.life.mu.Unlock()
	if err := s.Put(result(1)); err != nil {
		t.Errorf("when the disk is back: %v", err)
	}
	if n := len(*reasons); n != 2 || (*reasons)[1] != "" {
		t.Errorf("told %q, want that it works again", *reasons)
	}
}

func TestADirectoryInUseIsStillAnError(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir)
	if _, err := OpenToServe(dir, Options{}); !errors.Is(err, ErrLocked) {
		t.Errorf("OpenToServe = %v, want ErrLocked", err)
	}
}

// Results and their sums are one write: neither is there without the other.
func TestResultsAndSumsAreOneWrite(t *testing.T) {
	eachBackend(t, func(t *testing.T, open func(Options) Backend) {
		s := open(Options{})
		now := time.Now()
		for i := range 5 {
			var sum compare.Summary
			r := result(i)
			r.At = now
			sum.Add(r)
			if err := s.Write([]compare.Result{r}, map[time.Time]*compare.Summary{now: &sum}, now); err != nil {
				t.Fatal(err)
			}
		}
		rs, err := s.Results(t.Context(), Filter{})
		whole, sumErr := s.Summary(t.Context(), Filter{})
		if err := errors.Join(err, sumErr); err != nil || len(rs) != 5 || whole.All.Pairs != 5 {
			t.Errorf("%d results, %d summed up, %v; want 5 and 5", len(rs), whole.All.Pairs, err)
		}
	})
}

// What a write that failed halfway left in Redis does not count twice when it is repeated.
func TestARepeatedWriteToRedisCountsOnce(t *testing.T) {
	client := startRedis(t)
	s, err := NewRedis(client, "test", Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := result(1)
	r.At = time.Now()
	var sum compare.Summary
	sum.Add(r)
	for try := range 2 { // the reply to the first was lost
		if err := s.Write([]compare.Result{r}, map[time.Time]*compare.Summary{r.At: &sum}, r.At); err != nil {
			t.Fatal(err)
		}
		if try == 0 {
			clear(s.own)
		}
	}
	rs, err := s.Results(t.Context(), Filter{})
	if whole, _ := s.Summary(t.Context(), Filter{}); err != nil || len(rs) != 1 || whole.All.Pairs != 1 {
		t.Errorf("results %s, %d summed up, %v", fmt.Sprint(ids(rs)), whole.All.Pairs, err)
	}
}

// Everybody who uses a store gets the same salt.
func TestSalt(t *testing.T) {
	eachBackend(t, func(t *testing.T, open func(Options) Backend) {
		first, err := open(Options{}).Salt(t.Context())
		again, err2 := open(Options{}).Salt(t.Context())
		if err := errors.Join(err, err2); err != nil || len(first) != 32 || string(first) != string(again) {
			t.Errorf("salts %x and %x, %v", first, again, err)
		}
	})
}
