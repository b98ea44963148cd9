package flags

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Names inside Options.DataDir.
const (
	localFlagsName = "flags.yaml"
	localAuditName = "flags-audit.jsonl"
)

// localStore keeps the flags of one process: in a file, with the audit in the data
// directory, or in memory only. It is both the source and the Store.
type localStore struct {
	path     string // "": in memory
	required bool   // the operator configured the file, so it must exist
	mu       sync.Mutex
	text     []byte // of the file, as last read
	existed  bool   // the file has existed
	fields   map[string]string
	audit    *auditLog
	set      *Set
	degraded func(part, reason string)
	damaged  bool // the file could not be read at the start, nor since
}

func openLocal(o Options) (*localStore, Store, error) {
	l := &localStore{path: o.File, required: o.File != "", fields: map[string]string{}, degraded: o.Degraded}
	auditPath := ""
	if o.DataDir != "" {
		if err := os.MkdirAll(o.DataDir, 0o700); err != nil {
			l.degraded("flags", fmt.Sprintf("data directory: %v; flags can't be changed", err))
		}
		auditPath = filepath.Join(o.DataDir, localAuditName)
		if l.path == "" {
			l.path = filepath.Join(o.DataDir, localFlagsName)
		}
	}
	var problem string
	if l.audit, problem = openAudit(auditPath); problem != "" {
		o.Logger.Warn().Str("reason", problem).Msg("the audit of the flags is degraded")
		l.degraded("audit", problem)
	}
	return l, l, nil
}

func (l *localStore) origin() Origin {
	if l.path == "" {
		return FromConfiguration
	}
	return FromFile
}

// start reads the file. One that the operator configured and that is missing is an error; a
// damaged one is not (see startDamaged).
func (l *localStore) start(_ context.Context, s *Set) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.set = s
	if l.path == "" {
		s.log.Info().Msg("flags loaded from the configuration and kept in memory: changes are lost when this process ends")
		return nil
	}
	fields, err := l.load()
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("flags file %s: %w", l.path, err)
	}
	if err != nil {
		l.startDamaged(s, err)
		return nil
	}
	seed, bad := withoutBadFields(fields, l.auditedFields())
	l.adopt(fields, "found in the flags file at start")
	if bad != nil {
		s.update(reading{fields: seed, version: l.audit.version(), origin: l.origin()})
	}
	s.update(l.reading())
	s.log.Info().Str("file", l.path).Int("set", len(fields)).Msg("flags loaded from the flags file")
	return nil
}

// hasRef reports whether a definition may need shared rules, which can only be
// resolved with all fields at hand.
func hasRef(raw string) bool { return strings.Contains(raw, `"$ref"`) }

// load reads the file. A missing file means no fields, unless it is required.
func (l *localStore) load() (map[string]string, error) {
	data, err := os.ReadFile(l.path)
	if errors.Is(err, fs.ErrNotExist) && !l.required && !l.existed {
		return map[string]string{}, nil
	}
	if err != nil {
		return nil, err
	}
	if len(data) == 0 && len(l.fields) > 0 {
		return nil, errors.New("the file is empty")
	}
	fields, err := parseFile(data)
	if err != nil {
		return nil, err
	}
	l.text, l.existed = data, true
	return fields, nil
}

// auditManualEdits adopts what the file says, with an audit entry for each change
// that was not made through Write.
func (l *localStore) auditManualEdits(fields map[string]string, why string) error {
	var entries []Entry
	now := time.Now().UTC()
	known := l.auditedFields()
	for _, key := range unionKeys(known, fields) {
		old, was := known[key]
		value, is := fields[key]
		if was == is && old == value {
			continue
		}
		entries = append(entries, Entry{
			Key: key, Old: pointer(old, was), New: pointer(value, is),
			Who: unauditedWho, Why: why, At: now, Version: l.audit.version() + 1, Unaudited: true,
		})
	}
	l.fields = fields
	if len(entries) == 0 {
		return nil
	}
	if err := l.audit.append(entries, now); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}

// adopt is auditManualEdits where the audit must not stand in the way: what it can't write
// it keeps in memory.
func (l *localStore) adopt(fields map[string]string, why string) {
	err := l.auditManualEdits(fields, why)
	if err != nil {
		l.degraded("audit", fmt.Sprintf("changes can't be recorded: %v", err))
	}
}

// auditedFields replays the audit: the value that each flag should have.
func (l *localStore) auditedFields() map[string]string {
	out := map[string]string{}
	for key, i := range l.audit.newest() {
		if v := l.audit.entries[i].New; v != nil {
			out[key] = *v
		}
	}
	return out
}

func (l *localStore) reading() reading {
	return reading{fields: maps.Clone(l.fields), version: l.audit.version(), origin: l.origin()}
}

// poll reads the file. It reports a fault only if the previous poll failed too: an
// editor may be in the middle of writing the file.
func (l *localStore) poll(failedBefore bool) (failed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fields, err := l.load()
	if err == nil {
		l.adopt(fields, unauditedWhy)
		if l.damaged {
			l.damaged = false
			l.degraded("flags", "")
		}
		l.set.update(l.reading())
		return false
	}
	if failedBefore {
		l.set.markStale(&fault{codeFile, fmt.Sprintf("flags file %s: %v", l.path, err)})
	}
	return true
}

// Fields returns what is stored.
func (l *localStore) Fields(context.Context) (Fields, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := Fields{Version: l.audit.version(), Values: make(map[string]Field, len(l.fields))}
	newest := l.audit.newest()
	for key, value := range l.fields {
		f := Field{Value: value}
		if i, ok := newest[key]; ok {
			e := l.audit.entries[i]
			f.Who, f.Why, f.At, f.Version = e.Who, e.Why, e.At, e.Version
		}
		out.Values[key] = f
	}
	return out, nil
}

// History returns the newest entries first.
func (l *localStore) History(_ context.Context, key string, limit int) ([]Entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.audit.history(key, limit), nil
}

// Write makes a flip, which is on disk and in force in this process when Write
// returns.
func (l *localStore) Write(_ context.Context, f Flip) ([]Entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.path != "" {
		if err := l.readManualEdits(); err != nil {
			return nil, err
		}
	}
	shared, _ := parseEvaluators(l.fields[evaluatorsKey])
	f = f.normalized()
	if err := f.validate(shared); err != nil {
		return nil, err
	}
	if l.path != "" {
		f.asRead()
	}
	entries, next, err := f.applyTo(l.fields, l.audit.version()+1, time.Now().UTC())
	if err != nil || len(entries) == 0 {
		return nil, err
	}
	if l.path != "" {
		if err := l.save(entries); err != nil {
			return nil, fmt.Errorf("flags file %s: %w; nothing was changed", l.path, err)
		}
	}
	l.fields = next
	err = l.audit.append(entries, entries[0].At)
	l.set.update(l.reading())
	if err != nil {
		return entries, fmt.Errorf("the flip is in force, but its audit entry could not be written: %w", err)
	}
	return entries, nil
}

// asRead writes definitions as reading the file returns them, with sorted keys: a
// difference would pass for an edit by hand.
func (f Flip) asRead() {
	for i, c := range f.Changes {
		if c.Value == nil || !strings.HasPrefix(*c.Value, "{") {
			continue
		}
		if root, err := parseDocument([]byte(*c.Value)); err == nil && root != nil {
			if text, err := nodeText(root); err == nil {
				f.Changes[i].Value = &text
			}
		}
	}
}

// readManualEdits picks up an edit by hand that poll has not seen yet. A broken file
// is moved aside: it must not stand between an operator and the kill switch.
func (l *localStore) readManualEdits() error {
	fields, err := l.load()
	if err == nil {
		return l.auditManualEdits(fields, unauditedWhy)
	}
	broken, rerr := os.ReadFile(l.path)
	if rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
		return fmt.Errorf("flags file %s: %w", l.path, rerr)
	}
	if len(broken) > 0 {
		aside := l.path + ".broken"
		if err := writeFileAtomic(aside, broken); err != nil {
			return fmt.Errorf("flags file %s is broken and can't be moved aside: %w", l.path, err)
		}
		l.set.log.Warn().Str("file", l.path).Str("kept", aside).Msg("a broken flags file was replaced by the last good values and this flip")
	}
	return nil
}

// save applies the changes of a flip to the last good text of the file.
func (l *localStore) save(entries []Entry) error {
	changes := make(map[string]*string, len(entries))
	for _, e := range entries {
		changes[e.Key] = e.New
	}
	text, err := editFile(l.text, changes)
	if err != nil {
		return err
	}
	if err := writeFileAtomic(l.path, text); err != nil {
		return err
	}
	l.text, l.existed = text, true
	return nil
}

// Close does nothing: files are opened for each operation.
func (l *localStore) Close() error { return nil }

func (l *localStore) close() error { return nil }

func pointer(s string, ok bool) *string {
	if !ok {
		return nil
	}
	return &s
}

func unionKeys(a, b map[string]string) []string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}
