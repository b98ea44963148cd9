package config

import (
	"fmt"
	"strings"
)

// origin is where a value came from.
type origin struct {
	kind  originKind
	where string // "cutover.yaml:7", "CUTOVER_RELAY", "--relay"; "" for a default
}

type originKind uint8

const (
	fromDefault originKind = iota
	fromFile
	fromEnvironment
	fromFlag
)

// String is the comment after a value in the printed configuration.
func (o origin) String() string {
	switch o.kind {
	case fromFile:
		return "file " + o.where
	case fromEnvironment:
		return "environment " + o.where
	case fromFlag:
		return "flag " + o.where
	}
	return "default"
}

// problem is one thing that is wrong with the configuration.
type problem struct {
	where string // "cutover.yaml:7", "CUTOVER_RELAY", "--relay", or ""
	key   string // dotted; "" if it is not about a single key
	text  string // what was found and what to do
}

// String is one line.
func (p problem) String() string {
	parts := make([]string, 0, 3)
	for _, s := range []string{p.where, p.key, p.text} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.ReplaceAll(strings.Join(parts, ": "), "\n", " ")
}

// Error is everything that is wrong with the configuration, one line each. The
// program exits with 2.
type Error struct {
	problems []problem
	unread   bool // see Unread
}

func (e *Error) Error() string {
	lines := make([]string, len(e.problems))
	for i, p := range e.problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Unread reports whether the file could not be read at all: then keys that seem to
// be missing may be in it.
func (e *Error) Unread() bool { return e.unread }

// About is what is wrong with the keys that begin with prefix, and with the file
// itself; nil when that is nothing.
func (e *Error) About(prefix string) error {
	about := &Error{unread: e.unread}
	for _, p := range e.problems {
		if strings.HasPrefix(p.key, prefix) || p.key == "" && e.unread {
			about.problems = append(about.problems, p)
		}
	}
	if len(about.problems) == 0 {
		return nil
	}
	return about
}

// problemList collects problems while the configuration is read, and the keys that
// already have one, so that each mistake is reported once.
type problemList struct {
	problems []problem
	keys     map[string]bool
}

func (l *problemList) add(where, key, format string, args ...any) {
	l.silence(key)
	text := format
	if len(args) > 0 {
		text = fmt.Sprintf(format, args...)
	}
	l.problems = append(l.problems, problem{where: where, key: key, text: text})
}

// silence suppresses further problems of a key that another problem already covers.
func (l *problemList) silence(key string) {
	if l.keys == nil {
		l.keys = map[string]bool{}
	}
	l.keys[key] = true
}

// about reports whether the key, or one above or below it, has a problem.
func (l *problemList) about(key string) bool {
	for k := range l.keys {
		if k == key || strings.HasPrefix(k, key+".") || k != "" && strings.HasPrefix(key, k+".") {
			return true
		}
	}
	return false
}

// err is nil, or an *Error with everything that was collected.
func (l *problemList) err(unread bool) error {
	if len(l.problems) == 0 {
		return nil
	}
	return &Error{problems: l.problems, unread: unread}
}
