package flags

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
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

func openAudit(path string) (*auditLog, error) {
	a := &auditLog{path: path, max: auditMaxEntries, age: auditMaxAge}
	if path == "" {
		return a, nil
	}
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("audit: %w", err)
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 4*maxValueBytes)
	for lines.Scan() {
		a.lines++
		var e Entry
		// A line cut short by a power failure is lost; its neighbours are not.
		if json.Unmarshal(lines.Bytes(), &e) == nil && e.Key != "" {
			a.entries = append(a.entries, e)
		}
	}
	if len(data) > 0 && data[len(data)-1] != '\n' {
		return a, a.rewrite()
	}
	return a, nil
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
