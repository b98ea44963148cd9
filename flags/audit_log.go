package flags

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"cutover/internal/setaside"
)

// auditLog is the audit of a localStore: one JSON entry per line, oldest first,
// capped by age and count. With an empty path it is in memory only. It is not safe
// for concurrent use: the store serializes access.
type auditLog struct {
	path    string
	entries []Entry
	max     int
	age     time.Duration
	lines   int // in the file
}

// openAudit reads the audit. What can't be read does not stop anybody: a damaged file is
// set aside and what could be read of it goes to a new one, or is kept in memory if not even
// that is possible. problem says what was done; "" for nothing.
func openAudit(path string) (a *auditLog, problem string) {
	a = &auditLog{path: path, max: auditMaxEntries, age: auditMaxAge}
	if path == "" {
		return a, ""
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return a, ""
	}
	if err == nil {
		err = a.read(data)
	}
	if err == nil {
		if len(data) == 0 || data[len(data)-1] == '\n' {
			return a, ""
		}
		if err = a.rewrite(); err == nil {
			return a, ""
		}
		a.path = ""
		return a, fmt.Sprintf("%s can't be written: %v; changes are recorded in memory only", filepath.Base(path), err)
	}
	aside, moveErr := setaside.Move(path, time.Now())
	if moveErr == nil && len(a.entries) > 0 {
		moveErr = a.rewrite()
	}
	if moveErr != nil {
		a.path = ""
		return a, fmt.Sprintf("%s: %v, and %v; changes are recorded in memory only", filepath.Base(path), err, moveErr)
	}
	return a, fmt.Sprintf("%s was damaged (%v) and is kept as %s", filepath.Base(path), err, filepath.Base(aside))
}

// read adds the entries of a file, and returns an error if it has lines that are none.
func (a *auditLog) read(data []byte) error {
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 4*maxValueBytes)
	bad := 0
	for lines.Scan() {
		a.lines++
		var e Entry
		if json.Unmarshal(lines.Bytes(), &e) == nil && e.Key != "" {
			a.entries = append(a.entries, e)
		} else if len(bytes.TrimSpace(lines.Bytes())) > 0 {
			bad++
		}
	}
	// A last line cut short by a power failure is lost, and no damage.
	if len(data) > 0 && data[len(data)-1] != '\n' && bad > 0 {
		bad--
	}
	switch err := lines.Err(); {
	case err != nil:
		return err
	case bad > 0:
		return fmt.Errorf("%d of its %d lines can't be read", bad, a.lines)
	}
	return nil
}

// append adds entries, which are durable when it returns.
func (a *auditLog) append(entries []Entry, now time.Time) error {
	a.entries = append(a.entries, entries...)
	a.trim(now)
	if a.path == "" {
		return nil
	}
	if a.lines+len(entries) > 2*max(len(a.entries), 64) {
		return a.rewrite()
	}
	text, err := marshalLines(entries)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(a.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	a.lines += len(entries)
	return errors.Join(err, f.Sync(), f.Close())
}

func (a *auditLog) rewrite() error {
	text, err := marshalLines(a.entries)
	if err != nil {
		return err
	}
	a.lines = len(a.entries)
	return writeFileAtomic(a.path, text)
}

// trim drops entries that exceed the caps, but never the newest entry of a flag:
// that one records what the flag should be.
func (a *auditLog) trim(now time.Time) {
	excess := len(a.entries) - a.max
	oldest := now.Add(-a.age)
	if excess <= 0 && !a.entries[0].At.Before(oldest) {
		return
	}
	newest := a.newest()
	kept := make([]Entry, 0, len(a.entries))
	for i, e := range a.entries {
		if newest[e.Key] == i || i >= excess && !e.At.Before(oldest) {
			kept = append(kept, e)
		}
	}
	a.entries = kept
}

// newest returns the index of each flag's last entry.
func (a *auditLog) newest() map[string]int {
	last := map[string]int{}
	for i, e := range a.entries {
		last[e.Key] = i
	}
	return last
}

func (a *auditLog) version() uint64 {
	if len(a.entries) == 0 {
		return 0
	}
	return a.entries[len(a.entries)-1].Version
}

// history returns the newest entries first.
func (a *auditLog) history(key string, limit int) []Entry {
	out := []Entry{}
	for i := len(a.entries) - 1; i >= 0 && len(out) < limit; i-- {
		if key == "" || a.entries[i].Key == key {
			out = append(out, a.entries[i])
		}
	}
	return out
}

func marshalLines(entries []Entry) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	for _, e := range entries {
		if err := enc.Encode(e); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}
