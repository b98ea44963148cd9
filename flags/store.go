package flags

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Store is where flags are kept, as writers see it. There are three: Redis, a local
// file, and a sidecar's admin API (for the command line). Methods are safe for
// concurrent use. An error that says that the store could not be reached leaves open
// whether a write was executed.
type Store interface {
	// Fields returns the stored values in their stored form. Flags that are not
	// set are missing.
	Fields(ctx context.Context) (Fields, error)
	// Write makes all changes of a flip, or none. It returns an Entry for each flag
	// that changed, none for a value that was already stored. Errors:
	// *ConflictError, *InvalidError, or the store's own.
	Write(ctx context.Context, f Flip) ([]Entry, error)
	// History returns the newest entries first, of one flag or (key "") of all.
	History(ctx context.Context, key string, limit int) ([]Entry, error)
	// Close releases connections.
	Close() error
}

// Fields is the content of a store at one version.
type Fields struct {
	Version uint64           `json:"version"`
	Values  map[string]Field `json:"values"`
}

// Field is one stored value and who set it, which is zero if the store does not
// know.
type Field struct {
	Value   string    `json:"value"`             // a scalar, or a flag definition in JSON
	Who     string    `json:"who,omitempty"`     // who set it
	Why     string    `json:"why,omitempty"`     // the reason given
	At      time.Time `json:"at,omitzero"`       // when it was set
	Version uint64    `json:"version,omitempty"` // of the store after that
}

// Change is a new value for one flag.
type Change struct {
	Key   string  `json:"key"`   // the flag's key
	Value *string `json:"value"` // nil: unset, so that the configured value or the default applies
	// Expect makes the change conditional on the stored value: nil for any, ""
	// for a flag that is not set.
	Expect *string `json:"expect,omitempty"`
}

// Flip is one or more changes made together.
type Flip struct {
	Changes []Change `json:"changes"`          // all are made, or none
	Who     string   `json:"who,omitempty"`    // user@host, or the name of a token
	Why     string   `json:"why,omitempty"`    // the reason, for the audit
	Undoes  uint64   `json:"undoes,omitempty"` // the version whose changes this flip reverts
}

// Entry is one entry of the audit.
type Entry struct {
	Key       string    `json:"key"`                 // the flag's key
	Old       *string   `json:"old"`                 // nil: was not set
	New       *string   `json:"new"`                 // nil: unset
	Who       string    `json:"who"`                 // user@host, or the name of a token
	Why       string    `json:"why"`                 // the reason given
	At        time.Time `json:"at"`                  // when
	Version   uint64    `json:"version"`             // of the store after the change
	Undoes    uint64    `json:"undoes,omitempty"`    // the version whose changes this one took back
	Unaudited bool      `json:"unaudited,omitempty"` // changed by hand, and audited afterwards
}

// Who and why in the audit entry of a change made by hand.
const (
	unauditedWho = "unknown"
	unauditedWhy = "changed by hand, not through cutover"
)

// Caps of the audit.
const (
	auditMaxEntries = 10_000
	auditMaxAge     = 400 * 24 * time.Hour
)

// ErrNothingToUndo is returned by Undo if there is no flip to revert.
var ErrNothingToUndo = errors.New("there is no flip to undo")

// ConflictError says that a flag did not have the value that the writer expected.
type ConflictError struct {
	Key      string
	Expected string // "": not set
	Actual   string // "": not set
}

func (e *ConflictError) Error() string {
	word := func(s string) string {
		if s == "" {
			return "not set"
		}
		return shorten(s)
	}
	return fmt.Sprintf("%s is %s, not %s as expected: somebody else changed it; check it before you set it",
		e.Key, word(e.Actual), word(e.Expected))
}

// InvalidError says that a flip is not valid, whatever is stored.
type InvalidError struct{ Err error }

func (e *InvalidError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *InvalidError) Unwrap() error { return e.Err }

// validate checks a flip before it is written. shared are the shared rules, for
// definitions that refer to them.
func (f Flip) validate(shared evaluators) error {
	if len(f.Changes) == 0 {
		return &InvalidError{errors.New("a flip needs at least one change")}
	}
	if f.Who == "" {
		return &InvalidError{errors.New("a flip needs a name: who makes it")}
	}
	if len(f.Who) > 256 || len(f.Why) > 1024 {
		return &InvalidError{errors.New("the name is limited to 256 bytes and the reason to 1024")}
	}
	seen := map[string]bool{}
	for _, c := range f.Changes {
		if seen[c.Key] {
			return &InvalidError{fmt.Errorf("%s is changed twice in one flip", shorten(c.Key))}
		}
		seen[c.Key] = true
		if c.Key == evaluatorsKey && c.Value != nil {
			var err error
			if shared, err = parseEvaluators(*c.Value); err != nil {
				return &InvalidError{fmt.Errorf("%s: %w", evaluatorsKey, err)}
			}
		}
	}
	for _, c := range f.Changes {
		if err := validateChange(c, shared); err != nil {
			return &InvalidError{err}
		}
	}
	return nil
}

func validateChange(c Change, shared evaluators) error {
	if c.Key == "" || len(c.Key) > maxKeyBytes {
		return fmt.Errorf("flag key %q: must have 1 to %d bytes", shorten(c.Key), maxKeyBytes)
	}
	if !utf8.ValidString(c.Key) || strings.ContainsFunc(c.Key, unicode.IsControl) {
		return fmt.Errorf("flag key %q: must be text without control characters", shorten(c.Key))
	}
	if c.Value == nil || c.Key == evaluatorsKey {
		return nil
	}
	if !utf8.ValidString(*c.Value) {
		return fmt.Errorf("%s: the value is not valid UTF-8", c.Key)
	}
	_, err := compileFlag(c.Key, *c.Value, shared)
	return err
}

// Undo reverts the last flip that has not been reverted yet, provided that the same
// flags have not been changed since. Undoing twice reverts the last two flips.
func Undo(ctx context.Context, s Store, who, why string) ([]Entry, error) {
	entries, err := s.History(ctx, "", 1000)
	if err != nil {
		return nil, err
	}
	last := lastFlip(entries)
	if len(last) == 0 {
		return nil, ErrNothingToUndo
	}
	flip := Flip{Who: who, Why: why, Undoes: last[0].Version}
	if flip.Why == "" {
		flip.Why = fmt.Sprintf("undo of version %d", flip.Undoes)
	}
	for _, e := range last {
		expect := ""
		if e.New != nil {
			expect = *e.New
		}
		flip.Changes = append(flip.Changes, Change{Key: e.Key, Value: e.Old, Expect: &expect})
	}
	return s.Write(ctx, flip)
}

// lastFlip returns the entries of the newest flip that is neither an undo nor
// undone. entries are newest first.
func lastFlip(entries []Entry) []Entry {
	undone := map[uint64]bool{}
	var last []Entry
	for _, e := range entries {
		if len(last) > 0 {
			if e.Version != last[0].Version {
				break
			}
			last = append(last, e)
			continue
		}
		if e.Undoes != 0 {
			undone[e.Undoes] = true
			continue
		}
		if !undone[e.Version] {
			last = append(last, e)
		}
	}
	return last
}
