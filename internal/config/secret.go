package config

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"cutover/internal/wording"
)

// secretFileLimit bounds what is read from a secret's file. Keys and tokens have
// tens to a few thousand bytes.
const secretFileLimit = 64 << 10

// Secret is a reference to a value that must not be shown: a key or a token. It
// names an environment variable or a file. The value itself is fetched once, by
// resolve, and returned only by Reveal. Printing, logging or encoding a Secret
// always shows only the reference.
type Secret struct {
	Env  string // name of an environment variable
	File string // path of a file
	// value is a function and not a string, so that dumpers that follow unexported
	// fields and pointers by reflection find nothing.
	value func() string
}

// IsSet reports whether the secret refers to anything.
func (s Secret) IsSet() bool { return s.Env != "" || s.File != "" }

// Reveal returns the value, or "" for a secret that is not set or was not resolved.
// Pass it only to what needs it, such as the header that carries it.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return s.value()
}

// String names the reference, never the value.
func (s Secret) String() string {
	switch {
	case s.Env != "":
		return "[secret from the environment variable " + s.Env + "]"
	case s.File != "":
		return "[secret from the file " + s.File + "]"
	}
	return "[no secret]"
}

// GoString is String, so that %#v does not show the value either.
func (s Secret) GoString() string { return s.String() }

// Format writes String for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText writes String.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON writes String as a JSON string.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// MarshalYAML writes the reference in the format of the configuration file.
func (s Secret) MarshalYAML() (any, error) {
	switch {
	case s.Env != "":
		return map[string]string{"env": s.Env}, nil
	case s.File != "":
		return map[string]string{"file": s.File}, nil
	}
	return nil, nil
}

// resolve fetches the value. The error names the variable or the file, never its
// content. Surrounding whitespace is trimmed, because editors end a file with a
// newline. With keys set, a file may contain several keys, one per line, and the
// value is the first. upstream.Keys reads the others.
func (s *Secret) resolve(env Environ, keys bool) error {
	if !s.IsSet() {
		return nil
	}
	raw, err := s.fetch(env)
	if err != nil {
		return err
	}
	if keys && s.File != "" {
		raw = firstLine(raw)
	}
	v := strings.TrimSpace(raw)
	if v == "" {
		return fmt.Errorf("%s is empty", s.Where())
	}
	if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return fmt.Errorf("%s contains a line break or a control character: it must contain only the key", s.Where())
	}
	s.value = func() string { return v }
	return nil
}

func (s *Secret) fetch(env Environ) (string, error) {
	if s.Env != "" {
		v, ok := env.Lookup(s.Env)
		if !ok {
			return "", fmt.Errorf("%s is not set", s.Where())
		}
		return v, nil
	}
	f, err := os.Open(s.File)
	if err != nil {
		return "", fmt.Errorf("%s can't be read: %w", s.Where(), wording.WithoutPath(err))
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, secretFileLimit+1))
	if err != nil {
		return "", fmt.Errorf("%s can't be read: %w", s.Where(), wording.WithoutPath(err))
	}
	if len(b) > secretFileLimit {
		return "", fmt.Errorf("%s is larger than %d bytes: it must contain only the key", s.Where(), secretFileLimit)
	}
	return string(b), nil
}

// firstLine is the first line that is not empty and not a # comment.
func firstLine(text string) string {
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return line
		}
	}
	return ""
}

// Where names the variable or the file, for messages.
func (s *Secret) Where() string {
	if s.Env != "" {
		return "the environment variable " + s.Env
	}
	return "the file " + s.File
}
