package flags

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"cutover/internal/setaside"
)

// What is in force when flags can't be read: the last good values where they are known, and
// otherwise values by which the relay gets nothing. It must never get callers by accident,
// such as because a kill switch could not be read.

// primaryOnly is the fields in force when nothing is known.
func primaryOnly() map[string]string { return map[string]string{RelayEnabled.Key(): "false"} }

// safeValue is the value of one of the six flags that nothing good is known of: the relay
// gets nothing by it.
func safeValue(key string) (string, bool) {
	id, ok := flagOf(key)
	if !ok {
		return "", false
	}
	switch d := &definitions[id]; {
	case id == RelayEnabled:
		return "false", true
	case d.kind == kindNumber:
		return "0", true
	default:
		return d.Default, true
	}
}

// withoutBadFields replaces invalid fields by their last good value or, without a valid one,
// by one that is safe. bad is why the first is invalid; nil: none is.
func withoutBadFields(fields, lastGood map[string]string) (good map[string]string, bad error) {
	good = maps.Clone(fields)
	shared, err := parseEvaluators(fields[evaluatorsKey])
	if err != nil {
		bad = fmt.Errorf("%s: %w", evaluatorsKey, err)
		delete(good, evaluatorsKey)
	}
	for _, key := range slices.Sorted(maps.Keys(good)) {
		if key == evaluatorsKey {
			continue
		}
		if _, err := compileFlag(key, good[key], shared); err == nil {
			continue
		} else if bad == nil {
			bad = err
		}
		delete(good, key)
		if old, ok := lastGood[key]; ok && ValidateValue(key, old) == nil {
			good[key] = old
		} else if safe, ok := safeValue(key); ok {
			good[key] = safe
		}
	}
	return good, bad
}

// startDamaged starts without the file: from the last good values, which the audit has, or
// with nothing for the relay. The data directory's own file is set aside and written anew; one
// that the operator configured is left alone, and used as soon as it can be read.
func (l *localStore) startDamaged(s *Set, err error) {
	fields, _ := withoutBadFields(l.auditedFields(), nil)
	what := "the last good values are in force"
	if len(fields) == 0 {
		fields, what = primaryOnly(), "nothing goes to the relay"
	}
	reason := fmt.Sprintf("flags file %s is damaged (%v)", l.path, err)
	if !l.required {
		aside, err := l.renew(fields)
		if err == nil {
			reason = fmt.Sprintf("%s and is kept as %s", reason, filepath.Base(aside))
			l.adopt(fields, "the flags file was damaged and is kept as "+filepath.Base(aside))
			s.update(l.reading())
			s.log.Warn().Str("file", l.path).Str("kept", aside).Msg(reason + ": " + what)
			l.degraded("flags", reason+": "+what)
			return
		}
		reason = fmt.Sprintf("%s and can't be set aside (%v)", reason, err)
	}
	l.fields, l.damaged = fields, true
	s.update(l.reading())
	s.markStale(&fault{codeFile, reason + ": " + what})
	l.degraded("flags", reason+": "+what)
}

// renew sets the file aside and writes a new one.
func (l *localStore) renew(fields map[string]string) (aside string, err error) {
	changes := make(map[string]*string, len(fields))
	for key, value := range fields {
		changes[key] = &value
	}
	text, err := editFile(nil, changes)
	if err != nil {
		return "", err
	}
	// The new file is complete before the old one goes: without any, all flags would count
	// as unset.
	fresh := l.path + ".new"
	if err := writeFileAtomic(fresh, text); err != nil {
		return "", err
	}
	if aside, err = setaside.Move(l.path, time.Now()); err == nil {
		err = os.Rename(fresh, l.path)
	}
	if err != nil {
		return "", errors.Join(err, os.Remove(fresh))
	}
	l.text, l.existed = text, true
	return aside, nil
}
